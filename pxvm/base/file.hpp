#pragma once
// Whole-file reads and atomic whole-file writes. Paths are UTF-8 as the operating system gives
// them.

#include "pxvm/base/bytes.hpp"

#include <filesystem>

namespace pxos {

/// Reads a regular file whole. Errors: kNotFound, kIo, kLimit when it is larger than `max_bytes`.
Result<ByteVector> read_file(const std::filesystem::path& path,
                             std::uint64_t max_bytes = std::uint64_t{8} << 30U);

/// Replaces `path` atomically: temporary in the same folder, fsync, rename, fsync of the folder.
/// Afterwards the file is either the old or the new content, also after a crash.
Result<void> write_file_atomic(const std::filesystem::path& path, Bytes content);

/// Removes temporaries of writers that died in `folder`; those of living writers stay. Returns how
/// many. What cannot be removed is left alone.
std::size_t remove_stale_temporaries(const std::filesystem::path& folder);

/// The same for content made piece by piece: `AtomicFile f = open(path); f.write(...); f.commit()`.
/// Without commit() the destination is untouched and the temporary is removed.
class AtomicFile {
 public:
  /// A symbolic link stays one, permissions of a file that is replaced are kept. Errors: kUsage for
  /// what is no regular file; kIo.
  static Result<AtomicFile> create(const std::filesystem::path& path);
  /// The same with a temporary of a given name, in the same folder as `path`, that outlives a
  /// writer without commit(): the first `keep` bytes of one that is there stay, the rest is cut
  /// off. Errors: also kUsage while another writer has it open.
  static Result<AtomicFile> resume(const std::filesystem::path& path,
                                   const std::filesystem::path& temporary, std::uint64_t keep);
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) noexcept;
  ~AtomicFile();
  Result<void> write(Bytes bytes);
  Result<void> write_at(std::uint64_t offset, Bytes bytes);
  /// Fills `out` with what is written already.
  Result<void> read_at(std::uint64_t offset, MutBytes out) const;
  /// What is written so far survives a crash.
  Result<void> sync();
  [[nodiscard]] std::uint64_t size() const { return size_; }
  Result<void> commit();

 private:
  AtomicFile() = default;
  void discard();
  int fd_ = -1;
  bool lasting_ = false;  // the temporary stays without commit()
  std::uint64_t size_ = 0;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
};

}  // namespace pxos
