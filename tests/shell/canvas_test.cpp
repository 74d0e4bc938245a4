#include "shell/canvas.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

namespace {

Rgb at(const pixelfs::Image& image, std::uint32_t x, std::uint32_t y) {
  const auto* p = image.pixels.data() + (std::size_t{y} * image.width + x) * 3;
  return {p[0], p[1], p[2]};
}

constexpr Rgb kBlack{0, 0, 0};
constexpr Rgb kRed{255, 0, 0};

}  // namespace

TEST_CASE("Boxes and glyphs are cut at the frame", "[shell]") {
  pixelfs::Image frame = make_frame({20, 20}, kBlack);
  fill(frame, {-5, -5, 7, 7}, kRed);
  CHECK(at(frame, 1, 1) == kRed);
  CHECK(at(frame, 2, 2) == kBlack);
  fill(frame, {18, 18, 1000, 1000}, kRed);
  CHECK(at(frame, 19, 19) == kRed);
  for (const std::int64_t offset : {-100, -4, 16, 100})
    draw_glyph(frame, offset, offset, U'#', kRed);  // ASan sees what is outside
}

TEST_CASE("Text is as wide as its characters", "[shell]") {
  pixelfs::Image frame = make_frame({100, 20}, kBlack);
  CHECK(draw_line(frame, 3, 0, "aü€", kRed) == 3 + 3 * 8);
}

TEST_CASE("A picture is enlarged by whole numbers or reduced, never distorted", "[shell]") {
  const pixelfs::Image wide{480, 200, 3, ByteVector(480 * 200 * 3)};
  CHECK(fit(wide, {960, 540}) == Size{960, 400});
  CHECK(fit(wide, {959, 540}) == Size{480, 200});
  CHECK(fit(wide, {240, 540}) == Size{240, 100});
  const pixelfs::Image line{10'000, 1, 3, ByteVector(30'000)};
  CHECK(fit(line, {100, 100}) == Size{100, 1});
  CHECK(fit(pixelfs::Image{}, {100, 100}) == Size{});
}

TEST_CASE("An enlarged picture repeats pixels, a reduced one averages them, alpha blends",
          "[shell]") {
  pixelfs::Image frame = make_frame({4, 4}, kBlack);
  draw_picture(frame, {0, 0, 4, 2}, pixelfs::Image{2, 1, 3, {255, 0, 0, 0, 0, 255}});
  CHECK(at(frame, 1, 1) == kRed);
  CHECK(at(frame, 2, 0) == Rgb{0, 0, 255});
  CHECK(at(frame, 0, 2) == kBlack);
  draw_picture(frame, {0, 0, 1, 1}, pixelfs::Image{2, 1, 1, {0, 200}});
  CHECK(at(frame, 0, 0) == Rgb{100, 100, 100});
  draw_picture(frame, {3, 3, 1, 1}, pixelfs::Image{1, 1, 4, {200, 100, 0, 128}});
  CHECK(at(frame, 3, 3) == Rgb{100, 50, 0});
  draw_picture(frame, {-3, -3, 6, 6}, pixelfs::Image{1, 1, 3, {9, 9, 9}});
  CHECK(at(frame, 2, 2) == Rgb{9, 9, 9});
}
