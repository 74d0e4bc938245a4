#include "infinite_map/sampling.hpp"

#include "infinite_map/palette.hpp"

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;

namespace {

/// `count` picture pixels of 2^level map pixels each.
SampleAxis axis(std::int64_t count, unsigned level) {
  SampleAxis out;
  out.level = level;
  for (std::int64_t i = 0; i < count; ++i) {
    out.begin.push_back(i << level);
    out.end.push_back((i + 1) << level);
  }
  return out;
}

Region region_of(std::int64_t w, std::int64_t h, RegionSource source, std::uint32_t index = 0) {
  Region r;
  r.id = {index, 0};
  r.rect = {1000, 1000, w, h};
  source.immutable = true;
  r.source = std::make_shared<const RegionSource>(std::move(source));
  return r;
}

/// Red by column, green by row; counts the samples it is asked for.
RegionSource gradient(std::int64_t w, std::int64_t h, std::size_t* samples) {
  RegionSource source;
  source.colors = [w, h, samples](const SampleRow& where, std::span<Rgba> out) {
    REQUIRE(where.y < h);
    REQUIRE(std::all_of(where.xs.begin(), where.xs.end(),
                        [w](std::int64_t x) { return x >= 0 && x < w; }));
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = {static_cast<std::uint8_t>(255 * where.xs[i] / w),
                static_cast<std::uint8_t>(255 * where.y / h), 0, 255};
    }
    if (samples != nullptr) *samples += out.size();
  };
  return source;
}

}  // namespace

TEST_CASE("a texel up to level (5, 1) is the mean of everything under it", "[map]") {
  std::vector<float> memory(64 * 96);
  for (std::size_t i = 0; i < memory.size(); ++i)
    memory[i] = std::sin(static_cast<float>(i) * 0.7F);
  RegionSource source = f32_source({memory.data(), 64, 96, 96});
  source.palette = Palette::kDiverging;
  const Region region = region_of(96, 64, source);
  MipCache cache(1U << 20U);
  for (const auto& [lx, ly] : {std::pair{1U, 1U}, std::pair{5U, 1U}, std::pair{3U, 0U}}) {
    const std::int64_t side_x = std::int64_t{1} << lx;
    const std::int64_t side_y = std::int64_t{1} << ly;
    const auto colors = sample_mips(cache, region, axis(96 / side_x, lx), axis(64 / side_y, ly));
    double sum = 0;
    for (std::int64_t y = side_y; y < 2 * side_y; ++y) {
      for (std::int64_t x = 2 * side_x; x < 3 * side_x; ++x)
        sum += diverging_color(memory[static_cast<std::size_t>(y * 96 + x)]).b;
    }
    const double mean = sum / static_cast<double>(side_x * side_y);
    REQUIRE(std::abs(colors[static_cast<std::size_t>(96 / side_x + 2)].b - mean) <= 4);
  }
}

TEST_CASE("the cost of a mip is bounded by its texels, and is paid once", "[map]") {
  constexpr std::int64_t kSide = std::int64_t{1} << 20U;
  std::size_t samples = 0;
  const Region region = region_of(kSide, kSide, gradient(kSide, kSide, &samples));
  MipCache cache(1U << 24U);
  const auto colors = sample_mips(cache, region, axis(64, 14), axis(64, 14));
  REQUIRE(samples == 64 * 64 * 2 * 32);
  REQUIRE(colors[10 * 64 + 50].r == Approx(255.0 * 50.5 / 64).margin(4));
  REQUIRE(colors[10 * 64 + 50].g == Approx(255.0 * 10.5 / 64).margin(4));
  static_cast<void>(sample_mips(cache, region, axis(64, 14), axis(64, 14)));
  REQUIRE(samples == 64 * 64 * 2 * 32);
  REQUIRE(cache.bytes() == 64 * 64 * 4);
}

TEST_CASE("samples stay inside regions of any size at any level", "[map]") {
  for (const std::int64_t w : {1, 7, 33, 300, 2000}) {
    for (const std::int64_t h : {1, 5, 70, 400}) {
      const Region region = region_of(w, h, gradient(w, h, nullptr));
      MipCache cache(1U << 24U);
      for (unsigned level = 0; level <= 14; ++level) {
        SampleAxis xs = axis(((w - 1) >> level) + 1, level);
        SampleAxis ys = axis(((h - 1) >> level) + 1, level);
        xs.end.back() = w;
        ys.end.back() = h;
        REQUIRE(sample_mips(cache, region, xs, ys).size() == xs.size() * ys.size());
        REQUIRE(sample_live(*region.source, xs, ys).size() == xs.size() * ys.size());
      }
    }
  }
}

TEST_CASE("the cache gives up what was looked at longest ago", "[map]") {
  MipCache cache(3 * 64 * 64 * 4);
  std::size_t samples = 0;
  const auto look = [&](std::uint32_t index) {
    const Region region = region_of(128, 128, gradient(128, 128, &samples), index);
    samples = 0;
    static_cast<void>(sample_mips(cache, region, axis(64, 1), axis(64, 1)));
    return samples > 0;
  };
  for (std::uint32_t i = 0; i < 3; ++i) REQUIRE(look(i));
  REQUIRE_FALSE(look(0));
  REQUIRE(look(3));
  REQUIRE_FALSE(look(0));
  REQUIRE(look(1));
  REQUIRE(cache.bytes() == 3 * 64 * 64 * 4);
}

TEST_CASE("live memory is sampled anew, four samples a pixel when zoomed out", "[map]") {
  std::vector<float> memory(16, 0.0F);
  const RegionSource source = f32_source({memory.data(), 4, 4, 4});
  const auto before = sample_live(source, axis(1, 2), axis(1, 2));
  for (float& v : memory) v = 1.0F;
  const auto after = sample_live(source, axis(1, 2), axis(1, 2));
  REQUIRE(before.front() == heat_color(0));
  REQUIRE(after.front() == heat_color(1));
}
