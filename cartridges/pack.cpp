#include "cartridges/pack.hpp"

#include "cartridges/entry_name.hpp"
#include "cartridges/writer.hpp"
#include "pixelfs/kind.hpp"
#include "pxvm/base/file.hpp"

#include <algorithm>
#include <system_error>

namespace pxos::cartridges {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCopyBytes = std::size_t{4} << 20U;
constexpr std::uint64_t kMaxDraftBytes = std::uint64_t{16} << 20U;

/// Every folder between `root` and the entry is a real folder, not a link that leads elsewhere.
Result<void> check_no_links(const fs::path& root, const std::string& name) {
  fs::path at = root;
  for (const fs::path& part : fs::path(name)) {
    at /= part;
    std::error_code error;
    if (fs::is_symlink(fs::symlink_status(at, error)))
      return fail(Errc::kDenied, "{}: symbolic links are not followed", at.string());
  }
  return {};
}

/// Content decides, names only help where content says nothing: a sheet stays a sheet whatever it
/// is called.
EntryKind kind_of_file(const fs::path& path, Bytes content) {
  switch (pixelfs::identify(content).kind) {
    case pixelfs::FileKind::kSheet:
      return EntryKind::kSheet;
    case pixelfs::FileKind::kProgram:
      return EntryKind::kProgram;
    default:
      break;
  }
  const std::string suffix = path.extension().string();
  if (suffix == ".pxasm") return EntryKind::kSource;
  if (suffix == ".lua") return EntryKind::kScript;
  if (suffix == ".txt" || suffix == ".md") return EntryKind::kText;
  if (path.filename() == "tokenizer.bin") return EntryKind::kTokenizer;
  return EntryKind::kOther;
}

/// All regular files below `folder` except what unpack adds, by ascending name.
Result<std::vector<ManifestEntry>> list_folder(const fs::path& folder) {
  std::vector<ManifestEntry> out;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    if (at->is_directory(error)) continue;
    const std::string name = at->path().lexically_relative(folder).generic_string();
    if (name == "manifest.json" || name == "label.png") continue;
    PX_CHECK(check_entry_name(name));
    PX_CHECK(check_no_links(folder, name));
    PX_TRY(const MappedFile file, MappedFile::open(at->path()));
    ManifestEntry entry;
    entry.name = name;
    entry.kind = kind_of_file(at->path(), file.bytes());
    out.push_back(std::move(entry));
  }
  if (error) return fail(Errc::kIo, "{}: cannot list: {}", folder.string(), error.message());
  std::sort(out.begin(), out.end(),
            [](const ManifestEntry& a, const ManifestEntry& b) { return a.name < b.name; });
  return out;
}

/// Reads the file when it is packed, through a map: memory use does not depend on its size.
EntrySource entry_from_file(const ManifestEntry& entry, const fs::path& path) {
  return {entry.name, entry.kind, entry.kind_text,
          [path](const std::function<Result<void>(Bytes)>& sink) -> Result<void> {
            PX_TRY(const MappedFile file, MappedFile::open(path));
            Bytes rest = file.bytes();
            while (!rest.empty()) {
              const Bytes part = rest.first(std::min(rest.size(), kCopyBytes));
              PX_CHECK(sink(part));
              rest = rest.subspan(part.size());
            }
            if (file.poisoned())
              return fail(Errc::kIo, "{}: the file shrank while it was read", path.string());
            return {};
          },
          0};
}

/// Requires: check_entry_name(name) held, so the path stays below root unless a link leads away.
Result<void> write_new_file(const fs::path& root, const std::string& name, Bytes content) {
  const fs::path path = root / name;
  PX_CHECK(check_no_links(root, name));
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error)
    return fail(Errc::kIo, "{}: cannot make the folder: {}", path.parent_path().string(),
                error.message());
  return write_file_atomic(path, content);
}

}  // namespace

EntrySource entry_from_bytes(std::string name, EntryKind kind, ByteVector content) {
  const std::uint64_t size = content.size();
  return {std::move(name), kind, "",
          [content = std::move(content)](const std::function<Result<void>(Bytes)>& sink) {
            return sink(content);
          },
          size};
}

Result<void> pack(const fs::path& path, Manifest manifest, std::vector<EntrySource> entries,
                  const PackOptions& options) {
  PX_TRY(CartridgeWriter writer, CartridgeWriter::create(path));
  std::uint64_t done = 0;
  const auto sink = [&](Bytes bytes) -> Result<void> {
    PX_CHECK(writer.write(bytes));
    done += bytes.size();
    if (options.progress) options.progress(done, std::max(done, options.expected_bytes));
    return {};
  };
  for (const EntrySource& entry : entries) {
    PX_CHECK(writer.begin({entry.name, entry.kind, entry.kind_text, entry.size_bytes}));
    PX_CHECK(entry.write(sink));
    PX_CHECK(writer.end());
  }
  PX_CHECK(writer.finish(std::move(manifest)));
  return {};
}

Result<void> unpack(const Cartridge& cartridge, const fs::path& folder) {
  // All names are tried before the first byte is written: unpacking is whole or not at all.
  std::vector<std::string> names{"manifest.json", "label.png"};
  for (const ManifestEntry& entry : cartridge.manifest().entries) names.push_back(entry.name);
  for (const std::string& name : names) {
    std::error_code error;
    if (fs::exists(fs::symlink_status(folder / name, error)))
      return fail(Errc::kUsage, "{}: already exists, nothing was unpacked",
                  (folder / name).string());
  }
  for (const ManifestEntry& entry : cartridge.manifest().entries)
    PX_CHECK(write_new_file(folder, entry.name, cartridge.bytes(entry)));
  PX_CHECK(write_new_file(folder, "label.png", cartridge.label()));
  const std::string json = manifest_json(cartridge.manifest());
  return write_new_file(folder, "manifest.json", as_bytes(json));
}

Result<void> pack_folder(const fs::path& folder, const fs::path& path) {
  PX_TRY(const ByteVector json, read_file(folder / "manifest.json", kMaxDraftBytes));
  auto draft = parse_manifest(json, ManifestForm::kDraft);
  if (!draft) return in_context((folder / "manifest.json").string(), std::move(draft).error());
  Manifest manifest = *std::move(draft);
  // An author may leave the list out; unpack's manifest has it, and its order gives the same bytes
  // again.
  if (manifest.entries.empty()) {
    PX_TRY(manifest.entries, list_folder(folder));
  }
  std::vector<EntrySource> sources;
  for (const ManifestEntry& entry : manifest.entries) {
    PX_CHECK(check_no_links(folder, entry.name));
    std::error_code error;
    const std::uint64_t size = fs::file_size(folder / entry.name, error);
    if (error)
      return fail(Errc::kNotFound, "{}: {}", (folder / entry.name).string(), error.message());
    sources.push_back(entry_from_file(entry, folder / entry.name));
    sources.back().size_bytes = size;
  }
  return pack(path, std::move(manifest), std::move(sources));
}

}  // namespace pxos::cartridges
