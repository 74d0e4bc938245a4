#include "infinite_map/render.hpp"

#include "infinite_map/palette.hpp"
#include "infinite_map/tile_store.hpp"

#include <limits>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;

namespace {

Rgba pixel(const pixelfs::Image& image, std::uint32_t x, std::uint32_t y) {
  const std::uint8_t* p = image.pixels.data() + (std::size_t{y} * image.width + x) * 4;
  return {p[0], p[1], p[2], p[3]};
}

RegionSpec plain(std::string name, std::int64_t w, std::int64_t h, RegionSource source) {
  RegionSpec s;
  s.name = std::move(name);
  s.width_px = w;
  s.height_px = h;
  s.source = std::move(source);
  return s;
}

/// Shows its own coordinates: value = x + 1000 y.
RegionSource coordinates() {
  RegionSource source;
  source.colors = [](const SampleRow& where, std::span<Rgba> out) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = {static_cast<std::uint8_t>(where.xs[i]), static_cast<std::uint8_t>(where.y), 7, 255};
    }
  };
  return source;
}

constexpr RenderOptions kBare{false, false};

}  // namespace

TEST_CASE("one to one, a region's pixels land where they belong", "[map]") {
  Map map;
  REQUIRE(map.place_at(plain("r", 4, 3, coordinates()), {-2, 5}));
  const auto image = map.render({-5, 4, 10, 6}, 10, 6, kBare);
  REQUIRE(image);
  for (std::uint32_t y = 0; y < 6; ++y) {
    for (std::uint32_t x = 0; x < 10; ++x) {
      const bool inside = x >= 3 && x < 7 && y >= 1 && y < 4;
      const Rgba want =
          inside ? Rgba{static_cast<std::uint8_t>(x - 3), static_cast<std::uint8_t>(y - 1), 7, 255}
                 : kBackground;
      REQUIRE(pixel(*image, x, y) == want);
    }
  }
}

TEST_CASE("zoomed in, the sample at a pixel's centre; zoomed out, a mean around it", "[map]") {
  Map map;
  REQUIRE(map.place_at(plain("r", 200, 200, coordinates()), {0, 0}));
  const auto out = map.render({0, 0, 200, 200}, 20, 20, kBare);
  REQUIRE(pixel(*out, 3, 4) == Rgba{35, 45, 7, 255});
  const auto in = map.render({10, 20, 4, 4}, 40, 40, kBare);
  REQUIRE(pixel(*in, 0, 0) == Rgba{10, 20, 7, 255});
  REQUIRE(pixel(*in, 9, 10) == Rgba{10, 21, 7, 255});
  REQUIRE(pixel(*in, 39, 39) == Rgba{13, 23, 7, 255});
}

TEST_CASE("live values change the next picture; rows not yet filled are dark", "[map]") {
  std::vector<float> memory(64, 0.0F);
  std::int64_t filled = 2;
  RegionSource source = f32_source({memory.data(), 8, 8, 8});
  source.palette = Palette::kAge;
  source.filled_rows = [&filled] { return filled; };
  Map map;
  REQUIRE(map.place_at(plain("kv", 8, 8, source), {0, 0}));
  const auto before = map.render({0, 0, 8, 8}, 8, 8, kBare);
  REQUIRE(pixel(*before, 0, 1) == age_color(0, 0));
  REQUIRE(pixel(*before, 0, 2) == unfilled_color(2));
  memory[16] = 1;
  filled = 3;
  const auto after = map.render({0, 0, 8, 8}, 8, 8, kBare);
  REQUIRE(pixel(*after, 0, 2) == age_color(1, 0));
  REQUIRE(pixel(*after, 0, 1) == age_color(0, 1.0F / 3));
}

TEST_CASE("tiles lie over the ground, translucent pixels are blended", "[map]") {
  Map map;
  const ByteVector pixels{255, 0, 0, 255, 0, 255, 0, 128};
  REQUIRE(map.tiles().write({0, 0, 2, 1}, pixels));
  const auto image = map.render({0, 0, 3, 1}, 3, 1);
  REQUIRE(pixel(*image, 0, 0) == Rgba{255, 0, 0, 255});
  REQUIRE(pixel(*image, 1, 0).g > 120);
  REQUIRE(pixel(*image, 1, 0).g < 150);
  REQUIRE(pixel(*image, 2, 0) == kBackground);
}

TEST_CASE("borders, block lines and labels appear where there is room", "[map]") {
  Map map;
  RegionSpec spec = plain("blk.0.attn_q", 200, 120, coordinates());
  spec.block_height_px = 40;
  REQUIRE(map.place_at(spec, {0, 0}));
  const auto bare = map.render({0, 0, 200, 120}, 200, 120, kBare);
  const auto full = map.render({0, 0, 200, 120}, 200, 120);
  REQUIRE(pixel(*full, 0, 0) != pixel(*bare, 0, 0));
  REQUIRE(pixel(*full, 199, 60) != pixel(*bare, 199, 60));
  REQUIRE(pixel(*full, 150, 40) != pixel(*bare, 150, 40));
  REQUIRE(pixel(*full, 150, 60) == pixel(*bare, 150, 60));
  std::size_t white = 0;
  for (std::uint32_t y = 0; y < 20; ++y) {
    for (std::uint32_t x = 0; x < 120; ++x)
      white += pixel(*full, x, y) == Rgba{255, 255, 255, 255} ? 1U : 0U;
  }
  REQUIRE(white > 50);
  REQUIRE(map.render({0, 0, 200, 120}, 5, 5)->pixels ==
          map.render({0, 0, 200, 120}, 5, 5, kBare)->pixels);
}

TEST_CASE("a label leaves the model's name out", "[map]") {
  const auto draw = [](std::string name, std::string model) {
    Map map;
    RegionSpec spec = plain(std::move(name), 200, 60, coordinates());
    spec.model = std::move(model);
    REQUIRE(map.place_at(spec, {0, 0}));
    return map.render({0, 0, 200, 60}, 200, 60)->pixels;
  };
  REQUIRE(draw("smol/logits", "smol") == draw("logits", ""));
  REQUIRE(draw("smol/logits", "") != draw("logits", ""));
  REQUIRE(draw("smollm", "smol") != draw("llm", ""));
}

TEST_CASE("impossible views are refused", "[map]") {
  Map map;
  constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
  REQUIRE(map.render({0, 0, 0, 5}, 5, 5).error().code == Errc::kUsage);
  REQUIRE(map.render({0, 0, 5, 5}, 0, 5).error().code == Errc::kUsage);
  REQUIRE(map.render({kMax, 0, 5, 5}, 5, 5).error().code == Errc::kUsage);
  REQUIRE(map.render({0, 0, 5, 5}, 65536, 65536).error().code == Errc::kLimit);
  REQUIRE(map.render({0, 0, 5, 5}, 70000, 1).error().code == Errc::kLimit);
  REQUIRE(map.render({0, 0, kMax, 5}, 5, 5).error().code == Errc::kLimit);
  REQUIRE(map.render({kMax - 5, -kMax, 5, 5}, 5, 5));
}
