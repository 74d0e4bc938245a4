#include "shell/verbs/stored_files.hpp"

#include "pixelfs/file_store.hpp"
#include "pixelfs/originals.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"

#include <functional>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

namespace fs = std::filesystem;
using pixelfs::FileKind;

/// One file to write, wherever it is stored.
struct Stored {
  std::string name;
  std::uint64_t size_bytes = 0;
  std::function<Result<void>(const pixelfs::Volume::Sink&)> content;
};

struct Contents {
  std::vector<Stored> files;
  std::shared_ptr<const void> owner;  ///< of what `content` borrows
};

/// The original containers are small enough to be mapped. PXFS carries a hash, PXAR none of its
/// own.
struct Original {
  MappedFile file;
  pixelfs::WrappedFile wrapped;
  pixelfs::Archive archive;
};

Result<std::shared_ptr<Original>> open_original(FileKind kind, const fs::path& path) {
  PX_TRY(MappedFile file, MappedFile::open(path));
  auto original = std::make_shared<Original>(Original{std::move(file), {}, {}});
  const Bytes bytes = original->file.bytes();
  Result<void> parsed;
  const auto keep = [&](auto result, auto& to) {
    if (result) {
      to = *std::move(result);
    } else {
      parsed = in_context(path.string(), std::move(result).error());
    }
  };
  if (kind == FileKind::kPxar) keep(pixelfs::parse_pxar(bytes), original->archive);
  if (kind == FileKind::kPxif) keep(pixelfs::parse_pxif(bytes), original->wrapped);
  if (kind == FileKind::kPxfs) keep(pixelfs::parse_pxfs(bytes), original->wrapped);
  PX_CHECK(parsed);
  if (original->archive.wrapped) original->wrapped = original->archive.wrapper;
  return original;
}

Result<void> check_hash(FileKind kind, const Original& original, const fs::path& path) {
  if (kind == FileKind::kPxar && !original.archive.wrapped) return {};
  auto checked = pixelfs::verify_wrapped(original.wrapped);
  if (!checked) return in_context(path.string(), std::move(checked).error());
  return {};
}

Result<Contents> contents_of_volume(const fs::path& path) {
  PX_TRY(pixelfs::Volume opened, open_volume(path));
  const auto volume = std::make_shared<const pixelfs::Volume>(std::move(opened));
  Contents contents{{}, volume};
  for (const pixelfs::VolumeEntry& entry : volume->entries()) {
    contents.files.push_back(
        {entry.name, entry.size_bytes, [volume, &entry](const pixelfs::Volume::Sink& sink) {
           return volume->stream(entry, {0, entry.size_bytes}, sink);
         }});
  }
  return contents;
}

Result<Contents> contents_of(FileKind kind, const fs::path& path) {
  if (kind == FileKind::kVolume) return contents_of_volume(path);
  PX_TRY(const auto original, open_original(kind, path));
  PX_CHECK(check_hash(kind, *original, path));
  Contents contents{{}, original};
  const auto add = [&](std::string name, Bytes bytes) {
    contents.files.push_back({std::move(name), bytes.size(),
                              [bytes](const pixelfs::Volume::Sink& sink) { return sink(bytes); }});
  };
  if (kind != FileKind::kPxar) add(path.stem().string(), original->wrapped.content);
  for (const pixelfs::ArchiveFile& file : original->archive.files) add(file.path, file.content);
  return contents;
}

Result<void> write_stored(const Stored& stored, const fs::path& path) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) {
    return fail(Errc::kIo, "{}: cannot make the folder: {}", path.parent_path().string(),
                error.message());
  }
  PX_TRY(AtomicFile file, AtomicFile::create(path));
  PX_CHECK(stored.content([&](Bytes piece) { return file.write(piece); }));
  return file.commit();
}

Result<void> show_volume(const fs::path& path) {
  PX_TRY(const pixelfs::Volume volume, open_volume(path));
  const pixelfs::PixelReader& pixels = volume.pixels();
  print_out("  picture     {} x {}\n  content     {} bytes in {} files\n  read        {}\n",
            pixels.line_bytes() / 3, pixels.scanlines(), volume.content_bytes(),
            volume.entries().size(),
            pixels.in_place() ? "in place" : "decoded: " + pixels.slow_reason());
  for (const pixelfs::VolumeEntry& entry : volume.entries()) {
    print_out("    {:>14} {:>14} {:<13} {}\n", entry.size_bytes, entry.stored_bytes,
              pixelfs::coding_name(entry.coding), entry.name);
  }
  return {};
}

Result<int> verify_volume(const fs::path& path) {
  PX_TRY(const pixelfs::Volume volume, open_volume(path));
  ProgressBar bar("verify");
  PX_TRY(const pixelfs::VolumeReport report,
         volume.verify([&](std::uint64_t done, std::uint64_t total) {
           bar.update(done, total);
           return true;
         }));
  for (const pixelfs::VolumeDamage& damage : report.damage) print_out("{}\n", damage.message);
  if (!report.damage.empty()) {
    return fail(Errc::kInvalid, "{}: {}{} damaged places", path.string(),
                report.more ? "more than " : "", report.damage.size());
  }
  const std::string& slow = volume.pixels().slow_reason();
  print_out("{}: ok: {} files, {} bytes{}\n", path.string(), volume.entries().size(),
            report.content_bytes, slow.empty() ? "" : " (decoded: " + slow + ")");
  return 0;
}

}  // namespace

bool holds_files(FileKind kind) {
  return kind == FileKind::kVolume || kind == FileKind::kPxif || kind == FileKind::kPxfs ||
         kind == FileKind::kPxar;
}

Result<pixelfs::Volume> open_volume(const fs::path& path) {
  PX_TRY(auto blob, pixelfs::open_file_blob(path, pixelfs::BlobAccess::kRead));
  auto volume = pixelfs::Volume::open(std::move(blob));
  if (!volume) return in_context(path.string(), std::move(volume).error());
  return volume;
}

Result<void> show_stored_files(FileKind kind, const fs::path& path) {
  if (kind == FileKind::kVolume) return show_volume(path);
  PX_TRY(const auto original, open_original(kind, path));
  if (kind != FileKind::kPxar || original->archive.wrapped) {
    print_out("  picture     {} x {}\n  content     {} bytes\n", original->wrapped.width,
              original->wrapped.height, original->wrapped.content.size());
  }
  for (const pixelfs::ArchiveFile& file : original->archive.files) {
    print_out("    {:>14} {}\n", file.content.size(), file.path);
  }
  return {};
}

Result<int> verify_stored_files(FileKind kind, const fs::path& path) {
  if (kind == FileKind::kVolume) return verify_volume(path);
  PX_TRY(const auto original, open_original(kind, path));
  PX_CHECK(check_hash(kind, *original, path));
  const bool hashed = kind != FileKind::kPxar || original->archive.wrapped;
  print_out("{}: ok: {}\n", path.string(),
            hashed ? "structure and SHA-256" : "structure (a bare PXAR carries no hash)");
  return 0;
}

Result<std::size_t> unpack_stored_files(FileKind kind, const fs::path& path,
                                        const fs::path& folder) {
  PX_TRY(const Contents contents, contents_of(kind, path));
  for (const Stored& stored : contents.files) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(folder / stored.name, error))) {
      return fail(Errc::kUsage, "{}: already exists, nothing was unpacked",
                  (folder / stored.name).string());
    }
  }
  for (const Stored& stored : contents.files) PX_CHECK(write_stored(stored, folder / stored.name));
  return contents.files.size();
}

}  // namespace pxos::shell
