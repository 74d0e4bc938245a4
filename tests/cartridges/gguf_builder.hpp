#pragma once
// Writes GGUF files for tests, valid or deliberately wrong: nothing is checked here.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::test {

class GgufBuilder {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;

  void key_u32(std::string_view key, std::uint32_t value) {
    start(key, 4);
    pairs_.u32(value);
  }
  void key_f32(std::string_view key, float value) {
    start(key, 6);
    pairs_.f32(value);
  }
  void key_bool(std::string_view key, bool value) {
    start(key, 7);
    pairs_.u8(value ? 1 : 0);
  }
  void key_text(std::string_view key, std::string_view value) {
    start(key, 8);
    text(pairs_, value);
  }
  void key_texts(std::string_view key, std::span<const std::string> values) {
    start(key, 9);
    pairs_.u32(8);
    pairs_.u64(values.size());
    for (const std::string& value : values) text(pairs_, value);
  }
  void key_floats(std::string_view key, std::span<const float> values) {
    start(key, 9);
    pairs_.u32(6);
    pairs_.u64(values.size());
    for (const float value : values) pairs_.f32(value);
  }
  void key_i32s(std::string_view key, std::span<const std::int32_t> values) {
    start(key, 9);
    pairs_.u32(5);
    pairs_.u64(values.size());
    for (const std::int32_t value : values) pairs_.i32(value);
  }
  /// A pair whose type and value bytes are given as they are.
  void key_raw(std::string_view key, std::uint32_t type, Bytes value) {
    start(key, type);
    pairs_.bytes(value);
  }

  /// Places `data` after the tensors before it.
  void tensor(std::string_view name, std::vector<std::uint64_t> ne, std::uint32_t type,
              Bytes data) {
    data_.pad_to(alignment);
    tensor_at(name, std::move(ne), type, data_.size());
    data_.bytes(data);
  }
  /// A tensor record with any offset and no data.
  void tensor_at(std::string_view name, std::vector<std::uint64_t> ne, std::uint32_t type,
                 std::uint64_t offset) {
    text(tensors_, name);
    tensors_.u32(static_cast<std::uint32_t>(ne.size()));
    for (const std::uint64_t n : ne) tensors_.u64(n);
    tensors_.u32(type);
    tensors_.u64(offset);
    ++tensor_count_;
  }

  [[nodiscard]] ByteVector build() const {
    ByteWriter out;
    out.u32(0x46554747);
    out.u32(version);
    out.u64(tensor_count_);
    out.u64(pair_count_);
    out.bytes(pairs_.view());
    out.bytes(tensors_.view());
    out.pad_to(alignment);
    out.bytes(data_.view());
    return out.take();
  }

 private:
  static void text(ByteWriter& out, std::string_view value) {
    out.u64(value.size());
    out.bytes(as_bytes(value));
  }
  void start(std::string_view key, std::uint32_t type) {
    text(pairs_, key);
    pairs_.u32(type);
    ++pair_count_;
  }

  ByteWriter pairs_, tensors_, data_;
  std::uint64_t pair_count_ = 0, tensor_count_ = 0;
};

}  // namespace pxos::test
