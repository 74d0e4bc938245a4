" Vim syntax of pixel assembly. Made by tests/tools/reference.py; do not edit.
if exists("b:current_syntax")
  finish
endif
syntax case match
" Names hold dots: i64.add is one word.
syntax iskeyword @,48-57,_,.
syntax match pxasmLabel "^\s*\.\?[A-Za-z_][A-Za-z0-9_.\\@]*:"
syntax match pxasmDirective "\.\(include\|program\|require\|assert\|import\|incbin\|output\|region\|repeat\|string\|const\|debug\|entry\|input\|macro\|param\|attr\|endm\|endr\|file\|home\|line\|temp\|view\|word\|arg\|dim\|reg\)\>"
syntax keyword pxasmInstruction halt trap br br.eq br.ne br.lt br.le br.f32.lt br.f32.eq mov i64.addi i64.const i64.add i64.sub i64.mul i64.div_s i64.rem_s i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u const f32.sqrt f32.add f32.sub f32.mul f32.div i64.trunc_f32_s f32.convert_i64_s ld.u8 ld.i32 ld.f32 st.u8 st.i32 st.f32 px.get px.put px.fill dim host bind tail rows matmul gather add mul addrow scale relu silumul gelu gelumul gelu.erf softcap copy fill iota rmsnorm softmax meanrows layernorm headnorm rmin rmax rope kvappend attention rope.by topk argmax
syntax keyword pxasmHostCall console.text console.i64 console.f32 screen.present screen.text clock.ms random.u32
syntax keyword pxasmType f32 f16 i32 u8 weight i64
syntax match pxasmRegister "\<[rt]\(25[0-5]\|2[0-4][0-9]\|1[0-9][0-9]\|[1-9]\?[0-9]\)\>"
syntax match pxasmNumber "\<\(0x[0-9a-fA-F]\+\|0b[01]\+\|0r[0-9a-fA-F]\{16}\|[0-9]\+\(\.[0-9]\+\)\?\([eE][-+]\?[0-9]\+\)\?\)\>"
syntax match pxasmNumber "'\(\\x[0-9a-fA-F]\{2}\|\\.\|[^\\']\)'"
syntax match pxasmParameter "\\\([A-Za-z_][A-Za-z0-9_]*\|@\)"
syntax match pxasmEscape contained "\\\(x[0-9a-fA-F]\{2}\|[ntr0\\\"']\)"
syntax region pxasmString start=+"+ skip=+\\.+ end=+"+ oneline contains=pxasmEscape
syntax match pxasmComment ";.*$" contains=@Spell
highlight default link pxasmComment Comment
highlight default link pxasmDirective PreProc
highlight default link pxasmInstruction Statement
highlight default link pxasmHostCall Function
highlight default link pxasmType Type
highlight default link pxasmRegister Identifier
highlight default link pxasmNumber Number
highlight default link pxasmString String
highlight default link pxasmEscape SpecialChar
highlight default link pxasmParameter Special
highlight default link pxasmLabel Label
let b:current_syntax = "pxasm"
