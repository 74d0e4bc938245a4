#include "cartridges/import/hf_folder.hpp"

#include "cartridges/import/tokenizer_json.hpp"
#include "pxvm/base/file.hpp"

#include <set>
#include <system_error>

namespace pxos::cartridges {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{16} << 20U;
constexpr std::uint64_t kMaxTokenizerBytes = std::uint64_t{128} << 20U;
constexpr std::uint64_t kMaxIndexBytes = 100'000'000;
constexpr std::size_t kMaxParts = 1024;

/// Empty when the file is not there: most of the small files are optional.
Result<ByteVector> read_optional(const fs::path& path, std::uint64_t max_bytes) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return ByteVector();
  return read_file(path, max_bytes);
}

/// Maps one safetensors file and keeps its table and its bytes.
Result<void> open_part(const fs::path& path, std::vector<SafetensorsFile>& parts, ModelFile& out) {
  PX_TRY(MappedFile mapped, MappedFile::open(path));
  auto file = SafetensorsFile::parse(mapped.bytes());
  if (!file) return in_context(path.string(), std::move(file).error());
  parts.push_back(*std::move(file));
  out.sources.push_back(std::move(mapped));
  return {};
}

/// The parts an index names, each once, and every tensor where the index says.
Result<void> open_parts(const fs::path& folder, Bytes index, std::vector<SafetensorsFile>& parts,
                        ModelFile& out) {
  PX_TRY(const auto table, parse_safetensors_index(index));
  std::set<std::string> names;
  for (const auto& [tensor, file] : table) names.insert(file);
  if (names.size() > kMaxParts)
    return fail(Errc::kLimit, "safetensors index: {} files, at most {}", names.size(), kMaxParts);
  std::map<std::string, std::size_t> at;
  for (const std::string& name : names) {
    at[name] = parts.size();
    PX_CHECK(open_part(folder / name, parts, out));
  }
  for (const auto& [tensor, file] : table)
    if (parts[at[file]].find(tensor) == nullptr)
      return fail(Errc::kInvalid, "tensor {}: the index says it is in {}, which has none", tensor,
                  file);
  return {};
}

Result<void> open_weights(const fs::path& folder, std::vector<SafetensorsFile>& parts,
                          ModelFile& out) {
  const fs::path single = folder / "model.safetensors";
  std::error_code ignored;
  if (fs::exists(single, ignored)) return open_part(single, parts, out);
  const fs::path index = folder / "model.safetensors.index.json";
  if (!fs::exists(index, ignored))
    return fail(Errc::kNotFound, "{}: neither model.safetensors nor {} is in it", folder.string(),
                index.filename().string());
  PX_TRY(const ByteVector json, read_file(index, kMaxIndexBytes));
  return open_parts(folder, json, parts, out);
}

/// A model whose tokenizer cannot be read must not pass for one that has none.
/// Errors: kUnsupported names the file.
Result<void> refuse_other_tokenizers(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"tokenizer.model", "vocab.json", "vocab.txt", "spiece.model"})
    if (fs::exists(folder / name, ignored))
      return fail(Errc::kUnsupported,
                  "{} is there, but no tokenizer.json, which is the form that can be read", name);
  return {};
}

/// Vocabulary, chat template and the ids that end a text.
Result<void> read_text(const fs::path& folder, const HfConfig& config, ModelFile& out) {
  PX_TRY(const ByteVector settings,
         read_optional(folder / "tokenizer_config.json", kMaxConfigBytes));
  PX_TRY(const ByteVector json, read_optional(folder / "tokenizer.json", kMaxTokenizerBytes));
  if (!json.empty()) {
    PX_TRY(out.vocabulary, read_tokenizer_json(json, settings));
    PX_CHECK(pad_vocabulary(*out.vocabulary, config.vocab));
  } else {
    PX_CHECK(refuse_other_tokenizers(folder));
  }
  PX_TRY(const ByteVector jinja, read_optional(folder / "chat_template.jinja", kMaxConfigBytes));
  std::string chat(as_text(jinja));
  if (chat.empty() && !settings.empty()) {
    PX_TRY(chat, parse_chat_template(settings));
  }
  if (!chat.empty()) out.metadata.set_text("tokenizer.chat_template", chat);
  out.stop_ids = config.stop_ids;
  PX_TRY(const ByteVector generation,
         read_optional(folder / "generation_config.json", kMaxConfigBytes));
  if (generation.empty()) return {};
  PX_TRY(const auto ids, parse_generation_config(generation));
  out.stop_ids.insert(out.stop_ids.end(), ids.begin(), ids.end());
  return {};
}

Result<ModelFile> read_folder(const fs::path& folder) {
  PX_TRY(const ByteVector json, read_file(folder / "config.json", kMaxConfigBytes));
  PX_TRY(HfConfig config, parse_hf_config(json));
  ModelFile out;
  std::vector<SafetensorsFile> parts;
  PX_CHECK(open_weights(folder, parts, out));
  PX_CHECK(add_hf_tensors(parts, config, out.tensors));
  out.format = fmt::format("safetensors, {}", config.family->model_type);
  out.metadata = std::move(config.metadata);
  PX_CHECK(read_text(folder, config, out));
  return out;
}

}  // namespace

Result<ModelFile> open_hf_folder(const fs::path& folder) {
  auto model = read_folder(folder);
  if (!model) return in_context(folder.string(), std::move(model).error());
  return model;
}

}  // namespace pxos::cartridges
