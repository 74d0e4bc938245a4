#include "cartridges/label.hpp"

#include <catch2/catch.hpp>

using pxos::Xxh128;
using pxos::cartridges::draw_label;
using pxos::cartridges::LabelContent;
using pxos::cartridges::read_label_strip;

namespace {

LabelContent content() {
  LabelContent out;
  out.title =
      "A title that is much longer than the label is wide, and goes on and on and on and on";
  out.lines = {"one", "two", "three", "four", "five", "six", "seven"};
  for (int i = 0; i < 8; ++i)
    out.thumbnails.push_back({"sheet", pxos::ByteVector(pxos::cartridges::kThumbnailBytes, 9)});
  out.manifest_digest = {0x0123456789ABCDEF, 0xFEDCBA9876543210};
  return out;
}

}  // namespace

TEST_CASE("The strip gives the digest back", "[label]") {
  const auto image = draw_label(content());
  CHECK(read_label_strip(image) == content().manifest_digest);
  CHECK(draw_label(content()).pixels == image.pixels);
}

TEST_CASE("The strip survives an added alpha channel and lost precision", "[label]") {
  const auto image = draw_label(content());
  pxos::pixelfs::Image rgba{image.width, image.height, 4, {}};
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    for (std::size_t c = 0; c < 3; ++c)
      rgba.pixels.push_back(static_cast<std::uint8_t>(20 + image.pixels[i + c] * 7 / 10));
    rgba.pixels.push_back(255);
  }
  CHECK(read_label_strip(rgba) == content().manifest_digest);
}

TEST_CASE("A damaged strip, or a picture without one, is no digest", "[label]") {
  auto image = draw_label(content());
  // One block inverted: the checksum of the strip notices.
  const std::size_t row = std::size_t{pxos::cartridges::kLabelHeight - 4} * image.width * 3;
  for (std::size_t x = 300; x < 306; ++x)
    for (std::size_t c = 0; c < 3; ++c) image.pixels[row + x * 3 + c] ^= 0xFF;
  CHECK_FALSE(read_label_strip(image).has_value());
  const pxos::pixelfs::Image black{640, 400, 3, pxos::ByteVector(640 * 400 * 3)};
  CHECK_FALSE(read_label_strip(black).has_value());
  const pxos::pixelfs::Image small{2, 2, 3, pxos::ByteVector(12)};
  CHECK_FALSE(read_label_strip(small).has_value());
}
