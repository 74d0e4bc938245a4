#pragma once
// Pieces of GBNF for JSON schemas: quoted texts, repetitions, integer ranges, patterns and formats.
// Pure functions.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pxos::cartridges {

/// `text` as a GBNF literal.
[[nodiscard]] std::string quote_gbnf(std::string_view text);

/// "{least,most}"; most < 0 = without end.
[[nodiscard]] std::string repeat_gbnf(std::int64_t least, std::int64_t most);

/// The decimal spellings of the integers from least to most; a missing bound is as far as 16
/// digits go. Requires: least <= most, both of at most 16 digits.
[[nodiscard]] std::string integer_range_gbnf(std::optional<std::int64_t> least,
                                             std::optional<std::int64_t> most);

/// A regular expression for the inside of a JSON string: ^...$ with characters, escapes (\d \w \s
/// and their like), classes, ., groups, | and repetition. A missing anchor means any text there.
/// Errors: kUnsupported naming the construct and its place.
Result<std::string> pattern_gbnf(std::string_view pattern);

/// date, time, date-time, uuid. Errors: kUnsupported.
Result<std::string> format_gbnf(std::string_view format);

}  // namespace pxos::cartridges
