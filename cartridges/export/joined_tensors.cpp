#include "cartridges/export/joined_tensors.hpp"

#include <algorithm>
#include <map>

namespace pxos::cartridges {
namespace {

using pixelfs::WeightTensor;

JoinedTensor alone(const WeightTensor& tensor) {
  return {tensor.meta.name,
          tensor.meta.shape,
          tensor.meta.dtype,
          {&tensor},
          tensor.extent.canonical_bytes};
}

/// "blk.7." of "blk.7.attn_q.weight"; empty for a tensor of no layer.
std::string_view layer_prefix(std::string_view name) {
  constexpr std::string_view kLayer = "blk.";
  if (!name.starts_with(kLayer)) return {};
  const std::size_t dot = name.find('.', kLayer.size());
  return dot == std::string_view::npos ? std::string_view() : name.substr(0, dot + 1);
}

/// Rows of the table that one tensor of a file holds, in its order.
std::vector<std::string_view> names_in(const Architecture& architecture, std::string_view fused) {
  std::vector<std::string_view> names;
  for (const TensorRow& row : architecture.layer)
    if (row.fused == fused) names.push_back(row.name);
  return names;
}

class Joiner {
 public:
  Joiner(std::span<const WeightTensor> weights, const Architecture& architecture)
      : weights_(weights), architecture_(architecture) {
    for (const WeightTensor& tensor : weights) by_name_[tensor.meta.name] = &tensor;
  }

  std::vector<JoinedTensor> run() {
    std::vector<JoinedTensor> out;
    std::vector<const WeightTensor*> done;
    for (const WeightTensor& tensor : weights_) {
      if (std::find(done.begin(), done.end(), &tensor) != done.end()) continue;
      out.push_back(group_of(tensor));
      if (out.back().parts.size() > 1)
        done.insert(done.end(), out.back().parts.begin(), out.back().parts.end());
    }
    return out;
  }

 private:
  [[nodiscard]] std::string_view fused_name(std::string_view name) const {
    for (const TensorRow& row : architecture_.layer)
      if (row.name == name) return row.fused;
    return {};
  }

  [[nodiscard]] JoinedTensor group_of(const WeightTensor& tensor) const {
    const std::string prefix(layer_prefix(tensor.meta.name));
    const std::string_view fused =
        prefix.empty() ? std::string_view()
                       : fused_name(std::string_view(tensor.meta.name).substr(prefix.size()));
    if (fused.empty()) return alone(tensor);
    JoinedTensor out{prefix + std::string(fused), tensor.meta.shape, tensor.meta.dtype, {}, 0};
    out.shape[0] = 0;
    for (const std::string_view name : names_in(architecture_, fused)) {
      const auto part = by_name_.find(prefix + std::string(name));
      if (part == by_name_.end() || !fits(*part->second, tensor)) return alone(tensor);
      out.parts.push_back(part->second);
      out.shape[0] += part->second->meta.shape[0];
      out.canonical_bytes += part->second->extent.canonical_bytes;
    }
    return out;
  }

  /// Same type and same columns.
  static bool fits(const WeightTensor& a, const WeightTensor& b) {
    return a.meta.dtype == b.meta.dtype && a.meta.shape.size() == b.meta.shape.size() &&
           std::equal(a.meta.shape.begin() + 1, a.meta.shape.end(), b.meta.shape.begin() + 1);
  }

  std::span<const WeightTensor> weights_;
  const Architecture& architecture_;
  std::map<std::string_view, const WeightTensor*> by_name_;
};

}  // namespace

std::vector<JoinedTensor> joined_tensors(std::span<const WeightTensor> weights,
                                         const Architecture& architecture) {
  return Joiner(weights, architecture).run();
}

}  // namespace pxos::cartridges
