#include "assembler/disassembler.hpp"

#include "assembler/assembler.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/rng.hpp"
#include "pxvm/isa/image.hpp"
#include "tests/support/conformance.hpp"

#include <filesystem>

#include <catch2/catch.hpp>

namespace {

using pxos::CounterRng;
using pxos::isa::Program;

/// Assembles the disassembly and compares the pixels.
void check_round_trip(const Program& program) {
  const std::string text = pxos::assembler::disassemble(program);
  const auto again = pxos::assembler::assemble({{"again.pxasm", text}, {}, true});
  INFO(text);
  INFO(pxos::assembler::render_all(again.diagnostics, again.sources));
  REQUIRE(again.program);
  const auto before = pxos::isa::encode_program(program);
  const auto after = pxos::isa::encode_program(again.program->program());
  REQUIRE(before.has_value());
  REQUIRE(after.has_value());
  REQUIRE(before->rgb == after->rgb);
}

pxos::Result<std::string> read_shipped(std::string_view name) {
  PX_TRY(const auto bytes, pxos::read_file(pxos::test::source_folder() / "programs" / name));
  return std::string(pxos::as_text(bytes));
}

Program assembled(const std::string& path, const std::string& text, bool debug_info) {
  const auto result = pxos::assembler::assemble({{path, text}, read_shipped, debug_info});
  INFO(pxos::assembler::render_all(result.diagnostics, result.sources));
  INFO(text);
  REQUIRE(result.program);
  return result.program->program();
}

/// Texts of random programs that verify: declarations of every kind, scalar code with branches,
/// tensor code.
class Generator {
 public:
  explicit Generator(std::uint64_t seed) : rng_(seed) {}

  std::string run() {
    add(".program p{}", pick(1000));
    add(".param n : i64 = {}", 1 + pick(5));
    add(".param d");
    add(".param eps : f32 = 1e-{}", 1 + pick(9));
    add(".dim T = 1..{}", pick(2) == 0 ? "n*d + 3" : "64");
    for (std::uint32_t i = pick(4); i-- > 0;)
      add(".const c{} : {} = {}", i, pick(2) == 0 ? "f32" : "i64", constant());
    for (std::uint32_t i = pick(4); i-- > 0;) add(".string s{} = \"text \\xff {}\"", i, pick(100));
    add(".attr rot = rope(heads: n, head_dim: d, dims: d, base: {}.5, pairing: {})", pick(1000),
        pick(2));
    add(".import w[n] : weight[n*d, n*d] = \"w.{{}}\", \"v.{{}}\"");
    add(".import g : f32[n*d] = \"g\"");
    add(".region cache[n] : f16[d, n*d]");
    add(".temp x : f32[T, n*d]{}", pick(2) == 0 ? " @t77" : "");
    add(".temp y : f32[T, n*d]");
    add(".temp spare : i32[{}] @none", 1 + pick(5));
    const std::uint32_t entries = 1 + pick(3);
    for (std::uint32_t entry = 0; entry < entries; ++entry) write_entry(entry);
    return std::move(text_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> format, Args&&... args) {
    text_ += fmt::format(format, std::forward<Args>(args)...) + "\n";
  }
  std::uint32_t pick(std::uint32_t below) { return rng_.next_u32() % below; }
  std::string constant() {
    return pick(2) == 0 ? fmt::format("-{}", pick(100)) : fmt::format("n*(d - {}) + -n", pick(9));
  }

  void write_entry(std::uint32_t number) {
    add(".entry e{}(in: f32[T, n*d], pos: i64, f: f32) -> out: f32[T, n*d]", number);
    if (pick(2) == 0) add(".require pos + T <= n * d + {}", pick(100));
    add(" copy x, in\n copy y, x\n i64.const r9, 0");
    const std::uint32_t lines = 4 + pick(30);
    for (std::uint32_t line = 0; line < lines; ++line) {
      add(".at{}:", line);
      write_statement(lines);
    }
    add(" copy out, y\n halt");
  }

  void write_statement(std::uint32_t labels) {
    switch (pick(10)) {
      case 0:
        return add(" matmul y, w[{}], x", pick(2) == 0 ? "r9" : "1");
      case 1:
        return add(" rmsnorm y, x, g, {}", pick(2) == 0 ? "eps" : "0.5");
      case 2:
        return add(" kvappend cache[r9], x, pos");
      case 3:
        return add(" rope x, pos, rot");
      case 4:
        return add(" br.lt r{}, {}, .at{}", pick(250), pick(30), pick(labels));
      case 5:
        return add(" i64.addi r{}, r{}, {}", pick(250), pick(250),
                   static_cast<int>(pick(1000)) - 500);
      case 6:
        return add(" scale x, x, f");
      case 7:
        return add(" host r5, \"text {}\", 0, n, console.text", pick(3));
      case 8:
        return add(" br.eq r1, r2, .at{}", pick(labels));
      default:
        return add(" f32.mul r{}, f, eps", pick(250));
    }
  }

  CounterRng rng_;
  std::string text_;
};

}  // namespace

TEST_CASE("Programs that ship come back from their disassembly byte for byte", "[assembler]") {
  std::size_t programs = 0;
  for (const auto& file :
       std::filesystem::directory_iterator(pxos::test::source_folder() / "programs")) {
    if (file.path().extension() != ".pxasm") continue;
    const auto text = pxos::read_file(file.path());
    REQUIRE(text);
    const std::string name = file.path().filename().string();
    // A text that is only included has no program of its own.
    if (pxos::as_text(*text).find("\n.program ") == std::string_view::npos) continue;
    check_round_trip(assembled(name, std::string(pxos::as_text(*text)), true));
    check_round_trip(assembled(name, std::string(pxos::as_text(*text)), false));
    ++programs;
  }
  CHECK(programs >= 2);
}

TEST_CASE("Generated programs come back from their disassembly byte for byte", "[assembler]") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    INFO("seed " << seed);
    check_round_trip(assembled("generated.pxasm", Generator(seed).run(), seed % 2 == 0));
  }
}

TEST_CASE("Names that look like registers, and tables in unusual order, come back", "[assembler]") {
  Program program = assembled(
      "a.pxasm",
      ".param `r5` = 32\n.dim T = 1..8\n.temp `t3` : f32[T, `r5`]\n"
      ".entry first(x: f32[T, `r5`]) -> y: f32[T, `r5`]\n copy `t3`, x\n copy y, `t3`\n halt\n"
      ".entry second(x)\n halt\n",
      true);
  check_round_trip(program);
  std::swap(program.entries[0],
            program.entries[1]);  // entries need not be in the order of their code
  check_round_trip(program);
  program.debug.files.push_back("a.pxasm");  // two files of one name
  for (auto& line : program.debug.lines) line.file = line.line % 2 == 0 ? 1 : 0;
  check_round_trip(program);
}
