#include "cartridges/import/import.hpp"

#include "cartridges/import/gguf_model.hpp"
#include "cartridges/import/gguf_vocabulary.hpp"
#include "cartridges/import/llama_gguf.hpp"
#include "cartridges/import/model_entries.hpp"
#include "cartridges/import/tensor_source.hpp"
#include "pxvm/text/tokenizer.hpp"

#include <chrono>

namespace pxos::cartridges {
namespace {

Result<std::string> text_or(const Metadata& metadata, std::string_view key,
                            std::string_view fallback) {
  PX_TRY(const auto value, metadata.find_text(key));
  return std::string(value.value_or(fallback));
}

/// Who made the model and under which terms, as far as the file says.
Result<void> describe(const ModelFile& file, const std::filesystem::path& path,
                      const ImportOptions& options, Manifest& out) {
  const std::string stem = path.stem().string();
  PX_TRY(out.architecture, text_or(file.metadata, "general.architecture", ""));
  PX_TRY(out.title, text_or(file.metadata, "general.name", stem));
  // A converter that knew no name wrote the architecture's; the file's name says more.
  if (out.title == out.architecture || out.title.empty()) out.title = stem;
  out.name = options.name.empty() ? make_cartridge_name(out.title) : options.name;
  PX_TRY(const std::string organization, text_or(file.metadata, "general.organization", ""));
  PX_TRY(out.author, text_or(file.metadata, "general.author", organization));
  PX_TRY(out.licence, text_or(file.metadata, "general.license", ""));
  PX_TRY(out.version, text_or(file.metadata, "general.version", "1.0.0"));
  PX_TRY(out.chat_template, text_or(file.metadata, "tokenizer.chat_template", ""));
  out.notes = fmt::format("imported from {} ({})", path.filename().string(), file.format);
  out.creator_name = "pxos import";
  out.genesis_version = "1";
  return {};
}

/// Everything of a model file but the weights' bytes, checked.
struct Model {
  Manifest manifest;
  ByteVector tokenizer;  ///< empty: the model has none
  ProgramSource program;
  std::vector<pixelfs::TensorInput> tensors;
};

Result<void> read_tokenizer(text::Vocabulary vocabulary, std::int64_t rows, Model& out) {
  if (static_cast<std::int64_t>(vocabulary.tokens.size()) != rows)
    return fail(Errc::kInvalid,
                "tokenizer.ggml.tokens: {} tokens, but token_embd.weight has {} rows",
                vocabulary.tokens.size(), rows);
  out.manifest.stop_tokens = stop_tokens(vocabulary);
  PX_TRY(out.tokenizer, text::serialize(vocabulary));
  // An unknown pre-tokenizer must be refused now, not when somebody asks the model something.
  PX_CHECK(text::Tokenizer::create(std::move(vocabulary)));
  return {};
}

/// Everything is checked before the output is created, so a refused file costs no disk.
Result<Model> read_model(ModelFile& file, const std::filesystem::path& path,
                         const ImportOptions& options) {
  PX_TRY(const std::string_view architecture, file.metadata.text("general.architecture"));
  PX_TRY(const LlamaFamily family, find_llama_family(architecture));
  Model model;
  PX_CHECK(describe(file, path, options, model.manifest));
  PX_TRY(const LlamaShape shape, read_llama_shape(file, family));
  describe_shape(shape, model.manifest);
  // f32 weights are for comparisons: no rounding of keys and values.
  const bool exact = options.as_dtype == tensor::DType::kF32;
  const int kv_bits = options.kv_bits.value_or(exact ? 32 : 16);
  if (kv_bits != 16) model.manifest.integers["kv_bits"] = kv_bits;
  PX_TRY(const auto tensors, llama_tensors(file, shape));
  for (const ModelTensor* tensor : tensors) {
    model.manifest.parameter_count += tensor->elements();
    model.tensors.push_back(tensor_source(*tensor, options.as_dtype));
  }
  if (file.vocabulary) PX_CHECK(read_tokenizer(*std::move(file.vocabulary), shape.vocab, model));
  PX_TRY(model.program, options.find_program(architecture));
  return model;
}

/// Small entries first: a reader of the file's beginning sees program and tokenizer.
Result<void> write_cartridge(Model model, const ModelFile& file, const ImportOptions& options,
                             ImportReport& report) {
  PX_TRY(CartridgeWriter writer, CartridgeWriter::create(options.output));
  PX_CHECK(add_program(writer, model.program));
  if (!model.tokenizer.empty())
    PX_CHECK(writer.add({"tokenizer.bin", EntryKind::kTokenizer, "", 0}, model.tokenizer));
  PX_CHECK(add_sheets(writer, model.tensors, options.progress));
  PX_CHECK(file.check_sources());
  return finish_import(std::move(writer), std::move(model.manifest), options, report);
}

}  // namespace

Result<ImportReport> import_model(const std::filesystem::path& path, const ImportOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  PX_CHECK(check_options(options));
  PX_TRY(ModelFile file, open_gguf_model(path));
  auto model = read_model(file, path, options);
  if (!model) return in_context(path.string(), std::move(model).error());
  ImportReport report;
  report.source_bytes = file.source_bytes();
  report.tensors = model->tensors.size();
  PX_CHECK(write_cartridge(*std::move(model), file, options, report));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace pxos::cartridges
