// The listing: what the assembler made of each line.
#include "assembler/disassembler.hpp"
#include "assembler/printer.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

/// Lines of each source, split once.
class SourceLines {
 public:
  explicit SourceLines(std::span<const SourceFile> sources) {
    for (const SourceFile& source : sources) split(lines_[source.path], source.text);
  }

  /// Empty when the text is not known.
  [[nodiscard]] std::string_view find(const std::string& path, std::uint32_t line) const {
    const auto found = lines_.find(path);
    if (found == lines_.end() || line == 0 || line > found->second.size()) return {};
    return found->second[line - 1];
  }

 private:
  static void split(std::vector<std::string_view>& lines, std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      lines.push_back(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  std::map<std::string, std::vector<std::string_view>> lines_;
};

/// Three pixels, one per group: "80 00 03 | 09 01 00 | 000000".
std::string pixels(const isa::Instruction& instruction) {
  const auto imm = static_cast<std::uint32_t>(instruction.imm);
  return fmt::format("{:02x} {:02x} {:02x} | {:02x} {:02x} {:02x} | {:02x} {:02x} {:02x}",
                     instruction.family, instruction.op, instruction.d, instruction.a,
                     instruction.b, instruction.c, imm & 0xFFU, (imm >> 8U) & 0xFFU,
                     (imm >> 16U) & 0xFFU);
}

std::string source_line(const isa::Program& program, const SourceLines& sources, std::size_t pc) {
  const auto& lines = program.debug.lines;
  if (pc >= lines.size() || (pc > 0 && lines[pc - 1] == lines[pc])) return {};
  if (lines[pc].file >= program.debug.files.size()) return {};
  const std::string& path = program.debug.files[lines[pc].file];
  const std::string_view text = sources.find(path, lines[pc].line);
  const std::string_view separator = text.empty() ? "" : "  ";
  return fmt::format("; {}:{}{}{}\n", path, lines[pc].line, separator, text);
}

}  // namespace

std::string listing(const isa::Program& program, std::span<const SourceFile> sources) {
  const SourceLines lines(sources);
  const Printer print(program);
  std::string out;
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    for (const isa::Entry& entry : program.entries) {
      if (entry.start == pc) out += fmt::format("\n{}:\n", entry.name);
    }
    out += source_line(program, lines, pc);
    out += fmt::format("{:6}  {}  {}", pc, pixels(program.code[pc]), print.instruction(pc));
    if (const auto target = print.target(pc)) out += fmt::format("   ; to {}", *target);
    out += '\n';
  }
  return out;
}

}  // namespace pxos::assembler
