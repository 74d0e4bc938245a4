#include "cartridges/import/gguf_model.hpp"

#include "cartridges/import/gguf_vocabulary.hpp"
#include "cartridges/import/row_order.hpp"
#include "pixelfs/kind.hpp"

namespace pxos::cartridges {
namespace {

constexpr std::size_t kMaxParts = 1024;

/// Removes the arrays the vocabulary holds; nobody needs them twice.
void erase_vocabulary_arrays(const text::Vocabulary& vocabulary, Metadata& out) {
  out.erase("tokenizer.ggml.tokens");
  out.erase("tokenizer.ggml.token_type");
  if (!vocabulary.scores.empty()) out.erase("tokenizer.ggml.scores");
  if (!vocabulary.merges.empty()) out.erase("tokenizer.ggml.merges");
}

Result<bool> has_vocabulary(const GgufFile& file) {
  PX_TRY(const auto model, file.find_text("tokenizer.ggml.model"));
  if (!model) return file.has("tokenizer.ggml.tokens");
  return *model != "none" && *model != "no_vocab";
}

/// What a part of a split model says of itself.
struct Part {
  std::int64_t number = 0;  ///< from 0
  std::int64_t count = 1;
  std::int64_t tensors = 0;  ///< of all parts together
};

Result<Part> read_part(const Metadata& metadata) {
  Part out;
  PX_TRY(const auto count, metadata.find_integer("split.count"));
  if (!count) return out;
  out.count = *count;
  PX_TRY(out.number, metadata.integer("split.no"));
  PX_TRY(out.tensors, metadata.integer("split.tensors.count"));
  if (out.count < 1 || out.count > static_cast<std::int64_t>(kMaxParts))
    return fail(Errc::kInvalid, "split.count: {} is not in [1, {}]", out.count, kMaxParts);
  if (out.number < 0 || out.number >= out.count)
    return fail(Errc::kInvalid, "split.no: {} of {} parts", out.number, out.count);
  return out;
}

/// "<stem>-00001-of-00003.gguf" for number 0 of 3, from any part's path. Errors: kInvalid when the
/// path has another form.
Result<std::filesystem::path> part_path(const std::filesystem::path& path, const Part& part,
                                        std::int64_t number) {
  const std::string name = path.filename().string();
  const std::string tail = fmt::format("-{:05}-of-{:05}.gguf", part.number + 1, part.count);
  if (!name.ends_with(tail))
    return fail(Errc::kInvalid, "part {} of {}: its name does not end in {}", part.number + 1,
                part.count, tail);
  return path.parent_path() / fmt::format("{}-{:05}-of-{:05}.gguf",
                                          name.substr(0, name.size() - tail.size()), number + 1,
                                          part.count);
}

/// The tensors of one more part. Errors: kInvalid when it is not the part its name says.
Result<void> add_part(const std::filesystem::path& path, const Part& wanted, ModelFile& out) {
  PX_TRY(MappedFile mapped, MappedFile::open(path));
  auto file = GgufFile::parse(mapped.bytes());
  if (!file) return in_context(path.string(), std::move(file).error());
  PX_TRY(const Part part, read_part(file->metadata()));
  if (part.number != wanted.number || part.count != wanted.count)
    return fail(Errc::kInvalid, "{}: says it is part {} of {}, expected {} of {}", path.string(),
                part.number + 1, part.count, wanted.number + 1, wanted.count);
  for (const GgufTensor& tensor : file->tensors())
    PX_CHECK(out.tensors.add({tensor.name, tensor.dtype, tensor.shape(),
                              read_in_place(tensor.name, file->tensor_bytes(tensor))}));
  out.sources.push_back(std::move(mapped));
  return {};
}

/// The other parts of a split model, when `path` is the first one of several.
Result<void> add_parts(const std::filesystem::path& path, ModelFile& out) {
  PX_TRY(const Part first, read_part(out.metadata));
  if (first.count > 1 && first.number != 0) {
    PX_TRY(const std::filesystem::path begin, part_path(path, first, 0));
    return fail(Errc::kUsage, "part {} of {}: import the first one, {}", first.number + 1,
                first.count, begin.filename().string());
  }
  for (std::int64_t number = 1; number < first.count; ++number) {
    PX_TRY(const std::filesystem::path next, part_path(path, first, number));
    PX_CHECK(add_part(next, {number, first.count, 0}, out));
  }
  if (first.count > 1 && static_cast<std::int64_t>(out.tensors.size()) != first.tensors)
    return fail(Errc::kInvalid, "split.tensors.count: {}, the {} parts have {}", first.tensors,
                first.count, out.tensors.size());
  for (const std::string_view key : {"split.no", "split.count", "split.tensors.count"})
    out.metadata.erase(key);
  return {};
}

}  // namespace

Result<ModelFile> gguf_model(Bytes bytes, std::string_view pre) {
  PX_TRY(GgufFile file, GgufFile::parse(bytes));
  ModelFile out;
  out.format = fmt::format("GGUF version {}", file.version());
  for (const GgufTensor& tensor : file.tensors())
    PX_CHECK(out.tensors.add({tensor.name, tensor.dtype, tensor.shape(),
                              read_in_place(tensor.name, file.tensor_bytes(tensor))}));
  PX_TRY(const bool has_text, has_vocabulary(file));
  if (has_text) {
    PX_TRY(out.vocabulary, gguf_vocabulary(file, pre));
  }
  out.metadata = std::move(file).take_metadata();
  if (out.vocabulary) erase_vocabulary_arrays(*out.vocabulary, out.metadata);
  return out;
}

Result<ModelFile> open_gguf_model(const std::filesystem::path& path, std::string_view pre) {
  PX_TRY(MappedFile mapped, MappedFile::open(path));
  const pixelfs::Identified kind = pixelfs::identify(mapped.bytes());
  if (kind.kind != pixelfs::FileKind::kGguf)
    return fail(Errc::kUnsupported, "{}: expected a GGUF file, found {}", path.string(),
                pixelfs::kind_name(kind.kind));
  auto model = gguf_model(mapped.bytes(), pre);
  if (!model) return in_context(path.string(), std::move(model).error());
  model->sources.push_back(std::move(mapped));
  auto whole = add_parts(path, *model);
  if (!whole) return in_context(path.string(), std::move(whole).error());
  return model;
}

}  // namespace pxos::cartridges
