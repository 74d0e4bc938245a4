#pragma once
// Shapes as patterns: unifies the dimension names of an opcode with the polynomials of its
// operands. Private to the verifier.

#include "pxvm/isa/program.hpp"
#include "pxvm/isa/verify.hpp"

#include <optional>
#include <span>
#include <string>

namespace pxos::isa {

/// A tensor operand whose type is known.
struct ShapedOperand {
  Field field = Field::kD;
  const TensorDecl* decl = nullptr;  ///< its type, and the name to show
};

struct ShapeMismatch {
  Field field = Field::kD;  ///< the operand that does not fit
  std::string message;      ///< "w is [1024, 127], x is [T, 128]: K is 127 in a, 128 in b"
};

/// Matches each operand with its pattern: equal rank, and for every name one polynomial. Products
/// and attribute fields ("@x" of `attr`) are compared once all names are bound.
[[nodiscard]] std::optional<ShapeMismatch> match_shapes(const Program& program,
                                                        std::span<const ShapePattern> patterns,
                                                        std::span<const ShapedOperand> operands,
                                                        const AttrRecord* attr);

/// 'd', 'a', 'b', 'c', 'e', 'i'
[[nodiscard]] char field_letter(Field field);

}  // namespace pxos::isa
