// Safetensors: the table, every byte range in it, the index of a model in parts, and the tensors as
// a Hugging Face importer renames and reorders them.

#include "cartridges/import/hf_folder.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using pxos::ByteVector;
using pxos::cartridges::add_hf_tensors;
using pxos::cartridges::ModelTensors;
using pxos::cartridges::parse_hf_config;
using pxos::cartridges::SafetensorsFile;

constexpr std::string_view kConfig =
    R"({"model_type":"llama","hidden_size":4,"num_hidden_layers":2,"num_attention_heads":1,)"
    R"("intermediate_size":8,"max_position_embeddings":16,"vocab_size":3,)"
    R"("tie_word_embeddings":true})";

/// Reads the ends of every tensor that is accepted.
void read_some(const ModelTensors& tensors) {
  for (const auto& tensor : tensors) {
    ByteVector piece(std::min<std::uint64_t>(tensor.bytes(), 100));
    PX_ASSERT(tensor.read(0, piece).has_value());
    PX_ASSERT(tensor.read(tensor.bytes() - piece.size(), piece).has_value());
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pxos::Bytes bytes(data, size);
  static_cast<void>(pxos::cartridges::parse_safetensors_index(bytes));
  auto file = SafetensorsFile::parse(bytes);
  if (!file) return 0;
  for (const auto& tensor : file->tensors()) {
    const pxos::Bytes raw = file->tensor_bytes(tensor);
    PX_ASSERT(raw.size() == tensor.bytes);
    PX_ASSERT(raw.empty() || (raw.data() >= data && raw.data() + raw.size() <= data + size));
  }
  auto config = parse_hf_config(pxos::as_bytes(kConfig));
  PX_ASSERT(config.has_value());
  std::vector<SafetensorsFile> parts;
  parts.push_back(*std::move(file));
  ModelTensors tensors;
  if (add_hf_tensors(parts, *config, tensors)) read_some(tensors);
  return 0;
}
