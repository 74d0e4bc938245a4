#pragma once
// A whole file in memory, read-only: mapped (and brought in ahead, if wanted) or read. A map is
// guarded against the file shrinking under it: the SIGBUS handler maps a zero page at the faulting
// address and marks the map poisoned; the process lives on. Thread-safe: bytes() may be read from
// any thread while the object lives.

#include "pxvm/base/bytes.hpp"

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

namespace pxos {

/// What a trust record compares: the same file, unchanged.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// How the bytes of a file come into memory.
enum class LoadMode : std::uint8_t {
  kMap,       ///< when they are touched; shared with other processes, dropped under pressure
  kPrefault,  ///< the same, but all of them now, in order
  kRead,      ///< copied into memory of our own now: for file systems that map badly
};
/// "mmap", "prefault", "read". Errors: kUsage.
Result<LoadMode> parse_load_mode(std::string_view text);

/// done / total bytes; false stops with kInterrupted.
using LoadProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

struct LoadOptions {
  LoadMode mode = LoadMode::kMap;
  LoadProgress progress;  ///< kPrefault and kRead
};

/// Brings all of a mapping into memory and into the page tables, front to back, a few MiB at a
/// time. Errors: kInterrupted.
Result<void> prefault(Bytes mapping, const LoadProgress& progress = {});

class MappedFile {
 public:
  /// `path` read-only, a map of it shared. An empty file gives empty bytes.
  static Result<MappedFile> open(const std::filesystem::path& path,
                                 const LoadOptions& options = {});
  MappedFile(MappedFile&&) noexcept;
  MappedFile& operator=(MappedFile&&) noexcept;
  ~MappedFile();

  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[nodiscard]] const FileIdentity& identity() const { return identity_; }
  /// Takes the pages of a map out of this process's memory; they come back when they are touched.
  /// For readers that go through a large file once.
  /// Bytes stay what they are.
  void release_pages() const;
  /// True once a read hit a part of the file that is no longer there (zeros were delivered
  /// instead).
  [[nodiscard]] bool poisoned() const;

 private:
  MappedFile() = default;
  Bytes bytes_;
  FileIdentity identity_;
  int guard_slot_ = -1;
  bool is_map_ = false;  // of the file; else memory of our own
};

}  // namespace pxos
