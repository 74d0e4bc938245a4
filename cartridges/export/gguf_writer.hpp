#pragma once
// The front of a GGUF file (version 3): metadata and tensor table. The caller streams the tensors'
// bytes behind it. Pure; the reader is cartridges/import/gguf.hpp.

#include "cartridges/import/metadata.hpp"
#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pxos::cartridges {

class GgufWriter {
 public:
  static constexpr std::uint64_t kAlignment = 32;

  void text(std::string_view key, std::string_view value);
  void u32(std::string_view key, std::uint32_t value);
  void flag(std::string_view key, bool value);
  /// As f32 when that is the same number, else as f64.
  void real(std::string_view key, double value);
  void texts(std::string_view key, std::span<const std::string> values);
  void floats(std::string_view key, std::span<const float> values);
  void i32s(std::string_view key, std::span<const std::int32_t> values);
  /// A value with the type it was read with.
  void value(std::string_view key, const GgufValue& value);

  /// Adds a tensor of `bytes` canonical bytes. `shape` is outermost first. Errors: kUnsupported for
  /// a dtype GGUF has no number for, and for more than four dimensions.
  Result<void> tensor(std::string_view name, std::span<const std::int64_t> shape,
                      tensor::DType dtype, std::uint64_t bytes);

  /// Everything before the first tensor's bytes. Each tensor's bytes follow in the order they were
  /// added, padded to kAlignment.
  [[nodiscard]] ByteVector front() const;

 private:
  void start(std::string_view key, std::uint32_t type);
  void start_array(std::string_view key, std::uint32_t element, std::uint64_t count);

  ByteWriter pairs_, tensors_;
  std::uint64_t pair_count_ = 0, tensor_count_ = 0, data_bytes_ = 0;
};

}  // namespace pxos::cartridges
