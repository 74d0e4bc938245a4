#include "pixelfs/aligned_bytes.hpp"

#include "pxvm/base/checked.hpp"

#include <cstdlib>
#include <cstring>
#include <limits>

namespace pxos::pixelfs {

namespace {
constexpr std::uint64_t kAlignment = 64;
}

void AlignedBytes::Free::operator()(std::uint8_t* p) const {
  std::free(p);
}

Result<AlignedBytes> AlignedBytes::create(std::uint64_t size) {
  AlignedBytes out;
  if (size == 0) return out;
  // The cap keeps round_up from wrapping.
  if (size > std::numeric_limits<std::uint64_t>::max() / 2) {
    return fail(Errc::kLimit, "cannot allocate {} bytes", size);
  }
  const std::uint64_t rounded = round_up(size, kAlignment);
  out.data_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(kAlignment, rounded)));
  if (!out.data_) return fail(Errc::kLimit, "cannot allocate {} bytes", size);
  // Padding between rows is read by wide loads: it must be defined, and the same on every run.
  std::memset(out.data_.get(), 0, rounded);
  out.size_ = size;
  return out;
}

}  // namespace pxos::pixelfs
