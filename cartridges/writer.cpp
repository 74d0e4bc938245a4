#include "cartridges/writer.hpp"

#include "cartridges/entry_name.hpp"
#include "cartridges/index.hpp"
#include "cartridges/label.hpp"
#include "pxvm/base/checked.hpp"
#include "pxvm/base/file.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace pxos::cartridges {
namespace {

constexpr std::size_t kSampledSheets = 16;

/// Catches kMaxThumbnails windows, spread evenly, of a sheet that streams by.
class Sampler {
 public:
  Sampler(std::string caption, std::uint64_t size) {
    for (std::uint64_t k = 0; k < kMaxThumbnails; ++k) {
      // size / 12 * odd: no overflow, and no two windows start at the same byte of a large sheet.
      starts_.push_back(size / (2 * kMaxThumbnails) * (2 * k + 1));
      windows_.push_back({caption, {}});
    }
  }

  void update(Bytes bytes) {
    for (std::size_t k = 0; k < windows_.size(); ++k) {
      ByteVector& window = windows_[k].bytes;
      const std::uint64_t wanted = starts_[k] + window.size();
      if (window.size() >= kThumbnailBytes || wanted < position_ ||
          wanted - position_ >= bytes.size())
        continue;
      const Bytes rest = bytes.subspan(wanted - position_);
      const Bytes part =
          rest.first(std::min<std::size_t>(rest.size(), kThumbnailBytes - window.size()));
      window.insert(window.end(), part.begin(), part.end());
    }
    position_ += bytes.size();
  }

  [[nodiscard]] const std::vector<Thumbnail>& windows() const { return windows_; }

