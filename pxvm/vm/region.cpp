#include "pxvm/vm/region.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <sys/mman.h>

namespace pxos::vm {

Result<Arena> Arena::create(std::uint64_t bytes) {
  Arena arena;
  if (bytes == 0) return arena;
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    return fail(Errc::kLimit, "cannot reserve an arena of {} bytes: {}", bytes,
                std::strerror(errno));
  }
  arena.data_ = static_cast<std::uint8_t*>(memory);
  arena.size_ = bytes;
  return arena;
}

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Arena::~Arena() {
  if (data_ != nullptr) munmap(data_, size_);
}

void Arena::clear() {
  if (data_ != nullptr) madvise(data_, size_, MADV_DONTNEED);
}

RegionSlot RegionTable::add(const Region& region) {
  regions_.push_back(region);
  return static_cast<RegionSlot>(regions_.size() - 1);
}

void RegionTable::replace(RegionSlot slot, const Region& region) {
  PX_ASSERT(slot < regions_.size() && regions_[slot].size_bytes == region.size_bytes);
  regions_[slot] = region;
}

}  // namespace pxos::vm
