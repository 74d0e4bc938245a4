#pragma once
// "did you mean": the nearest known word, when it is near enough to be a slip.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pxos::assembler {

/// Edit distance with insert, delete, replace and swap of neighbours each costing 1 (optimal string
/// alignment).
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known word nearest to `word`, at most about a third of its letters away; ties by order.
/// nullopt when none is.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> known);

/// "did you mean 'x'?" or empty.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       std::span<const std::string_view> known);

}  // namespace pxos::assembler
