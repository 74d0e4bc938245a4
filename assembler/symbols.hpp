#pragma once
// The names of a program with what they stand for and where they are declared, for debuggers,
// editors and people. Plain values.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pxos::assembler {

struct SymbolRow {
  std::string kind;   ///< param, dim, const, string, attr, import .. output, entry, label, register
  std::string name;   ///< local labels and registers of an entry as "scope.name"
  std::string value;  ///< "12" for a label's instruction, "r3", "t5 f32[T, dim]", "f32 1e-05", ..
  std::string file;
  std::uint32_t line = 0;    ///< from 1
  std::uint32_t column = 0;  ///< from 1, in bytes
  friend bool operator==(const SymbolRow&, const SymbolRow&) = default;
};

/// One row a line, "kind<TAB>name<TAB>value<TAB>file:line:column". No field holds a tab or newline.
[[nodiscard]] std::string symbols_text(std::span<const SymbolRow> rows);

struct Assembly;
/// Rows of an assembly that succeeded: values, records and tensors in the order of the text, then
/// code by instruction.
[[nodiscard]] std::vector<SymbolRow> collect_symbols(const Assembly& assembly);

}  // namespace pxos::assembler
