#include "cartridges/export/export.hpp"

#include "cartridges/entry_name.hpp"
#include "cartridges/export/gguf_writer.hpp"
#include "cartridges/export/joined_tensors.hpp"
#include "cartridges/import/architecture.hpp"
#include "cartridges/import/gguf.hpp"
#include "cartridges/import/model_entries.hpp"
#include "cartridges/weights.hpp"
#include "pxvm/base/checked.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <system_error>

#include <nlohmann/json.hpp>

namespace pxos::cartridges {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using pixelfs::WeightTensor;

constexpr std::uint64_t kCopyBytes = std::uint64_t{4} << 20U;

/// Streams tensors out and counts them.
class Copier {
 public:
  Copier(const pixelfs::WeightSet& weights, const Progress& progress)
      : weights_(weights), progress_(progress), total_(weights.canonical_bytes()) {}

  Result<void> copy(const WeightTensor& tensor, AtomicFile& out) {
    const std::uint64_t size = tensor.extent.canonical_bytes;
    Xxh128Stream digest;
    for (std::uint64_t offset = 0; offset < size; offset += buffer_.size()) {
      buffer_.resize(std::min(kCopyBytes, size - offset));
      PX_CHECK(weights_.read_canonical(tensor, offset, buffer_));
      digest.update(buffer_);
      PX_CHECK(out.write(buffer_));
      report_.bytes += buffer_.size();
      if (progress_) progress_(report_.bytes, total_);
    }
    if (digest.digest() != tensor.digest)
      return fail(Errc::kInvalid, "tensor {}: its bytes do not have the digest of the sheet",
                  tensor.meta.name);
    ++report_.tensors;
    return {};
  }
  [[nodiscard]] const ExportReport& report() const { return report_; }

 private:
  const pixelfs::WeightSet& weights_;
  const Progress& progress_;
  const std::uint64_t total_;
  ByteVector buffer_;
  ExportReport report_;
};

Result<void> make_empty_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(Errc::kIo, "{}: {}", folder.string(), error.message());
  const bool empty = fs::is_empty(folder, error);
  if (error) return fail(Errc::kIo, "{}: {}", folder.string(), error.message());
  if (!empty) return fail(Errc::kUsage, "{}: is not empty", folder.string());
  return {};
}

ordered_json index_row(const WeightTensor& tensor, const std::string& file) {
  ordered_json row{{"name", tensor.meta.name},
                   {"dtype", tensor::info(tensor.meta.dtype).text},
                   {"shape", tensor.meta.shape},
                   {"file", file},
                   {"bytes", tensor.extent.canonical_bytes},
                   {"xxh3", to_hex(tensor.digest)}};
  if (tensor.meta.dtype == tensor::DType::kU8Affine) {
    row["min"] = tensor.meta.affine.min;
    row["max"] = tensor.meta.affine.max;
  }
  return row;
}

struct KeyOfParameter {
  std::string_view parameter, key;
};
constexpr std::array<KeyOfParameter, 10> kIntegerKeys{{{"n_layer", "block_count"},
                                                       {"dim", "embedding_length"},
                                                       {"ffn_dim", "feed_forward_length"},
                                                       {"ctx", "context_length"},
                                                       {"vocab", "vocab_size"},
                                                       {"n_head", "attention.head_count"},
                                                       {"n_kv", "attention.head_count_kv"},
                                                       {"head_dim", "attention.key_length"},
                                                       {"head_dim", "attention.value_length"},
                                                       {"rope_dims", "rope.dimension_count"}}};
constexpr std::array<KeyOfParameter, 2> kRealKeys{
    {{"rms_eps", "attention.layer_norm_rms_epsilon"}, {"rope_base", "rope.freq_base"}}};

Result<std::int64_t> parameter(const Manifest& manifest, std::string_view name) {
  const auto found = manifest.integers.find(std::string(name));
  if (found == manifest.integers.end() || found->second < 0 || found->second > 0xFFFFFFFF)
    return fail(Errc::kInvalid, "manifest: hyper-parameter {} is missing or no u32", name);
  return found->second;
}

