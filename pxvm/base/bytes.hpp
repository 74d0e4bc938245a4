#pragma once
// Byte spans, the one checked reader for little-endian binary formats, and its writer.
// ByteReader borrows the span it reads ("Keeps": until the reader dies). Not thread-safe; cheap to
// copy.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos {

using Bytes = std::span<const std::uint8_t>;
using MutBytes = std::span<std::uint8_t>;
using ByteVector = std::vector<std::uint8_t>;

[[nodiscard]] Bytes as_bytes(std::string_view text);
[[nodiscard]] std::string_view as_text(Bytes bytes);

/// Reads a format front to back. Every read names what it reads, so that the error can say it:
/// "truncated at byte 12: manifest version needs 4 bytes, 2 left".
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint64_t position() const { return position_; }
  [[nodiscard]] std::uint64_t remaining() const { return bytes_.size() - position_; }

  Result<std::uint8_t> u8(std::string_view what);
  Result<std::uint16_t> u16(std::string_view what);
  Result<std::uint32_t> u32(std::string_view what);
  Result<std::uint64_t> u64(std::string_view what);
  Result<std::int32_t> i32(std::string_view what);
  Result<std::int64_t> i64(std::string_view what);
  Result<float> f32(std::string_view what);
  Result<double> f64(std::string_view what);
  /// Borrows `count` bytes of the input.
  Result<Bytes> bytes(std::uint64_t count, std::string_view what);
  /// u32 length, then that many bytes; the length is capped before anything is copied.
  Result<std::string> string32(std::uint32_t max_length, std::string_view what);
  Result<void> seek(std::uint64_t position, std::string_view what);

 private:
  template <class T>
  Result<T> little_endian(std::string_view what);

  Bytes bytes_;
  std::uint64_t position_ = 0;
};

/// Appends little-endian values to a vector it owns.
class ByteWriter {
 public:
  void u8(std::uint8_t value) { bytes_.push_back(value); }
  void u16(std::uint16_t value);
  void u32(std::uint32_t value);
  void u64(std::uint64_t value);
  void i32(std::int32_t value) { u32(static_cast<std::uint32_t>(value)); }
  void i64(std::int64_t value) { u64(static_cast<std::uint64_t>(value)); }
  void f32(float value);
  void f64(double value);
  void bytes(Bytes data);
  void string32(std::string_view text);
  void pad_to(std::uint64_t multiple);

  [[nodiscard]] std::uint64_t size() const { return bytes_.size(); }
  [[nodiscard]] Bytes view() const { return bytes_; }
  [[nodiscard]] ByteVector take() { return std::move(bytes_); }

 private:
  ByteVector bytes_;
};

}  // namespace pxos
