#pragma once
// What a person names in a debugger: a register, a tensor, an element or some rows of it.
//
//   r7  l  decode.l     scalar register, by number or by its name in the source
//   x  t12              tensor by name (what its register holds now), or a tensor register
//   wq[3]               element 3 of a tensor array
//   x[2,5]  kv_k[3][0,1]  an element; as many numbers as the tensor has dimensions
//   x[2..4]             rows 2, 3 and 4 of the last two dimensions' matrix

#include "pxvm/debug/inspect.hpp"

#include <map>
#include <string_view>

namespace pxos::debug {

/// Names that a program image does not carry; from its source, when that is at hand.
struct Names {
  std::map<std::string, std::size_t, std::less<>> labels;  ///< "again", local ones "main.again"
  std::map<std::string, std::uint8_t, std::less<>> scalars;
};

struct Subject {
  enum class Kind : std::uint8_t { kScalar, kTensor };
  Kind kind = Kind::kTensor;
  std::string text;                   ///< as it was written
  std::uint8_t reg = 0;               ///< a scalar's, or a tensor's when `name` is empty
  std::string name;                   ///< of a declaration
  std::int64_t index = 0;             ///< of an array
  std::vector<std::int64_t> element;  ///< empty: all of it
  std::optional<RowRange> rows;
};

/// Errors: kNotFound with the nearest names, kUsage for anything that is not one of the above.
Result<Subject> parse_subject(std::string_view text, const isa::Program& program,
                              const Names& names);

/// A tensor subject at this moment.
struct Looked {
  vm::TensorView view;
  RowRange rows;
  std::optional<std::pair<std::int64_t, std::int64_t>> element;  ///< row and column
};
/// Requires: a tensor subject. Errors: kNotFound when the register holds nothing, kUsage when an
/// index is outside.
Result<Looked> look_at(const Subject& subject, vm::Machine& machine);

}  // namespace pxos::debug
