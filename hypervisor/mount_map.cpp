// What the infinite map shows of a mount: weights west, activations in the middle, KV cache east,
// program south.

#include "hypervisor/mount.hpp"
#include "infinite_map/source.hpp"

#include <charconv>

namespace pxos::hypervisor {
namespace {

using infinite_map::RegionKind;
using infinite_map::RegionSpec;
using isa::TensorDecl;

constexpr std::int64_t kWidestRow = 8192;
constexpr std::int64_t kWrappedRow = 1024;

/// "blk.7.attn_q.weight" -> 7; -1 when the name carries no layer.
std::int32_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  std::int32_t layer = -1;
  const auto [end, error] =
      std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  return error == std::errc{} && *end == '.' ? layer : -1;
}

RegionSpec weight_region(const std::string& model, const pixelfs::WeightTensor& weight,
                         std::int64_t head_dim) {
  RegionSpec spec;
  spec.name = model + "/" + weight.meta.name;
  spec.model = model;
  spec.kind = RegionKind::kWeights;
  spec.layer = layer_of(weight.meta.name);
  spec.width_px = weight.packed.cols;
  spec.height_px = weight.packed.rows;
  spec.source = infinite_map::packed_source(weight.packed);
  const bool is_heads = weight.meta.name.find("attn_q") != std::string::npos ||
                        weight.meta.name.find("attn_k") != std::string::npos ||
                        weight.meta.name.find("attn_v") != std::string::npos;
  if (is_heads) spec.block_height_px = head_dim;
  return spec;
}

/// A plain f32 or f16 matrix of the guest at its largest extents.
std::optional<RegionSpec> live_region(const std::string& model, const TensorDecl& decl,
                                      const vm::TensorView& view) {
  if (view.data == nullptr || view.rank != 2 || view.dims[0] < 1 || view.dims[1] < 1)
    return std::nullopt;
  RegionSpec spec;
  spec.name = model + "/" + decl.name;
  spec.model = model;
  spec.width_px = view.dims[1];
  spec.height_px = view.dims[0];
  if (view.element == TensorDecl::Element::kF32) {
    spec.kind = RegionKind::kActivation;
    if (view.dims[1] >
        kWidestRow) {  // logits: a picture nobody could look at; shown as rows of a fixed width
      spec.width_px = kWrappedRow;
      spec.height_px = (view.elements() + kWrappedRow - 1) / kWrappedRow;
      spec.source = infinite_map::vector_source(
          {reinterpret_cast<const float*>(view.data), static_cast<std::size_t>(view.elements())},
          kWrappedRow, 4.0F);
      return spec;
    }
    spec.source = infinite_map::f32_source(
        {reinterpret_cast<const float*>(view.data), view.dims[0], view.dims[1], view.dims[1]},
        4.0F);
    return spec;
  }
  if (view.element == TensorDecl::Element::kF16) {
    spec.kind = RegionKind::kKv;
    if (view.caches == tensor::KvFormat::kQ8) {
      spec.source = infinite_map::q8_source(
          {view.data, view.caches, view.dims[0], view.dims[1], view.dims[1]}, 4.0F);
      return spec;
    }
    if (view.caches == tensor::KvFormat::kF32) {
      spec.source = infinite_map::f32_source(
          {reinterpret_cast<const float*>(view.data), view.dims[0], view.dims[1], view.dims[1]},
          4.0F);
      spec.source.palette = infinite_map::Palette::kAge;
      return spec;
    }
    spec.source = infinite_map::f16_source({reinterpret_cast<const std::uint16_t*>(view.data),
                                            view.dims[0], view.dims[1], view.dims[1]},
                                           4.0F);
    return spec;
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<RegionSpec>> Mount::map_regions() {
  std::vector<RegionSpec> specs;
  const auto& integers = cartridge_.manifest().integers;
  const auto head = integers.find("head_dim");
  const std::int64_t head_dim = head != integers.end() ? head->second : 0;
  for (const pixelfs::WeightTensor& weight : weights_->tensors()) {
    if (weight.meta.layout != pixelfs::SheetLayout::kLinear)
      specs.push_back(weight_region(name_, weight, head_dim));
  }
  const vm::LinkedProgram& linked = machine_->linked();
  for (std::size_t i = 0; i < linked.program().tensors.size(); ++i) {
    const TensorDecl& decl = linked.program().tensors[i];
    if (decl.kind == TensorDecl::Kind::kImport || decl.kind == TensorDecl::Kind::kView) continue;
    for (std::int64_t n = 0; n < linked.tensors[i].count; ++n) {
      PX_TRY(const vm::TensorView view, machine_->view(decl.name, n));
      auto spec = live_region(name_, decl, view);
      if (!spec) continue;
      if (decl.is_array) {
        spec->name += fmt::format("[{}]", n);
        spec->layer = static_cast<std::int32_t>(n);
      }
      if (spec->kind == RegionKind::kKv) {
        spec->block_width_px = head_dim;
        spec->source.filled_rows = [this] { return position(); };
      }
      specs.push_back(*std::move(spec));
    }
  }
  RegionSpec program;
  program.name = name_ + "/program";
  program.model = name_;
  program.kind = RegionKind::kProgram;
  program.width_px = program_picture_.width;
  program.height_px = program_picture_.height;
  program.source = infinite_map::image_source(program_picture_);
  specs.push_back(std::move(program));
  return specs;
}

}  // namespace pxos::hypervisor
