// Runs one text case and prints it again with the output that the assembler gives now:
//   pxt FILE.pxt
// A case holds a command, one or more files and the expected output, each after a marker line:
//   # free text about what the case shows
//   $ asm                   diagnostics, then "ok" or "failed"; also: asm --no-debug, list, dis,
//   plan
//   --- main.pxasm          the program; further files are what `.include` finds
//   === output
// tests/update_goldens.py compares or rewrites. Exit code 2 = the file is no text case.
#include "assembler/assembler.hpp"
#include "assembler/disassembler.hpp"
#include "pxvm/vm/plan.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <fmt/core.h>

namespace {

using pxos::assembler::AssembleOptions;
using pxos::assembler::AssembleResult;
using pxos::assembler::SourceFile;

struct TextCase {
  std::string head;  ///< everything up to the output marker, kept as it is
  std::string command;
  std::vector<SourceFile> files;
};

std::optional<TextCase> parse(const std::string& text) {
  TextCase out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string line = text.substr(at, end - at);
    at = end;
    if (line.starts_with("=== output"))
      return out.command.empty() || out.files.empty() ? std::nullopt : std::optional(out);
    out.head += line;
    if (line.starts_with("--- ")) {
      out.files.push_back({line.substr(4, line.size() - 5), {}});
    } else if (!out.files.empty()) {
      out.files.back().text += line;
    } else if (line.starts_with("$ ")) {
      out.command = line.substr(2, line.size() - 3);
    }
  }
  return std::nullopt;
}

AssembleResult assemble(const TextCase& text, bool debug_info) {
  AssembleOptions options;
  options.source = text.files.front();
  options.debug_info = debug_info;
  options.include = [&text](std::string_view path) -> pxos::Result<std::string> {
    for (const SourceFile& file : text.files) {
      if (file.path == path) return file.text;
    }
    return pxos::fail(pxos::Errc::kNotFound, "no such file");
  };
  return pxos::assembler::assemble(options);
}

std::optional<std::string> run(const TextCase& text) {
  const bool known = text.command == "asm" || text.command == "asm --no-debug" ||
                     text.command == "list" || text.command == "dis" || text.command == "plan";
  if (!known) return std::nullopt;
  const AssembleResult result = assemble(text, text.command != "asm --no-debug");
  std::string out = pxos::assembler::render_all(result.diagnostics, result.sources);
  if (!result.program) return out + "failed\n";
  if (text.command == "list")
    return out + pxos::assembler::listing(result.program->program(), result.sources);
  if (text.command == "dis") return out + pxos::assembler::disassemble(result.program->program());
  if (text.command == "plan") {
    const pxos::isa::Program& program = result.program->program();
    return out + pxos::vm::plan_text(program, pxos::vm::make_plan(program));
  }
  return out + fmt::format("ok, {} instructions\n", result.program->program().code.size());
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) {
    fmt::print(stderr, "usage: pxt FILE.pxt\n");
    return 2;
  }
  std::ifstream file(words[1], std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto text = parse(bytes);
  const auto output = text ? run(*text) : std::nullopt;
  if (!output) {
    fmt::print(stderr,
               "{}: no text case: it needs '$ command', '--- file' and '=== output' lines\n",
               words[1]);
    return 2;
  }
  fmt::print("{}=== output\n{}", text->head, *output);
  return 0;
}
