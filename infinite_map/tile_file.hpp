#pragma once
// Tiles on disk: a file of raw 256 KiB slots and a manifest. A tile is always written to a free
// slot and never over one that the manifest on disk names, so whatever happens between two commits
// - a kill, a torn write, a full disk - the folder still holds exactly what the last commit said.
// Every read checks the tile's checksum. Used by one thread at a time (TilePool locks).

#include "infinite_map/tile_manifest.hpp"

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

namespace pxos::infinite_map {

/// A tile's copy on disk.
struct TileSlot {
  std::uint64_t index = 0;
  std::uint64_t checksum = 0;
};

class TileFile {
 public:
  /// Opens the tile folder `folder`, or makes it. tiles() is the content of its last commit; their
  /// slots are in use. Errors: kDenied when another process has it open; kInvalid, kUnsupported for
  /// damage; kIo.
  static Result<std::unique_ptr<TileFile>> open(const std::filesystem::path& folder);
  /// A nameless file in `folder` that goes with the process, for spilling only.
  static Result<std::unique_ptr<TileFile>> temporary(const std::filesystem::path& folder);
  ~TileFile();
  TileFile(const TileFile&) = delete;
  TileFile& operator=(const TileFile&) = delete;

  [[nodiscard]] bool persistent() const { return !folder_.empty(); }
  [[nodiscard]] std::span<const TileEntry> tiles() const { return manifest_.tiles; }
  /// Slots the file has room for, used or free.
  [[nodiscard]] std::uint64_t slots() const { return states_.size(); }

  /// Writes to a free slot. Errors: kIo; nothing that was there is touched.
  Result<TileSlot> write(const TilePixels& pixels);
  /// Errors: kIo; kInvalid when the bytes are not those that were written.
  Result<void> read(const TileSlot& slot, TilePixels& pixels) const;
  /// The caller needs the slot no more. It is free again once no manifest on disk names it.
  void release(std::uint64_t slot);

  /// Makes `entries` (ascending by tile, written and not released) the content of the folder:
  /// afterwards it is wholly the old or wholly the new one. Requires: persistent().
  Result<void> commit(std::vector<TileEntry> entries);

 private:
  TileFile() = default;
  Result<void> adopt();
  Result<void> create();
  Result<std::uint64_t> take_slot();
  void trim();

  /// A slot may be wanted by a tile in memory, by the manifest on disk, by both, or be free.
  struct SlotState {
    bool held = false;
    bool committed = false;
  };

  int fd_ = -1;
  std::filesystem::path folder_;  ///< empty: temporary
  std::filesystem::path path_;    ///< for messages
  TileManifest manifest_;         ///< the one on disk
  std::vector<SlotState> states_;
  std::vector<std::uint64_t> free_;
};

}  // namespace pxos::infinite_map
