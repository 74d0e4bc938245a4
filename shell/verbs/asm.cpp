// asm: pixel assembly to a program picture.

#include "assembler/assembler.hpp"
#include "assembler/disassembler.hpp"
#include "pxvm/base/file.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct AsmArguments {
  std::string source;
  std::string output;
  bool listing = false;
  bool strip = false;
};

Result<int> run_asm(const AsmArguments& arguments) {
  PX_TRY(const ByteVector text, read_file(arguments.source));
  const std::filesystem::path folder = std::filesystem::path(arguments.source).parent_path();
  const auto include = [&](std::string_view name) -> Result<std::string> {
    PX_TRY(const ByteVector content, read_file(folder / name));
    return std::string(as_text(content));
  };
  const assembler::AssembleResult result = assembler::assemble(
      {{arguments.source, std::string(as_text(text))}, include, !arguments.strip});
  fmt::print(stderr, "{}", assembler::render_all(result.diagnostics, result.sources));
  if (!result.program) return 1;
  const isa::Program& program = result.program->program();
  if (arguments.listing) fmt::print("{}", assembler::listing(program, result.sources));
  PX_TRY(const ByteVector png, program_png(program));
  const std::filesystem::path output =
      arguments.output.empty() ? std::filesystem::path(arguments.source).replace_extension(".pxi")
                               : std::filesystem::path(arguments.output);
  PX_CHECK(write_file_atomic(output, png));
  fmt::print(stderr, "{}: {} instructions, {} bytes\n", output.string(), program.code.size(),
             png.size());
  return 0;
}

}  // namespace

VerbAction setup_asm(CLI::App& verb) {
  auto arguments = std::make_shared<AsmArguments>();
  verb.add_option("SOURCE", arguments->source, "pixel assembly text (.pxasm)")->required();
  verb.add_option("-o,--output", arguments->output, "program picture; default: SOURCE with .pxi");
  verb.add_flag("--listing", arguments->listing,
                "print index, pixels and source of every instruction");
  verb.add_flag("--strip", arguments->strip, "leave out the line table");
  return [arguments] { return run_asm(*arguments); };
}

}  // namespace pxos::shell
