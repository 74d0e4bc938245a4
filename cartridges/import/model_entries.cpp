#include "cartridges/import/model_entries.hpp"

#include "cartridges/export/gguf_writer.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <fstream>
#include <optional>
#include <system_error>

namespace pxos::cartridges {
namespace {

/// Sheets come one after another, as entries do. With a journal each one is synced and noted.
class EntrySink final : public pixelfs::SheetSink {
 public:
  EntrySink(CartridgeWriter& writer, ImportJournal* journal) : writer_(writer), journal_(journal) {}
  Result<void> begin(const std::string& name, std::uint64_t size_bytes) override {
    return writer_.begin({name, EntryKind::kSheet, "", size_bytes});
  }
  Result<void> write(Bytes bytes) override { return writer_.write(bytes); }
  Result<void> end() override {
    PX_CHECK(writer_.end());
    if (journal_ == nullptr) return {};
    PX_TRY(const std::uint64_t kept, writer_.checkpoint());
    return journal_->add_kept(kept);
  }
  Result<bool> has(const std::string& name, std::uint64_t size_bytes) override {
    if (journal_ == nullptr) return false;
    return writer_.reuse({name, EntryKind::kSheet, "", size_bytes});
  }

 private:
  CartridgeWriter& writer_;
  ImportJournal* journal_;
};

}  // namespace

Result<void> check_options(const ImportOptions& options) {
  if (!options.find_program) return fail(Errc::kUsage, "import needs a program finder");
  if (options.output.empty()) return fail(Errc::kUsage, "import needs an output path");
  if (options.as_dtype && !tensor::can_quantize(*options.as_dtype))
    return fail(Errc::kUnsupported, "import as {}: expected one of {}",
                tensor::info(*options.as_dtype).text, tensor::quantizable_dtypes());
  if (!options.name.empty()) PX_CHECK(check_cartridge_name(options.name));
  std::error_code error;
  if (!options.overwrite && std::filesystem::exists(options.output, error))
    return fail(Errc::kUsage, "{}: already exists", options.output.string());
  return {};
}

void describe_shape(const ModelShape& shape, Manifest& out) {
  out.integers = {{"n_layer", shape.n_layer},   {"dim", shape.dim},
                  {"n_head", shape.n_head},     {"n_kv", shape.n_kv},
                  {"head_dim", shape.head_dim}, {"ffn_dim", shape.ffn_dim},
                  {"vocab", shape.vocab},       {"ctx", shape.ctx}};
  out.reals[shape.architecture->has_layer_norm ? "norm_eps" : "rms_eps"] = shape.norm_eps;
  if (!shape.architecture->has_rope) return;
  out.integers["rope_dims"] = shape.rope_dims;
  out.integers["rope_pairing"] = shape.architecture->rope_pairing;
  out.reals["rope_base"] = shape.rope_base;
}

Result<void> check_room(const std::filesystem::path& output, std::uint64_t bytes) {
  // A disk filled to the brim harms everybody else on it.
  constexpr std::uint64_t kReserve = std::uint64_t{256} << 20U;
  std::error_code error;
  const auto folder = output.has_parent_path() ? output.parent_path() : std::filesystem::path(".");
  const auto room = std::filesystem::space(folder, error);
  if (error) return fail(Errc::kIo, "{}: {}", folder.string(), error.message());
  if (room.available < bytes || room.available - bytes < kReserve)
    return fail(Errc::kLimit, "{}: needs {} MB of disk and {} to spare, {} are free",
                output.string(), bytes / 1000000, kReserve / 1000000, room.available / 1000000);
  return {};
}

Result<void> check_memory(std::uint64_t bytes) {
  std::ifstream info("/proc/meminfo");
  std::string key;
  std::uint64_t kilobytes = 0;
  while (info >> key >> kilobytes) {
    if (key != "MemAvailable:") {
      info.ignore(64, '\n');
      continue;
    }
    if (kilobytes >= bytes / 1024) return {};
    return fail(Errc::kLimit, "needs {} MB of memory, {} are available", bytes / 1000000,
                kilobytes * 1024 / 1000000);
  }
  return {};
}

Result<void> add_sheets(CartridgeWriter& writer, std::span<const pixelfs::TensorInput> tensors,
                        const Progress& progress, ImportJournal* journal) {
  EntrySink sink(writer, journal);
  pixelfs::SheetOptions options;
  if (journal != nullptr) {
    options.known_digest = [known = journal->state().digests](std::size_t tensor) {
      const auto found = known.find(tensor);
      return found == known.end() ? std::nullopt : std::optional(found->second);
    };
    options.on_digest = [journal](std::size_t tensor, const Xxh128& digest) {
      return journal->add_digest(tensor, digest);
    };
  }
  const auto report = [&](std::uint64_t done, std::uint64_t total) {
    if (progress) progress(done, total);
    return true;
  };
  return pixelfs::write_sheets(tensors, sink, report, options);
}

ByteVector metadata_entry(const Metadata& metadata) {
  GgufWriter out;
  for (const auto& [key, value] : metadata) out.value(key, value);
  return out.front();
}

Result<void> add_program(CartridgeWriter& writer, const ProgramSource& program) {
  PX_CHECK(writer.add({program.name + ".pxi", EntryKind::kProgram, "", 0}, program.png));
  PX_CHECK(
      writer.add({program.name + ".pxasm", EntryKind::kSource, "", 0}, as_bytes(program.source)));
  for (const IncludedText& included : program.includes)
    PX_CHECK(writer.add({included.name, EntryKind::kSource, "", 0}, as_bytes(included.text)));
  return {};
}

Result<void> finish_import(CartridgeWriter writer, Manifest manifest, const ImportOptions& options,
                           ImportReport& report) {
  manifest.created = options.created;
  PX_TRY(report.manifest, writer.finish(std::move(manifest)));
  std::error_code error;
  report.cartridge_bytes = std::filesystem::file_size(options.output, error);
  if (error) return fail(Errc::kIo, "{}: {}", options.output.string(), error.message());
  return {};
}

}  // namespace pxos::cartridges
