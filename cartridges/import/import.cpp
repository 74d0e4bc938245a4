#include "cartridges/import/import.hpp"

#include "cartridges/import/gguf_vocabulary.hpp"
#include "cartridges/import/model_entries.hpp"
#include "cartridges/import/model_plan.hpp"
#include "cartridges/import/open_model.hpp"
#include "cartridges/import/tensor_source.hpp"
#include "pxvm/base/hash.hpp"
#include "pxvm/text/tokenizer.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <system_error>

#include <fmt/ranges.h>

namespace pxos::cartridges {
namespace {

Result<std::string> text_or(const Metadata& metadata, std::string_view key,
                            std::string_view fallback) {
  PX_TRY(const auto value, metadata.find_text(key));
  return std::string(value.value_or(fallback));
}

/// What a path calls its model: the name of the folder, or of the file without suffix.
std::string name_of(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(path, ignored).lexically_normal();
  const auto last = whole.has_filename() ? whole : whole.parent_path();
  if (std::filesystem::is_directory(last, ignored)) return last.filename().string();
  return last.stem().string();
}

/// Who made the model and under which terms, as far as the file says.
Result<void> describe(const ModelFile& file, const std::filesystem::path& path,
                      const ImportOptions& options, Manifest& out) {
  const std::string stem = name_of(path);
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
  out.notes = fmt::format("imported from {} ({})", name_of(path), file.format);
  out.creator_name = "pxos import";
  out.genesis_version = "1";
  return {};
}

/// Everything of a model file but the weights' bytes, checked.
struct Model {
  Manifest manifest;
  ByteVector tokenizer;  ///< empty: the model has none
  ByteVector metadata;   ///< entry kMetadataEntry
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

/// Ascending, each once.
Result<void> add_stops(const std::vector<std::int32_t>& ids, std::int64_t rows,
                       std::vector<std::int32_t>& out) {
  std::set<std::int32_t> all(out.begin(), out.end());
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= rows)
      return fail(Errc::kInvalid, "stop token {} outside a vocabulary of {}", id, rows);
    all.insert(id);
  }
  out.assign(all.begin(), all.end());
  return {};
}

/// Everything is checked before the output is created, so a refused file costs no disk.
Result<Model> read_model(ModelFile& file, const std::filesystem::path& path,
                         const ImportOptions& options) {
  PX_TRY(ModelPlan plan, plan_model(file));
  Model model;
  PX_CHECK(describe(file, path, options, model.manifest));
  describe_shape(plan.shape, model.manifest);
  model.manifest.integers.merge(plan.integers);
  model.manifest.reals.merge(plan.reals);
  // f32 weights are for comparisons: no rounding of keys and values.
  const bool exact = options.as_dtype == tensor::DType::kF32;
  const int kv_bits = options.kv_bits.value_or(exact ? 32 : 16);
  if (kv_bits != 16) model.manifest.integers["kv_bits"] = kv_bits;
  for (const ModelTensor& tensor : plan.tensors) {
    model.manifest.parameter_count += tensor.elements();
    model.tensors.push_back(tensor_source(tensor, options.as_dtype));
  }
  if (file.vocabulary)
    PX_CHECK(read_tokenizer(*std::move(file.vocabulary), plan.shape.vocab, model));
  PX_CHECK(add_stops(file.stop_ids, plan.shape.vocab, model.manifest.stop_tokens));
  // The mix of types a GGUF file says it has is no longer what is in it.
  if (options.as_dtype) file.metadata.erase("general.file_type");
  model.metadata = metadata_entry(file.metadata);
  PX_TRY(model.program, options.find_program(plan.program));
  return model;
}

/// What makes two imports the same: the sources unchanged, and everything made of them but the
/// manifest, which is written last.
std::string guard_of(const Model& model, const ModelFile& file) {
  constexpr std::size_t kHead = std::size_t{1} << 20U;
  Xxh128Stream out;
  const auto add = [&](const std::string& text) { out.update(as_bytes(text)); };
  for (const MappedFile& source : file.sources) {
    const FileIdentity& id = source.identity();
    add(fmt::format("source {} {} {} {};", id.device, id.inode, id.size_bytes, id.mtime_ns));
    out.update(source.bytes().first(std::min(kHead, source.bytes().size())));
  }
  for (const ByteVector* entry : {&model.program.png, &model.tokenizer, &model.metadata}) {
    add(fmt::format("entry {};", entry->size()));
    out.update(*entry);
  }
  add(model.program.source);
  for (const IncludedText& text : model.program.includes) add(text.name + ";" + text.text);
  for (const pixelfs::TensorInput& t : model.tensors)
    add(fmt::format("tensor {} {} {} {};", t.name, tensor::info(t.dtype).text,
                    pixelfs::layout_name(t.layout), fmt::join(t.shape, "x")));
  return to_hex(out.digest());
}

/// Where an import is written: a cartridge that appears when it is whole, with a journal when it is
/// large enough to be worth it.
struct Output {
  CartridgeWriter writer;
  std::unique_ptr<ImportJournal> journal;  ///< null: not resumable
};

Result<Output> open_output(const Model& model, const ModelFile& file,
                           const ImportOptions& options) {
  PX_TRY(const auto sheets, pixelfs::plan_sheets(model.tensors));
  std::uint64_t bytes = model.tokenizer.size() + model.metadata.size() + model.program.png.size();
  for (const pixelfs::SheetPlan& sheet : sheets) bytes += sheet.size_bytes;
  // Buffers of the writers, and the small entries once more while they are written.
  constexpr std::uint64_t kWorkingBytes = std::uint64_t{192} << 20U;
  PX_CHECK(check_memory(kWorkingBytes + 2 * (model.tokenizer.size() + model.metadata.size())));
  const std::string partial = options.output.string() + ".part";
  const std::string log = partial + ".journal";
  std::error_code ignored;
  if (options.restart) {
    std::filesystem::remove(partial, ignored);
    std::filesystem::remove(log, ignored);
  }
  if (bytes < options.resumable_bytes) {
    PX_CHECK(check_room(options.output, bytes));
    PX_TRY(CartridgeWriter writer, CartridgeWriter::create(options.output));
    return Output{std::move(writer), nullptr};
  }
  PX_TRY(ImportJournal journal, ImportJournal::open(log, guard_of(model, file)));
  const std::uint64_t kept = journal.state().kept;
  PX_CHECK(check_room(options.output, bytes - std::min(kept, bytes)));
  PX_TRY(CartridgeWriter writer, CartridgeWriter::resume(options.output, partial, kept));
  return Output{std::move(writer), std::make_unique<ImportJournal>(std::move(journal))};
}

/// Progress that also keeps the source's pages from piling up in memory: it is read front to back,
/// twice.
Progress releasing(const ModelFile& file, const Progress& progress) {
  constexpr std::uint64_t kStep = std::uint64_t{128} << 20U;
  return [&file, progress, next = kStep](std::uint64_t done, std::uint64_t total) mutable {
    if (progress) progress(done, total);
    if (done < next) return;
    next = done + kStep;
    for (const MappedFile& source : file.sources) source.release_pages();
  };
}

/// Small entries first: a reader of the file's beginning sees program and tokenizer.
Result<void> write_cartridge(Model model, const ModelFile& file, const ImportOptions& options,
                             ImportReport& report) {
  PX_TRY(Output out, open_output(model, file, options));
  PX_CHECK(add_program(out.writer, model.program));
  if (!model.tokenizer.empty())
    PX_CHECK(out.writer.add({"tokenizer.bin", EntryKind::kTokenizer, "", 0}, model.tokenizer));
  PX_CHECK(out.writer.add({std::string(kMetadataEntry), EntryKind::kOther, "metadata", 0},
                          model.metadata));
  if (out.journal != nullptr) report.resumed_bytes = out.journal->state().kept;
  PX_CHECK(
      add_sheets(out.writer, model.tensors, releasing(file, options.progress), out.journal.get()));
  PX_CHECK(file.check_sources());
  PX_CHECK(finish_import(std::move(out.writer), std::move(model.manifest), options, report));
  if (out.journal != nullptr) out.journal->remove();
  return {};
}

}  // namespace

Result<ImportReport> import_model(const std::filesystem::path& path, const ImportOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  PX_CHECK(check_options(options));
  PX_TRY(ModelFile file, open_model(path, {options.tokenizer, options.pre}));
  auto model = read_model(file, path, options);
  if (!model) return in_context(path.string(), std::move(model).error());
  ImportReport report;
  report.source_bytes = file.source_bytes();
  report.tensors = model->tensors.size();
  report.has_text = !model->tokenizer.empty();
  PX_CHECK(write_cartridge(*std::move(model), file, options, report));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace pxos::cartridges
