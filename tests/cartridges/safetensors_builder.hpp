#pragma once
// Writes safetensors files for tests: valid ones from tensors, or any header in front of any data.

#include "pxvm/base/bytes.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace pxos::test {

inline ByteVector safetensors_file(std::string_view header, Bytes data) {
  ByteWriter out;
  out.u64(header.size());
  out.bytes(as_bytes(header));
  out.bytes(data);
  return out.take();
}

class SafetensorsBuilder {
 public:
  void tensor(std::string_view name, std::string_view dtype, const std::vector<std::int64_t>& shape,
              Bytes data) {
    std::string sizes;
    for (const std::int64_t n : shape) sizes += (sizes.empty() ? "" : ",") + std::to_string(n);
    header_ += fmt::format("{}\"{}\":{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                           header_.empty() ? "" : ",", name, dtype, sizes, data_.size(),
                           data_.size() + data.size());
    data_.bytes(data);
  }
  /// f32 values first, first + 1, ... so that every element tells where it came from.
  void counting(std::string_view name, const std::vector<std::int64_t>& shape, float first = 0) {
    std::int64_t count = 1;
    for (const std::int64_t n : shape) count *= n;
    ByteWriter values;
    for (std::int64_t i = 0; i < count; ++i) values.f32(first + static_cast<float>(i));
    tensor(name, "F32", shape, values.view());
  }
  [[nodiscard]] ByteVector build() const {
    return safetensors_file("{" + header_ + "}", data_.view());
  }

 private:
  std::string header_;
  ByteWriter data_;
};

}  // namespace pxos::test
