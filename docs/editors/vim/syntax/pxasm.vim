" Vim syntax of pixel assembly. Made by tests/tools/reference.py; do not edit.
if exists("b:current_syntax")
  finish
endif
syntax case match
" Names hold dots: i64.add is one word.
syntax iskeyword @,48-57,_,.
syntax match pxasmLabel "^\s*\.\?[A-Za-z_][A-Za-z0-9_.\\@]*:"
syntax match pxasmDirective "\.\(include\|program\|require\|assert\|import\|incbin\|output\|region\|repeat\|string\|const\|debug\|entry\|input\|macro\|param\|attr\|endm\|endr\|file\|func\|home\|line\|temp\|view\|word\|arg\|dim\|reg\)\>"
syntax keyword pxasmInstruction halt trap br br.eq br.ne br.lt br.le br.f32.lt br.f32.eq br.f32.le br.f32.ne br.f64.lt br.f64.le br.f64.eq br.f64.ne mov select br.lt_u br.le_u br.z br.nz frame call ret yield i32.const i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s i32.ge_u i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u i32.rotl i32.rotr i64.addi i64.const i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u i64.ge_s i64.ge_u i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u i64.rotl i64.rotr const f32.const f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign f64.const f64.eq f64.ne f64.lt f64.gt f64.le f64.ge f64.abs f64.neg f64.ceil f64.floor f64.trunc f64.nearest f64.sqrt f64.add f64.sub f64.mul f64.div f64.min f64.max f64.copysign i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s i32.trunc_f64_u i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u f32.convert_i64_s f32.convert_i64_u f32.demote_f64 f64.convert_i32_s f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32 i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64 i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s ld.u8 ld.i32 ld.f32 ld.s8 ld.u16 ld.s16 ld.u32 ld.u64 st.u8 st.i32 st.f32 st.u16 st.u32 st.u64 ld.s32 px.get px.put px.fill px.blit mem.fill mem.copy dim str.len str.byte str.copy ld.u8.at ld.u16.at ld.u32.at ld.u64.at ld.i32.at ld.f32.at st.u8.at st.u16.at st.u32.at st.u64.at st.i32.at st.f32.at host bind tail rows matmul gather matmul.f32 add mul addrow scale relu silumul gelu gelumul gelu.erf softcap copy fill iota rmsnorm softmax meanrows layernorm headnorm rmin rmax rope kvappend attention rope.by topk argmax
syntax keyword pxasmHostCall console.text console.i64 console.f32 screen.present screen.text clock.ms random.u32 key.down key.next mouse.x mouse.y mouse.buttons pad.buttons pad.axis tokens.count tokens.get tokens.put file.size file.read file.write clock.wait
syntax keyword pxasmType f32 f16 i32 u8 weight i64 f64
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
