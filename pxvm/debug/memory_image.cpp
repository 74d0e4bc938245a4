#include "pxvm/debug/memory_image.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::debug {
namespace {

bool all_zero(Bytes bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

/// Page `index` of `memory`; the last one may be shorter.
template <class Span>
Span page_of(Span memory, std::size_t index) {
  const std::size_t at = index * MemoryImage::kPageBytes;
  return memory.subspan(at, std::min(MemoryImage::kPageBytes, memory.size() - at));
}

}  // namespace

MemoryImage MemoryImage::capture(Bytes memory, const MemoryImage* previous) {
  MemoryImage image;
  const std::size_t count = (memory.size() + kPageBytes - 1) / kPageBytes;
  image.pages_.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes now = page_of(memory, i);
    if (previous != nullptr) {
      const auto& before = previous->pages_.at(i);
      const bool same =
          before == nullptr ? all_zero(now) : std::equal(now.begin(), now.end(), before->begin());
      if (same) {
        image.pages_[i] = before;
        continue;
      }
    }
    if (!all_zero(now)) image.pages_[i] = std::make_shared<const Page>(now.begin(), now.end());
  }
  return image;
}

// Pages that are equal are not written, so that untouched memory stays untouched.
void MemoryImage::restore_page(const Page* page, MutBytes memory) {
  if (page == nullptr) {
    if (!all_zero(memory)) std::memset(memory.data(), 0, memory.size());
  } else {
    std::memcpy(memory.data(), page->data(), memory.size());
  }
}

void MemoryImage::restore(MutBytes memory) const {
  for (std::size_t i = 0; i < pages_.size(); ++i) restore_page(pages_[i].get(), page_of(memory, i));
}

void MemoryImage::restore_changes(const MemoryImage& before, MutBytes memory) const {
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    if (pages_[i] != before.pages_.at(i)) restore_page(pages_[i].get(), page_of(memory, i));
  }
}

std::uint64_t MemoryImage::own_bytes(const MemoryImage* other) const {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < pages_.size(); ++i) {
    const bool shared = other != nullptr && other->pages_.at(i) == pages_[i];
    if (pages_[i] != nullptr && !shared) bytes += pages_[i]->size();
  }
  return bytes;
}

}  // namespace pxos::debug
