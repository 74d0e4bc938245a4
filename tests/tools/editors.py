"""Editor grammars of pixel assembly from the tables. Used by reference.py."""
import json
import re

VIM = '''" Vim syntax of pixel assembly. Made by tests/tools/reference.py; do not edit.
if exists("b:current_syntax")
  finish
endif
syntax case match
" Names hold dots: i64.add is one word.
syntax iskeyword @,48-57,_,.
syntax match pxasmLabel "^\\s*\\.\\?[A-Za-z_][A-Za-z0-9_.\\\\@]*:"
syntax match pxasmDirective "\\.\\(@DIRECTIVES@\\)\\>"
syntax keyword pxasmInstruction @MNEMONICS@
syntax keyword pxasmHostCall @HOSTS@
syntax keyword pxasmType @TYPES@
syntax match pxasmRegister "\\<[rt]\\(25[0-5]\\|2[0-4][0-9]\\|1[0-9][0-9]\\|[1-9]\\?[0-9]\\)\\>"
syntax match pxasmNumber "\\<\\(0x[0-9a-fA-F]\\+\\|0b[01]\\+\\|0r[0-9a-fA-F]\\{16}\\|[0-9]\\+\\(\\.[0-9]\\+\\)\\?\\([eE][-+]\\?[0-9]\\+\\)\\?\\)\\>"
syntax match pxasmNumber "'\\(\\\\x[0-9a-fA-F]\\{2}\\|\\\\.\\|[^\\\\']\\)'"
syntax match pxasmParameter "\\\\\\([A-Za-z_][A-Za-z0-9_]*\\|@\\)"
syntax match pxasmEscape contained "\\\\\\(x[0-9a-fA-F]\\{2}\\|[ntr0\\\\\\"']\\)"
syntax region pxasmString start=+"+ skip=+\\\\.+ end=+"+ oneline contains=pxasmEscape
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
'''


def words(texts):
    """An alternation with the longest first, so that i64.addi is not read as i64.add."""
    return "|".join(re.escape(text) for text in sorted(texts, key=lambda text: (-len(text), text)))


def tables(read):
    mnemonics = re.findall(r'^PX_OP\([^"]*"([^"]+)"', read("pxvm/isa/opcodes.def"), re.MULTILINE)
    hosts = re.findall(r'^PX_HOST\([^"]*"([^"]+)"', read("pxvm/isa/host_calls.def"), re.MULTILINE)
    source = read("assembler/directives.cpp")
    directives = re.findall(r'\{"(\w+)",\s*parse_\w+', source)
    blocks = re.search(r"kBlockDirectives = \{([^}]*)\}", source).group(1)
    directives += re.findall(r'"(\w+)"', blocks)
    types = re.findall(r'\{"(\w+)",\s*Element::', source) + ["i64", "f64"]
    if min(map(len, (mnemonics, hosts, directives, types))) < 3:
        raise ValueError("the tables are not written as they were")
    return mnemonics, hosts, directives, types


def vim(mnemonics, hosts, directives, types):
    out = VIM.replace("@DIRECTIVES@", "\\|".join(sorted(directives, key=lambda text: (-len(text), text))))
    return out.replace("@MNEMONICS@", " ".join(mnemonics)).replace("@HOSTS@", " ".join(hosts)).replace(
        "@TYPES@", " ".join(types))


def textmate(mnemonics, hosts, directives, types):
    edge, end = r"(?<![\w.\\])", r"(?![\w.])"
    patterns = [
        {"name": "comment.line.semicolon.pxasm", "match": ";.*$"},
        {"name": "string.quoted.double.pxasm", "begin": '"', "end": '"|$',
         "patterns": [{"name": "constant.character.escape.pxasm", "match": r"\\(x[0-9a-fA-F]{2}|.)"}]},
        {"name": "entity.name.label.pxasm", "match": r"^\s*\.?[A-Za-z_][\w.\\@]*:"},
        {"name": "keyword.control.directive.pxasm", "match": rf"\.({words(directives)})\b"},
        {"name": "keyword.operator.instruction.pxasm", "match": f"{edge}({words(mnemonics)}){end}"},
        {"name": "support.function.host.pxasm", "match": f"{edge}({words(hosts)}){end}"},
        {"name": "storage.type.pxasm", "match": f"{edge}({words(types)}){end}"},
        {"name": "variable.language.register.pxasm",
         "match": rf"{edge}[rt](25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d){end}"},
        {"name": "constant.numeric.pxasm",
         "match": rf"{edge}(0x[0-9a-fA-F]+|0b[01]+|0r[0-9a-fA-F]{{16}}|\d+(\.\d+)?([eE][-+]?\d+)?)(?!\w)"},
        {"name": "constant.character.pxasm", "match": r"'(\\x[0-9a-fA-F]{2}|\\.|[^\\'])'"},
        {"name": "variable.parameter.pxasm", "match": r"\\(\w+|@)"},
    ]
    grammar = {"comment": "Made by tests/tools/reference.py; do not edit.",
               "name": "Pixel assembly", "scopeName": "source.pxasm", "fileTypes": ["pxasm"], "patterns": patterns}
    return json.dumps(grammar, indent=2) + "\n"


def pages(read):
    """{path: content}; `read` gives the text of a file below the root."""
    found = tables(read)
    return {"docs/editors/vim/syntax/pxasm.vim": vim(*found),
            "docs/editors/vscode/syntaxes/pxasm.tmLanguage.json": textmate(*found)}
