#!/usr/bin/env python3
"""Checks the rules that a compiler does not: layers, mirrored tests, size budgets.

usage: architecture.py ROOT layers|tests|sizes
Each finding is one line "file:line: what"; exit code 1 when there is one.
"""
import pathlib
import re
import statistics
import sys

# Third-party headers with one home (a header of theirs anywhere else is a finding).
HOMES = {"lodepng.h": "pixelfs/", "zstd.h": "pixelfs/", "SDL": "shell/", "lua": "hypervisor/script/", "catch2/": "tests/",
         "CLI/": "shell/", "blake3.h": "pxvm/base/", "xxhash.h": "pxvm/base/", "histedit.h": "shell/",
         "editline/": "shell/", "pcre2.h": "pxvm/text/", "utf8proc.h": "pxvm/text/"}
# Budgets of CONTRIBUTING.md: lines of a function and of a file; share of lines that are comments.
FUNCTION_MEDIAN, FUNCTION_P95, FUNCTION_LONG, LONG_SHARE, FUNCTION_MOST = 10, 40, 50, 0.03, 60
FILE_P95, FILE_MOST = 600, 600
COMMENT_SHARE = (0.08, 0.30)  # the aim is 15 to 25 %; the floor only stops decay


def read_layers(root):
    """docs/layers.txt as {folder: set of folders it may include}."""
    layers = {}
    for line in (root / "docs/layers.txt").read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            folder, _, allowed = line.partition(":")
            layers[folder.strip()] = set(allowed.split())
    return layers


def read_exceptions(root, name):
    """docs/<name>: lines "path: reason" as {path: reason}."""
    path = root / "docs" / name
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.partition(": ") for line in lines if line.strip() and not line.startswith("#"))
    return {key.strip(): reason.strip() for key, _, reason in pairs}


def sources(root, folders, suffixes):
    for folder in folders:
        yield from sorted(p for p in (root / folder).rglob("*") if p.suffix in suffixes)


def layer_of(path, layers):
    """The longest folder of `layers` that holds the relative path, or None."""
    homes = [folder for folder in layers if path.startswith(folder + "/")]
    return max(homes, key=len, default=None)


def top_folders(layers):
    return sorted({folder.split("/")[0] for folder in layers})


def check_layers(root):
    layers = read_layers(root)
    for folder, allowed in layers.items():
        for other in allowed:
            if other not in layers:
                yield f"docs/layers.txt: {folder} names the unknown folder {other}"
            elif folder in layers[other]:
                yield f"docs/layers.txt: {folder} and {other} include each other"
    include = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)')
    for path in sources(root, top_folders(layers), {".cpp", ".hpp", ".def", ".inl"}):
        name = path.relative_to(root).as_posix()
        home = layer_of(name, layers)
        if home is None:
            yield f"{name}:1: its folder is not in docs/layers.txt"
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = include.match(line)
            if found:
                yield from check_include(f"{name}:{number}", home, *found.groups(), layers)
        yield from check_first_line(root, path, name)


def check_first_line(root, path, name):
    """Headers begin with their guard and sources with their own header, which thereby compiles alone."""
    if path.suffix not in {".hpp", ".cpp"}:
        return
    first = next((line for line in path.read_text().splitlines() if line.lstrip().startswith("#")), "")
    own = path.with_suffix(".hpp")
    if path.suffix == ".hpp" and first != "#pragma once":
        yield f"{name}:1: its first directive is not #pragma once"
    if path.suffix == ".cpp" and own.exists() and first != f'#include "{own.relative_to(root).as_posix()}"':
        yield f"{name}:1: its first directive does not include {own.name}"


def check_include(where, home, quote, target, layers):
    for prefix, only in HOMES.items():
        if target.startswith(prefix) and not where.startswith(only):
            yield f"{where}: <{target}> is included in {only} only"
    if quote == "<":
        return
    to = layer_of(target, layers)
    if to is None and not re.fullmatch(r"[a-z0-9_]+\.(h|inc|def)", target):
        yield f'{where}: "{target}" is not written from the project root'
    elif to is not None and to != home and to not in layers[home]:
        yield f'{where}: {home} may not include {to} ("{target}")'


def check_tests(root):
    layers = read_layers(root)
    untested = read_exceptions(root, "untested.txt")
    for path in sources(root, top_folders(layers), {".cpp"}):
        name = path.relative_to(root).as_posix()
        mirror = root / "tests" / name.replace(".cpp", "_test.cpp")
        if mirror.exists() and name in untested:
            yield f"docs/untested.txt: {name} has a test now"
        elif not mirror.exists() and not untested.get(name):
            yield f"{name}:1: no {mirror.relative_to(root)}, and no reason in docs/untested.txt"
    for name, reason in untested.items():
        # A reason may name the tests that cover the file ("tests/..."); those must exist.
        for named in [name, *re.findall(r"tests/[\w./-]+", reason)]:
            if not (root / named).exists():
                yield f"docs/untested.txt: {named} does not exist"
    for path in sources(root, ["tests"], {".cpp"}):
        if path.name.endswith("_test.cpp") and not is_registered(root, path):
            yield f"{path.relative_to(root)}:1: no CMakeLists.txt names it, so it never runs"


