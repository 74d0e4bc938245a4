"""Manual pages from our markdown: headings, paragraphs, tables, lists, code. Used by reference.py."""
import re


def escape(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in ".'" else text


def inline(text):
    """`code` and **bold** become bold, links their text."""
    text = re.sub(r"\[([^]]+)\]\([^)]*\)", r"\1", text)
    parts = re.split(r"(``.+?``|`[^`]+`|\*\*[^*]+\*\*)", text)
    out = ""
    for part in parts:
        if part.startswith("``"):
            out += f"\\fB{escape(part[2:-2].strip())}\\fR"
        elif part.startswith("`"):
            out += f"\\fB{escape(part[1:-1])}\\fR"
        elif part.startswith("**"):
            out += f"\\fB{inline(part[2:-2])}\\fR"
        elif part:
            out += escape(part).removeprefix("\\&") if out else escape(part)
    return out


def split_row(line):
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return [cell.strip().replace("\\|", "|") for cell in cells]


def table(lines):
    """A tag for the first cells of a row, the last one below it: readable at any width."""
    out = []
    for line in [lines[0], *lines[2:]]:
        *tags, body = split_row(line)
        if line is lines[0]:
            continue
        tag = "  ".join(inline(tag) for tag in tags if tag)
        out += [".TP", tag or "\\&", inline(body) or "\\&"]
    return out + [".PP"]


def body(markdown):
    """Everything below the first heading, which only names the page."""
    lines = markdown.splitlines()
    out, at = [], 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("```"):
            end = at + 1 + next(i for i, other in enumerate(lines[at + 1:]) if other.startswith("```"))
            out += [".PP", ".nf", ".RS", *(escape(code) or "\\&" for code in lines[at + 1:end]), ".RE", ".fi", ".PP"]
            at = end
        elif line.startswith("|"):
            end = next((i for i in range(at, len(lines)) if not lines[i].startswith("|")), len(lines))
            out += table(lines[at:end])
            at = end - 1
        elif line.startswith("## "):
            out.append(f'.SH "{escape(line[3:].upper())}"')
        elif line.startswith("### "):
            out.append(f'.SS "{escape(line[4:])}"')
        elif line.startswith("- "):
            out += [".IP \\(bu 2", inline(line[2:])]
        elif not line.strip():
            out.append(".PP")
        elif not line.startswith(("# ", "<!--")):
            out.append(inline(line.strip()))
        at += 1
    return out


def tidy(lines):
    """One .PP at most between other things, none behind a heading."""
    out = []
    for line in lines:
        if line == ".PP" and (not out or out[-1] == ".PP" or out[-1].startswith((".SH", ".SS", ".TH"))):
            continue
        if line.startswith((".SH", ".SS", ".TP", ".IP")) and out and out[-1] == ".PP":
            out.pop()
        out.append(line)
    while out and out[-1] == ".PP":
        out.pop()
    return out


def page(name, section, made_from, markdown):
    head = [f'.\\" Made by tests/tools/reference.py from {made_from}; do not edit.',
            f'.TH {name.upper()} {section} "" "pxOS" "pxOS manual"']
    return "\n".join(head + tidy(body(markdown))) + "\n"


def without_intro(markdown):
    """From the first section on: the lines above it speak of the source, not of the subject."""
    return markdown[markdown.index("\n## "):]


def pages(read):
    """{path: content}; `read` gives the text of a file below the root."""
    language = read("docs/reference/pxasm.md")
    intro, _, rest = language.partition("\n## ")
    language_page = f"## Name\n\npxasm - pixel assembly\n\n## Description\n{intro}\n## {rest}"
    tables = without_intro(read("docs/reference/opcodes.md")) + "\n## Host calls\n" + \
        read("docs/reference/host_calls.md")
    machine = without_intro(read("docs/man/pxvm.md"))
    before, _, see = machine.partition("\n## See also")
    return {
        "docs/man/pxos-asm.1": page("pxos-asm", 1, "docs/man/pxos-asm.md", without_intro(read("docs/man/pxos-asm.md"))),
        "docs/man/pxasm.5": page("pxasm", 5, "docs/reference/pxasm.md", language_page),
        "docs/man/pxvm.7": page("pxvm", 7, "docs/man/pxvm.md and docs/reference",
                                f"{before}\n{tables}\n## See also{see}"),
    }
