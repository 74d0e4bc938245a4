#include "infinite_map/tile_pool.hpp"

#include "tests/infinite_map/plane.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::infinite_map;
using namespace pxos::infinite_map::test;

namespace {

TilePtr tile_of(TilePool& pool, std::uint8_t value) {
  const TilePin pin = *pool.make();
  std::fill_n(pin.data(), kTileBytes, value);
  return pin.tile();
}

std::uint8_t first_byte(TilePool& pool, const TilePtr& tile) {
  return pool.pin(tile, TileAccess::kRead)->pixels().front();
}

}  // namespace

TEST_CASE("the tile used longest ago leaves memory first", "[map]") {
  const auto pool = TilePool::create(tight(3), nullptr);
  const TilePtr a = tile_of(*pool, 1);
  const TilePtr b = tile_of(*pool, 2);
  const TilePtr c = tile_of(*pool, 3);
  REQUIRE(first_byte(*pool, a) == 1);
  const TilePtr d = tile_of(*pool, 4);
  REQUIRE(pool->stats().spilled == 1);
  REQUIRE(first_byte(*pool, a) == 1);
  REQUIRE(first_byte(*pool, c) == 3);
  REQUIRE(first_byte(*pool, d) == 4);
  REQUIRE(pool->stats().restored == 0);
  REQUIRE(first_byte(*pool, b) == 2);
  REQUIRE(pool->stats().restored == 1);
}

TEST_CASE("a clean tile is dropped, a changed one is written again", "[map]") {
  const auto pool = TilePool::create(tight(0), nullptr);
  const TilePtr a = tile_of(*pool, 1);
  REQUIRE(pool->stats().spilled == 1);
  REQUIRE(first_byte(*pool, a) == 1);
  REQUIRE(pool->stats().spilled == 1);
  *pool->pin(a, TileAccess::kWrite)->data() = 7;
  REQUIRE(pool->stats().spilled == 2);
  REQUIRE(first_byte(*pool, a) == 7);
}

TEST_CASE("a pinned tile stays although the budget is spent", "[map]") {
  const auto pool = TilePool::create(tight(1), nullptr);
  const TilePin held = *pool->make();
  *held.data() = 42;
  const TilePtr b = tile_of(*pool, 2);
  const TilePtr c = tile_of(*pool, 3);
  REQUIRE(held.pixels().front() == 42);
  REQUIRE(first_byte(*pool, b) == 2);
  REQUIRE(pool->stats().resident_bytes == kTileBytes);
}

TEST_CASE("slots of tiles that are gone are used again", "[map]") {
  const auto pool = TilePool::create(tight(0), nullptr);
  for (int i = 0; i < 20; ++i) static_cast<void>(tile_of(*pool, 1));
  REQUIRE(pool->with_file([](TileFile* f) { return f->slots(); }) == 1);
}

TEST_CASE("a derived tile is never written; dropped, it is not found", "[map]") {
  const auto pool = TilePool::create(tight(1), nullptr);
  TilePtr derived;
  {
    const TilePin pin = *pool->make(true);
    derived = pin.tile();
  }
  REQUIRE(pool->pin(derived, TileAccess::kRead));
  const TilePtr other = tile_of(*pool, 1);
  REQUIRE(pool->stats().spilled == 0);
  REQUIRE(pool->pin(derived, TileAccess::kRead).error().code == Errc::kNotFound);
}

TEST_CASE("the environment asks for the hard mode", "[map]") {
  const char* set = std::getenv("PXOS_HARD_TILES");
  const bool hard = set != nullptr && std::string(set) == "1";
  REQUIRE((TileOptions::from_environment().budget_bytes == 0) == hard);
}
