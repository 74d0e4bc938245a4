#!/usr/bin/env python3
"""Checks the documents: links lead somewhere, decision records are whole and short, scripts parse.

usage: docs.py ROOT
"""
import pathlib
import re
import subprocess
import sys

DECISION_HEADINGS = ["## Status", "## Context", "## Options", "## Decision", "## Consequences"]
DECISION_LINES = 60
# Folders that are not ours, or made by a build.
IGNORED = {".git", "build", ".cache"}


def documents(root, suffix):
    for path in sorted(root.rglob("*" + suffix)):
        if not IGNORED & set(path.relative_to(root).parts):
            yield path


def check_links(root, path, text):
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        if not (path.parent / target).exists():
            yield f"{path.relative_to(root)}: link to {target}, which does not exist"


def check_decision(root, path, text):
    name = path.relative_to(root)
    for heading in DECISION_HEADINGS:
        if heading not in text:
            yield f"{name}: no '{heading}'"
    if text.count("\n") > DECISION_LINES:
        yield f"{name}: {text.count(chr(10))} lines, at most {DECISION_LINES}"


def findings(root):
    for path in documents(root, ".md"):
        text = path.read_text()
        yield from check_links(root, path, text)
        if path.parent == root / "docs" / "decisions":
            yield from check_decision(root, path, text)
    scripts = [*documents(root, ".sh"), root / ".ci" / "run"]
    for script in scripts:
        result = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
        if result.returncode != 0:
            yield f"{script.relative_to(root)}: {result.stderr.strip()}"
    commands = (root / "README.md").read_text()
    if commands.find("./boot.sh") > 400 or commands.find("./test.sh") > 400 or "./boot.sh" not in commands:
        yield "README.md: the two commands come first"


def main(arguments):
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = list(findings(pathlib.Path(arguments[0]).resolve()))
    print("\n".join(found) if found else "docs: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
