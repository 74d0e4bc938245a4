#!/usr/bin/env python3
"""Sums up ctest's JUnit files: what failed, what was skipped and why, and the totals as the last line.

usage: summary.py FILE... [--count]      --count prints only "passed failed" for scripts
Exit code 1 when a test failed, none ran, or a file cannot be read.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree


def load(path):
    """Yields (name, state, seconds, output) of each test; state is passed, failed or skipped."""
    states = {"run": "passed", "fail": "failed", "notrun": "skipped", "disabled": "skipped"}
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        yield (case.get("name"), states.get(case.get("status"), "failed"),
               float(case.get("time") or 0), output)


def catch_cases(output):
    """Number of Catch2 test cases that a test binary reports, 0 for other programs."""
    passed = re.search(r"assertions? in (\d+) test cases?", output)
    mixed = re.search(r"test cases:\s*(\d+)", output)
    found = passed or mixed
    return int(found.group(1)) if found else 0


def print_report(tests):
    for name, state, _, output in tests:
        notes = sorted(set(re.findall(r"^SKIPPED: .*$", output, re.MULTILINE)))
        for note in notes:
            print(f"  {name}: {note}")
        if state == "skipped" and not notes:
            print(f"  {name}: skipped")
    slowest = sorted(tests, key=lambda test: -test[2])[:5]
    print("  slowest: " + ", ".join(f"{name} {seconds:.1f} s" for name, _, seconds, _ in slowest))
    print(f"  {sum(catch_cases(output) for *_, output in tests)} test cases in unit test binaries")
    for name, state, _, _ in tests:
        if state == "failed":
            print(f"  FAILED: {name}")


def main(arguments):
    count_only = "--count" in arguments
    tests = []
    for path in (a for a in arguments if a != "--count"):
        try:
            tests += load(path)
        except (OSError, ElementTree.ParseError) as error:
            print(f"summary: {path}: {error}", file=sys.stderr)
            tests.append((path, "failed", 0.0, ""))
    totals = {state: sum(test[1] == state for test in tests)
              for state in ("passed", "failed", "skipped")}
    if count_only:
        print(totals["passed"], totals["failed"])
    else:
        print_report(tests)
        print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] or not totals["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
