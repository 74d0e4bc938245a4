#include "cartridges/import/model_plan.hpp"

#include "cartridges/import/model_keys.hpp"
#include "cartridges/import/model_variant.hpp"
#include "pxvm/tensor/ops.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <cmath>
#include <set>

#include <fmt/ranges.h>

namespace pxos::cartridges {
namespace {

std::string shape_text(const std::vector<std::int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

/// Head counts and sizes. Query and key/value heads group evenly, and rotation works on pairs of
/// elements.
Result<void> read_heads(const ModelKeys& keys, ModelShape& out) {
  PX_TRY(out.n_head, keys.positive("attention.head_count"));
  PX_TRY(out.n_kv, keys.positive_or("attention.head_count_kv", out.n_head));
  if (out.n_head % out.n_kv != 0)
    return fail(Errc::kInvalid, "{} {} is not a multiple of head_count_kv {}",
                keys.full("attention.head_count"), out.n_head, out.n_kv);
  if (!keys.has("attention.key_length") && out.dim % out.n_head != 0)
    return fail(Errc::kInvalid, "{} {} is not a multiple of head_count {}",
                keys.full("embedding_length"), out.dim, out.n_head);
  PX_TRY(out.head_dim, keys.positive_or("attention.key_length", out.dim / out.n_head));
  PX_TRY(const std::int64_t value_dim, keys.positive_or("attention.value_length", out.head_dim));
  if (value_dim != out.head_dim)
    return fail(Errc::kUnsupported, "{} {} differs from key_length {}",
                keys.full("attention.value_length"), value_dim, out.head_dim);
  return {};
}

Result<void> read_rope(const ModelKeys& keys, ModelShape& out) {
  PX_TRY(out.rope_dims, keys.positive_or("rope.dimension_count", out.head_dim));
  if (out.rope_dims > out.head_dim || out.rope_dims % 2 != 0)
    return fail(Errc::kInvalid, "{} {} is not an even number up to the head size {}",
                keys.full("rope.dimension_count"), out.rope_dims, out.head_dim);
  PX_TRY(out.rope_base, keys.real("rope.freq_base", 1e12, 10000.0));
  if (out.rope_base <= 1)
    return fail(Errc::kInvalid, "{}: {} is not above 1", keys.full("rope.freq_base"),
                out.rope_base);
  return {};
}

/// Rows of a matrix of the file that has one row per token or position.
Result<std::int64_t> table_rows(const ModelFile& file, std::string_view name) {
  const ModelTensor* table = file.find_tensor(name);
  if (table == nullptr || table->shape.size() != 2 || table->shape[0] > ModelKeys::kMaxValue)
    return fail(Errc::kInvalid, "tensor {} is missing or not a matrix of up to {} rows", name,
                ModelKeys::kMaxValue);
  return table->shape[0];
}

Result<void> read_positions(const ModelFile& file, const ModelKeys& keys, ModelShape& out) {
  PX_TRY(out.positions, table_rows(file, "position_embd.weight"));
  if (out.positions < out.ctx)
    return fail(Errc::kInvalid, "{} {}, but position_embd.weight has {} rows",
                keys.full("context_length"), out.ctx, out.positions);
  return {};
}

Result<ModelShape> read_shape(const ModelFile& file, const ModelKeys& keys,
                              const Architecture& architecture) {
  ModelShape out;
  out.architecture = &architecture;
  PX_TRY(out.n_layer, keys.positive("block_count"));
  PX_TRY(out.dim, keys.positive("embedding_length"));
  PX_TRY(out.ffn_dim, keys.positive_or("feed_forward_length", 4 * out.dim));
  PX_TRY(out.ctx, keys.positive("context_length"));
  PX_CHECK(read_heads(keys, out));
  if (architecture.has_rope) PX_CHECK(read_rope(keys, out));
  PX_TRY(out.norm_eps, keys.real(architecture.has_layer_norm ? "attention.layer_norm_epsilon"
                                                             : "attention.layer_norm_rms_epsilon",
                                 1.0, 0));
  PX_TRY(out.vocab, table_rows(file, "token_embd.weight"));
  PX_TRY(const std::int64_t vocab, keys.positive_or("vocab_size", out.vocab));
  if (vocab != out.vocab)
    return fail(Errc::kInvalid, "{} {}, but token_embd.weight has {} rows", keys.full("vocab_size"),
                vocab, out.vocab);
  if (!architecture.has_rope) PX_CHECK(read_positions(file, keys, out));
  return out;
}

/// Takes the file's tensors by the layout; what is left over nobody has a use for.
class TensorTaker {
 public:
  TensorTaker(const ModelFile& file, std::span<const LayoutTensor> layout)
      : file_(file), layout_(layout) {}

  Result<std::vector<ModelTensor>> run() {
    for (std::size_t i = 0; i < layout_.size();) {
      const std::size_t end = group_end(i);
      const bool whole = end == i + 1 || file_.find_tensor(layout_[i].name) != nullptr;
      if (whole) {
        for (; i < end; ++i) PX_CHECK(take_whole(layout_[i]));
      } else {
        PX_CHECK(take_parts(layout_.subspan(i, end - i)));
        i = end;
      }
    }
    return std::move(out_);
  }

  Result<void> refuse_others(std::string_view program) const {
    for (const ModelTensor& tensor : file_.tensors) {
      if (taken_.contains(tensor.name)) continue;
      return fail(Errc::kUnsupported,
                  "tensor {}: the {} program has no use for it, so leaving it out would change the "
                  "model",
                  tensor.name, program);
    }
    return {};
  }

 private:
  /// Behind the last neighbour that may lie in the same fused tensor.
  [[nodiscard]] std::size_t group_end(std::size_t first) const {
    std::size_t end = first + 1;
    if (layout_[first].fused.empty()) return end;
    while (end < layout_.size() && layout_[end].fused == layout_[first].fused) ++end;
    return end;
  }

  Result<const ModelTensor*> find(const std::string& name, const std::vector<std::int64_t>& shape) {
    const ModelTensor* tensor = file_.find_tensor(name);
    if (tensor == nullptr)
      return fail(Errc::kInvalid, "tensor {} {} is missing", name, shape_text(shape));
    if (tensor->shape != shape)
      return fail(Errc::kInvalid, "tensor {}: shape {}, the hyper-parameters say {}", name,
                  shape_text(tensor->shape), shape_text(shape));
    taken_.insert(name);
    return tensor;
  }

  Result<void> take_whole(const LayoutTensor& wanted) {
    PX_TRY(const ModelTensor* tensor, find(wanted.name, wanted.shape));
    out_.push_back(*tensor);
    return {};
  }

  Result<void> take_parts(std::span<const LayoutTensor> parts) {
    std::vector<std::int64_t> shape = parts.front().shape;
    shape[0] = 0;
    for (const LayoutTensor& part : parts) shape[0] += part.shape[0];
    PX_TRY(const ModelTensor* whole, find(parts.front().fused, shape));
    std::uint64_t offset = 0;
    for (const LayoutTensor& part : parts) {
      std::uint64_t elements = 1;
      for (const std::int64_t extent : part.shape) elements *= static_cast<std::uint64_t>(extent);
      auto bytes = tensor::row_bytes(whole->dtype, elements);
      if (!bytes)
        return in_context(fmt::format("part {} of {}", part.name, whole->name),
                          std::move(bytes).error());
      out_.push_back({part.name, whole->dtype, part.shape,
                      [read = whole->read, offset](std::uint64_t at, MutBytes out) {
                        return read(offset + at, out);
                      }});
      offset += *bytes;
    }
    return {};
  }

  const ModelFile& file_;
  std::span<const LayoutTensor> layout_;
  std::vector<ModelTensor> out_;
  std::set<std::string, std::less<>> taken_;
};

/// A list of frequency factors holds numbers that leave a frequency one.
Result<void> check_factors(const ModelTensor& list) {
  ByteVector bytes(list.bytes());
  PX_CHECK(list.read(0, bytes));
  std::vector<float> factors(list.elements());
  tensor::dequantize_row(list.dtype, bytes, factors);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (factors[i] >= tensor::kMinRopeFactor && std::isfinite(factors[i])) continue;
    return fail(Errc::kInvalid, "tensor {}: factor {} is {}, expected a number from {} on",
                list.name, i, factors[i], tensor::kMinRopeFactor);
  }
  return {};
}

Result<void> take_tensors(const ModelFile& file, ModelPlan& plan) {
  // More layers than tensors: some are missing, and the list of a hostile count would not end.
  if (static_cast<std::uint64_t>(plan.shape.n_layer) > file.tensors.size())
    return fail(Errc::kInvalid, "{}.block_count {}, but the file has {} tensors",
                plan.shape.architecture->name, plan.shape.n_layer, file.tensors.size());
  // A model without its own head shares the embedding; the program names it as the fallback.
  const bool own_head = file.find_tensor("output.weight") != nullptr;
  std::vector<LayoutTensor> layout = model_layout(plan.shape, own_head);
  layout.insert(layout.end(), plan.extra.begin(), plan.extra.end());
  TensorTaker taker(file, layout);
  PX_TRY(plan.tensors, taker.run());
  const auto factors = std::span(plan.tensors).last(plan.extra.size());
  for (const ModelTensor& list : factors) PX_CHECK(check_factors(list));
  return taker.refuse_others(plan.program);
}

}  // namespace

Result<ModelPlan> plan_model(const ModelFile& file) {
  PX_TRY(const std::string_view name, file.metadata.text("general.architecture"));
  PX_TRY(const Architecture* architecture, find_architecture(name));
  const ModelKeys keys(file.metadata, name);
  ModelPlan plan;
  PX_TRY(plan.shape, read_shape(file, keys, *architecture));
  PX_CHECK(read_variant(file, keys, plan));
  PX_CHECK(take_tensors(file, plan));
  return plan;
}

}  // namespace pxos::cartridges
