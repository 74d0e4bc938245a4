#pragma once
// Pixel Protocol inference: a token image goes into the cartridge's `infer` program, the top-k
// image and the heat map come out. Everything between is the pixel program; this only hands
// pictures over and reads memory back.

#include "hypervisor/mount.hpp"
#include "pixelfs/png.hpp"

namespace pxos::hypervisor {

struct PixelInferenceOptions {
  std::int64_t top_k = 5;
  std::int64_t heatmap_width = 32;
};

struct PixelInference {
  std::vector<std::int32_t> top_ids;
  std::vector<float> top_logits;
  std::vector<float> top_probability;    ///< softmax over the listed logits: what the image carries
  std::vector<double> true_probability;  ///< softmax over all logits
  float logit_min = 0;
  float logit_max = 0;
  std::vector<float> logits;
  std::vector<float> pooled;
  std::vector<float> hidden;
  pixelfs::Image top_image;
  pixelfs::Image heat_map;
};

/// Requires: an architecture "pixellm_v0" mount. Errors: kUsage for options or an image that is not
/// 1 pixel high RGB; kTrap when the program refuses the image (version, count, ids).
Result<PixelInference> pixel_infer(Mount& mount, const pixelfs::Image& input,
                                   const PixelInferenceOptions& options);

}  // namespace pxos::hypervisor
