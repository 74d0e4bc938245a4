// Palette-delta: smooth data (pictures, sorted tables, sampled signals) has few different
// differences between neighbours even where it has many different bytes.
//
//   u8 stride s, 1..4 · u8 colours n, 1..128 · n palette bytes, ascending · min(s, length) bytes as
//   they are · for each further byte i the index of raw[i] - raw[i - s] (mod 256) in the palette,
//   ceil(log2 n) bits, least significant first; the last byte is filled with zero bits.

#include "pixelfs/chunk_coder.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace pxos::pixelfs {
namespace {

constexpr std::size_t kMostStride = 4;
constexpr std::size_t kMostColours = 128;
constexpr std::size_t kHeaderBytes = 2;

unsigned bits_for(std::size_t colours) {
  return static_cast<unsigned>(std::bit_width(colours - 1));
}

std::uint8_t delta(Bytes raw, std::size_t i, std::size_t stride) {
  return static_cast<std::uint8_t>(raw[i] - raw[i - stride]);
}

/// The different differences, ascending.
ByteVector palette_of(Bytes raw, std::size_t stride) {
  std::array<bool, 256> seen{};
  for (std::size_t i = stride; i < raw.size(); ++i) seen[delta(raw, i, stride)] = true;
  ByteVector palette;
  for (std::size_t value = 0; value < seen.size(); ++value) {
    if (seen[value]) palette.push_back(static_cast<std::uint8_t>(value));
  }
  if (palette.empty()) palette.push_back(0);  // nothing follows the bytes as they are
  return palette;
}

std::size_t packed_bytes(std::size_t count, unsigned bits) {
  return (count * bits + 7) / 8;
}

}  // namespace

ByteVector encode_palette_delta(Bytes raw) {
  ByteVector palette;
  std::size_t stride = 0;
  for (std::size_t s = 1; s <= kMostStride; ++s) {
    ByteVector other = palette_of(raw, s);
    if (stride != 0 && other.size() >= palette.size()) continue;
    palette = std::move(other);
    stride = s;
  }
  if (palette.size() > kMostColours) return {};
  std::array<std::uint8_t, 256> index{};
  for (std::size_t i = 0; i < palette.size(); ++i) index[palette[i]] = static_cast<std::uint8_t>(i);

  ByteVector out{static_cast<std::uint8_t>(stride), static_cast<std::uint8_t>(palette.size())};
  out.insert(out.end(), palette.begin(), palette.end());
  const std::size_t plain = std::min(stride, raw.size());
  out.insert(out.end(), raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(plain));
  const unsigned bits = bits_for(palette.size());
  std::uint32_t waiting = 0;
  unsigned held = 0;
  for (std::size_t i = plain; i < raw.size(); ++i) {
    waiting |= std::uint32_t{index[delta(raw, i, stride)]} << held;
    for (held += bits; held >= 8; held -= 8, waiting >>= 8U) {
      out.push_back(static_cast<std::uint8_t>(waiting));
    }
  }
  if (held > 0) out.push_back(static_cast<std::uint8_t>(waiting));
  return out;
}

Result<void> decode_palette_delta(Bytes stored, MutBytes raw) {
  ByteReader reader(stored);
  PX_TRY(const std::uint8_t stride, reader.u8("palette-delta stride"));
  PX_TRY(const std::uint8_t colours, reader.u8("palette-delta colours"));
  if (stride < 1 || stride > kMostStride || colours < 1 || colours > kMostColours) {
    return fail(Errc::kInvalid, "palette-delta: stride {}, {} colours; expected 1..{}, 1..{}",
                stride, colours, kMostStride, kMostColours);
  }
  PX_TRY(const Bytes palette, reader.bytes(colours, "palette"));
  if (std::adjacent_find(palette.begin(), palette.end(), std::greater_equal<>()) != palette.end()) {
    return fail(Errc::kInvalid, "palette-delta: the palette does not ascend");
  }
  const std::size_t plain = std::min<std::size_t>(stride, raw.size());
  PX_TRY(const Bytes first, reader.bytes(plain, "palette-delta first bytes"));
  std::copy(first.begin(), first.end(), raw.begin());
  const unsigned bits = bits_for(colours);
  if (reader.remaining() != packed_bytes(raw.size() - plain, bits)) {
    return fail(Errc::kInvalid, "palette-delta: {} bytes of indices, expected {}",
                reader.remaining(), packed_bytes(raw.size() - plain, bits));
  }
  const std::uint8_t* next = stored.data() + kHeaderBytes + colours + plain;
  std::uint32_t waiting = 0;
  unsigned held = 0;
  for (std::size_t i = plain; i < raw.size(); ++i) {
    if (held < bits) {  // at most seven bits: one byte more is enough
      waiting |= std::uint32_t{*next++} << held;
      held += 8;
    }
    const std::uint32_t index = waiting & ((1U << bits) - 1U);
    if (index >= colours) return fail(Errc::kInvalid, "palette-delta: no colour {}", index);
    raw[i] = static_cast<std::uint8_t>(raw[i - stride] + palette[index]);
    waiting >>= bits;
    held -= bits;
  }
  if (waiting != 0) return fail(Errc::kInvalid, "palette-delta: bits after the last index");
  return {};
}

}  // namespace pxos::pixelfs
