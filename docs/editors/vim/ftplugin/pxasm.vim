setlocal commentstring=;\ %s comments=:; expandtab shiftwidth=4 softtabstop=4
setlocal errorformat=%f:%l:%c:\ %trror:\ %m,%f:%l:%c:\ %tarning:\ %m,%f:%l:%c:\ %tote:\ %m,%-G%.%#
setlocal makeprg=pxos\ asm\ --emit\ deps\ %:S
let b:undo_ftplugin = "setlocal commentstring< comments< expandtab< shiftwidth< softtabstop< errorformat< makeprg<"
