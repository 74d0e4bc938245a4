// Build step: assembles programs to pictures and makes the files that are embedded in the binary.
//   build_programs OUT_DIR FILE.pxasm... [--demos FILE.pxasm...] [--text FILE.pxasm...]
// writes OUT_DIR/NAME.pxi and OUT_DIR/NAME.pxasm per program, the texts they include, those behind
// --text (included by what is made at run time), welcome.pxa, embedded.S and embedded.cpp.

#include "assembler/assembler.hpp"
#include "cartridges/pack.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/isa/image.hpp"

#include <cstdio>
#include <map>

#include <fmt/format.h>

namespace {

using pxos::ByteVector;
using pxos::Result;

struct Built {
  std::string name;
  ByteVector png;
  std::string source;
  bool is_demo = false;  ///< behind --demos
};

/// Texts by the names they are included under.
using Includes = std::map<std::string, std::string, std::less<>>;

Result<Built> build(const std::filesystem::path& path, Includes& includes) {
  PX_TRY(const ByteVector text, pxos::read_file(path));
  Built built{path.stem().string(), {}, std::string(pxos::as_text(text)), false};
  const auto include = [&](std::string_view name) -> Result<std::string> {
    PX_TRY(const ByteVector included, pxos::read_file(path.parent_path() / name));
    return includes[std::string(name)] = std::string(pxos::as_text(included));
  };
  PX_TRY(const pxos::isa::VerifiedProgram program,
         pxos::assembler::assemble_or_error(
             {{path.filename().string(), built.source}, include, true}));
  PX_TRY(const pxos::isa::RgbImage image, pxos::isa::encode_program(program.program()));
  PX_TRY(built.png, pxos::pixelfs::encode_png({image.width, image.height, 3, image.rgb}));
  return built;
}

Result<void> pack_welcome(const std::filesystem::path& folder, const Built& program) {
  pxos::cartridges::Manifest manifest;
  manifest.name = "welcome";
  manifest.version = "1.0.0";
  manifest.title = "Welcome to pxOS";
  manifest.author = "the pxOS authors";
  manifest.licence = "MIT";
  manifest.creator_kind = "human";
  manifest.creator_name = "the pxOS authors";
  manifest.manifest_kind = "program";
  manifest.capabilities = {"console", "screen"};
  manifest.notes = "Boots when there is no model: a picture drawn by a pixel program.";
  using pxos::cartridges::entry_from_bytes;
  using pxos::cartridges::EntryKind;
  std::vector<pxos::cartridges::EntrySource> entries;
  entries.push_back(entry_from_bytes("welcome.pxi", EntryKind::kProgram, program.png));
  const pxos::Bytes source = pxos::as_bytes(program.source);
  entries.push_back(
      entry_from_bytes("welcome.pxasm", EntryKind::kSource, {source.begin(), source.end()}));
  return pxos::cartridges::pack(folder / "welcome.pxa", manifest, std::move(entries));
}

std::string incbin(const std::string& symbol, const std::filesystem::path& file) {
  return fmt::format(
      ".global {0}\n.global {0}_end\n.balign 4096\n{0}:\n.incbin \"{1}\"\n{0}_end:\n.byte 0\n",
      symbol, file.string());
}

Result<void> write_text(const std::filesystem::path& path, const std::string& text) {
  return pxos::write_file_atomic(path, pxos::as_bytes(text));
}

/// The fixed end of embedded.cpp: look-ups over the two tables.
constexpr const char* kLookups = R"(
const EmbeddedProgram* find(std::string_view name) {
  for (const EmbeddedProgram& program : all()) {
    if (program.name == name) return &program;
  }
  return nullptr;
}

Result<std::string> read_include(std::string_view name) {
  for (const EmbeddedText& text : includes()) {
    if (text.name == name) return std::string(text.text);
  }
  return fail(Errc::kNotFound, "{}: no such text ships with pxos", name);
}

Bytes welcome_cartridge() { return {pxos_welcome, pxos_welcome_end}; }

}  // namespace pxos::programs
)";

