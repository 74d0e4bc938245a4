#include "hypervisor/pixel_inference.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pxos::hypervisor {
namespace {

Result<std::vector<float>> read_floats(vm::Machine& machine, std::string_view name) {
  PX_TRY(const vm::TensorView view, machine.view(name));
  std::vector<float> out(static_cast<std::size_t>(view.elements()));
  std::memcpy(out.data(), view.data, out.size() * sizeof(float));
  return out;
}

Result<pixelfs::Image> read_image(vm::Machine& machine, std::string_view name) {
  PX_TRY(const vm::TensorView view, machine.view(name));
  pixelfs::Image image{static_cast<std::uint32_t>(view.dims[1]),
                       static_cast<std::uint32_t>(view.dims[0]),
                       static_cast<std::uint32_t>(view.dims[2]),
                       {}};
  image.pixels.assign(view.data, view.data + view.elements());
  return image;
}

Result<void> run_program(Mount& mount, const pixelfs::Image& input,
                         const PixelInferenceOptions& options) {
  const std::int64_t vocabulary = mount.vocabulary_size();
  if (options.top_k < 1 || options.top_k > vocabulary) {
    return fail(Errc::kUsage, "top-k is {}, expected 1..{}", options.top_k, vocabulary);
  }
  if (options.heatmap_width < 1 || options.heatmap_width > 4096) {
    return fail(Errc::kUsage, "heat map width is {}, expected 1..4096", options.heatmap_width);
  }
  if (input.channels != 3 || input.height != 1) {
    return fail(Errc::kUsage,
                "a token image is RGB and 1 pixel high, this one has {} channels and height {}",
                input.channels, input.height);
  }
  const auto heat_height = static_cast<std::int64_t>(ceil_div(
      static_cast<std::uint64_t>(vocabulary), static_cast<std::uint64_t>(options.heatmap_width)));
  const std::int64_t width = input.width;
  PX_TRY(const MutBytes target, mount.machine().memory("image"));
  if (input.pixels.size() > target.size()) {
    return fail(Errc::kUsage, "a token image is at most {} pixels wide, this one has {}",
                target.size() / 3, width);
  }
  std::copy(input.pixels.begin(), input.pixels.end(), target.begin());
  return mount.machine().call(
      "infer", {{heat_height, options.heatmap_width, options.top_k}, {{"width", width}}});
}

}  // namespace

Result<PixelInference> pixel_infer(Mount& mount, const pixelfs::Image& input,
                                   const PixelInferenceOptions& options) {
  vm::Machine& machine = mount.machine();
  if (machine.linked().program().find_entry("infer") == nullptr) {
    return fail(Errc::kUnsupported, "cartridge '{}' has no pixel protocol program (entry 'infer')",
                mount.name());
  }
  PX_CHECK(run_program(mount, input, options));
  PixelInference out;
  PX_TRY(out.logits, read_floats(machine, "logits"));
  PX_TRY(out.pooled, read_floats(machine, "pooled"));
  PX_TRY(out.hidden, read_floats(machine, "h"));
  PX_TRY(out.top_logits, read_floats(machine, "best"));
  PX_TRY(out.top_probability, read_floats(machine, "best_p"));
  PX_TRY(out.top_image, read_image(machine, "top_k"));
  PX_TRY(out.heat_map, read_image(machine, "heat"));
  PX_TRY(const vm::TensorView ids, machine.view("top_ids"));
  out.top_ids.resize(static_cast<std::size_t>(ids.elements()));
  std::memcpy(out.top_ids.data(), ids.data, out.top_ids.size() * sizeof(std::int32_t));
  const auto [low, high] = std::minmax_element(out.logits.begin(), out.logits.end());
  out.logit_min = *low;
  out.logit_max = *high;
  double sum = 0;
  for (const float logit : out.logits)
    sum += std::exp(static_cast<double>(logit) - static_cast<double>(*high));
  for (const float logit : out.top_logits) {
    out.true_probability.push_back(
        std::exp(static_cast<double>(logit) - static_cast<double>(*high)) / sum);
  }
  return out;
}

}  // namespace pxos::hypervisor
