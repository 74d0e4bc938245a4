autocmd BufRead,BufNewFile *.pxasm setfiletype pxasm
