#pragma once
// What a piece of text is, and the colour the theme gives it. Plain values.

#include <array>
#include <cstdint>

namespace pxos::shell {

using Rgb = std::array<std::uint8_t, 3>;

/// The role of a text; the window turns it into a colour, a terminal into an escape sequence.
enum class Style : std::uint8_t {
  kText,     ///< a result
  kModel,    ///< what a model says
  kUser,     ///< what the user typed
  kDim,      ///< less important than what stands beside it
  kAccent,   ///< names, numbers worth finding
  kHeading,  ///< the first line of a table
  kGood,     ///< a step that worked
  kError,    ///< a failure
};

/// Dark, one accent, enough contrast (every text colour is at least 4.5:1 on the background).
struct Theme {
  Rgb background{14, 17, 24};
  Rgb bar{24, 28, 39};
  Rgb cursor{127, 219, 190};
  Rgb cursor_text{14, 17, 24};
  Rgb selection{45, 55, 78};

  [[nodiscard]] constexpr Rgb colour(Style style) const {
    switch (style) {
      case Style::kText:
        return {205, 207, 214};
      case Style::kModel:
        return {236, 234, 224};
      case Style::kUser:
        return {242, 200, 121};
      case Style::kDim:
        return {125, 133, 153};
      case Style::kAccent:
        return {127, 219, 190};
      case Style::kHeading:
        return {180, 166, 255};
      case Style::kGood:
        return {156, 212, 122};
      case Style::kError:
        return {244, 118, 124};
    }
    return {205, 207, 214};
  }
};

}  // namespace pxos::shell
