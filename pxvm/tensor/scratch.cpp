#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/ops.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace pxos::tensor {
namespace {

constexpr std::size_t kAlign = 64;

}  // namespace

void Scratch::Free::operator()(std::uint8_t* p) const {
  std::free(p);
}

std::uint8_t* Scratch::take(std::size_t slot, std::size_t bytes) {
  PX_ASSERT(slot < kSlots);
  if (bytes > size_[slot] || memory_[slot] == nullptr) {
    // Half as much again, so that a context that grows token by token does not reallocate each
    // time.
    const std::size_t wanted = round_up(std::max(bytes, size_[slot] + size_[slot] / 2) + 1, kAlign);
    memory_[slot].reset();
    size_[slot] = 0;
    auto* memory = static_cast<std::uint8_t*>(std::aligned_alloc(kAlign, wanted));
    if (memory == nullptr) throw std::bad_alloc();
    memory_[slot].reset(memory);
    size_[slot] = wanted;
  }
  return memory_[slot].get();
}

std::size_t Scratch::bytes() const {
  std::size_t total = 0;
  for (const std::size_t size : size_) total += size;
  return total;
}

}  // namespace pxos::tensor
