// volume: any files as the pixels of one PNG, and back, whole or in part.

#include "pixelfs/volume.hpp"

#include "pixelfs/file_store.hpp"
#include "pxvm/base/file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/stored_files.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pxos::shell {
namespace {

namespace fs = std::filesystem;
using pixelfs::ChunkCoding;
using pixelfs::Volume;
using pixelfs::VolumeEntry;
using pixelfs::VolumeInput;

struct VolumeArguments {
  std::vector<std::string> sources;
  std::string volume, name, output, coding = "auto";
  bool overwrite = false, json = false;
  std::function<Result<int>(const VolumeArguments&)> chosen;
};

// ---- pack

/// Read piece by piece; a file that changes its size meanwhile is an error, not a shorter entry.
Result<VolumeInput> input_of(const fs::path& path, std::string name) {
  std::error_code error;
  const std::uint64_t size = fs::file_size(path, error);
  if (error) return fail(Errc::kNotFound, "{}: {}", path.string(), error.message());
  const auto read = [path, size](std::uint64_t offset, MutBytes out) -> Result<void> {
    PX_TRY(const auto blob, pixelfs::open_file_blob(path, pixelfs::BlobAccess::kRead));
    if (blob->size_bytes() != size) {
      return fail(Errc::kIo, "{}: {} bytes now, {} when packing began", path.string(),
                  blob->size_bytes(), size);
    }
    return blob->read(offset, out);
  };
  return VolumeInput{std::move(name), size, read, std::nullopt};
}

/// A file under its own name; a folder's files under the folder's name, by ascending path. Links
/// are left out: they could lead anywhere.
Result<void> collect(const fs::path& source, std::map<std::string, fs::path>& out) {
  std::error_code error;
  const fs::path whole = fs::absolute(source, error).lexically_normal();
  const fs::path clean = whole.has_filename() ? whole : whole.parent_path();
  const std::string top = clean.filename().string();
  const auto add = [&](std::string name, const fs::path& path) -> Result<void> {
    if (out.emplace(name, path).second) return {};
    return fail(Errc::kUsage, "two files would be named '{}' in the volume", name);
  };
  if (!fs::is_directory(clean, error)) return add(top, clean);
  for (fs::recursive_directory_iterator at(clean, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    if (at->is_symlink(gone) || !at->is_regular_file(gone)) continue;
    PX_CHECK(add(top + "/" + at->path().lexically_relative(clean).generic_string(), at->path()));
  }
  if (error) return fail(Errc::kIo, "{}: cannot list: {}", source.string(), error.message());
  return {};
}

std::optional<ChunkCoding> coding_of(const std::string& text) {
  for (std::uint8_t code = 0; code < pixelfs::kChunkCodings; ++code) {
    const auto coding = static_cast<ChunkCoding>(code);
    if (text == pixelfs::coding_name(coding)) return coding;
  }
  return std::nullopt;
}

Result<int> pack_volume(const VolumeArguments& arguments) {
  std::map<std::string, fs::path> files;
  for (const std::string& source : arguments.sources) PX_CHECK(collect(source, files));
  std::vector<VolumeInput> inputs;
  for (const auto& [name, path] : files) {
    PX_TRY(VolumeInput input, input_of(path, name));
    input.coding = coding_of(arguments.coding);
    inputs.push_back(std::move(input));
  }
  const fs::path output = arguments.output;
  std::error_code error;
  if (!arguments.overwrite && fs::exists(output, error)) {
    return fail(Errc::kUsage, "{}: already exists; -f replaces it", output.string());
  }
  PX_TRY(const auto store,
         pixelfs::FileStore::open_folder(output.has_parent_path() ? output.parent_path() : "."));
  ProgressBar bar("pack");
  pixelfs::VolumeWrite options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    bar.update(done, total);
    return true;
  };
  PX_TRY(const pixelfs::VolumeSummary summary,
         pixelfs::write_volume(inputs, *store, output.filename().string(), options));
  print_out("{}: {} files, {} bytes, {} stored, {} bytes of PNG\n", output.string(), inputs.size(),
            summary.content_bytes, summary.stored_bytes, summary.file_bytes);
  return 0;
}

// ---- ls

nlohmann::json entry_json(const VolumeEntry& entry) {
  return {{"name", entry.name},
          {"size", entry.size_bytes},
          {"stored", entry.stored_bytes},
          {"coding", pixelfs::coding_name(entry.coding)},
          {"chunks", entry.chunks.size()},
          {"xxh3_128", to_hex(entry.digest)}};
}

Result<int> list_volume(const VolumeArguments& arguments) {
  if (!arguments.json) {
    PX_CHECK(show_stored_files(pixelfs::FileKind::kVolume, arguments.volume));
    return 0;
  }
  PX_TRY(const Volume volume, open_volume(arguments.volume));
  nlohmann::json files = nlohmann::json::array();
  for (const VolumeEntry& entry : volume.entries()) files.push_back(entry_json(entry));
  const nlohmann::json all{{"chunk_bytes", volume.chunk_bytes()},
                           {"content_bytes", volume.content_bytes()},
                           {"in_place", volume.pixels().in_place()},
                           {"files", files}};
  print_out("{}\n", all.dump());
  return 0;
}

// ---- get

struct Wanted {
  const VolumeEntry* entry = nullptr;
  Volume::Range range;
};

/// "NAME" or "NAME@offset+length". A file whose name looks like that comes first.
Result<Wanted> find_wanted(const Volume& volume, const std::string& text) {
  if (const VolumeEntry* entry = volume.find(text)) return Wanted{entry, {0, entry->size_bytes}};
  const std::size_t at = text.rfind('@');
  const std::size_t plus = text.rfind('+');
  if (at == std::string::npos || plus == std::string::npos || plus < at) {
    return fail(Errc::kNotFound, "no file '{}' in the volume", text);
  }
  const auto number = [&](std::size_t begin, std::size_t end, std::uint64_t& out) {
    const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, out);
    return error == std::errc{} && stop == text.data() + end;
  };
  Wanted wanted;
  if (!number(at + 1, plus, wanted.range.offset) ||
      !number(plus + 1, text.size(), wanted.range.length)) {
    return fail(Errc::kUsage, "'{}': expected NAME@offset+length in bytes", text);
  }
  wanted.entry = volume.find(text.substr(0, at));
  if (wanted.entry == nullptr) {
    return fail(Errc::kNotFound, "no file '{}' in the volume", text.substr(0, at));
  }
  return wanted;
}

