#include "tests/support/mutate.hpp"

#include "pxvm/base/rng.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace pxos::test {
namespace {

constexpr std::array<std::uint8_t, 8> kBoundaryBytes = {0x00, 0x01, 0x7f, 0x80,
                                                        0xff, 0xfe, 0x20, 0x40};

std::ptrdiff_t below(CounterRng& rng, std::size_t bound) {
  return static_cast<std::ptrdiff_t>(rng.next_u32() % std::max<std::size_t>(bound, 1));
}

void cut(ByteVector& bytes, CounterRng& rng) {
  const std::ptrdiff_t at = below(rng, bytes.size());
  const auto left = static_cast<std::ptrdiff_t>(bytes.size()) - at;
  const std::ptrdiff_t count = std::min<std::ptrdiff_t>(left, 1 + below(rng, 32));
  bytes.erase(bytes.begin() + at, bytes.begin() + at + count);
}

void insert_noise(ByteVector& bytes, CounterRng& rng) {
  const std::size_t count = 1 + rng.next_u32() % 16;
  ByteVector noise(count);
  for (std::uint8_t& byte : noise) byte = static_cast<std::uint8_t>(rng.next_u32());
  bytes.insert(bytes.begin() + below(rng, bytes.size() + 1), noise.begin(), noise.end());
}

void copy_block(ByteVector& bytes, CounterRng& rng) {
  const std::ptrdiff_t from = below(rng, bytes.size());
  const std::ptrdiff_t to = below(rng, bytes.size());
  const auto left = static_cast<std::ptrdiff_t>(bytes.size()) - std::max(from, to);
  const std::ptrdiff_t count = std::min<std::ptrdiff_t>(left, 1 + below(rng, 64));
  const ByteVector block(bytes.begin() + from, bytes.begin() + from + count);
  std::copy(block.begin(), block.end(), bytes.begin() + to);
}

void edit(ByteVector& bytes, CounterRng& rng) {
  const std::uint32_t kind = rng.next_u32() % 8;
  if (bytes.empty() || kind == 0) return insert_noise(bytes, rng);
  std::uint8_t& byte = bytes[static_cast<std::size_t>(below(rng, bytes.size()))];
  switch (kind) {
    case 1:
      return cut(bytes, rng);
    case 2:
      return copy_block(bytes, rng);
    case 3:
      byte = kBoundaryBytes[rng.next_u32() % kBoundaryBytes.size()];
      return;
    case 4:
      byte = static_cast<std::uint8_t>(byte + (rng.next_u32() % 9) - 4);
      return;
    default:
      byte = static_cast<std::uint8_t>(byte ^ (1U << (rng.next_u32() % 8)));
  }
}

}  // namespace

ByteVector mutate(Bytes input, std::uint64_t number) {
  CounterRng rng(number);
  ByteVector bytes(input.begin(), input.end());
  const std::uint32_t edits = 1 + rng.next_u32() % 8;
  for (std::uint32_t i = 0; i < edits; ++i) edit(bytes, rng);
  return bytes;
}

ByteVector flip_bit(Bytes input, std::uint64_t bit) {
  ByteVector bytes(input.begin(), input.end());
  if (bytes.empty()) return bytes;
  std::uint8_t& byte = bytes[(bit / 8) % bytes.size()];
  byte = static_cast<std::uint8_t>(byte ^ (1U << (bit % 8)));
  return bytes;
}

}  // namespace pxos::test