Result<void> put_shape(const Manifest& manifest, GgufWriter& out) {
  PX_TRY(const Architecture* family, find_architecture(manifest.architecture));
  PX_TRY(const std::int64_t pairing, parameter(manifest, "rope_pairing"));
  if (pairing != family->rope_pairing)
    return fail(Errc::kUnsupported, "rope_pairing {}: in GGUF architecture {} it is {}", pairing,
                family->name, family->rope_pairing);
  for (const KeyOfParameter& row : kIntegerKeys) {
    PX_TRY(const std::int64_t value, parameter(manifest, row.parameter));
    out.u32(fmt::format("{}.{}", family->name, row.key), static_cast<std::uint32_t>(value));
  }
  for (const KeyOfParameter& row : kRealKeys) {
    const auto found = manifest.reals.find(std::string(row.parameter));
    if (found == manifest.reals.end())
      return fail(Errc::kInvalid, "manifest: hyper-parameter {} is missing", row.parameter);
    out.real(fmt::format("{}.{}", family->name, row.key), found->second);
  }
  return {};
}

/// Texts the manifest has; empty ones were not in the source either.
void put_description(const Manifest& manifest, GgufWriter& out) {
  out.text("general.architecture", manifest.architecture);
  const std::array<std::pair<std::string_view, const std::string*>, 5> texts{
      {{"general.name", &manifest.title},
       {"general.author", &manifest.author},
       {"general.license", &manifest.licence},
       {"general.version", &manifest.version},
       {"tokenizer.chat_template", &manifest.chat_template}}};
  for (const auto& [key, value] : texts)
    if (!value->empty()) out.text(key, *value);
}

/// The name GGUF has for a kind of tokenizer. Errors: kUnsupported when it has none.
Result<std::string_view> scheme_of(const text::Vocabulary& vocabulary) {
  if (vocabulary.model == text::Vocabulary::Model::kSpm) return "llama";
  if (vocabulary.model == text::Vocabulary::Model::kBpe) return "gpt2";
  return fail(Errc::kUnsupported,
              "GGUF has no tokenizer of this kind (scored pieces and byte-level merges it has)");
}

constexpr std::string_view kPreTokenizerKey = "tokenizer.ggml.pre";

/// The arrays, which the cartridge keeps in its tokenizer entry only.
void put_vocabulary_arrays(const text::Vocabulary& vocabulary, GgufWriter& out) {
  const std::string prefix = "tokenizer.ggml.";
  out.texts(prefix + "tokens", vocabulary.tokens);
  if (!vocabulary.scores.empty()) out.floats(prefix + "scores", vocabulary.scores);
  std::vector<std::int32_t> types;
  for (const text::TokenType type : vocabulary.types)
    types.push_back(static_cast<std::int32_t>(type));
  out.i32s(prefix + "token_type", types);
  if (!vocabulary.merges.empty()) out.texts(prefix + "merges", vocabulary.merges);
}

/// The single values, for a cartridge whose source had none.
Result<void> put_vocabulary_values(const text::Vocabulary& vocabulary, GgufWriter& out) {
  const std::string prefix = "tokenizer.ggml.";
  PX_TRY(const std::string_view scheme, scheme_of(vocabulary));
  out.text(prefix + "model", scheme);
  if (scheme == "gpt2") out.text(kPreTokenizerKey, vocabulary.pre);
  const std::array<std::pair<std::string_view, std::optional<text::TokenId>>, 5> ids{
      {{"bos_token_id", vocabulary.bos},
       {"eos_token_id", vocabulary.eos},
       {"eot_token_id", vocabulary.eot},
       {"unknown_token_id", vocabulary.unk},
       {"padding_token_id", vocabulary.pad}}};
  for (const auto& [key, id] : ids)
    if (id) out.u32(prefix + std::string(key), static_cast<std::uint32_t>(*id));
  out.flag(prefix + "add_bos_token", vocabulary.add_bos);
  out.flag(prefix + "add_eos_token", vocabulary.add_eos);
  out.flag(prefix + "add_space_prefix", vocabulary.add_space_prefix);
  return {};
}

/// What the source said, as it said it; the architecture first, as readers expect. The alignment is
/// this writer's own.
void put_metadata(const Metadata& metadata, GgufWriter& out) {
  constexpr std::string_view kFirst = "general.architecture";
  const auto first = metadata.find(kFirst);
  if (first != metadata.end()) out.value(kFirst, first->second);
  for (const auto& [key, value] : metadata)
    if (key != kFirst && key != "general.alignment") out.value(key, value);
}

