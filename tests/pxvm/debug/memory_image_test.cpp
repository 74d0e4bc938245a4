#include "pxvm/debug/memory_image.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using debug::MemoryImage;

constexpr std::size_t kPage = MemoryImage::kPageBytes;

TEST_CASE("an image gives the memory back, the last short page too", "[debug]") {
  ByteVector memory(3 * kPage + 17);
  memory[1] = 1;
  memory[3 * kPage + 16] = 9;
  const ByteVector kept = memory;
  const MemoryImage image = MemoryImage::capture(memory, nullptr);
  CHECK(image.own_bytes(nullptr) == kPage + 17);  // pages of zeros cost nothing
  memory.assign(memory.size(), 0xEE);
  image.restore(memory);
  CHECK((memory == kept));
}

TEST_CASE("a later image shares the pages that did not change", "[debug]") {
  ByteVector memory(4 * kPage, 5);
  const MemoryImage first = MemoryImage::capture(memory, nullptr);
  memory[2 * kPage] = 6;
  std::fill(memory.begin(), memory.begin() + kPage, std::uint8_t{0});
  const ByteVector kept = memory;
  const MemoryImage second = MemoryImage::capture(memory, &first);
  CHECK(second.own_bytes(&first) == kPage);
  CHECK(first.own_bytes(&second) == 2 * kPage);
  first.restore(memory);
  second.restore_changes(first, memory);
  CHECK((memory == kept));
}

TEST_CASE("no memory is an image too", "[debug]") {
  const MemoryImage image = MemoryImage::capture({}, nullptr);
  image.restore({});
  CHECK(image.own_bytes(nullptr) == 0);
}

}  // namespace
}  // namespace pxos
