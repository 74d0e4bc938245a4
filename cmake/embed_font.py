#!/usr/bin/env python3
"""Turns a PSF1 console font (gzip-compressed, 8 pixels wide) into a C++ source with its glyph table.

usage: embed_font.py FONT.psfu.gz OUTPUT.cpp
"""
import gzip
import struct
import sys

GLYPH_ROWS = 16
MODE_512 = 0x01
MODE_HAS_TABLE = 0x02
SEPARATOR = 0xFFFF
START_OF_SEQUENCE = 0xFFFE


def read_font(data):
    magic, mode, rows = struct.unpack_from("<HBB", data, 0)
    if magic != 0x0436 or rows != GLYPH_ROWS or not mode & MODE_HAS_TABLE:
        sys.exit("embed_font: expected a PSF1 font of 8x16 glyphs with a Unicode table")
    count = 512 if mode & MODE_512 else 256
    glyphs = [data[4 + i * rows:4 + (i + 1) * rows] for i in range(count)]
    return glyphs, read_table(data[4 + count * rows:], count)


def read_table(table, count):
    """Code point -> glyph number. Sequences of several code points are left out."""
    mapping = {}
    glyph = 0
    in_sequence = False
    for (unit,) in struct.iter_unpack("<H", table):
        if unit == SEPARATOR:
            glyph, in_sequence = glyph + 1, False
        elif unit == START_OF_SEQUENCE:
            in_sequence = True
        elif not in_sequence and glyph < count:
            mapping.setdefault(unit, glyph)
    return mapping


def main():
    with gzip.open(sys.argv[1], "rb") as source:
        glyphs, mapping = read_font(source.read())
    lines = ["// Generated from Spleen 8x16 (BSD 2-clause licence) by cmake/embed_font.py.",
             '#include "pixelfs/font_data.hpp"', "",
             "namespace pxos::pixelfs::font::data {", "",
             "const std::array<GlyphRows, kGlyphs> kRows{{"]
    used = sorted(set(mapping.values()))
    if len(used) > 512:
        sys.exit("embed_font: more glyphs than expected")
    glyphs += [bytes(GLYPH_ROWS)] * (512 - len(glyphs))
    for rows in glyphs:
        lines.append("    {" + ", ".join(str(value) for value in rows) + "},")
    entries = sorted(mapping.items())
    lines += ["}};", "",
              f"const std::array<CodePoint, {len(entries)}> kTable{{{{"]
    for code_point, glyph in entries:
        lines.append(f"    {{{code_point}, {glyph}}},")
    lines += ["}};", "",
              "std::span<const CodePoint> code_points() { return kTable; }", "",
              "}  // namespace pxos::pixelfs::font::data", ""]
    with open(sys.argv[2], "w", encoding="ascii") as output:
        output.write("\n".join(lines))


if __name__ == "__main__":
    main()