/// Pairs for a cartridge that keeps no metadata of a source: what manifest and tokenizer say.
Result<void> put_manifest(const Manifest& manifest, const text::Vocabulary* vocabulary,
                          GgufWriter& out) {
  put_description(manifest, out);
  PX_CHECK(put_shape(manifest, out));
  if (vocabulary == nullptr) out.text("tokenizer.ggml.model", "none");
  return vocabulary == nullptr ? Result<void>() : put_vocabulary_values(*vocabulary, out);
}

Result<GgufWriter> gguf_front(const Cartridge& cartridge, std::span<const JoinedTensor> tensors) {
  std::optional<text::Vocabulary> vocabulary;
  const auto tokenizers = cartridge.of_kind(EntryKind::kTokenizer);
  if (!tokenizers.empty()) {
    PX_TRY(vocabulary, text::parse_vocabulary(cartridge.bytes(*tokenizers.front())));
  }
  GgufWriter out;
  if (const ManifestEntry* entry = cartridge.find(kMetadataEntry)) {
    auto kept = GgufFile::parse(cartridge.bytes(*entry));
    if (!kept) return in_context(kMetadataEntry, std::move(kept).error());
    put_metadata(kept->metadata(), out);
    if (vocabulary && !kept->has("tokenizer.ggml.model"))
      PX_CHECK(put_vocabulary_values(*vocabulary, out));
    else if (vocabulary && !vocabulary->pre.empty() && !kept->has(kPreTokenizerKey))
      out.text(kPreTokenizerKey, vocabulary->pre);  // said by the user at import
  } else {
    PX_CHECK(put_manifest(cartridge.manifest(), vocabulary ? &*vocabulary : nullptr, out));
  }
  if (vocabulary) put_vocabulary_arrays(*vocabulary, out);
  for (const JoinedTensor& tensor : tensors)
    PX_CHECK(out.tensor(tensor.name, tensor.shape, tensor.dtype, tensor.canonical_bytes));
  return out;
}

/// The tensors as the file holds them; an architecture nobody here knows has nothing to join.
std::vector<JoinedTensor> file_tensors(const Manifest& manifest,
                                       const pixelfs::WeightSet& weights) {
  const auto family = find_architecture(manifest.architecture);
  return joined_tensors(weights.tensors(), family ? **family : Architecture{});
}

}  // namespace

Result<ExportReport> export_tensors(const Cartridge& cartridge, const fs::path& folder,
                                    const Progress& progress) {
  PX_TRY(const pixelfs::WeightSet weights, open_weights(cartridge));
  for (const WeightTensor& tensor : weights.tensors()) PX_CHECK(check_entry_name(tensor.meta.name));
  PX_CHECK(make_empty_folder(folder));
  Copier copier(weights, progress);
  ordered_json rows = ordered_json::array();
  for (const WeightTensor& tensor : weights.tensors()) {
    const std::string name =
        fmt::format("{}.{}", tensor.meta.name, tensor::info(tensor.meta.dtype).text);
    std::error_code error;
    fs::create_directories((folder / name).parent_path(), error);
    PX_TRY(AtomicFile file, AtomicFile::create(folder / name));
    PX_CHECK(copier.copy(tensor, file));
    PX_CHECK(file.commit());
    rows.push_back(index_row(tensor, name));
  }
  const std::string index =
      ordered_json{{"architecture", cartridge.manifest().architecture}, {"tensors", rows}}.dump(
          1, ' ', false, ordered_json::error_handler_t::replace) +
      "\n";
  PX_CHECK(write_file_atomic(folder / "index.json", as_bytes(index)));
  return copier.report();
}

Result<ExportReport> export_gguf(const Cartridge& cartridge, const fs::path& file,
                                 const Progress& progress) {
  PX_TRY(const pixelfs::WeightSet weights, open_weights(cartridge));
  const std::vector<JoinedTensor> tensors = file_tensors(cartridge.manifest(), weights);
  PX_TRY(const GgufWriter front, gguf_front(cartridge, tensors));
  PX_TRY(AtomicFile out, AtomicFile::create(file));
  PX_CHECK(out.write(front.front()));
  Copier copier(weights, progress);
  for (const JoinedTensor& tensor : tensors) {
    for (const WeightTensor* part : tensor.parts) PX_CHECK(copier.copy(*part, out));
    const ByteVector padding(round_up(out.size(), GgufWriter::kAlignment) - out.size());
    PX_CHECK(out.write(padding));
  }
  PX_CHECK(out.commit());
  return copier.report();
}

}  // namespace pxos::cartridges
