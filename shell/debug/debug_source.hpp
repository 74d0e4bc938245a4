#pragma once
// The text behind a debugged program: files for listings, names of labels and registers. A program
// image carries files and lines, but neither text nor names: those come from assembling the source.

#include "assembler/assembler.hpp"
#include "pxvm/debug/subject.hpp"

#include <vector>

namespace pxos::shell {

struct DebugSource {
  std::vector<assembler::SourceFile> files;
  debug::Names names;

  /// The line, without its end; empty when the text is not at hand.
  [[nodiscard]] std::string_view line(std::string_view file, std::uint32_t number) const;
  /// 0 when the text is not at hand.
  [[nodiscard]] std::uint32_t line_count(std::string_view file) const;
};

/// Names and files of an assembly.
[[nodiscard]] DebugSource source_of(const assembler::AssembleResult& assembled);

/// Names as a person may write them: "main.i", and "i" where all entries mean the same register.
[[nodiscard]] debug::Names names_of(std::span<const assembler::SymbolRow> symbols);

/// Instructions that WHERE means: "@17" an instruction, "30" a line of the file that `pc` comes
/// from, "rotary.pxasm:12", a label, an entry, "op MNEMONIC" all of a kind. A line gives the first
/// instruction of each place it was expanded to; one without code means the next that has some.
/// Errors: kNotFound saying what there is.
Result<std::vector<std::size_t>> find_places(std::string_view where, const isa::Program& program,
                                             const debug::Names& names, std::size_t pc);

}  // namespace pxos::shell
