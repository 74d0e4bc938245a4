#include "shell/logo.hpp"

#include "pixelfs/font.hpp"
#include "shell/style.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace pxos::shell {
namespace {

namespace font = pixelfs::font;

constexpr std::string_view kName = "pxOS";
constexpr std::uint32_t kPitch = 8;  // of a font pixel: 7 lit and 1 dark, like a panel of lamps
constexpr std::uint32_t kLit = 7;
constexpr std::uint32_t kWidth = 896;  // the widest picture the console shows as it is
constexpr std::uint32_t kTextX = 288;
constexpr std::array<std::string_view, 3> kText{
    "a cartridge operating system", "for neural networks", "where every model is a picture"};
constexpr std::uint32_t kTextY = 24;
constexpr std::uint32_t kTextPitch = 20;
constexpr std::uint32_t kFirstRow = 2;  // rows 2 to 14 of the font hold all of the four letters
constexpr std::uint32_t kRows = 13;

constexpr Rgb kTop{127, 219, 190};
constexpr Rgb kBottom{150, 140, 255};

/// Between the two colours, by how far down and right a pixel is.
Rgb shade(std::uint32_t column, std::uint32_t row, std::uint32_t columns) {
  const std::uint32_t at = (row * 2 + column) * 255 / (kRows * 2 + columns);
  Rgb out{};
  for (std::size_t k = 0; k < 3; ++k)
    out[k] = static_cast<std::uint8_t>((kTop[k] * (255 - at) + kBottom[k] * at) / 255);
  return out;
}

void light(pixelfs::Image& image, std::uint32_t column, std::uint32_t row, const Rgb& colour) {
  for (std::uint32_t y = row * kPitch; y < row * kPitch + kLit; ++y) {
    for (std::uint32_t x = column * kPitch; x < column * kPitch + kLit; ++x) {
      const std::size_t at = (std::size_t{y} * image.width + x) * 4;
      std::copy(colour.begin(), colour.end(),
                image.pixels.begin() + static_cast<std::ptrdiff_t>(at));
      image.pixels[at + 3] = 255;
    }
  }
}

}  // namespace

pixelfs::Image draw_logo() {
  const auto columns = static_cast<std::uint32_t>(kName.size()) * font::kGlyphWidth;
  pixelfs::Image image{kWidth, kRows * kPitch, 4, {}};
  image.pixels.resize(std::size_t{image.width} * image.height * 4);
  for (std::uint32_t letter = 0; letter < kName.size(); ++letter) {
    const auto rows = font::glyph(static_cast<unsigned char>(kName[letter]));
    for (std::uint32_t row = 0; row < kRows; ++row) {
      for (std::uint32_t bit = 0; bit < font::kGlyphWidth; ++bit) {
        if ((static_cast<unsigned>(rows[kFirstRow + row]) >> (7 - bit) & 1U) == 0) continue;
        const std::uint32_t column = letter * font::kGlyphWidth + bit;
        light(image, column, row, shade(column, row, columns));
      }
    }
  }
  for (std::size_t i = 0; i < kText.size(); ++i) {
    const bool last = i + 1 == kText.size();
    const auto y =
        kTextY + static_cast<std::uint32_t>(i) * kTextPitch + (last ? kTextPitch / 2 : 0);
    font::draw_text(image, kTextX, y, kText[i],
                    {Theme{}.colour(last ? Style::kDim : Style::kText), 1});
  }
  return image;
}

}  // namespace pxos::shell
