#include "infinite_map/tile_file.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/hash.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pxos::infinite_map {
namespace {

constexpr const char* kManifestName = "manifest.pxtm";
constexpr const char* kTilesName = "tiles.pxt";
constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{4} << 30U;
constexpr std::uint64_t kMaxSlots = std::uint64_t{1} << 40U;

/// Reads errno, so it must be the next thing that runs.
tl::unexpected<Error> system_error(const std::filesystem::path& path, const char* what) {
  const int code = errno;
  return fail(Errc::kIo, "{}: cannot {}: {}", path.string(), what, std::strerror(code));
}

std::uint64_t offset_of(std::uint64_t slot) {
  return kTileHeaderBytes + slot * kTileBytes;
}

Result<void> write_at(int fd, std::uint64_t offset, Bytes bytes,
                      const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ::ssize_t done = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<::off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error(path, "write a tile");
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return {};
}

Result<void> read_at(int fd, std::uint64_t offset, MutBytes bytes,
                     const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ::ssize_t done = ::pread(fd, bytes.data(), bytes.size(), static_cast<::off_t>(offset));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return system_error(path, "read a tile");
    if (done == 0)
      return fail(Errc::kInvalid, "{}: ends at byte {}, {} more are wanted", path.string(), offset,
                  bytes.size());
    bytes = bytes.subspan(static_cast<std::size_t>(done));
    offset += static_cast<std::uint64_t>(done);
  }
  return {};
}

Result<std::uint64_t> random_id() {
  std::uint64_t id = 0;
  if (::getrandom(&id, sizeof id, 0) != sizeof id)
    return fail(Errc::kIo, "no random bytes: {}", std::strerror(errno));
  return id;
}

Result<std::uint64_t> size_of(int fd, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return system_error(path, "stat");
  if (!S_ISREG(info.st_mode)) return fail(Errc::kIo, "{}: not a regular file", path.string());
  return static_cast<std::uint64_t>(info.st_size);
}

/// A file without a name; where the file system cannot make one, its name is removed at once.
int open_nameless(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0) return fd;
  std::string name = (folder / "pxos-tiles-XXXXXX").string();
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

TileFile::~TileFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<TileFile>> TileFile::temporary(const std::filesystem::path& folder) {
  std::unique_ptr<TileFile> file(new TileFile());
  file->path_ = folder / "(spilled tiles)";
  file->fd_ = open_nameless(folder);
  if (file->fd_ < 0) return system_error(folder, "make a file for tiles");
  return file;
}

Result<std::unique_ptr<TileFile>> TileFile::open(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    return fail(Errc::kIo, "{}: cannot make the folder: {}", folder.string(), error.message());
  std::unique_ptr<TileFile> file(new TileFile());
  file->folder_ = folder;
  file->path_ = folder / kTilesName;
  file->fd_ = ::open(file->path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file->fd_ < 0) return system_error(file->path_, "open");
  if (::flock(file->fd_, LOCK_EX | LOCK_NB) != 0)
    return fail(Errc::kDenied, "{}: another process has these tiles open", folder.string());
  PX_CHECK(std::filesystem::exists(folder / kManifestName) ? file->adopt() : file->create());
  return file;
}

// The manifest is written last: without it no tile was ever committed, and a tile file that has
// slots lost its manifest by other means than a crash of ours.
Result<void> TileFile::create() {
  PX_TRY(const std::uint64_t size, size_of(fd_, path_));
  if (size > kTileHeaderBytes)
    return fail(Errc::kInvalid, "{}: {} bytes of tiles, but no {} beside it", path_.string(), size,
                kManifestName);
  PX_TRY(manifest_.store_id, random_id());
  PX_CHECK(write_at(fd_, 0, encode_tile_header(manifest_.store_id), path_));
  return commit({});
}

