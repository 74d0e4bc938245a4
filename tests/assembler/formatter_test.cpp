#include "assembler/formatter.hpp"

#include "assembler/assembler.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/rng.hpp"
#include "pxvm/isa/image.hpp"
#include "tests/assembler/generated_programs.hpp"
#include "tests/support/conformance.hpp"

#include <filesystem>

#include <catch2/catch.hpp>

namespace {

using pxos::assembler::format;

/// The pixels of a text without its line table, which formatting may change.
std::vector<std::uint8_t> pixels(const std::string& text) {
  pxos::assembler::AssembleOptions options;
  options.source = {"a.pxasm", text};
  options.debug_info = false;
  options.include = [](std::string_view name) -> pxos::Result<std::string> {
    PX_TRY(const auto bytes, pxos::read_file(pxos::test::source_folder() / "programs" / name));
    return std::string(pxos::as_text(bytes));
  };
  const auto result = pxos::assembler::assemble(options);
  if (!result.program) return {};
  const auto image = pxos::isa::encode_program(result.program->program());
  REQUIRE(image);
  return {image->rgb.begin(), image->rgb.end()};
}

void check_same_meaning(const std::string& text) {
  const std::string laid = format(text);
  INFO(laid);
  CHECK(format(laid) == laid);
  CHECK(pixels(laid) == pixels(text));
}

/// Breaks the layout of a text: more blanks where there is one outside strings, empty lines.
std::string shaken(std::string_view text, std::uint64_t seed) {
  pxos::CounterRng rng(seed);
  std::string out;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    out += c;
    if (quote != '\0' && c == '\\' && i + 1 < text.size()) out += text[++i];
    if (c == '"' || c == '\'') quote = quote == '\0' ? c : (quote == c ? '\0' : quote);
    if (c == '\n') quote = '\0';
    if (c == ' ' && quote == '\0') out.append(rng.next_u32() % 3, rng.next_u32() % 2 ? ' ' : '\t');
    if (c == '\n') out.append(rng.next_u32() % 3, '\n');
  }
  return out;
}

}  // namespace

TEST_CASE("Code is indented, operands stand in a column, commas are followed by a blank",
          "[assembler]") {
  CHECK(format("  .program  p\n"
               "\t.temp x:f32[T,dim]\n"
               ".entry f( ) \n"
               ".reg  l , i\n"
               "again :\n"
               "again: i64.const l,0;start\n"
               "br.lt l  ,  4 , again   \n"
               "i64.trunc_f32_s l,i\n"
               "halt\n\n\n\n") ==
        ".program p\n"
        ".temp x : f32[T, dim]\n"
        ".entry f( )\n"
        "    .reg l, i\n"
        "    again     :\n"
        "again: i64.const l, 0                     ;start\n"
        "    br.lt     l, 4, again\n"
        "    i64.trunc_f32_s l, i\n"
        "    halt\n");
}

TEST_CASE("Strings, characters and comments keep every byte", "[assembler]") {
  CHECK(format(".string  s=\"a ,  b;c\"   ;  why ,  so\n") ==
        ".string s=\"a ,  b;c\"    ;  why ,  so\n");
  CHECK(format(".entry f()\n i64.const  r1 , ','\n") == ".entry f()\n    i64.const r1, ','\n");
  CHECK(format("; at the margin\n.entry f()\n  ; with the code\n; back\n halt\n") ==
        "; at the margin\n.entry f()\n    ; with the code\n; back\n    halt\n");
}

TEST_CASE("Comments of neighbouring lines stand in one column", "[assembler]") {
  const std::string laid = format(
      ".param a ; one\n.import w : f32[a] = \"a name that is longer than most\" ; two\n\n"
      ".param b ; three\n");
  CHECK(laid ==
        ".param a                                                ; one\n"
        ".import w : f32[a] = \"a name that is longer than most\"  ; two\n\n"
        ".param b                                  ; three\n");
}

TEST_CASE("Blocks are indented by what they stand in", "[assembler]") {
  CHECK(format(".macro m a\nadd \\a,\\a,\\a\n.endm\n.entry f()\n.repeat 2\nm x\n.endr\nhalt\n") ==
        ".macro m a\n"
        "    add       \\a, \\a, \\a\n"
        ".endm\n"
        ".entry f()\n"
        "    .repeat 2\n"
        "        m         x\n"
        "    .endr\n"
        "    halt\n");
}

TEST_CASE("Line ends become LF, a byte order mark goes, the last line is ended", "[assembler]") {
  CHECK(format("\xEF\xBB\xBF.param a\r\n\r\n\r\n.param b") == ".param a\n\n.param b\n");
  CHECK(format("").empty());
  CHECK(format("\n\n\n").empty());
}

TEST_CASE("Programs that ship are laid out already", "[assembler]") {
  for (const auto& file :
       std::filesystem::directory_iterator(pxos::test::source_folder() / "programs")) {
    if (file.path().extension() != ".pxasm") continue;
    const auto bytes = pxos::read_file(file.path());
    REQUIRE(bytes);
    INFO(file.path() << ": lay it out with `pxos fmt`");
    CHECK(format(pxos::as_text(*bytes)) == pxos::as_text(*bytes));
  }
}

TEST_CASE("Formatting changes no pixel and is done after once", "[assembler]") {
  for (std::uint64_t seed = 0; seed < 30; ++seed)
    check_same_meaning(shaken(pxos::test::generated_program(seed, true), seed));
  for (const auto& file :
       std::filesystem::directory_iterator(pxos::test::source_folder() / "programs")) {
    if (file.path().extension() != ".pxasm") continue;
    const auto bytes = pxos::read_file(file.path());
    REQUIRE(bytes);
    check_same_meaning(shaken(pxos::as_text(*bytes), 7));
  }
}

TEST_CASE("Any text is laid out, and a second time changes nothing", "[assembler]") {
  static constexpr std::string_view kBytes = " \t\n\r;:,.\"'`\\@#()[]-abrt0x\xC3\xA9";
  pxos::CounterRng rng(11);
  for (std::size_t round = 0; round < 3000; ++round) {
    std::string text;
    for (std::uint32_t i = rng.next_u32() % 60; i > 0; --i)
      text += kBytes[rng.next_u32() % kBytes.size()];
    const std::string laid = format(text);
    INFO(text << "\n---\n" << laid);
    CHECK(format(laid) == laid);
  }
}
