#pragma once
// The verifier: a separate pass that proves, before the first instruction runs, that opcodes,
// operands, register kinds, ranks, branch targets, access and symbolic shapes are sound on every
// path. The linker and interpreter accept only VerifiedProgram, so what they need not check again
// is exactly what is listed here:
//   every operand index is inside its table; every branch lands on an instruction and no path runs
//   off the end; every tensor register read was set on every path with the element type and rank
//   its instruction needs; imports and inputs are never written; shapes match as polynomials (equal
//   where paths join);
//   functions are entered by call only and left by ret only, so calls are balanced; a function uses
//   the registers of its frame and no others; tensor registers are taken as unset after a call;
//   a home register keeps its tensor (bind writes free registers only, tail and rows only views);
//   no instruction writes memory that it reads through another window or still has to read;
//   the dimension of `dim` exists; fields an opcode does not use are zero.
// Left to link: concrete extents. Left to run time (one O(1) check each): array index, row offset,
// gather ids, element index, pos, call depth, `.require`, `.dim` ranges.

#include "pxvm/isa/program.hpp"

#include <memory>

namespace pxos::isa {

/// A finding, tied to an instruction when it has one, so that the assembler can point a caret at
/// its operand.
struct Finding {
  std::optional<std::size_t> pc;
  std::optional<Field> field;
  std::string message;
};

/// A program that passed; immutable, shareable between threads.
class VerifiedProgram {
 public:
  [[nodiscard]] const Program& program() const { return *program_; }

 private:
  friend tl::expected<VerifiedProgram, std::vector<Finding>> verify(Program program);
  explicit VerifiedProgram(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

/// All findings, in program order (capped at 100).
tl::expected<VerifiedProgram, std::vector<Finding>> verify(Program program);

/// The first finding as an Error with its location; for callers that only report.
Result<VerifiedProgram> verify_or_error(Program program);

/// One dimension pattern of an opcode's `shapes` column, e.g. "d[T,@heads*@head_dim]".
struct ShapePattern {
  Field field = Field::kD;
  bool any = false;  ///< "[...]"
  std::vector<std::vector<std::string>>
      dims;  ///< each dim a product of names, "@x" attribute fields, numbers
};
[[nodiscard]] std::vector<ShapePattern> parse_shapes(std::string_view shapes);

}  // namespace pxos::isa