/// Symbols of embedded.S as they are assembled, declared and put into tables.
struct Tables {
  std::string assembly, externs, programs, includes;

  /// Gives the symbol's name.
  std::string embed(std::string symbol, const std::filesystem::path& file) {
    assembly += incbin(symbol, file);
    externs += fmt::format("extern const unsigned char {0}[], {0}_end[];\n", symbol);
    return symbol;
  }
};

Result<void> write_tables(const std::filesystem::path& folder, const std::vector<Built>& programs,
                          const Includes& includes) {
  Tables tables;
  tables.embed("pxos_welcome", folder / "welcome.pxa");
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const std::string& name = programs[i].name;
    const auto png = tables.embed(fmt::format("pxos_png_{}", i), folder / (name + ".pxi"));
    const auto text = tables.embed(fmt::format("pxos_src_{}", i), folder / (name + ".pxasm"));
    tables.programs +=
        fmt::format("    {{\"{0}\", {{{1}, {1}_end}}, as_text({{{2}, {2}_end}}), {3}}},\n", name,
                    png, text, programs[i].is_demo);
  }
  std::size_t number = 0;
  for (const auto& [name, text] : includes) {
    PX_CHECK(write_text(folder / name, text));
    const auto symbol = tables.embed(fmt::format("pxos_inc_{}", number++), folder / name);
    tables.includes += fmt::format("    {{\"{0}\", as_text({{{1}, {1}_end}})}},\n", name, symbol);
  }
  tables.assembly += ".section .note.GNU-stack,\"\",@progbits\n";
  PX_CHECK(write_text(folder / "embedded.S", ".section .rodata\n" + tables.assembly));
  return write_text(
      folder / "embedded.cpp",
      fmt::format(
          "// Generated by build_programs; do not edit.\n#include \"programs/programs.hpp\"\n\n"
          "extern \"C\" {{\n{}}}\n\nnamespace pxos::programs {{\n\n"
          "std::span<const EmbeddedProgram> all() {{\n"
          "  static const EmbeddedProgram programs[] = {{\n{}  }};\n  return programs;\n}}\n\n"
          "std::span<const EmbeddedText> includes() {{\n"
          "  static const EmbeddedText texts[] = {{\n{}  }};\n  return texts;\n}}\n",
          tables.externs, tables.programs, tables.includes) +
          kLookups);
}

Result<void> add_text(const std::filesystem::path& path, Includes& includes) {
  PX_TRY(const ByteVector text, pxos::read_file(path));
  includes[path.filename().string()] = std::string(pxos::as_text(text));
  return {};
}

Result<void> run(const std::filesystem::path& folder, std::span<char* const> files) {
  std::vector<Built> programs;
  Includes includes;
  std::string_view section;
  for (const char* file : files) {
    if (std::string_view(file).starts_with("--")) {
      section = file;
      continue;
    }
    if (section == "--text") {
      PX_CHECK(add_text(file, includes));
      continue;
    }
    PX_TRY(Built built, build(file, includes));
    built.is_demo = section == "--demos";
    PX_CHECK(pxos::write_file_atomic(folder / (built.name + ".pxi"), built.png));
    PX_CHECK(write_text(folder / (built.name + ".pxasm"), built.source));
    if (built.name == "welcome") PX_CHECK(pack_welcome(folder, built));
    programs.push_back(std::move(built));
  }
  return write_tables(folder, programs, includes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: build_programs OUT_DIR FILE.pxasm... [--demos FILE...] [--text FILE...]\n",
               stderr);
    return 2;
  }
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  const auto done = run(arguments[1], arguments.subspan(2));
  if (!done) {
    std::fprintf(stderr, "%s\n", done.error().message.c_str());
    return 1;
  }
  return 0;
}
