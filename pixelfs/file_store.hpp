#pragma once
// Blobs as the files of one folder.

#include "pixelfs/blob_store.hpp"

#include <filesystem>
#include <memory>

namespace pxos::pixelfs {

/// kMap gives BlobReader::view() and shares the page cache; kRead copies on every read, so that a
/// process that streams a large blob stays small.
enum class BlobAccess : std::uint8_t { kMap, kRead };

/// One file as a blob, without a store. Errors: kNotFound, kIo (also for what is no regular file).
Result<std::unique_ptr<BlobReader>> open_file_blob(const std::filesystem::path& path,
                                                   BlobAccess access);

class FileStore final : public BlobStore {
 public:
  /// The folder must be there. Removes temporaries that killed writers left in it.
  static Result<std::unique_ptr<FileStore>> open_folder(const std::filesystem::path& folder,
                                                        BlobAccess access = BlobAccess::kMap);

  Result<std::unique_ptr<BlobReader>> open(std::string_view name) override;
  Result<std::unique_ptr<BlobWriter>> create(std::string_view name) override;
  Result<void> remove(std::string_view name) override;
  Result<std::vector<BlobInfo>> list() override;

 private:
  FileStore(std::filesystem::path folder, BlobAccess access)
      : folder_(std::move(folder)), access_(access) {}
  std::filesystem::path folder_;
  BlobAccess access_;
};

}  // namespace pxos::pixelfs
