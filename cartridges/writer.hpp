#pragma once
// Writes a cartridge front to back: entries one after another, then finish() adds the manifest and
// the label. Nothing is visible under the destination's name before finish() succeeded.
// Single-threaded.

#include "cartridges/manifest.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace pxos::cartridges {

/// What an entry is; `size_bytes` is a hint for the label's thumbnails (0 = not known).
struct EntryHead {
  std::string name;
  EntryKind kind = EntryKind::kOther;
  std::string kind_text;  ///< only for kOther
  std::uint64_t size_bytes = 0;
};

class CartridgeWriter {
 public:
  static Result<CartridgeWriter> create(const std::filesystem::path& path);
  /// The same over a partial file that stays when the writer dies, so that a later one goes on with
  /// it: its first `keep` bytes are taken over by reuse(), what is before them is written again.
  /// Errors: also kUsage while another writer has it.
  static Result<CartridgeWriter> resume(const std::filesystem::path& path,
                                        const std::filesystem::path& partial, std::uint64_t keep);
  CartridgeWriter(CartridgeWriter&&) noexcept;
  CartridgeWriter& operator=(CartridgeWriter&&) noexcept;
  ~CartridgeWriter();

  /// Errors: kInvalid for a name that is absolute, leaves the folder, or was used before.
  Result<void> begin(const EntryHead& head);
  Result<void> write(Bytes bytes);
  Result<void> end();
  /// begin + write + end.
  Result<void> add(const EntryHead& head, Bytes content);

  /// An entry of exactly head.size_bytes as the partial file has it, read back for its digests.
  /// False, and nothing happens, when it does not lie in the kept bytes whole.
  Result<bool> reuse(const EntryHead& head);
  /// What is written so far survives a crash; gives its size, for a later resume().
  Result<std::uint64_t> checkpoint();

  /// Fills manifest.entries, writes manifest and label, and makes the file appear. The writer is
  /// spent afterwards.
  Result<Manifest> finish(Manifest manifest);
  [[nodiscard]] std::uint64_t size() const;

 private:
  struct Impl;
  explicit CartridgeWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace pxos::cartridges
