#pragma once
// What templates may call: filters, tests, methods of texts and mappings, and a few functions. All
// are pure (raise_exception returns an error), so a template can reach nothing but its input.

#include "pxvm/text/jinja/value.hpp"

#include <span>
#include <string>
#include <string_view>

namespace pxos::text::jinja {

/// One call's arguments, evaluated. keywords[i] is "" for a positional argument.
struct Arguments {
  std::span<const Value> values;
  std::span<const std::string> keywords;

  [[nodiscard]] const Value* positional(std::size_t index) const;
  [[nodiscard]] const Value* keyword(std::string_view name) const;
  /// By position, else by name.
  [[nodiscard]] const Value* find(std::size_t index, std::string_view name) const;
};

// Errors of all: kUnsupported for a name that is not there, kInvalid for arguments or operands of
// the wrong kind, kLimit from the budget.
Result<Value> apply_filter(std::string_view name, const Value& operand, const Arguments& arguments,
                           Budget& budget);
Result<bool> apply_test(std::string_view name, const Value& operand, const Arguments& arguments,
                        Budget& budget);
Result<Value> call_method(std::string_view name, const Value& object, const Arguments& arguments,
                          Budget& budget);
Result<Value> call_function(Function function, const Arguments& arguments, Budget& budget);

/// The items a loop or filter sees: of a list, keys of a mapping, characters of a text, nothing for
/// undefined.
Result<std::vector<Value>> items_of(const Value& value, Budget& budget);
/// object[key]; undefined when there is none.
Result<Value> subscript(const Value& object, const Value& key, Budget& budget);
/// object[start:stop:step] with Python's meaning; undefined or none bounds are open.
struct SliceBounds {
  Value start, stop, step;
};
Result<Value> slice(const Value& object, const SliceBounds& bounds, Budget& budget);
/// needle in haystack.
Result<bool> contains(const Value& haystack, const Value& needle, Budget& budget);

}  // namespace pxos::text::jinja
