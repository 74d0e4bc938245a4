#pragma once
// Pieces of a program as assembly text that reads back to exactly the same values. Shared by
// disassembler and listing.

#include "pxvm/isa/program.hpp"

#include <map>
#include <string>

namespace pxos::assembler {

/// Borrows the program. Total: any Program value is printed, whether it verifies or not.
class Printer {
 public:
  explicit Printer(const isa::Program& program);

  /// A name as it is written where a name is declared or used: in back-quotes when it looks like a
  /// register.
  [[nodiscard]] static std::string name(std::string_view text);
  /// A whole number or a real that reads back to the same bits.
  [[nodiscard]] static std::string number(const isa::Number& value);
  [[nodiscard]] static std::string real(double value);

  [[nodiscard]] std::string expression(const isa::Expression& value) const;
  [[nodiscard]] std::string polynomial(const isa::Polynomial& value) const;
  /// "f32[T, dim]"
  [[nodiscard]] std::string tensor_type(const isa::TensorDecl& decl) const;
  [[nodiscard]] std::string string_name(std::size_t index) const;
  [[nodiscard]] std::string label(std::size_t target) const;
  /// "matmul q, t7, xn", or ".word .." for what has no other form.
  [[nodiscard]] std::string instruction(std::size_t pc) const;
  /// Index an instruction branches to, when that lies in the code.
  [[nodiscard]] std::optional<std::size_t> target(std::size_t pc) const;

 private:
  [[nodiscard]] std::optional<std::string> operand(std::size_t pc, isa::Operand operand) const;
  [[nodiscard]] std::string tensor(std::uint8_t reg) const;
  [[nodiscard]] std::string constant(std::size_t index) const;
  [[nodiscard]] std::string symbol(isa::SymbolId id) const;
  [[nodiscard]] std::optional<std::string> attribute(std::size_t index,
                                                     isa::AttrRecord::Kind kind) const;
  [[nodiscard]] static std::string word(const isa::Instruction& instruction);

  const isa::Program& program_;
  std::string string_prefix_;
  std::string label_prefix_;
  std::map<std::uint8_t, std::string> homes_;
  std::map<std::string, std::size_t> value_names_;  ///< how often symbols and constants use a name
};

}  // namespace pxos::assembler
