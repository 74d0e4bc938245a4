#include "assembler/preprocessor.hpp"

#include <catch2/catch.hpp>

namespace {

using pxos::assembler::Caps;
using pxos::assembler::IncludeReader;
using pxos::assembler::Preprocessor;
using pxos::assembler::Reporter;
using pxos::assembler::SourceMap;

struct Expanded {
  std::string text;   ///< lines after expansion, trimmed, joined by '|'
  std::string error;  ///< first message, or empty
};

Expanded expand(std::string text, const IncludeReader& include = {}) {
  SourceMap map;
  Reporter reporter(map);
  Preprocessor preprocessor(map, reporter, include);
  Expanded out;
  for (const std::uint32_t line : preprocessor.run({"main", std::move(text)})) {
    std::string_view shown = map.line(line).text;
    shown.remove_prefix(std::min(shown.find_first_not_of(' '), shown.size()));
    out.text += std::string(shown) + "|";
    if (out.text.size() > 10000) break;
  }
  const auto diagnostics = reporter.take();
  if (!diagnostics.empty()) out.error = diagnostics[0].message;
  return out;
}

}  // namespace

TEST_CASE("Macros put arguments in place", "[assembler]") {
  CHECK(expand(".macro m a, b\n add \\a, \\a, \\b\n.endm\nm x, w[i]\n").text == "add x, x, w[i]|");
  CHECK(expand(".macro m\n halt\n.endm\nm\nm ; twice\n").text == "halt|halt|");
  CHECK(expand(".macro m a\n f \\a, \"\\a\" ; \\a\n.endm\nm \"x, y\"\n").text ==
        "f \"x, y\", \"\\a\" ; \\a|");
}

TEST_CASE("Every use of a macro has its own number, and labels before it stay", "[assembler]") {
  CHECK(expand(".macro m\nl\\@: br l\\@\n.endm\nm\nhere: m\n").text ==
        "l0: br l0|here:|l1: br l1|");
}

TEST_CASE("Repeats count from zero, nest by name, and may be empty", "[assembler]") {
  CHECK(expand(".repeat 3\nx \\i\n.endr\n").text == "x 0|x 1|x 2|");
  CHECK(expand(".repeat 2, a\n.repeat 2, b\nx \\a\\b\n.endr\n.endr\n").text ==
        "x 00|x 01|x 10|x 11|");
  CHECK(expand(".repeat 0\nx\n.endr\n.repeat 2000000\n.endr\n").text.empty());
}

TEST_CASE("Included files stand where they are named", "[assembler]") {
  const IncludeReader reader = [](std::string_view path) -> pxos::Result<std::string> {
    if (path == "a") return std::string("one\n.include \"b\"\nthree");
    if (path == "b") return std::string("two\n");
    return pxos::fail(pxos::Errc::kNotFound, "no such file");
  };
  CHECK(expand("zero\n.include \"a\"\nfour\n", reader).text == "zero|one|two|three|four|");
  CHECK(expand(".include \"c\"", reader).error == "cannot include 'c': no such file");
  CHECK(expand(".include \"a\"").error == "'.include' is not available here");
}

TEST_CASE("A nest of included files ends at the cap", "[assembler]") {
  int reads = 0;
  const IncludeReader reader = [&reads](std::string_view path) -> pxos::Result<std::string> {
    ++reads;
    return ".include \"" + std::string(path) + "x\"\n";
  };
  CHECK(expand(".include \"f\"", reader).error == "files are included more than 32 deep");
  CHECK(reads == Caps::kIncludeDepth);
}

TEST_CASE("Macros cannot grow without bound", "[assembler]") {
  // Two uses of itself per level would make 2^64 lines.
  CHECK(expand(".macro m\nm\nm\n.endm\nm\n").error.find("nested more than 64 deep") !=
        std::string::npos);
  std::string doubling = ".macro m0\nx\n.endm\n";
  for (int i = 1; i < 40; ++i) {
    const std::string last = std::to_string(i - 1);
    doubling += ".macro m" + std::to_string(i) + "\nm" + last + "\nm" + last + "\n.endm\n";
  }
  CHECK(expand(doubling + "m39\n").error == "more than 2097152 lines after expansion");
  CHECK(expand(".repeat 2000000\nx\ny\n.endr\n").error ==
        "more than 2097152 lines after expansion");
}

TEST_CASE("Lines cannot grow without bound", "[assembler]") {
  std::string body = ".macro m a\nx ";
  for (int i = 0; i < 1000; ++i) body += "\\a ";
  CHECK(expand(body + "\n.endm\nm " + std::string(1000, 'y') + "\n")
            .error.find("longer than 65536") != std::string::npos);
  CHECK(expand(std::string(70000, 'x')).error == "this line is longer than 65536 bytes");
}

TEST_CASE("Blocks must be closed and opened", "[assembler]") {
  CHECK(expand(".macro m\nx\n").error == "'.macro' without '.endm'");
  CHECK(expand(".repeat 2\nx\n").error == "'.repeat' without '.endr'");
  CHECK(expand(".endr\n").error == "'.endr' without '.repeat'");
  CHECK(expand(".macro add a\n.endm\n").error == "'add' is an instruction and cannot be a macro");
  CHECK(expand(".macro m a.b\n.endm\n").error == "a macro parameter has no dots in its name");
  CHECK(expand(".macro m\n.endm\n.macro m\n.endm\n").error == "macro 'm' is defined twice");
}