Result<void> TileFile::adopt() {
  PX_TRY(const ByteVector bytes, read_file(folder_ / kManifestName, kMaxManifestBytes));
  auto manifest = parse_manifest(bytes);
  if (!manifest) return in_context((folder_ / kManifestName).string(), std::move(manifest).error());
  ByteVector page(kTileHeaderBytes);
  PX_CHECK(read_at(fd_, 0, page, path_));
  const auto id = parse_tile_header(page);
  if (!id) return in_context(path_.string(), id.error());
  if (*id != manifest->store_id)
    return fail(Errc::kInvalid, "{}: not the tiles that {} describes", path_.string(),
                kManifestName);
  PX_TRY(const std::uint64_t size, size_of(fd_, path_));
  const std::uint64_t slots = (size - kTileHeaderBytes) / kTileBytes;
  for (const TileEntry& entry : manifest->tiles) {
    if (entry.slot >= slots)
      return fail(Errc::kInvalid, "{}: tile ({}, {}) is in slot {}, the file ends after {}",
                  path_.string(), entry.tile.x, entry.tile.y, entry.slot, slots);
  }
  manifest_ = *std::move(manifest);
  std::uint64_t used = 0;  // what a dead process left behind the last committed slot is cut off
  for (const TileEntry& entry : manifest_.tiles) used = std::max(used, entry.slot + 1);
  states_.assign(used, {});
  for (const TileEntry& entry : manifest_.tiles) states_[entry.slot] = {true, true};
  for (std::uint64_t slot = used; slot > 0; --slot) {
    if (!states_[slot - 1].held) free_.push_back(slot - 1);
  }
  return {};
}

Result<std::uint64_t> TileFile::take_slot() {
  if (free_.empty()) {
    if (states_.size() >= kMaxSlots)
      return fail(Errc::kLimit, "{}: {} tiles", path_.string(), kMaxSlots);
    free_.push_back(states_.size());
    states_.emplace_back();
  }
  return free_.back();
}

// The slot leaves the free list only after the write: a failed write costs nothing.
Result<TileSlot> TileFile::write(const TilePixels& pixels) {
  PX_TRY(const std::uint64_t slot, take_slot());
  PX_CHECK(write_at(fd_, offset_of(slot), pixels, path_));
  free_.pop_back();
  states_[slot].held = true;
  return TileSlot{slot, xxh3_64(pixels)};
}

Result<void> TileFile::read(const TileSlot& slot, TilePixels& pixels) const {
  PX_CHECK(read_at(fd_, offset_of(slot.index), pixels, path_));
  const std::uint64_t found = xxh3_64(pixels);
  if (found != slot.checksum)
    return fail(Errc::kInvalid,
                "{}: tile in slot {} (byte {}) is damaged: XXH3 {:016x}, not {:016x}",
                path_.string(), slot.index, offset_of(slot.index), found, slot.checksum);
  return {};
}

void TileFile::release(std::uint64_t slot) {
  SlotState& state = states_[slot];
  state.held = false;
  if (!state.committed) free_.push_back(slot);
}

// Pixels reach the disk before the manifest that names them. A commit that fails may still have
// reached the disk, so until one succeeds the slots of both manifests are kept.
Result<void> TileFile::commit(std::vector<TileEntry> entries) {
  if (::fdatasync(fd_) != 0) return system_error(path_, "sync");
  TileManifest next{manifest_.store_id, manifest_.generation + 1, std::move(entries)};
  for (const TileEntry& entry : next.tiles) states_[entry.slot].committed = true;
  PX_CHECK(write_file_atomic(folder_ / kManifestName, encode_manifest(next)));
  for (SlotState& state : states_) state.committed = false;
  for (const TileEntry& entry : next.tiles) states_[entry.slot].committed = true;
  manifest_ = std::move(next);
  trim();
  return {};
}

/// Gives room behind the last slot in use back, and rebuilds the free list: low slots first.
void TileFile::trim() {
  while (!states_.empty() && !states_.back().held && !states_.back().committed) states_.pop_back();
  free_.clear();
  for (std::uint64_t slot = states_.size(); slot > 0; --slot) {
    if (!states_[slot - 1].held && !states_[slot - 1].committed) free_.push_back(slot - 1);
  }
  if (::ftruncate(fd_, static_cast<::off_t>(offset_of(states_.size()))) != 0) {
    return;  // a file that stays too long is only larger
  }
}

}  // namespace pxos::infinite_map
