#pragma once
// A cartridge file `.pxa`: a PNG whose picture is the label; after IEND its entries, each aligned
// to 4 KiB so that sheets map in place (docs/spec/cartridge.md). open() decodes nothing but the
// index and the manifest. Thread-safe for reading; spans returned live as long as the Cartridge.

#include "cartridges/manifest.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/base/mapped_file.hpp"

#include <filesystem>
#include <memory>

namespace pxos::cartridges {

class Cartridge {
 public:
  /// Maps the file and parses index and manifest; every entry's range is checked against the file.
  /// Errors: kNotFound, kInvalid, kUnsupported; a label whose payload was stripped by an editor is
  /// named as that.
  static Result<Cartridge> open(const std::filesystem::path& path, const LoadOptions& load = {});
  /// The same over bytes the caller keeps alive (the embedded welcome cartridge, tests, fuzzing).
  static Result<Cartridge> from_bytes(Bytes bytes, std::string name);

  [[nodiscard]] const Manifest& manifest() const { return manifest_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const Xxh128& manifest_digest() const { return manifest_digest_; }
  /// Identity of the mapped file; nullopt for from_bytes.
  [[nodiscard]] std::optional<FileIdentity> identity() const;
  [[nodiscard]] bool poisoned() const;

  [[nodiscard]] const ManifestEntry* find(std::string_view entry_name) const;
  [[nodiscard]] std::vector<const ManifestEntry*> of_kind(EntryKind kind) const;
  /// The entry's bytes in place, not checked against its digest.
  [[nodiscard]] Bytes bytes(const ManifestEntry& entry) const;

  /// The label picture: the file up to the end of its IEND.
  [[nodiscard]] Bytes label() const { return bytes_.first(label_size_); }

  /// Checks every entry's XXH3-128 and BLAKE3, that padding is zero, and the label's digest strip.
  Result<void> verify() const;

 private:
  Cartridge() = default;
  std::shared_ptr<const MappedFile> file_;
  Bytes bytes_;
  std::string path_;
  std::uint64_t label_size_ = 0;
  std::uint64_t manifest_size_ = 0;
  Manifest manifest_;
  Xxh128 manifest_digest_;
};

}  // namespace pxos::cartridges
