#pragma once
// A read-only memory map of a whole file, guarded against the file shrinking under it: the SIGBUS
// handler maps a zero page at the faulting address and marks the map poisoned; the process lives
// on. Thread-safe: bytes() may be read from any thread while the object lives.

#include "pxvm/base/bytes.hpp"

#include <atomic>
#include <filesystem>
#include <memory>

namespace pxos {

/// What a trust record compares: the same file, unchanged.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

class MappedFile {
 public:
  /// Maps `path` read-only and shared. An empty file gives empty bytes.
  static Result<MappedFile> open(const std::filesystem::path& path);
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  ~MappedFile();

  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] const FileIdentity& identity() const { return identity_; }
  /// True once a read hit a part of the file that is no longer there (zeros were delivered
  /// instead).
  [[nodiscard]] bool poisoned() const;

 private:
  MappedFile() = default;
  Bytes bytes_;
  FileIdentity identity_;
  int guard_slot_ = -1;
};

}  // namespace pxos
