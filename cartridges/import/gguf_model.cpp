#include "cartridges/import/gguf_model.hpp"

#include "cartridges/import/gguf_vocabulary.hpp"
#include "pixelfs/kind.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>

namespace pxos::cartridges {
namespace {

// Arrays the vocabulary holds; nobody needs them twice.
constexpr std::array<std::string_view, 4> kVocabularyArrays{
    "tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type",
    "tokenizer.ggml.merges"};

Result<bool> has_vocabulary(const GgufFile& file) {
  PX_TRY(const auto model, file.find_text("tokenizer.ggml.model"));
  if (!model) return file.has("tokenizer.ggml.tokens");
  return *model != "none" && *model != "no_vocab";
}

ReadCanonical read_in_place(std::string name, Bytes bytes) {
  return [name = std::move(name), bytes](std::uint64_t offset, MutBytes out) -> Result<void> {
    if (!range_fits(offset, out.size(), bytes.size()))
      return fail(Errc::kUsage, "tensor {}: {} bytes at {} of {}", name, out.size(), offset,
                  bytes.size());
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  };
}

}  // namespace

Result<ModelFile> gguf_model(Bytes bytes) {
  PX_TRY(GgufFile file, GgufFile::parse(bytes));
  ModelFile out;
  out.format = fmt::format("GGUF version {}", file.version());
  for (const GgufTensor& tensor : file.tensors())
    PX_CHECK(out.tensors.add({tensor.name, tensor.dtype, tensor.shape(),
                              read_in_place(tensor.name, file.tensor_bytes(tensor))}));
  PX_TRY(const bool has_text, has_vocabulary(file));
  if (has_text) {
    PX_TRY(out.vocabulary, gguf_vocabulary(file));
  }
  out.metadata = std::move(file).take_metadata();
  for (const std::string_view key : kVocabularyArrays) out.metadata.erase(key);
  return out;
}

Result<ModelFile> open_gguf_model(const std::filesystem::path& path) {
  PX_TRY(MappedFile mapped, MappedFile::open(path));
  const pixelfs::Identified kind = pixelfs::identify(mapped.bytes());
  if (kind.kind != pixelfs::FileKind::kGguf)
    return fail(Errc::kUnsupported, "{}: expected a GGUF file, found {}", path.string(),
                pixelfs::kind_name(kind.kind));
  auto model = gguf_model(mapped.bytes());
  if (!model) return in_context(path.string(), std::move(model).error());
  model->sources.push_back(std::move(mapped));
  return model;
}

}  // namespace pxos::cartridges
