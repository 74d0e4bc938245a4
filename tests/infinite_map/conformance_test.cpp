// The operations of the original infinite map, replayed with one tile in memory: its results must
// come out. Its plane is RGB in tiles of 64; alpha 255 marks what was written.

#include "tests/support/conformance.hpp"

#include "infinite_map/tile_store.hpp"
#include "pxvm/base/file.hpp"
#include "tests/infinite_map/plane.hpp"

#include <set>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace pxos;
using namespace pxos::infinite_map;
using nlohmann::json;

namespace {

constexpr std::int64_t kOriginalSide = 64;

ByteVector from_hex(const std::string& hex) {
  ByteVector out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return out;
}

/// The original lays bytes out as RGB pixels in rows of 64 from (x, y).
void write_bytes(TileStore& tiles, Point at, const ByteVector& bytes) {
  const auto pixels = static_cast<std::int64_t>((bytes.size() + 2) / 3);
  for (std::int64_t i = 0; i < pixels; ++i) {
    ByteVector rgba{0, 0, 0, 255};
    for (std::size_t c = 0; c < 3; ++c) {
      const std::size_t from = static_cast<std::size_t>(i) * 3 + c;
      rgba[c] = from < bytes.size() ? bytes[from] : std::uint8_t{0};
    }
    REQUIRE(tiles.write({at.x + i % kOriginalSide, at.y + i / kOriginalSide, 1, 1}, rgba));
  }
}

ByteVector read_rgb(const TileStore& tiles, const Rect& r) {
  const ByteVector rgba = infinite_map::test::read_all(tiles, r);
  ByteVector out;
  for (std::size_t i = 0; i < rgba.size(); ++i) {
    if (i % 4 != 3) out.push_back(rgba[i]);
  }
  return out;
}

/// Whether the original has made its 64 x 64 tile (x, y): something in it was written.
bool original_has(const TileStore& tiles, std::int64_t x, std::int64_t y) {
  const ByteVector rgba = infinite_map::test::read_all(
      tiles, {x * kOriginalSide, y * kOriginalSide, kOriginalSide, kOriginalSide});
  return std::any_of(rgba.begin(), rgba.end(), [](std::uint8_t b) { return b != 0; });
}

void find_tiles(const TileStore& tiles, const json& op) {
  const auto rect = op["rect"].get<std::vector<std::int64_t>>();
  json found = json::array();
  // The original counts the far edge in.
  for (std::int64_t x = rect[0] >> 6; x <= (rect[0] + rect[2]) >> 6; ++x) {
    for (std::int64_t y = rect[1] >> 6; y <= (rect[1] + rect[3]) >> 6; ++y) {
      if (original_has(tiles, x, y)) found.push_back({x, y});
    }
  }
  REQUIRE(found == op["tiles"]);
}

void neighbors(const TileStore& tiles, const json& op) {
  for (const json& n : op["out"]) {
    const ByteVector rgb =
        read_rgb(tiles, {n[0].get<std::int64_t>(), n[1].get<std::int64_t>(), 1, 1});
    REQUIRE(json(rgb) == n[2]);
  }
}

/// Tile files "tile_X_Y.pkl" of the original: exactly the tiles that were written.
void stats(const TileStore& tiles, const json& op) {
  for (const json& name : op["tile_files"]) {
    long long x = 0;
    long long y = 0;
    if (std::sscanf(name.get<std::string>().c_str(), "tile_%lld_%lld.pkl", &x, &y) == 2)
      REQUIRE(original_has(tiles, x, y));
  }
  REQUIRE(op["stats"]["tiles_on_disk"].get<std::size_t>() + 1 == op["tile_files"].size());
}

void replay(TileStore& tiles, const json& op) {
  const std::string kind = op["op"];
  const auto number = [&](const char* key) { return op[key].get<std::int64_t>(); };
  if (kind == "find_tiles") return find_tiles(tiles, op);
  if (kind == "stats_after_flush") return stats(tiles, op);
  if (kind == "neighbors") return neighbors(tiles, op);
  if (kind == "write_bytes")
    return write_bytes(tiles, {number("x"), number("y")}, from_hex(op["data_hex"]));
  if (kind == "set_pixel") {
    ByteVector rgba = op["rgb"].get<ByteVector>();
    rgba.push_back(255);
    REQUIRE(tiles.write({number("x"), number("y"), 1, 1}, rgba));
    return;
  }
  REQUIRE(kind == "read");
  const ByteVector rgb = read_rgb(tiles, {number("x"), number("y"), number("w"), number("h")});
  if (!op["bytes_hex"].is_null()) REQUIRE(rgb == from_hex(op["bytes_hex"]));
}

}  // namespace

TEST_CASE("the original's operations give the original's results", "[map][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(path, "storage/expected.infinite_map.json");
  const ByteVector text = *read_file(path);
  const json expected = json::parse(text);
  TileStore tiles(infinite_map::test::tight(1));
  REQUIRE(expected["ops"].size() == 18);
  for (const json& op : expected["ops"]) {
    CAPTURE(op["op"].get<std::string>());
    replay(tiles, op);
  }
  REQUIRE(tiles.stats().restored > 0);
}

TEST_CASE("the original's demo tiles hold what its demo wrote", "[map][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(path, "storage/expected.infinite_map.json");
  const ByteVector text = *read_file(path);
  const json expected = json::parse(text);
  TileStore tiles;
  replay(tiles, expected["ops"][0]);
  replay(tiles, expected["ops"][1]);
  for (const json& tile : expected["pickled_demo_tiles"]) {
    const Point corner{tile["x"].get<std::int64_t>() * kOriginalSide,
                       tile["y"].get<std::int64_t>() * kOriginalSide};
    const ByteVector rgb = read_rgb(tiles, {corner.x, corner.y, kOriginalSide, kOriginalSide});
    ByteVector wanted(rgb.size(), 0);
    for (const json& pixel : tile["nonzero_pixels"]) {
      const auto at = (pixel[0].get<std::size_t>() * 64 + pixel[1].get<std::size_t>()) * 3;
      for (std::size_t c = 0; c < 3; ++c) wanted[at + c] = pixel[2][c].get<std::uint8_t>();
    }
    REQUIRE(rgb == wanted);
  }
}
