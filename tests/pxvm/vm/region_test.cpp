#include "pxvm/vm/region.hpp"

#include <utility>

#include <catch2/catch.hpp>

namespace pxos::vm {
namespace {

TEST_CASE("an arena is zero, aligned, and zero again after clear", "[vm]") {
  auto arena = Arena::create(1 << 20);
  REQUIRE(arena);
  CHECK(reinterpret_cast<std::uintptr_t>(arena->data()) % 64 == 0);
  CHECK(arena->data()[12345] == 0);
  arena->data()[12345] = 7;
  Arena moved = std::move(*arena);
  CHECK(moved.data()[12345] == 7);
  moved.clear();
  CHECK(moved.data()[12345] == 0);
}

TEST_CASE("an arena nobody can have is an error", "[vm]") {
  const auto arena = Arena::create(std::uint64_t{1} << 60U);
  REQUIRE_FALSE(arena);
  CHECK(arena.error().code == Errc::kLimit);
}

TEST_CASE("a slot can be swapped for another memory of the same size", "[vm]") {
  RegionTable table;
  std::uint8_t a[4] = {};
  std::uint8_t b[4] = {};
  const RegionSlot slot = table.add({a, 4, true});
  table.replace(slot, {b, 4, true});
  CHECK(table.at(slot).base == b);
}

}  // namespace
}  // namespace pxos::vm
