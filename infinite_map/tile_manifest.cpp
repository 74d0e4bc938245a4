#include "infinite_map/tile_manifest.hpp"

#include "pxvm/base/hash.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_set>

namespace pxos::infinite_map {
namespace {

constexpr std::string_view kManifestMagic = "PXTMANIF";
constexpr std::string_view kFileMagic = "PXTILES1";
constexpr std::uint64_t kEntryBytes = 32;

void write_front(ByteWriter& out, std::string_view magic) {
  out.bytes(as_bytes(magic));
  out.u32(kTileFormatVersion);
  out.u32(static_cast<std::uint32_t>(kTileSide));
}

/// Magic, version and tile side, which both files start with.
Result<void> read_front(ByteReader& in, std::string_view magic) {
  PX_TRY(const Bytes found, in.bytes(magic.size(), "tile magic"));
  if (as_text(found) != magic)
    return fail(Errc::kInvalid, "bad magic at byte 0: expected {}", magic);
  PX_TRY(const std::uint32_t version, in.u32("tile format version"));
  if (version != kTileFormatVersion)
    return fail(Errc::kUnsupported, "tile format version {} at byte 8: this build reads {}",
                version, kTileFormatVersion);
  PX_TRY(const std::uint32_t side, in.u32("tile side"));
  if (side != kTileSide)
    return fail(Errc::kUnsupported, "tile side {} at byte 12: this build has {}", side, kTileSide);
  return {};
}

/// The last eight bytes are XXH3-64 of all before.
Result<Bytes> checked_body(Bytes file, std::string_view what) {
  if (file.size() < 8) return fail(Errc::kInvalid, "{}: {} bytes, at least 8", what, file.size());
  const Bytes body = file.first(file.size() - 8);
  ByteReader tail(file.last(8));
  PX_TRY(const std::uint64_t stored, tail.u64("checksum"));
  if (stored != xxh3_64(body)) return fail(Errc::kInvalid, "{}: checksum does not match", what);
  return body;
}

Result<TileEntry> read_entry(ByteReader& in) {
  TileEntry entry;
  PX_TRY(entry.tile.x, in.i64("tile x"));
  PX_TRY(entry.tile.y, in.i64("tile y"));
  PX_TRY(entry.slot, in.u64("tile slot"));
  PX_TRY(entry.checksum, in.u64("tile checksum"));
  const auto far = [](std::int64_t v) { return v < -kMaxTileCoord || v >= kMaxTileCoord; };
  if (far(entry.tile.x) || far(entry.tile.y))
    return fail(Errc::kInvalid, "tile ({}, {}) is outside the plane", entry.tile.x, entry.tile.y);
  return entry;
}

}  // namespace

ByteVector encode_manifest(const TileManifest& manifest) {
  ByteWriter out;
  write_front(out, kManifestMagic);
  out.u64(manifest.store_id);
  out.u64(manifest.generation);
  out.u64(manifest.tiles.size());
  for (const TileEntry& entry : manifest.tiles) {
    out.i64(entry.tile.x);
    out.i64(entry.tile.y);
    out.u64(entry.slot);
    out.u64(entry.checksum);
  }
  out.u64(xxh3_64(out.view()));
  return out.take();
}

Result<TileManifest> parse_manifest(Bytes file) {
  ByteReader front(file);
  PX_CHECK(read_front(front, kManifestMagic));  // first: another version may end differently
  PX_TRY(const Bytes body, checked_body(file, "tile manifest"));
  ByteReader in(body);
  PX_CHECK(in.seek(front.position(), "tile manifest"));
  TileManifest manifest;
  PX_TRY(manifest.store_id, in.u64("store id"));
  PX_TRY(manifest.generation, in.u64("generation"));
  PX_TRY(const std::uint64_t count, in.u64("tile count"));
  if (count != in.remaining() / kEntryBytes || in.remaining() % kEntryBytes != 0)
    return fail(Errc::kInvalid, "tile manifest: {} tiles in {} bytes of {} each", count,
                in.remaining(), kEntryBytes);
  manifest.tiles.reserve(count);
  std::unordered_set<std::uint64_t> slots;
  for (std::uint64_t i = 0; i < count; ++i) {
    PX_TRY(const TileEntry entry, read_entry(in));
    if (i > 0 && !(manifest.tiles.back().tile < entry.tile))
      return fail(Errc::kInvalid, "tile manifest: tile {} is not after the one before it", i);
    if (!slots.insert(entry.slot).second)
      return fail(Errc::kInvalid, "tile manifest: slot {} is used twice", entry.slot);
    manifest.tiles.push_back(entry);
  }
  return manifest;
}

ByteVector encode_tile_header(std::uint64_t store_id) {
  ByteWriter out;
  write_front(out, kFileMagic);
  out.u64(store_id);
  while (out.size() < kTileHeaderBytes - 8) out.u8(0);
  out.u64(xxh3_64(out.view()));
  return out.take();
}

Result<std::uint64_t> parse_tile_header(Bytes page) {
  if (page.size() < kTileHeaderBytes)
    return fail(Errc::kInvalid, "tile file: {} bytes, its header has {}", page.size(),
                kTileHeaderBytes);
  ByteReader in(page);
  PX_CHECK(read_front(in, kFileMagic));
  PX_TRY(const Bytes body, checked_body(page.first(kTileHeaderBytes), "tile file header"));
  PX_TRY(const std::uint64_t store_id, in.u64("store id"));
  const Bytes reserved = body.subspan(in.position());
  const auto used =
      std::find_if(reserved.begin(), reserved.end(), [](std::uint8_t b) { return b != 0; });
  if (used != reserved.end()) {
    return fail(Errc::kInvalid, "tile file header: reserved byte {} is {}, expected 0",
                used - body.begin(), *used);
  }
  return store_id;
}

}  // namespace pxos::infinite_map
