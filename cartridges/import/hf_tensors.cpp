#include "cartridges/import/hf_folder.hpp"
#include "cartridges/import/row_order.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>

namespace pxos::cartridges {
namespace {

/// Reads the tensors of one model and hands them on under GGUF's names.
class Translator {
 public:
  Translator(std::span<const SafetensorsFile> parts, const HfConfig& config, ModelTensors& out)
      : parts_(parts), config_(config), out_(out), transposed_(!has_plain_linears()) {}

  Result<void> run() {
    const bool has_embedding = find("model.embed_tokens.weight") != nullptr ||
                               find("transformer.wte.weight") != nullptr ||
                               find("wte.weight") != nullptr;
    const bool has_head = find("lm_head.weight") != nullptr;
    if (!config_.tied && !has_head)
      return fail(Errc::kInvalid,
                  "tensor lm_head.weight is missing although tie_word_embeddings is false");
    for (const SafetensorsFile& part : parts_)
      for (const SafetensorsTensor& tensor : part.tensors()) {
        if (is_hf_buffer(tensor.name)) continue;
        auto target = hf_target(*config_.family, tensor.name, config_.layers);
        if (!target)
          return fail(Errc::kUnsupported,
                      "tensor {}: a {} model of {} layers has none of that name", tensor.name,
                      config_.family->model_type, config_.layers);
        // One matrix for both: whichever name it is stored under.
        if (config_.tied && target->name == "output.weight") {
          if (has_embedding) continue;
          target->name = "token_embd.weight";
        }
        PX_CHECK(add(part, tensor, *target));
      }
    return add_missing_biases();
  }

 private:
  [[nodiscard]] const SafetensorsTensor* find(std::string_view name) const {
    for (const SafetensorsFile& part : parts_)
      if (const SafetensorsTensor* found = part.find(name)) return found;
    return nullptr;
  }

  /// GPT-2's own checkpoints store linears as [in, out], minGPT's as [out, in]. The fused query,
  /// key and value tell: they are three times as wide as the model.
  [[nodiscard]] bool has_plain_linears() const {
    for (const std::string_view name :
         {"transformer.h.0.attn.c_attn.weight", "h.0.attn.c_attn.weight"})
      if (const SafetensorsTensor* fused = find(name))
        return fused->shape == std::vector<std::int64_t>{3 * config_.width, config_.width};
    return true;
  }

  Result<void> add(const SafetensorsFile& part, const SafetensorsTensor& tensor,
                   const HfTarget& target) {
    if (!tensor.dtype)
      return fail(Errc::kUnsupported,
                  "tensor {}: weights of type {} are not supported (F32, F16, BF16 are)",
                  tensor.name, tensor.dtype_text);
    ModelTensor out{target.name, *tensor.dtype, tensor.shape, {}};
    const Bytes bytes = part.tensor_bytes(tensor);
    auto changed = change(bytes, target.change, out);
    if (!changed) return in_context("tensor " + tensor.name, std::move(changed).error());
    if (!out.read) out.read = read_in_place(tensor.name, bytes);
    return out_.add(std::move(out));
  }

  Result<void> change(Bytes bytes, HfChange change, ModelTensor& out) const {
    switch (change) {
      case HfChange::kNone:
        return {};
      case HfChange::kRotated:
        return config_.family->interleaved ? interleave(bytes, out) : Result<void>();
      case HfChange::kLinear:
        return transposed_ ? transpose(bytes, out) : Result<void>();
      case HfChange::kGain:
        if (config_.family->gain_plus_one) add_one(bytes, out);
        return {};
    }
    return {};
  }

  Result<void> interleave(Bytes bytes, ModelTensor& out) const {
    const bool is_whole = !out.shape.empty() && out.shape.size() <= 2 && out.shape[0] > 0 &&
                          out.shape.back() > 0 && out.shape[0] % config_.head_dim == 0;
    if (!is_whole || config_.head_dim % 2 != 0)
      return fail(Errc::kInvalid, "its rows are not whole heads of {} (an even number)",
                  config_.head_dim);
    const std::uint64_t row_bytes = bytes.size() / static_cast<std::uint64_t>(out.shape[0]);
    out.read =
        read_interleaved(out.name, bytes, row_bytes, static_cast<std::uint64_t>(config_.head_dim));
    return {};
  }

  static Result<void> transpose(Bytes bytes, ModelTensor& out) {
    if (out.shape.size() == 1) return {};  // a bias
    if (out.shape.size() != 2) return fail(Errc::kInvalid, "expected a matrix");
    std::swap(out.shape[0], out.shape[1]);
    out.read = read_transposed(
        out.name, bytes,
        {static_cast<std::uint64_t>(out.shape[0]), static_cast<std::uint64_t>(out.shape[1]),
         tensor::info(out.dtype).block_bytes});
    return {};
  }

  /// w + 1 in f32, the precision a norm computes with.
  static void add_one(Bytes bytes, ModelTensor& out) {
    std::vector<float> values(out.elements());
    tensor::dequantize_row(out.dtype, bytes, values);
    for (float& value : values) value += 1.0F;
    out.dtype = tensor::DType::kF32;
    out.read = read_owned(out.name, f32_bytes(values));
  }

  /// minGPT can leave out the bias of query, key and value; GPT-2 has one, and zero is the same.
  Result<void> add_missing_biases() {
    if (config_.family->architecture != "gpt2") return {};
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
      const std::string stem = fmt::format("blk.{}.attn_qkv", layer);
      // A model that lacks the matrix too is refused by whoever reads its tensors.
      if (out_.find(stem + ".weight") == nullptr || out_.find(stem + ".bias") != nullptr) continue;
      const std::vector<float> zeros(static_cast<std::size_t>(3 * config_.width));
      PX_CHECK(out_.add({stem + ".bias",
                         tensor::DType::kF32,
                         {3 * config_.width},
                         read_owned(stem + ".bias", f32_bytes(zeros))}));
    }
    return {};
  }

  std::span<const SafetensorsFile> parts_;
  const HfConfig& config_;
  ModelTensors& out_;
  const bool transposed_;
};

}  // namespace

Result<void> add_hf_tensors(std::span<const SafetensorsFile> parts, HfConfig& config,
                            ModelTensors& out) {
  PX_CHECK(Translator(parts, config, out).run());
  for (const HfConfig::Made& made : config.made)
    PX_CHECK(out.add({made.name,
                      tensor::DType::kF32,
                      {static_cast<std::int64_t>(made.values.size())},
                      read_owned(made.name, f32_bytes(made.values))}));
  return {};
}

}  // namespace pxos::cartridges
