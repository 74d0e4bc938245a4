#!/usr/bin/env python3
"""Runs the text cases and compares (--check) or rewrites their expected output.

usage: update_goldens.py --tool PXT [--check] [CASE.pxt ...]      default: every case below tests/text
Review the difference of a rewrite as you would review code: it is what people will read.
Exit code 1 when a case differs (--check) or cannot be run.
"""
import argparse
import difflib
import pathlib
import subprocess
import sys


def run_case(tool, path):
    """The case as the tool prints it now, or an error text."""
    done = subprocess.run([tool, str(path)], capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        return None, done.stderr.decode(errors="replace") or f"{path}: exit code {done.returncode}\n"
    return done.stdout, None


def show_difference(path, old, new):
    lines = difflib.unified_diff(old.decode(errors="replace").splitlines(keepends=True),
                                 new.decode(errors="replace").splitlines(keepends=True),
                                 f"{path} (expected)", f"{path} (now)")
    sys.stdout.writelines(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("cases", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    cases = arguments.cases or sorted((pathlib.Path(__file__).parent / "text").rglob("*.pxt"))
    failed = changed = 0
    for path in cases:
        old = path.read_bytes()
        new, problem = run_case(arguments.tool, path)
        if problem:
            sys.stdout.write(problem)
            failed += 1
        elif new != old:
            changed += 1
            show_difference(path, old, new)
            if not arguments.check:
                path.write_bytes(new)
    print(f"{len(cases)} text cases: {len(cases) - changed - failed} as expected, {changed} differ, {failed} cannot be run")
    return 1 if failed or not cases or (changed and arguments.check) else 0


if __name__ == "__main__":
    sys.exit(main())
