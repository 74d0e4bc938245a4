#include "cartridges/import/model_entries.hpp"

#include "pxvm/tensor/quantize.hpp"

#include <system_error>

namespace pxos::cartridges {
namespace {

/// Sheets come one after another, as entries do.
class EntrySink final : public pixelfs::SheetSink {
 public:
  explicit EntrySink(CartridgeWriter& writer) : writer_(writer) {}
  Result<void> begin(const std::string& name, std::uint64_t size_bytes) override {
    return writer_.begin({name, EntryKind::kSheet, "", size_bytes});
  }
  Result<void> write(Bytes bytes) override { return writer_.write(bytes); }
  Result<void> end() override { return writer_.end(); }

 private:
  CartridgeWriter& writer_;
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

void describe_shape(const LlamaShape& shape, Manifest& out) {
  out.integers = {{"n_layer", shape.n_layer},     {"dim", shape.dim},
                  {"n_head", shape.n_head},       {"n_kv", shape.n_kv},
                  {"head_dim", shape.head_dim},   {"ffn_dim", shape.ffn_dim},
                  {"vocab", shape.vocab},         {"ctx", shape.ctx},
                  {"rope_dims", shape.rope_dims}, {"rope_pairing", shape.family.rope_pairing}};
  out.reals = {{"rms_eps", shape.rms_eps}, {"rope_base", shape.rope_base}};
}

Result<void> add_sheets(CartridgeWriter& writer, std::span<const pixelfs::TensorInput> tensors,
                        const Progress& progress) {
  EntrySink sink(writer);
  return pixelfs::write_sheets(tensors, sink, [&](std::uint64_t done, std::uint64_t total) {
    if (progress) progress(done, total);
    return true;
  });
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
