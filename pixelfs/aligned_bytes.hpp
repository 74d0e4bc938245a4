#pragma once
// An owned, zero-filled byte buffer whose first byte lies on a 64-byte boundary, so that vector
// loads of what is copied into it are aligned. Movable; its address survives a move.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <memory>

namespace pxos::pixelfs {

class AlignedBytes {
 public:
  AlignedBytes() = default;
  /// Errors: kLimit when the memory is not there.
  static Result<AlignedBytes> create(std::uint64_t size);

  [[nodiscard]] Bytes view() const { return {data_.get(), size_}; }
  [[nodiscard]] MutBytes bytes() { return {data_.get(), size_}; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

 private:
  struct Free {
    void operator()(std::uint8_t* p) const;
  };
  std::unique_ptr<std::uint8_t[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace pxos::pixelfs
