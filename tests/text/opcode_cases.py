#!/usr/bin/env python3
"""Checks that every instruction is executed by a text case below tests/text/run, and that one which traps does so there.

usage: opcode_cases.py ROOT
"""
import pathlib
import re
import sys


def main(root):
    table = (root / "pxvm/isa/opcodes.def").read_text()
    rows = re.findall(r'^PX_OP\(\w+,\s*\w+,\s*\w+,\s*"([^"]+)",\s*"[^"]*",\s*"[^"]*",\s*"((?:[^"\\]|\\.)*)"', table,
                      re.MULTILINE)
    if len(rows) < 100:
        print("opcodes.def is not written as it was")
        return 1
    programs, traps = "", ""
    for path in sorted((root / "tests/text/run").glob("*.pxt")):
        program, _, output = path.read_text().partition("=== output\n")
        programs += program
        traps += output
    missing = [name for name, _ in rows if not re.search(rf"^\s*(\.?\w+:)?\s*{re.escape(name)}(\s|$)", programs, re.M)]
    quiet = [name for name, meaning in rows
             if "traps" in meaning and not re.search(rf"trap at [^:]+:\d+: {re.escape(name)}( |:)", traps)]
    for name in missing:
        print(f"{name}: no text case runs it")
    for name in quiet:
        print(f"{name}: no text case shows its trap")
    print(f"{len(rows)} instructions, {len(missing)} without a case, {len(quiet)} without their trap")
    return 1 if missing or quiet else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])) if len(sys.argv) == 2 else print(__doc__) or 2)
