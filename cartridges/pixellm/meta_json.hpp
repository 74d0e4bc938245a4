#pragma once
// Numbers as Python's json module writes them. Internal to the pixellm folder.

#include <string>

namespace pxos::cartridges::pixellm {

/// Python's repr of a finite double: the shortest digits that read back equal; scientific form when
/// the decimal exponent is below -4 or above 15, with at least two exponent digits ("1e-06", "0.5",
/// "3.0").
[[nodiscard]] std::string python_number(double value);

}  // namespace pxos::cartridges::pixellm
