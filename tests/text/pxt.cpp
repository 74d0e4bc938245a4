// Runs one text case and prints it again with the output that the assembler gives now:
//   pxt FILE.pxt
// A case holds a command, one or more files and the expected output, each after a marker line:
//   # free text about what the case shows
//   $ asm                   diagnostics, then "ok" or "failed"; with --no-debug, --werror, -W NAME;
//                           also: list, symbols, dis, plan, fmt, link name=value name:length
//   $ run                   calls every entry without arguments: r0 and the results, or the trap
//   --- main.pxasm          the program; further files are what `.include` finds
//   === output
// tests/update_goldens.py compares or rewrites. Exit code 2 = the file is no text case.
#include "assembler/assembler.hpp"
#include "assembler/disassembler.hpp"
#include "assembler/formatter.hpp"
#include "pxvm/vm/link.hpp"
#include "pxvm/vm/plan.hpp"
#include "tests/text/run_case.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
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

/// The words of the command line behind the first.
std::vector<std::string> words_of(const std::string& command) {
  std::istringstream in(command);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

/// nullopt for an option that there is not.
std::optional<AssembleOptions> options_of(const std::vector<std::string>& words) {
  AssembleOptions options;
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "--no-debug") {
      options.debug_info = false;
    } else if (words[i] == "--werror") {
      options.warnings_are_errors = true;
    } else if (words[i] != "-W" || i + 1 == words.size() || !options.warnings.apply(words[++i])) {
      return std::nullopt;
    }
  }
  return options;
}

AssembleResult assemble(const TextCase& text, AssembleOptions options) {
  options.source = text.files.front();
  options.include = [&text](std::string_view path) -> pxos::Result<std::string> {
    for (const SourceFile& file : text.files) {
      if (file.path == path) return file.text;
    }
    return pxos::fail(pxos::Errc::kNotFound, "no such file");
  };
  return pxos::assembler::assemble(options);
}

/// Links against the parameters `name=value` and the vectors `name:length` of the command.
std::string link(const pxos::isa::VerifiedProgram& program, const std::vector<std::string>& words) {
  pxos::vm::LinkInputs inputs;
  std::map<std::string, std::int64_t> lengths;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t mark = words[i].find_first_of("=:");
    if (mark == std::string::npos) return "the words of link are name=value and name:length\n";
    auto& known = words[i][mark] == '=' ? inputs.integers : lengths;
    known[words[i].substr(0, mark)] = std::stoll(words[i].substr(mark + 1));
  }
  std::map<std::string, std::vector<std::uint8_t>> bytes;
  for (const auto& [name, length] : lengths)
    bytes[name].resize(static_cast<std::size_t>(length) * 4);
  inputs.find_weight = [&](const std::string& name) -> std::optional<pxos::vm::WeightTensor> {
    const auto found = lengths.find(name);
    if (found == lengths.end()) return std::nullopt;
    pxos::vm::WeightTensor out;
    out.name = name;
    out.shape = {found->second};
    out.linear = bytes[name];
    return out;
  };
  const auto linked = pxos::vm::link(program, inputs);
  return linked ? "linked\n" : fmt::format("main.pxasm: error: {}\n", linked.error().message);
}

std::optional<std::string> run(const TextCase& text) {
  const std::vector<std::string> words = words_of(text.command);
  const std::string& verb = words.front();
  if (verb == "fmt") return pxos::assembler::format(text.files.front().text);
  const auto options = verb == "link" ? AssembleOptions() : options_of(words);
  const AssembleResult result = assemble(text, options.value_or(AssembleOptions()));
  std::string out = pxos::assembler::render_all(result.diagnostics, result.sources);
  if (!options) return std::nullopt;
  if (!result.program) return out + "failed\n";
  const pxos::isa::Program& program = result.program->program();
  if (verb == "asm") return out + fmt::format("ok, {} instructions\n", program.code.size());
  if (verb == "list") return out + pxos::assembler::listing(program, result.sources);
  if (verb == "symbols") return out + pxos::assembler::symbols_text(result.symbols);
  if (verb == "dis") return out + pxos::assembler::disassemble(program);
  if (verb == "plan") return out + pxos::vm::plan_text(program, pxos::vm::make_plan(program));
  // Warnings have cases of their own: here a result may be left where nobody but the case looks.
  if (verb == "run") return pxos::test::run_entries(text.files.front().text, program);
  if (verb == "link") return out + link(*result.program, words);
  return std::nullopt;
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
