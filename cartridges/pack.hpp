#pragma once
// Packing and unpacking cartridges. Packing is reproducible: same inputs, same bytes; the file
// appears atomically.

#include "cartridges/cartridge.hpp"

#include <functional>

namespace pxos::cartridges {

/// One entry to pack; `write` streams its bytes in order to the sink it is given.
struct EntrySource {
  std::string name;
  EntryKind kind = EntryKind::kOther;
  std::string kind_text;  ///< only for kOther
  std::function<Result<void>(const std::function<Result<void>(Bytes)>& sink)> write;
  std::uint64_t size_bytes = 0;  ///< when known: places the windows of the label's thumbnails
};

/// Convenience for content that is already in memory (copied).
[[nodiscard]] EntrySource entry_from_bytes(std::string name, EntryKind kind, ByteVector content);

/// done / total bytes; called often, must be cheap.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct PackOptions {
  Progress progress;
  std::uint64_t expected_bytes = 0;  ///< for progress only
};

/// Writes `path`. `manifest.entries` is ignored and filled from `entries`. The label shows title,
/// author, parameter count and a palette and thumbnails made from the weights.
Result<void> pack(const std::filesystem::path& path, Manifest manifest,
                  std::vector<EntrySource> entries, const PackOptions& options = {});

/// Writes every entry and manifest.json to `folder`, and label.png; existing files are not
/// overwritten.
Result<void> unpack(const Cartridge& cartridge, const std::filesystem::path& folder);

/// Packs a folder that unpack wrote (or that an author made: manifest.json + files).
Result<void> pack_folder(const std::filesystem::path& folder, const std::filesystem::path& path);

}  // namespace pxos::cartridges