 private:
  std::vector<std::uint64_t> starts_;
  std::vector<Thumbnail> windows_;
  std::uint64_t position_ = 0;
};

/// Whether a window shows something: padding and directories are mostly one byte.
bool has_contrast(const ByteVector& window) {
  if (window.size() != kThumbnailBytes) return false;
  std::array<std::uint32_t, 256> counts{};
  for (const std::uint8_t byte : window) ++counts[byte];
  return *std::max_element(counts.begin(), counts.end()) < kThumbnailBytes / 4 * 3;
}

/// Windows of all sheets by turns: first one of each, then the second of each, until it is enough.
std::vector<Thumbnail> choose_thumbnails(const std::vector<Sampler>& samplers) {
  std::vector<Thumbnail> out;
  for (std::size_t k = 0; k < kMaxThumbnails; ++k)
    for (const Sampler& sampler : samplers)
      if (out.size() < kMaxThumbnails && has_contrast(sampler.windows()[k].bytes))
        out.push_back(sampler.windows()[k]);
  return out;
}

std::string count_text(std::uint64_t count) {
  if (count >= 1'000'000'000) return fmt::format("{:.2f} G", static_cast<double>(count) / 1e9);
  if (count >= 1'000'000) return fmt::format("{:.1f} M", static_cast<double>(count) / 1e6);
  if (count >= 10'000) return fmt::format("{:.0f} K", static_cast<double>(count) / 1e3);
  return fmt::format("{}", count);
}

/// The label's words. Everything comes from the manifest, so the picture is as reproducible as the
/// file.
LabelContent label_content(const Manifest& manifest) {
  LabelContent content;
  content.title = manifest.title.empty() ? manifest.name : manifest.title;
  if (manifest.parameter_count > 0)
    content.lines.push_back(fmt::format("{} parameters   {}", count_text(manifest.parameter_count),
                                        manifest.architecture));
  else
    content.lines.push_back(manifest.architecture.empty() ? "program" : manifest.architecture);
  if (!manifest.author.empty()) content.lines.push_back("by " + manifest.author);
  content.lines.push_back(manifest.name + (manifest.version.empty() ? "" : " " + manifest.version));
  if (!manifest.licence.empty()) content.lines.push_back("licence " + manifest.licence);
  return content;
}

/// The label with its index chunk, at most kLabelReserve bytes.
Result<ByteVector> encode_label(LabelContent content, const CartridgeIndex& index) {
  pixelfs::PngEncode options;
  options.chunks.push_back({{'p', 'a', 'C', 'k'}, encode_index(index)});
  PX_TRY(ByteVector png, pixelfs::encode_png(draw_label(content), options));
  if (png.size() <= kLabelReserve) return png;
  // Only the thumbnails can be that incompressible; text on a plain ground takes a few KiB.
  content.thumbnails.clear();
  PX_TRY(ByteVector plain, pixelfs::encode_png(draw_label(content), options));
  if (plain.size() > kLabelReserve)
    return fail(Errc::kLimit, "label of {} bytes, at most {}", plain.size(), kLabelReserve);
  return plain;
}

}  // namespace

struct CartridgeWriter::Impl {
  explicit Impl(AtomicFile opened) : file(std::move(opened)) {}

  Result<void> append(Bytes bytes) {
    PX_CHECK(file.write_at(position, bytes));
    position += bytes.size();
    return {};
  }
  Result<void> pad() {
    const ByteVector zeros(round_up(position, kEntryAlign) - position);
    return zeros.empty() ? Result<void>() : append(zeros);
  }
  /// Digests and samples of bytes of the open entry.
  void look_at(Bytes bytes) {
    xxh3.update(bytes);
    blake3.update(bytes);
    if (sampling) samplers.back().update(bytes);
  }

  AtomicFile file;
  std::uint64_t position = 0;  // end of what this writer wrote or took over
  bool open = false;           // between begin and end
  bool sampling = false;       // the open entry feeds samplers.back()
  Xxh128Stream xxh3;
  Blake3Stream blake3;
  std::set<std::string> names;
  std::vector<ManifestEntry> entries;
  std::vector<Sampler> samplers;
};

CartridgeWriter::CartridgeWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CartridgeWriter::CartridgeWriter(CartridgeWriter&&) noexcept = default;
CartridgeWriter& CartridgeWriter::operator=(CartridgeWriter&&) noexcept = default;
CartridgeWriter::~CartridgeWriter() = default;

Result<CartridgeWriter> CartridgeWriter::create(const std::filesystem::path& path) {
  PX_TRY(AtomicFile file, AtomicFile::create(path));
  auto impl = std::make_unique<Impl>(std::move(file));
  // Held free with zeros; the label is written last, when the manifest's digest is known.
  PX_CHECK(impl->append(ByteVector(kLabelReserve)));
  return CartridgeWriter(std::move(impl));
}

Result<CartridgeWriter> CartridgeWriter::resume(const std::filesystem::path& path,
                                                const std::filesystem::path& partial,
                                                std::uint64_t keep) {
  PX_TRY(AtomicFile file, AtomicFile::resume(path, partial, keep));
  auto impl = std::make_unique<Impl>(std::move(file));
  PX_CHECK(impl->append(ByteVector(kLabelReserve)));
  return CartridgeWriter(std::move(impl));
}

Result<void> CartridgeWriter::begin(const EntryHead& head) {
  PX_ASSERT(!impl_->open);
  PX_CHECK(check_entry_name(head.name));
  if (!impl_->names.insert(head.name).second)
    return fail(Errc::kInvalid, "entry name {} appears twice", head.name);
  PX_CHECK(impl_->pad());
  ManifestEntry entry;
  entry.name = head.name;
  entry.kind = head.kind;
  entry.kind_text = head.kind == EntryKind::kOther && !head.kind_text.empty()
                        ? head.kind_text
                        : std::string(kind_text(head.kind));
  entry.offset = impl_->position;
  impl_->entries.push_back(std::move(entry));
  impl_->xxh3 = Xxh128Stream();
  impl_->blake3 = Blake3Stream();
  impl_->sampling = head.kind == EntryKind::kSheet && impl_->samplers.size() < kSampledSheets;
  if (impl_->sampling) impl_->samplers.emplace_back(head.name, head.size_bytes);
  impl_->open = true;
  return {};
}

Result<void> CartridgeWriter::write(Bytes bytes) {
  PX_ASSERT(impl_->open);
  impl_->look_at(bytes);
  return impl_->append(bytes);
}

Result<void> CartridgeWriter::end() {
  PX_ASSERT(impl_->open);
  impl_->open = false;
  ManifestEntry& entry = impl_->entries.back();
  entry.size = impl_->position - entry.offset;
  entry.xxh3 = impl_->xxh3.digest();
  entry.blake3 = impl_->blake3.digest();
  return {};
}

Result<void> CartridgeWriter::add(const EntryHead& head, Bytes content) {
  EntryHead sized = head;
  sized.size_bytes = content.size();
  PX_CHECK(begin(sized));
  PX_CHECK(write(content));
  return end();
}

Result<bool> CartridgeWriter::reuse(const EntryHead& head) {
  constexpr std::uint64_t kReadBytes = std::uint64_t{4} << 20U;
  const std::uint64_t start = round_up(impl_->position, kEntryAlign);
  if (!range_fits(start, head.size_bytes, impl_->file.size())) return false;
  PX_CHECK(begin(head));
  ByteVector buffer;
  for (std::uint64_t left = head.size_bytes; left > 0; left -= buffer.size()) {
    buffer.resize(std::min(kReadBytes, left));
    PX_CHECK(impl_->file.read_at(impl_->position, buffer));
    impl_->look_at(buffer);
    impl_->position += buffer.size();
  }
  PX_CHECK(end());
  return true;
}

Result<std::uint64_t> CartridgeWriter::checkpoint() {
  PX_CHECK(impl_->file.sync());
  return impl_->position;
}

Result<Manifest> CartridgeWriter::finish(Manifest manifest) {
  PX_ASSERT(!impl_->open);
  // Taken out, so that every error path drops the temporary file.
  const std::unique_ptr<Impl> impl = std::move(impl_);
  manifest.major = kManifestMajor;
  manifest.minor = kManifestMinor;
  manifest.entries = std::move(impl->entries);
  PX_CHECK(impl->pad());
  const std::string json = manifest_json(manifest);
  // What is written must be readable: a wrong name or number fails here, not at the first mount.
  PX_TRY(const Manifest checked, parse_manifest(as_bytes(json)));
  CartridgeIndex index;
  index.payload_start = kLabelReserve;
  index.manifest_offset = impl->position;
  index.manifest_size = json.size();
  index.file_size = index.manifest_offset + index.manifest_size;
  index.manifest_digest = xxh3_128(as_bytes(json));
  PX_CHECK(impl->append(as_bytes(json)));
  if (impl->file.size() != impl->position)
    return fail(Errc::kInvalid, "the partial file has {} bytes, the cartridge only {}",
                impl->file.size(), impl->position);
  LabelContent content = label_content(checked);
  content.manifest_digest = index.manifest_digest;
  content.thumbnails = choose_thumbnails(impl->samplers);
  PX_TRY(const ByteVector label, encode_label(std::move(content), index));
  PX_CHECK(impl->file.write_at(0, label));
  PX_CHECK(impl->file.commit());
  return checked;
}

std::uint64_t CartridgeWriter::size() const {
  return impl_->position;
}

}  // namespace pxos::cartridges
