#pragma once
// Content digests. XXH3-128 detects damage; BLAKE3-256 is used where a name or signature depends on
// it. Incremental hashers own their state, are movable and single-threaded.

#include "pxvm/base/bytes.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>

namespace pxos {

struct Xxh128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Xxh128&, const Xxh128&) = default;
};

using Blake3 = std::array<std::uint8_t, 32>;

[[nodiscard]] std::uint64_t xxh3_64(Bytes bytes);
[[nodiscard]] Xxh128 xxh3_128(Bytes bytes);
[[nodiscard]] Blake3 blake3(Bytes bytes);

/// XXH3-128 of a byte stream given in pieces.
class Xxh128Stream {
 public:
  Xxh128Stream();
  ~Xxh128Stream();
  Xxh128Stream(Xxh128Stream&&) noexcept;
  Xxh128Stream& operator=(Xxh128Stream&&) noexcept;
  void update(Bytes bytes);
  [[nodiscard]] Xxh128 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// BLAKE3-256 of a byte stream given in pieces.
class Blake3Stream {
 public:
  Blake3Stream();
  ~Blake3Stream();
  Blake3Stream(Blake3Stream&&) noexcept;
  Blake3Stream& operator=(Blake3Stream&&) noexcept;
  void update(Bytes bytes);
  [[nodiscard]] Blake3 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Lower-case hexadecimal: 32 digits (high, then low) or 64 digits.
[[nodiscard]] std::string to_hex(const Xxh128& digest);
[[nodiscard]] std::string to_hex(const Blake3& digest);
/// Accepts exactly what to_hex writes.
Result<Xxh128> parse_xxh128(std::string_view hex);
Result<Blake3> parse_blake3(std::string_view hex);

}  // namespace pxos
