#!/usr/bin/env python3
"""Writes docs/reference/{opcodes,host_calls,dtypes}.md from the .def tables, and from those and the language's page
the manual pages and editor grammars, or checks that they are current.

usage: reference.py ROOT [--check]
"""
import pathlib
import re
import sys

import editors
import man

FIELD = r'"((?:[^"\\]|\\.)*)"'
KINDS = {"rd": "scalar, written", "rs": "scalar", "rw": "first register of the callee's window", "tf": "f32 matrix", "tF": "f32 matrix, written", "tv": "f32 vector",
         "tw": "weights, any dtype", "ti": "i32 tensor", "tI": "i32 tensor, written", "tu": "u8 tensor",
         "tU": "u8 tensor, written", "th": "f16 tensor", "tH": "f16 tensor, written", "ta": "any plain tensor",
         "tS": "view, set", "decl": "tensor array", "imm": "integer", "const": "scalar constant", "str": "string",
         "label": "branch target", "host": "host call", "rope": "rope record", "attn": "attention record",
         "norm": "norm record"}
GENERATED = "<!-- Made by tests/tools/reference.py from {}; do not edit. -->\n\n"


def cell(text):
    return text.replace("|", "\\|")


def rows(text, macro, pattern):
    """Yields ("row", groups) for PX rows and ("heading", text) for the first comment line above a block."""
    blank = True
    for line in text.splitlines():
        found = re.match(macro + r"\(" + pattern + r"\)", line)
        if found:
            yield "row", found.groups()
        elif line.startswith(macro):
            raise ValueError(f"not understood: {line}")
        elif line.startswith("//") and blank:
            yield "heading", line[2:].strip()
        blank = not line.strip()


def operands(text):
    """"d:rd a:rs" as "d scalar, written; a scalar"."""
    pairs = (pair.split(":") for pair in text.split())
    return "; ".join(f"`{field}` {KINDS[kind]}" for field, kind in pairs)


def opcodes(text):
    number = r"(0x[0-9A-F]{2})"
    pattern = rf"{number},\s*{number},\s*(\w+),\s*{FIELD},\s*{FIELD},\s*{FIELD},\s*{FIELD}"
    lines = ["# Instructions\n",
             "An instruction is three pixels, nine bytes: family, op, d, a, b, c and a signed 24-bit immediate.",
             "`e` is the immediate's top byte where it is an operand. T is the number of rows, t a row.",
             "Shapes: the same name is the same extent; `@x` is a field of the attribute record.\n"]
    heading, open_table = "", False
    for kind, value in rows(text, "PX_OP", pattern):
        if kind == "heading":
            heading, open_table = value, False
            continue
        if not open_table:
            name, _, note = heading.partition(". ") if ". " in heading else heading.partition(": ")
            lines.append(f"## {name.rstrip('.')}\n")
            lines += [note[0].upper() + note[1:] + "\n"] if note else []
            lines += ["| code | mnemonic | operands | shapes | meaning |", "|---|---|---|---|---|"]
            open_table = True
        family, op, _, mnemonic, fields, shapes, meaning = value
        lines.append(f"| {family} {op} | `{mnemonic}` | {operands(fields)} | {cell(shapes)} | {cell(meaning)} |")
    return "\n".join(lines).replace("|\n## ", "|\n\n## ") + "\n"


def host_calls(text):
    pattern = rf"\s*(\d+),\s*(\w+),\s*{FIELD},\s*{FIELD},\s*{FIELD}"
    lines = ["# Host calls\n", "`host d, a, b, c, NAME` asks the hypervisor for a service. A call without the capability,",
             "granted by the manifest and the policy together, is a trap and is logged.\n",
             "| number | name | capability | meaning |", "|---|---|---|---|"]
    for kind, value in rows(text, "PX_HOST", pattern):
        if kind == "row":
            number, _, name, capability, meaning = value
            lines.append(f"| {number} | `{name}` | {capability} | {cell(meaning)} |")
    return "\n".join(lines) + "\n"


def dtypes(text):
    pattern = rf"\s*(\d+),\s*(\w+),\s*{FIELD},\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*{FIELD}"
    lines = ["# Element types\n", "A block is the canonical form, row by row; a unit is 16 rows of a sheet's packed form.\n",
             "| code | name | elements per block | bytes per block | columns per unit | bytes per unit | meaning |",
             "|---|---|---|---|---|---|---|"]
    for kind, value in rows(text, "PX_DTYPE", pattern):
        if kind == "row":
            code, _, name, elements, size, columns, unit, meaning = value
            unit_cells = f"{columns} | {unit}" if unit != "0" else "- | -"
            lines.append(f"| {code} | `{name}` | {elements} | {size} | {unit_cells} | {cell(meaning)} |")
    return "\n".join(lines) + "\n"


PAGES = {"opcodes.md": ("pxvm/isa/opcodes.def", opcodes), "host_calls.md": ("pxvm/isa/host_calls.def", host_calls),
         "dtypes.md": ("pxvm/tensor/dtypes.def", dtypes)}


def main(arguments):
    if not arguments or set(arguments[1:]) - {"--check"}:
        print(__doc__, file=sys.stderr)
        return 2
    root = pathlib.Path(arguments[0])
    made = {f"docs/reference/{page}": GENERATED.format(table) + render((root / table).read_text())
            for page, (table, render) in PAGES.items()}

    def read(path):
        return made.get(path) or (root / path).read_text()

    made |= editors.pages(read) | man.pages(read)
    stale = []
    for name, content in made.items():
        path = root / name
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            stale.append(name)
    for name in stale:
        print(f"{name} is not what its tables say; run tests/tools/reference.py .")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