Result<void> to_stdout(Bytes piece) {
  if (std::fwrite(piece.data(), 1, piece.size(), stdout) == piece.size()) return {};
  return fail(Errc::kIo, "cannot write to stdout");
}

Result<int> get_from_volume(const VolumeArguments& arguments) {
  PX_TRY(const Volume volume, open_volume(arguments.volume));
  PX_TRY(const Wanted wanted, find_wanted(volume, arguments.name));
  if (arguments.output == "-") {
    PX_CHECK(volume.stream(*wanted.entry, wanted.range, to_stdout));
    return 0;
  }
  ProgressBar bar("get");
  PX_TRY(AtomicFile file, AtomicFile::create(arguments.output));
  const auto sink = [&](Bytes piece) -> Result<void> {
    PX_CHECK(file.write(piece));
    bar.update(file.size(), wanted.range.length);
    return {};
  };
  PX_CHECK(volume.stream(*wanted.entry, wanted.range, sink));
  PX_CHECK(file.commit());
  return 0;
}

// ---- the verb

using Arguments = std::shared_ptr<VolumeArguments>;

VerbSyntax& subcommand(VerbSyntax& verb, const Arguments& arguments, const std::string& name,
                       const std::string& summary,
                       Result<int> (*action)(const VolumeArguments& arguments)) {
  return verb.add_subcommand(name, summary, [arguments, action] { arguments->chosen = action; });
}

void setup_pack_volume(VerbSyntax& verb, const Arguments& arguments) {
  VerbSyntax& pack = subcommand(verb, arguments, "pack", "store files in a volume", pack_volume);
  pack.add_option("FILES", arguments->sources, "files, and folders with all that is in them")
      ->required();
  pack.add_option("-o,--output", arguments->output, "volume to write (.pxi)")->required();
  pack.add_option("--coding", arguments->coding, "auto measures what pays, file by file")
      ->one_of({"auto", "none", "zstd", "palette-delta"})
      ->capture_default_str();
  pack.add_flag("-f,--force", arguments->overwrite, "replace an existing volume");
}

}  // namespace

VerbAction setup_volume(VerbSyntax& verb) {
  auto arguments = std::make_shared<VolumeArguments>();
  verb.require_subcommand(1);
  setup_pack_volume(verb, arguments);
  VerbSyntax& list = subcommand(verb, arguments, "ls", "what is in a volume", list_volume);
  list.add_option("VOLUME", arguments->volume)->required();
  list.add_flag("--json", arguments->json, "one JSON object");
  VerbSyntax& get = subcommand(verb, arguments, "get", "a file, or a part of it", get_from_volume);
  get.add_option("VOLUME", arguments->volume)->required();
  get.add_option("NAME", arguments->name, "NAME, or NAME@offset+length in bytes")->required();
  get.add_option("-o,--output", arguments->output, "file to write; - is stdout")->required();
  const auto verify = [](const VolumeArguments& a) {
    return verify_stored_files(pixelfs::FileKind::kVolume, a.volume);
  };
  VerbSyntax& check = subcommand(verb, arguments, "verify", "find and name damage", verify);
  check.add_option("VOLUME", arguments->volume)->required();
  return [arguments] { return arguments->chosen(*arguments); };
}

}  // namespace pxos::shell
