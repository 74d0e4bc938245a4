#include "pixelfs/aligned_bytes.hpp"

#include <catch2/catch.hpp>

using namespace pxos;

TEST_CASE("AlignedBytes is zeroed, aligned and keeps its address when moved", "[pixelfs]") {
  for (const std::uint64_t size : {1U, 63U, 64U, 1000U}) {
    auto bytes = pixelfs::AlignedBytes::create(size);
    REQUIRE(bytes);
    REQUIRE(bytes->view().size() == size);
    REQUIRE(reinterpret_cast<std::uintptr_t>(bytes->view().data()) % 64 == 0);
    for (const std::uint8_t b : bytes->view()) REQUIRE(b == 0);
    const std::uint8_t* address = bytes->view().data();
    const pixelfs::AlignedBytes moved = *std::move(bytes);
    REQUIRE(moved.view().data() == address);
  }
}

TEST_CASE("AlignedBytes refuses what cannot be had", "[pixelfs]") {
  const auto bytes = pixelfs::AlignedBytes::create(std::uint64_t{1} << 63U);
  REQUIRE_FALSE(bytes);
  REQUIRE(bytes.error().code == Errc::kLimit);
  REQUIRE(pixelfs::AlignedBytes::create(0)->empty());
}