def is_registered(root, path):
    """True when a CMakeLists.txt of tests/ names the file by a path that leads to it."""
    for lists in (root / "tests").rglob("CMakeLists.txt"):
        words = re.findall(r"[\w./-]+_test\.cpp", lists.read_text())
        if any((lists.parent / word).resolve() == path.resolve() for word in words):
            return True
    return False


STRINGS = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'|//[^\n]*|/\*.*?\*/',
                     re.DOTALL)


def functions(text):
    """Yields (line, lines) of each function with a body that stands in a namespace or a class.

    Reads clang-formatted code only: a brace that opens a body follows a space, one of a member initialiser
    does not. Digit separators are dropped first, so that they do not look like character literals.
    """
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", "", text)
    text = STRINGS.sub(lambda m: "\n" * m.group().count("\n"), text)
    text = re.sub(r"^[ \t]*#.*(?:\\\n.*)*$", lambda m: "\n" * m.group().count("\n"), text, flags=re.MULTILINE)
    scopes, head, line, head_line = [], "", 1, 1
    for index, char in enumerate(text):
        if char == "\n":
            line += 1
        if char == "{":
            scopes.append((scope_kind(head, text[index - 1], scopes), head_line))
            head = ""
        elif char == "}" and scopes:
            kind, begun = scopes.pop()
            if kind == "function":
                yield begun, line - begun + 1
            head = ""
        elif char == ";":
            head = ""
        elif not char.isspace() or head:
            if not head:
                head_line = line
            head += char


def scope_kind(head, before, scopes):
    if any(kind != "outer" for kind, _ in scopes):
        return "inner"
    if re.match(r"(inline )?namespace\b|extern\b\s*$", head):
        return "outer"
    if re.search(r"\b(class|struct|union|enum)\b[^()=]*$", head):
        return "outer"
    return "function" if "(" in head and before.isspace() else "inner"


def comment_lines(text):
    """Lines that hold a comment, also behind code."""
    inside = re.findall(r"/\*.*?\*/", text, re.DOTALL)
    return len(re.findall(r"(?:^|\s)//", text)) + sum(b.count("\n") + 1 for b in inside)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def check_sizes(root):
    exceptions = read_exceptions(root, "size_exceptions.txt")
    lengths, files, comments, lines = [], [], 0, 0
    for path in sources(root, top_folders(read_layers(root)), {".cpp", ".hpp"}):
        name = path.relative_to(root).as_posix()
        text = path.read_text()
        count = text.count("\n")
        files.append(count)
        comments, lines = comments + comment_lines(text), lines + count
        if count > FILE_MOST and name not in exceptions:
            yield f"{name}:1: {count} lines, at most {FILE_MOST}"
        if re.search(r"\b(TODO|FIXME|XXX)\b", text):
            yield f"{name}: unfinished business in a comment"
        if name in exceptions:
            continue
        for begun, length in functions(text):
            lengths.append(length)
            if length > FUNCTION_MOST:
                yield f"{name}:{begun}: a function of {length} lines, at most {FUNCTION_MOST}"
    for name in exceptions:
        if not (root / name).exists():
            yield f"docs/size_exceptions.txt: {name} does not exist"
    if lengths:
        yield from check_totals(lengths, files, comments / lines)


def check_totals(lengths, files, share):
    long_share = sum(length > FUNCTION_LONG for length in lengths) / len(lengths)
    print(f"{len(files)} files, {sum(files)} lines, longest {max(files)}; {len(lengths)} functions: median "
          f"{statistics.median(lengths):.0f}, 95 % {percentile(lengths, 0.95)}, longest {max(lengths)}, "
          f"{long_share:.1%} over {FUNCTION_LONG}; {share:.1%} comment lines")
    if statistics.median(lengths) > FUNCTION_MEDIAN:
        yield f"median function length is over {FUNCTION_MEDIAN}"
    if percentile(lengths, 0.95) > FUNCTION_P95:
        yield f"95 % of the functions should have at most {FUNCTION_P95} lines"
    if long_share > LONG_SHARE:
        yield f"more than {LONG_SHARE:.0%} of the functions are over {FUNCTION_LONG} lines"
    if percentile(files, 0.95) > FILE_P95:
        yield f"95 % of the files should have at most {FILE_P95} lines"
    if not COMMENT_SHARE[0] <= share <= COMMENT_SHARE[1]:
        yield f"{share:.1%} comment lines, expected {COMMENT_SHARE[0]:.0%} to {COMMENT_SHARE[1]:.0%}"


CHECKS = {"layers": check_layers, "tests": check_tests, "sizes": check_sizes}


def main(arguments):
    if len(arguments) != 2 or arguments[1] not in CHECKS:
        print(__doc__, file=sys.stderr)
        return 2
    findings = list(CHECKS[arguments[1]](pathlib.Path(arguments[0]).resolve()))
    print("\n".join(findings) if findings else f"{arguments[1]}: ok")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
