#pragma once
// An allocator for large tables that are read at random: memory from 2 MiB up is asked for in huge
// pages, so that a lookup does not pay for an address translation as well.

#include <cstddef>
#include <new>

#include <sys/mman.h>

namespace pxos::infinite_map {

template <class T>
struct HugeAllocator {
  using value_type = T;
  static constexpr std::size_t kHugePage = std::size_t{2} << 20U;

  HugeAllocator() = default;
  template <class U>
  HugeAllocator(const HugeAllocator<U>&) {}  // NOLINT(google-explicit-constructor): allocators are

  T* allocate(std::size_t count) {
    const std::size_t bytes = count * sizeof(T);
    void* memory = ::operator new(bytes, alignment(count));
    // A wish: where there are no huge pages, nothing changes.
    if (bytes >= kHugePage) static_cast<void>(::madvise(memory, bytes, MADV_HUGEPAGE));
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t count) { ::operator delete(memory, alignment(count)); }

  friend bool operator==(const HugeAllocator&, const HugeAllocator&) { return true; }

 private:
  static std::align_val_t alignment(std::size_t count) {
    return std::align_val_t(count * sizeof(T) >= kHugePage ? kHugePage : std::size_t{64});
  }
};

}  // namespace pxos::infinite_map
