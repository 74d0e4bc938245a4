#pragma once
// Integer operators that programs cannot carry to the machine (% << >> & ^ |) are computed while
// the text is read, so both sides must be numbers then.

#include "assembler/syntax.hpp"

#include <string_view>
#include <vector>

namespace pxos::assembler {

/// Where each operand on the stack of a postfix form begins.
using OperandStarts = std::vector<std::size_t>;

/// Keeps `starts` right after a step was appended at `before`: an operand, or an operator on the
/// last one or two.
void note_step(OperandStarts& starts, Expr::Op op, std::size_t before);

/// Replaces the last two operands of `value` by what the operator makes of them. A text says why it
/// cannot; then `value` is unchanged.
/// Numerics: 64 bits with sign; >> copies the sign; shifts are by 0 to 63; a % b has the sign of a.
[[nodiscard]] std::optional<std::string_view> fold_last(isa::Expression& value,
                                                        OperandStarts& starts, Expr::Fold fold);

}  // namespace pxos::assembler
