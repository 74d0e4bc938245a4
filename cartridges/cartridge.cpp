#include "cartridges/cartridge.hpp"

#include "cartridges/index.hpp"
#include "cartridges/label.hpp"
#include "pixelfs/kind.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>

namespace pxos::cartridges {
namespace {

constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{16} << 20U;
// A label is decoded only when a file calls for it; anything larger than this is no label.
constexpr pixelfs::PngLimits kLabelLimits{4096, 4096, std::uint64_t{4} << 20U};

/// The error for a PNG whose payload is not there: named after its strip when it has one.
tl::unexpected<Error> not_a_cartridge(Bytes file) {
  const auto image = pixelfs::decode_png(file, kLabelLimits);
  const auto digest = image ? read_label_strip(*image) : std::nullopt;
  if (digest)
    return fail(Errc::kInvalid,
                "this is only the label of cartridge {}; its payload was stripped, probably by an "
                "image editor",
                to_hex(*digest));
  return fail(Errc::kInvalid, "not a cartridge: a PNG without a {} chunk", kIndexChunk);
}

/// The index, checked against the file it came from. A missing payload is told apart from a cut
/// one: the first is an editor's work and has a name, the second is a broken copy.
Result<CartridgeIndex> read_index(Bytes file) {
  PX_TRY(const auto chunk, pixelfs::find_png_chunk(file, kIndexChunk));
  if (!chunk) return not_a_cartridge(file);
  PX_TRY(const CartridgeIndex index, parse_index(*chunk));
  PX_TRY(const std::uint64_t label_size, pixelfs::png_length(file));
  if (file.size() == label_size) return not_a_cartridge(file);
  if (file.size() != index.file_size)
    return fail(Errc::kInvalid, "cartridge of {} bytes, its index says {}: {}", file.size(),
                index.file_size, file.size() < index.file_size ? "cut short" : "bytes were added");
  if (label_size > index.payload_start)
    return fail(Errc::kInvalid, "cartridge payload at {} lies inside the label of {} bytes",
                index.payload_start, label_size);
  if (index.manifest_size > kMaxManifestBytes)
    return fail(Errc::kLimit, "manifest of {} bytes, at most {}", index.manifest_size,
                kMaxManifestBytes);
  return index;
}

/// Every entry lies page-aligned between label and manifest, apart from the others.
Result<void> check_places(const Manifest& manifest, const CartridgeIndex& index) {
  std::vector<const ManifestEntry*> order;
  order.reserve(manifest.entries.size());
  for (const ManifestEntry& entry : manifest.entries) {
    if (entry.offset % kEntryAlign != 0 || entry.offset < index.payload_start ||
        !range_fits(entry.offset, entry.size, index.manifest_offset))
      return fail(Errc::kInvalid,
                  "entry {}: {} bytes at {} are not page-aligned inside the payload [{}, {})",
                  entry.name, entry.size, entry.offset, index.payload_start, index.manifest_offset);
    if (entry.size > 0) order.push_back(&entry);
  }
  std::sort(order.begin(), order.end(),
            [](const ManifestEntry* a, const ManifestEntry* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->size)
      return fail(Errc::kInvalid, "entries {} and {} overlap at byte {}", order[i - 1]->name,
                  order[i]->name, order[i]->offset);
  return {};
}

/// Both digests: XXH3 finds damage quickly, BLAKE3 is what a signature rests on.
Result<void> verify_entry(const ManifestEntry& entry, Bytes bytes) {
  const Xxh128 fast = xxh3_128(bytes);
  if (!(fast == entry.xxh3))
    return fail(Errc::kInvalid, "entry {}: XXH3 {}, expected {}", entry.name, to_hex(fast),
                to_hex(entry.xxh3));
  const Blake3 strong = blake3(bytes);
  if (strong != entry.blake3)
    return fail(Errc::kInvalid, "entry {}: BLAKE3 {}, expected {}", entry.name, to_hex(strong),
                to_hex(entry.blake3));
  return {};
}

/// What lies between label, entries and manifest is zero: nothing is hidden there.
Result<void> verify_padding(Bytes file, std::uint64_t label_size, const Manifest& manifest,
                            std::uint64_t manifest_size) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> used{
      {file.size() - manifest_size, file.size()}};
  for (const ManifestEntry& entry : manifest.entries)
    if (entry.size > 0) used.emplace_back(entry.offset, entry.offset + entry.size);
  std::sort(used.begin(), used.end());
  std::uint64_t at = label_size;
  for (const auto& [start, end] : used) {
    const Bytes gap = file.subspan(at, start - at);
    if (std::any_of(gap.begin(), gap.end(), [](std::uint8_t byte) { return byte != 0; }))
      return fail(Errc::kInvalid, "bytes that are not zero in the padding [{}, {})", at, start);
    at = end;
  }
  return {};
}

}  // namespace

Result<Cartridge> Cartridge::open(const std::filesystem::path& path, const LoadOptions& load) {
  auto mapped = MappedFile::open(path, load);
  if (!mapped) return tl::unexpected<Error>(std::move(mapped).error());
  auto file = std::make_shared<const MappedFile>(*std::move(mapped));
  PX_TRY(Cartridge cartridge, from_bytes(file->bytes(), path.string()));
  if (file->poisoned())
    return fail(Errc::kIo, "{}: the file shrank while it was opened", path.string());
  cartridge.file_ = std::move(file);
  return cartridge;
}

Result<Cartridge> Cartridge::from_bytes(Bytes bytes, std::string name) {
  if (pixelfs::identify(bytes).kind == pixelfs::FileKind::kGguf)
    return fail(Errc::kUnsupported,
                "{}: a GGUF model, expected a cartridge; `pxos import {}` makes one of it", name,
                name);
  auto index = read_index(bytes);
  if (!index) return in_context(name, std::move(index).error());
  const Bytes json = bytes.subspan(index->manifest_offset, index->manifest_size);
  const Xxh128 digest = xxh3_128(json);
  if (!(digest == index->manifest_digest))
    return fail(Errc::kInvalid, "{}: manifest digest {}, the index says {}", name, to_hex(digest),
                to_hex(index->manifest_digest));
  auto manifest = parse_manifest(json);
  if (!manifest) return in_context(name, std::move(manifest).error());
  const auto places = check_places(*manifest, *index);
  if (!places) return in_context(name, places.error());
  Cartridge cartridge;
  cartridge.bytes_ = bytes;
  PX_TRY(cartridge.label_size_, pixelfs::png_length(bytes));
  // Only addresses and digests are kept; no entry has been looked at yet, however large.
  cartridge.manifest_size_ = index->manifest_size;
  cartridge.path_ = std::move(name);
  cartridge.manifest_ = *std::move(manifest);
  cartridge.manifest_digest_ = digest;
  return cartridge;
}

std::optional<FileIdentity> Cartridge::identity() const {
  if (file_ == nullptr) return std::nullopt;
  return file_->identity();
}

bool Cartridge::poisoned() const {
  return file_ != nullptr && file_->poisoned();
}

const ManifestEntry* Cartridge::find(std::string_view entry_name) const {
  for (const ManifestEntry& entry : manifest_.entries)
    if (entry.name == entry_name) return &entry;
  return nullptr;
}

std::vector<const ManifestEntry*> Cartridge::of_kind(EntryKind kind) const {
  std::vector<const ManifestEntry*> out;
  for (const ManifestEntry& entry : manifest_.entries)
    if (entry.kind == kind) out.push_back(&entry);
  return out;
}

Bytes Cartridge::bytes(const ManifestEntry& entry) const {
  return bytes_.subspan(entry.offset, entry.size);
}

Result<void> Cartridge::verify() const {
  for (const ManifestEntry& entry : manifest_.entries) {
    const auto checked = verify_entry(entry, bytes(entry));
    if (!checked) return in_context(path_, checked.error());
  }
  const auto padding = verify_padding(bytes_, label_size_, manifest_, manifest_size_);
  if (!padding) return in_context(path_, padding.error());
  const auto picture = pixelfs::decode_png(label(), kLabelLimits);
  if (!picture) return in_context(path_ + ": label", picture.error());
  const auto strip = read_label_strip(*picture);
  if (!strip) return fail(Errc::kInvalid, "{}: the label has no digest strip", path_);
  if (!(*strip == manifest_digest_))
    return fail(Errc::kInvalid, "{}: the label names manifest {}, found {}", path_, to_hex(*strip),
                to_hex(manifest_digest_));
  if (poisoned()) return fail(Errc::kIo, "{}: the file shrank while it was read", path_);
  return {};
}

}  // namespace pxos::cartridges
