#include "infinite_map/map.hpp"
#include "infinite_map/palette.hpp"
#include "pxvm/vm/tile_port.hpp"
#include "tests/infinite_map/plane.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;
using namespace pxos::infinite_map::test;

namespace {

RegionSpec spec(std::string name, std::int64_t w, std::int64_t h) {
  RegionSpec s;
  s.name = std::move(name);
  s.width_px = w;
  s.height_px = h;
  return s;
}

ByteVector pixels_of(const Map& map, RegionId id, const Rect& local) {
  ByteVector out(static_cast<std::size_t>(local.width * local.height) * 4);
  const auto read = map.read(id, local, out);
  return read ? out : ByteVector();
}

}  // namespace

TEST_CASE("a region is written in its own coordinates and nowhere else", "[map]") {
  Map map;
  const RegionId a = *map.place_at(spec("a", 300, 300), {-100, 250});
  const Rect all{0, 0, 300, 300};
  REQUIRE(map.write(a, all, same_pixels(all, 7)));
  REQUIRE(read_all(map.tiles(), {-100, 250, 1, 1}) == ByteVector(4, 7));
  REQUIRE(read_all(map.tiles(), {-101, 250, 1, 1}) == ByteVector(4, 0));
  REQUIRE(read_all(map.tiles(), {200, 549, 1, 1}) == ByteVector(4, 0));
  REQUIRE(map.fill(a, {10, 10, 5, 5}, {1, 2, 3, 4}));
  REQUIRE(pixels_of(map, a, {14, 14, 2, 1}) == ByteVector{1, 2, 3, 4, 7, 7, 7, 7});
  for (const Rect& outside : {Rect{-1, 0, 2, 2}, Rect{299, 0, 2, 1}, Rect{0, 0, 301, 1},
                              Rect{0, std::int64_t{1} << 62, 1, std::int64_t{1} << 62}}) {
    REQUIRE(map.write(a, outside, same_pixels({0, 0, 2, 2}, 1)).error().code == Errc::kUsage);
    REQUIRE(map.fill(a, outside, {1, 1, 1, 1}).error().code == Errc::kUsage);
  }
}

TEST_CASE("a removed region takes its pixels with it, and its id is stale", "[map]") {
  Map map;
  const RegionId a = *map.place_at(spec("a", 300, 300), {0, 0});
  REQUIRE(map.fill(a, {0, 0, 300, 300}, {9, 9, 9, 9}));
  const TileSnapshot saved = map.tiles().snapshot();
  REQUIRE(map.remove(a));
  const RegionId b = *map.place_at(spec("b", 300, 300), {0, 0});
  REQUIRE(pixels_of(map, b, {0, 0, 300, 300}) == same_pixels({0, 0, 300, 300}, 0));
  ByteVector out(4);
  REQUIRE(map.read(a, {0, 0, 1, 1}, out).error().code == Errc::kNotFound);
  REQUIRE(map.fill(a, {0, 0, 1, 1}, {}).error().code == Errc::kNotFound);
  REQUIRE(map.blit(a, {0, 0, 1, 1}, b, {0, 0}).error().code == Errc::kNotFound);
  REQUIRE(map.restore(saved, a).error().code == Errc::kNotFound);
  REQUIRE_FALSE(map.port(a));
  REQUIRE(map.restore(saved, b));
  REQUIRE(pixels_of(map, b, {299, 299, 1, 1}) == ByteVector(4, 9));
}

TEST_CASE("a blit moves pixels between regions, and within one", "[map]") {
  Map map;
  const RegionId a = *map.place_at(spec("a", 64, 64), {0, 0});
  const RegionId b = *map.place_at(spec("b", 64, 64), {200, 230});
  CounterRng rng(1);
  const Rect all{0, 0, 64, 64};
  const ByteVector pixels = random_pixels(rng, all);
  REQUIRE(map.write(a, all, pixels));
  REQUIRE(map.blit(a, all, b, {0, 0}));
  REQUIRE(pixels_of(map, b, all) == pixels);
  REQUIRE(map.blit(b, {0, 0, 60, 60}, b, {4, 4}));
  Plane plane;
  plane.write(all, pixels);
  plane.write({4, 4, 60, 60}, plane.read({0, 0, 60, 60}));
  REQUIRE(pixels_of(map, b, all) == plane.read(all));
  REQUIRE(map.blit(a, all, b, {1, 0}).error().code == Errc::kUsage);
}

