#include "pxvm/tensor/ops.hpp"

#include <cstring>

#include <catch2/catch.hpp>

namespace pxos::tensor {

TEST_CASE("Scratch gives aligned memory of at least the size asked for", "[tensor][scratch]") {
  Scratch scratch;
  CHECK(scratch.bytes() == 0);
  for (const std::size_t bytes : {0U, 1U, 63U, 64U, 65U, 5000U}) {
    std::uint8_t* memory = scratch.take(0, bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0);
    std::memset(memory, 1, bytes);
    CHECK(scratch.bytes() >= bytes);
  }
}

TEST_CASE("Scratch slots are separate and keep their memory while it suffices",
          "[tensor][scratch]") {
  Scratch scratch;
  std::uint8_t* first = scratch.take(0, 1000);
  std::memset(first, 7, 1000);
  std::uint8_t* second = scratch.take(1, 1000);
  std::memset(second, 9, 1000);
  CHECK(scratch.take(0, 10) == first);
  CHECK(first[999] == 7);
  const std::size_t before = scratch.bytes();
  CHECK(scratch.take(0, 1000) == first);
  CHECK(scratch.bytes() == before);
}

}  // namespace pxos::tensor
