#pragma once
// Blobs in memory: for tests, and for volumes that never touch a disk.

#include "pixelfs/blob_store.hpp"

#include <map>
#include <memory>
#include <mutex>

namespace pxos::pixelfs {

class MemoryStore final : public BlobStore {
 public:
  Result<std::unique_ptr<BlobReader>> open(std::string_view name) override;
  Result<std::unique_ptr<BlobWriter>> create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<std::vector<BlobInfo>> list() override;

  /// Publishes `content` at once. Errors: kUsage for a bad name.
  Result<void> put(std::string_view name, ByteVector content);

 private:
  std::mutex mutex_;  ///< guards blobs_; a blob itself never changes
  std::map<std::string, std::shared_ptr<const ByteVector>, std::less<>> blobs_;
};

/// A blob that is already in memory; the reader owns it.
[[nodiscard]] std::unique_ptr<BlobReader> memory_blob(ByteVector content);

}  // namespace pxos::pixelfs