TEST_CASE("a region that shows memory reads as it looks and is not written", "[map]") {
  Map map;
  const std::vector<float> memory{0, 0.25F, 1, -1, 0, 0};
  RegionSpec live = spec("live", 3, 2);
  live.source = f32_source({memory.data(), 2, 3, 3});
  const RegionId a = *map.place_at(std::move(live), {0, 0});
  const RegionId b = *map.place_at(spec("b", 8, 8), {100, 0});
  const Rgba want = heat_color(0.25F);
  REQUIRE(pixels_of(map, a, {1, 0, 1, 1}) == ByteVector{want.r, want.g, want.b, 255});
  REQUIRE(map.fill(a, {0, 0, 1, 1}, {1, 1, 1, 1}).error().code == Errc::kDenied);
  REQUIRE(map.write(a, {0, 0, 1, 1}, ByteVector(4)).error().code == Errc::kDenied);
  REQUIRE(map.blit(b, {0, 0, 1, 1}, a, {0, 0}).error().code == Errc::kDenied);
  REQUIRE(map.port(a).error().code == Errc::kDenied);
  REQUIRE(map.blit(a, {0, 0, 3, 2}, b, {2, 2}));
  REQUIRE(pixels_of(map, b, {3, 2, 1, 1}) == ByteVector{want.r, want.g, want.b, 255});
}

TEST_CASE("a port reaches its region only, by read, write, fill and pin", "[map]") {
  Map map(tight(GENERATE(0U, 100U)));
  const RegionId id = *map.place_at(spec("a", 600, 300), {-100, -100});
  const auto port = *map.port(id);
  ByteVector out(4);
  REQUIRE(port->fill({0, 0, 600, 300}, 0x04030201U));
  REQUIRE(port->read({599, 299, 1, 1}, out));
  REQUIRE(out == ByteVector{1, 2, 3, 4});
  REQUIRE(port->write({5, 5, 1, 1}, ByteVector{9, 9, 9, 9}));
  REQUIRE(port->read({600, 0, 1, 1}, out).error().code == Errc::kUsage);
  REQUIRE(port->write({-1, 0, 1, 1}, out).error().code == Errc::kUsage);
  REQUIRE(port->pin({0, 0, 601, 1}, vm::PinMode::kRead).error().code == Errc::kUsage);
  REQUIRE(map.remove(id));
  REQUIRE(port->read({0, 0, 1, 1}, out).error().code == Errc::kNotFound);
  REQUIRE(port->pin({0, 0, 1, 1}, vm::PinMode::kWrite).error().code == Errc::kNotFound);
}

TEST_CASE("a read pin keeps its pixels, a write pin shows when it ends", "[map]") {
  Map map(tight(GENERATE(0U, 100U)));
  const RegionId id = *map.place_at(spec("a", 600, 300), {0, 0});
  const auto port = *map.port(id);
  REQUIRE(port->fill({0, 0, 600, 300}, 0x01010101U));
  for (const vm::PixelRect r : {vm::PixelRect{10, 10, 8, 4}, vm::PixelRect{250, 250, 20, 20}}) {
    const auto before = port->pin(r, vm::PinMode::kRead);
    REQUIRE(before);
    const auto pin = port->pin(r, vm::PinMode::kWrite);
    REQUIRE(pin);
    REQUIRE(port->pin({r.x + 1, r.y, 1, 1}, vm::PinMode::kWrite).error().code == Errc::kDenied);
    const std::size_t last = static_cast<std::size_t>(r.height - 1) * pin->stride_bytes +
                             static_cast<std::size_t>(r.width - 1) * 4;
    pin->data[last] = 77;
    ByteVector out(4);
    REQUIRE(port->read({r.x + r.width - 1, r.y + r.height - 1, 1, 1}, out));
    REQUIRE(out == ByteVector(4, 1));
    REQUIRE(port->unpin(pin->id));
    REQUIRE(port->read({r.x + r.width - 1, r.y + r.height - 1, 1, 1}, out));
    REQUIRE(out == ByteVector{77, 1, 1, 1});
    REQUIRE(before->data[static_cast<std::size_t>(r.height - 1) * before->stride_bytes +
                         static_cast<std::size_t>(r.width - 1) * 4] == 1);
    REQUIRE(port->unpin(before->id));
    REQUIRE(port->unpin(before->id).error().code == Errc::kNotFound);
  }
  REQUIRE(port->pin({0, 0, std::int64_t{1} << 40, 1}, vm::PinMode::kRead).error().code ==
          Errc::kLimit);
}
