#include "infinite_map/tile_file.hpp"

#include "infinite_map/tile_store.hpp"
#include "pxvm/base/file.hpp"
#include "tests/infinite_map/plane.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/temp_folder.hpp"

#include <csignal>
#include <cstdlib>

#include <catch2/catch.hpp>
#include <sys/wait.h>
#include <unistd.h>

using namespace pxos;
using namespace pxos::infinite_map;
using namespace pxos::infinite_map::test;

namespace {

TilePixels solid(std::uint8_t value) {
  TilePixels out;
  out.fill(value);
  return out;
}

}  // namespace

TEST_CASE("slots that a manifest names are not written over before the next commit", "[map]") {
  const pxos::test::TempFolder folder;
  auto file = TileFile::open(folder.path());
  REQUIRE(file);
  const TileSlot a = *(*file)->write(solid(1));
  REQUIRE((*file)->commit({{{0, 0}, a.index, a.checksum}}));
  (*file)->release(a.index);  // memory wants it no more, the disk does
  const TileSlot b = *(*file)->write(solid(2));
  REQUIRE(b.index != a.index);
  REQUIRE((*file)->commit({{{0, 0}, b.index, b.checksum}}));
  REQUIRE((*file)->write(solid(3))->index == a.index);
  TilePixels pixels;
  REQUIRE((*file)->read(b, pixels));
  REQUIRE(pixels == solid(2));
}

TEST_CASE("a damaged tile is an error that names its slot", "[map]") {
  const pxos::test::TempFolder folder;
  {
    auto tiles = TileStore::open(folder.path());
    REQUIRE((*tiles)->fill({0, 0, 512, 256}, {5, 6, 7, 8}));
    REQUIRE((*tiles)->flush());
  }
  const ByteVector good = *read_file(folder / "tiles.pxt");
  ByteVector damaged = good;
  damaged[kTileHeaderBytes + kTileBytes + 1000] ^= 1U;
  folder.write("tiles.pxt", Bytes(damaged));
  {
    auto tiles = TileStore::open(folder.path());
    REQUIRE(tiles);
    int bad = 0;
    for (const std::int64_t x : {std::int64_t{0}, std::int64_t{256}}) {
      ByteVector pixel(4);
      const auto read = (*tiles)->read({x, 0, 1, 1}, pixel);
      if (!read) {
        ++bad;
        REQUIRE(read.error().message.find("slot 1") != std::string::npos);
      }
    }
    REQUIRE(bad == 1);
  }
  folder.write("tiles.pxt", Bytes(good).first(good.size() - 1));
  REQUIRE(TileFile::open(folder.path()).error().message.find("slot 1") != std::string::npos);
  folder.write("tiles.pxt", Bytes(good).first(100));
  REQUIRE_FALSE(TileFile::open(folder.path()));
  folder.write("tiles.pxt", Bytes(encode_tile_header(1)));
  REQUIRE(TileFile::open(folder.path()).error().message.find("describes") != std::string::npos);
  folder.write("tiles.pxt", Bytes(good));
  std::filesystem::remove(folder / "manifest.pxtm");
  REQUIRE(TileFile::open(folder.path()).error().message.find("manifest") != std::string::npos);
}

TEST_CASE("a damaged manifest is an error, never a crash", "[map]") {
  const pxos::test::TempFolder folder;
  {
    auto tiles = TileStore::open(folder.path());
    REQUIRE((*tiles)->fill({-256, 0, 512, 256}, {5, 6, 7, 8}));
    REQUIRE((*tiles)->flush());
  }
  const ByteVector good = *read_file(folder / "manifest.pxtm");
  for (std::uint64_t i = 0; i < 200; ++i) {
    const ByteVector bad = pxos::test::mutate(good, i);
    folder.write("manifest.pxtm", Bytes(bad));
    const auto file = TileFile::open(folder.path());
    REQUIRE(file.has_value() == (bad == good));
  }
}

TEST_CASE("a slot named beyond the end of the tiles is refused", "[map]") {
  const pxos::test::TempFolder folder;
  folder.write("tiles.pxt", Bytes(encode_tile_header(9)));
  folder.write("manifest.pxtm",
               Bytes(encode_manifest({9, 1, {{{0, 0}, std::uint64_t{1} << 60U, 0}}})));
  REQUIRE(TileFile::open(folder.path()).error().code == Errc::kInvalid);
}

// The child spills and flushes without end; whenever it dies, the folder opens and every tile holds
// one value, the same one: that of one flush.
TEST_CASE("killed while it spills, a tile folder holds exactly one flush", "[map]") {
  const pxos::test::TempFolder folder;
  constexpr int kKills = 12;
  const Rect area{-256, -256, 1024, 512};
  std::uint8_t newest = 0;
  for (int round = 0; round < kKills; ++round) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const ::pid_t child = ::fork();
    if (child == 0) {
      TileOptions options = tight(2);
      auto tiles = TileStore::open(folder.path(), options);
      for (std::uint8_t v = 1; tiles; v = static_cast<std::uint8_t>(v % 250 + 1)) {
        if (!(*tiles)->fill(area, {v, v, v, v}) || !(*tiles)->flush()) break;
        static_cast<void>(::write(ready[1], &v, 1));
      }
      std::_Exit(1);
    }
    std::uint8_t first = 0;
    REQUIRE(::read(ready[0], &first, 1) == 1);
    ::usleep(static_cast<unsigned>(round) * 1700U);  // another place in its loop every time
    REQUIRE(::kill(child, SIGKILL) == 0);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    ::close(ready[0]);
    ::close(ready[1]);
    auto tiles = TileStore::open(folder.path());
    REQUIRE(tiles);
    const ByteVector pixels = read_all(**tiles, area);
    REQUIRE(pixels.size() == 4 * 1024 * 512);
    newest = pixels.front();
    REQUIRE(newest != 0);
    REQUIRE(pixels == same_pixels(area, newest));
  }
}
