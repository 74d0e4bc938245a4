#pragma once
// Conditions on what registers and tensors hold.
//
//   nan | inf | bad | abs > 1e4       on whatever an instruction has just written
//   nan x | inf x | bad x[2..4] | abs x > 1e4     on a tensor (bad = NaN or infinite)
//   r3 == 7 | l < n_layer ... | x[2,5] >= 0.5     on a number; against a number with a point or
//                                     an exponent a scalar register is read as f32, else as i64

#include "pxvm/debug/subject.hpp"

namespace pxos::debug {

struct Condition {
  enum class Kind : std::uint8_t { kNan, kInfinite, kBad, kAbove, kCompare };
  enum class Relation : std::uint8_t {
    kEqual,
    kNotEqual,
    kLess,
    kLessEqual,
    kGreater,
    kGreaterEqual
  };
  Kind kind = Kind::kNan;
  Relation relation = Relation::kEqual;
  std::optional<Subject> subject;       ///< none: what was just written
  double limit = 0;                     ///< kAbove, and kCompare of a float
  std::optional<std::int64_t> integer;  ///< kCompare of a scalar register as i64
  std::string text;
};

/// Errors: kUsage with the forms above; those of parse_subject.
Result<Condition> parse_condition(std::string_view text, const isa::Program& program,
                                  const Names& names);

/// What makes it true now, for a person ("x: 3 of 64 are NaN, the first at [0, 5]"); none when it
/// is false. A subject that holds nothing yet makes it false. `last_pc`: the instruction that was
/// made last.
[[nodiscard]] std::optional<std::string> holds(const Condition& condition, vm::Machine& machine,
                                               std::optional<std::size_t> last_pc);

}  // namespace pxos::debug
