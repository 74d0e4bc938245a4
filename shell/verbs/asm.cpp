// asm: pixel assembly to a program picture, or to what a person, a debugger or make wants of it.

#include "assembler/assembler.hpp"
#include "assembler/disassembler.hpp"
#include "pxvm/base/file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct AsmArguments {
  std::string source;
  std::string output;
  std::string emit = "program";
  std::string depfile;
  std::vector<std::string> folders;
  std::vector<std::string> warnings;
  bool list_warnings = false;
  bool werror = false;
  bool listing = false;
  bool strip = false;
};

/// Beside the source, else in the first of the -I folders that has it.
std::filesystem::path included_path(const AsmArguments& arguments, std::string_view name) {
  std::filesystem::path beside = std::filesystem::path(arguments.source).parent_path() / name;
  std::error_code ignored;
  if (std::filesystem::exists(beside, ignored)) return beside;
  for (const std::string& folder : arguments.folders) {
    std::filesystem::path path = std::filesystem::path(folder) / name;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return beside;
}

std::filesystem::path program_path(const AsmArguments& arguments) {
  const bool named = !arguments.output.empty() && arguments.emit == "program";
  return named ? std::filesystem::path(arguments.output)
               : std::filesystem::path(arguments.source).replace_extension(".pxi");
}

/// A path as make reads it.
std::string make_word(const std::filesystem::path& path) {
  std::string out;
  for (const char c : path.string()) {
    if (c == ' ' || c == '#' || c == '\\') out += '\\';
    if (c == '$') out += '$';
    out += c;
  }
  return out;
}

/// One rule: the program depends on everything that was read. The rules without a recipe keep make
/// going when an included file is gone.
std::string make_rule(const AsmArguments& arguments, const assembler::AssembleResult& result) {
  std::string rule =
      fmt::format("{}: {}", make_word(program_path(arguments)), make_word(arguments.source));
  std::string phony;
  for (const std::string& name : result.read) {
    const std::string path = make_word(included_path(arguments, name));
    rule += " \\\n  " + path;
    phony += "\n" + path + ":\n";
  }
  return rule + "\n" + phony;
}

/// Text for --emit: to the file that is named, else to stdout.
Result<int> emit_text(const AsmArguments& arguments, const std::string& text) {
  if (arguments.output.empty()) {
    print_out("{}", text);
  } else {
    PX_CHECK(write_file_atomic(arguments.output, as_bytes(text)));
  }
  return 0;
}

Result<int> emit_program(const AsmArguments& arguments, const isa::Program& program) {
  PX_TRY(const ByteVector png, program_png(program));
  const std::filesystem::path output = program_path(arguments);
  PX_CHECK(write_file_atomic(output, png));
  print_to(stderr, "{}: {} instructions, {} bytes\n", output.string(), program.code.size(),
           png.size());
  return 0;
}

Result<assembler::AssembleResult> assemble_file(const AsmArguments& arguments) {
  PX_TRY(const ByteVector text, read_file(arguments.source));
  assembler::AssembleOptions options;
  options.source = {arguments.source, std::string(as_text(text))};
  options.include = [&](std::string_view name) -> Result<std::string> {
    PX_TRY(const ByteVector content, read_file(included_path(arguments, name)));
    return std::string(as_text(content));
  };
  options.debug_info = !arguments.strip;
  options.warnings_are_errors = arguments.werror;
  for (const std::string& word : arguments.warnings) PX_CHECK(options.warnings.apply(word));
  return assembler::assemble(options);
}

Result<int> run_asm(const AsmArguments& arguments) {
  if (arguments.list_warnings) {
    for (const assembler::WarningInfo& info : assembler::all_warnings())
      print_out("{:<16}  {}\n", info.name, info.meaning);
    return 0;
  }
  if (arguments.source.empty()) return fail(Errc::kUsage, "SOURCE is required");
  PX_CHECK(keep_input(arguments.source, program_path(arguments)));
  if (!arguments.depfile.empty()) PX_CHECK(keep_input(arguments.source, arguments.depfile));
  PX_TRY(const assembler::AssembleResult result, assemble_file(arguments));
  print_to(stderr, "{}", assembler::render_all(result.diagnostics, result.sources));
  // Also of a program with mistakes: make must try again when an included file changes.
  const std::string rule = make_rule(arguments, result);
  if (!arguments.depfile.empty()) PX_CHECK(write_file_atomic(arguments.depfile, as_bytes(rule)));
  if (arguments.emit == "deps") return emit_text(arguments, rule);
  if (!result.program) return 1;
  const isa::Program& program = result.program->program();
  if (arguments.emit == "symbols")
    return emit_text(arguments, assembler::symbols_text(result.symbols));
  if (arguments.emit == "listing")
    return emit_text(arguments, assembler::listing(program, result.sources));
  if (arguments.listing) print_out("{}", assembler::listing(program, result.sources));
  return emit_program(arguments, program);
}

}  // namespace

VerbAction setup_asm(VerbSyntax& verb) {
  auto arguments = std::make_shared<AsmArguments>();
  verb.add_option("SOURCE", arguments->source, "pixel assembly text (.pxasm)");
  verb.add_option("-o,--output", arguments->output,
                  "where to; default: SOURCE with .pxi for a program, stdout for text");
  verb.add_option("--emit", arguments->emit,
                  "program, listing (pixels and source of every instruction), symbols (names, "
                  "values and places) or deps (a make rule)")
      ->one_of({"program", "listing", "symbols", "deps"})
      ->capture_default_str();
  verb.add_option("--depfile", arguments->depfile, "write the make rule here as well");
  verb.add_option("-I,--include", arguments->folders,
                  "where included files are looked for that are not beside SOURCE")
      ->allow_extra_args(false);
  verb.add_option("-W", arguments->warnings,
                  "turn a warning on, or off with no- in front: -W no-unused-temp; all and unused "
                  "are groups")
      ->allow_extra_args(false);
  verb.add_flag("--list-warnings", arguments->list_warnings, "say what -W knows");
  verb.add_flag("--werror", arguments->werror, "warnings are errors");
  verb.add_flag("--listing", arguments->listing, "print the listing besides writing the program");
  verb.add_flag("--strip", arguments->strip, "leave out the line table");
  return [arguments] { return run_asm(*arguments); };
}

}  // namespace pxos::shell
