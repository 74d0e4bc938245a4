#include "pxvm/base/bytes.hpp"

#include "pxvm/base/checked.hpp"

#include <bit>
#include <cstring>

namespace pxos {

static_assert(std::endian::native == std::endian::little, "pxOS formats are read in place");

Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Result<Bytes> ByteReader::bytes(std::uint64_t count, std::string_view what) {
  if (count > remaining()) {
    return fail(Errc::kInvalid, "truncated at byte {}: {} needs {} bytes, {} left", position_, what,
                count, remaining());
  }
  const Bytes out = bytes_.subspan(position_, count);
  position_ += count;
  return out;
}

template <class T>
Result<T> ByteReader::little_endian(std::string_view what) {
  PX_TRY(const Bytes raw, bytes(sizeof(T), what));
  T value{};
  std::memcpy(&value, raw.data(), sizeof(T));
  return value;
}

Result<std::uint8_t> ByteReader::u8(std::string_view what) {
  return little_endian<std::uint8_t>(what);
}
Result<std::uint16_t> ByteReader::u16(std::string_view what) {
  return little_endian<std::uint16_t>(what);
}
Result<std::uint32_t> ByteReader::u32(std::string_view what) {
  return little_endian<std::uint32_t>(what);
}
Result<std::uint64_t> ByteReader::u64(std::string_view what) {
  return little_endian<std::uint64_t>(what);
}
Result<std::int32_t> ByteReader::i32(std::string_view what) {
  return little_endian<std::int32_t>(what);
}
Result<std::int64_t> ByteReader::i64(std::string_view what) {
  return little_endian<std::int64_t>(what);
}
Result<float> ByteReader::f32(std::string_view what) {
  return little_endian<float>(what);
}
Result<double> ByteReader::f64(std::string_view what) {
  return little_endian<double>(what);
}

Result<std::string> ByteReader::string32(std::uint32_t max_length, std::string_view what) {
  const std::uint64_t at = position_;
  PX_TRY(const std::uint32_t length, u32(what));
  if (length > max_length) {
    return fail(Errc::kLimit, "{} at byte {}: length {} exceeds {}", what, at, length, max_length);
  }
  PX_TRY(const Bytes raw, bytes(length, what));
  return std::string(as_text(raw));
}

Result<void> ByteReader::seek(std::uint64_t position, std::string_view what) {
  if (position > bytes_.size()) {
    return fail(Errc::kInvalid, "{} at byte {} lies outside the {} bytes there are", what, position,
                bytes_.size());
  }
  position_ = position;
  return {};
}

namespace {
template <class T>
void append(ByteVector& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof(T));
  std::memcpy(out.data() + at, &value, sizeof(T));
}
}  // namespace

void ByteWriter::u16(std::uint16_t value) {
  append(bytes_, value);
}
void ByteWriter::u32(std::uint32_t value) {
  append(bytes_, value);
}
void ByteWriter::u64(std::uint64_t value) {
  append(bytes_, value);
}
void ByteWriter::f32(float value) {
  append(bytes_, value);
}
void ByteWriter::f64(double value) {
  append(bytes_, value);
}
void ByteWriter::bytes(Bytes data) {
  bytes_.insert(bytes_.end(), data.begin(), data.end());
}

void ByteWriter::string32(std::string_view text) {
  u32(static_cast<std::uint32_t>(text.size()));
  bytes(as_bytes(text));
}

void ByteWriter::pad_to(std::uint64_t multiple) {
  bytes_.resize(round_up(bytes_.size(), multiple));
}

}  // namespace pxos
