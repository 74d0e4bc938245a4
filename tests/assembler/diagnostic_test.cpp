#include "assembler/diagnostic.hpp"

#include <catch2/catch.hpp>

namespace {

using pxos::assembler::Diagnostic;
using pxos::assembler::render;
using pxos::assembler::render_all;
using pxos::assembler::Severity;
using pxos::assembler::SourceFile;

Diagnostic at(std::uint32_t line, std::uint32_t column, std::uint32_t length) {
  return {Severity::kError, "a.pxasm", line, column, length, "wrong", {}, {}};
}

std::string rendered(const Diagnostic& diagnostic, const std::string& text) {
  const SourceFile source{"a.pxasm", text};
  return render(diagnostic, {&source, 1});
}

}  // namespace

TEST_CASE("render points at the place", "[assembler]") {
  CHECK(rendered(at(2, 5, 3), "one\ntwo bad\n") ==
        "a.pxasm:2:5: error: wrong\n    2 | two bad\n      |     ^^^\n");
}

TEST_CASE("render keeps carets below tabs and wide text", "[assembler]") {
  CHECK(rendered(at(1, 3, 1), "\t\tx").ends_with("      | \t\t^\n"));
  // Two letters of two bytes each stand before the place.
  CHECK(rendered(at(1, 6, 1), "\xC3\xA4\xC3\xB6 x").ends_with("      |    ^\n"));
}

TEST_CASE("render shows no byte that a terminal would act on", "[assembler]") {
  const std::string out = rendered(at(1, 1, 1), "\x1B[2Jboo\x7F");
  CHECK(out.find('\x1B') == std::string::npos);
  CHECK(out.find('\x7F') == std::string::npos);
}

TEST_CASE("render cuts long lines around the place", "[assembler]") {
  const std::string out =
      rendered(at(1, 5001, 3), std::string(5000, 'a') + "bad" + std::string(5000, 'c'));
  CHECK(out.size() < 500);
  CHECK(out.find("bad") != std::string::npos);
}

TEST_CASE("render survives places that are not in the source", "[assembler]") {
  CHECK(rendered(at(99, 1, 1), "one\n") == "a.pxasm:99:1: error: wrong\n");
  CHECK(rendered(at(1, 99, 1), "one\n") == "a.pxasm:1:99: error: wrong\n");
  CHECK(rendered(at(0, 0, 0), "one\n") == "a.pxasm: error: wrong\n");
  CHECK(render(at(1, 1, 1), {}) == "a.pxasm:1:1: error: wrong\n");
}

TEST_CASE("render_all ends with a count", "[assembler]") {
  CHECK(render_all({}, {}).empty());
  const Diagnostic error = at(0, 0, 0);
  Diagnostic warning = error;
  warning.severity = Severity::kWarning;
  const std::vector<Diagnostic> both = {error, warning, warning};
  CHECK(render_all(both, {}).ends_with("1 error, 2 warnings\n"));
}
