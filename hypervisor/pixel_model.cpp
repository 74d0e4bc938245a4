#include "hypervisor/pixel_model.hpp"

#include "hypervisor/token_scores.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pxos::hypervisor {
namespace {

namespace pixellm = cartridges::pixellm;
using pixellm::SequenceToken;

Result<void> check(const Mount& mount, const PixelInferenceOptions& options) {
  if (!mount.has_model())
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", mount.name());
  const std::int64_t most = std::min<std::int64_t>(mount.vocabulary_size(), 65535);
  if (options.top_k < 1 || options.top_k > most)
    return fail(Errc::kUsage, "top-k is {}, expected 1..{}", options.top_k, most);
  if (options.heatmap_width < 1 || options.heatmap_width > 4096)
    return fail(Errc::kUsage, "heat map width is {}, expected 1..4096", options.heatmap_width);
  return {};
}

/// The ids of the K largest logits, largest first, the lower id of equals.
std::vector<std::int32_t> largest(std::span<const float> logits, std::int64_t count) {
  std::vector<std::int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto above = [&](std::int32_t a, std::int32_t b) {
    const float x = logits[static_cast<std::size_t>(a)];
    const float y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  std::partial_sort(ids.begin(), ids.begin() + count, ids.end(), above);
  ids.resize(static_cast<std::size_t>(count));
  return ids;
}

/// trunc((l - min) / (max - min) * 255); 128 everywhere when flat. Pixels behind the last logit are
/// black.
pixelfs::Image draw_heat(const PixelInference& result, std::int64_t width) {
  const std::uint64_t height = ceil_div(result.logits.size(), static_cast<std::uint64_t>(width));
  pixelfs::Image image{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), 1,
                       ByteVector(static_cast<std::size_t>(width) * height)};
  const float range = result.logit_max - result.logit_min;
  for (std::size_t i = 0; i < result.logits.size(); ++i) {
    image.pixels[i] =
        range > 0 ? static_cast<std::uint8_t>((result.logits[i] - result.logit_min) / range * 255)
                  : std::uint8_t{128};
  }
  return image;
}

/// Probabilities of the listed tokens: among themselves, and among all.
void add_probabilities(PixelInference& out) {
  double listed = 0;
  for (const float logit : out.top_logits)
    listed += std::exp(static_cast<double>(logit - out.logit_max));
  for (std::size_t i = 0; i < out.top_ids.size(); ++i) {
    out.top_probability.push_back(static_cast<float>(
        std::exp(static_cast<double>(out.top_logits[i] - out.logit_max)) / listed));
    out.true_probability.push_back(std::exp(-negative_log_likelihood(out.logits, out.top_ids[i])));
  }
}

Result<PixelInference> describe(std::span<const float> logits, pixellm::ProtocolVersion version,
                                const PixelInferenceOptions& options) {
  PixelInference out;
  out.logits.assign(logits.begin(), logits.end());
  if (!std::all_of(logits.begin(), logits.end(), [](float l) { return std::isfinite(l); }))
    return fail(Errc::kInvalid, "the model's logits are not finite");
  const auto [low, high] = std::minmax_element(logits.begin(), logits.end());
  out.logit_min = *low;
  out.logit_max = *high;
  out.top_ids = largest(logits, options.top_k);
  for (const std::int32_t id : out.top_ids)
    out.top_logits.push_back(logits[static_cast<std::size_t>(id)]);
  add_probabilities(out);
  std::vector<pixellm::Prediction> predictions;
  for (std::size_t i = 0; i < out.top_ids.size(); ++i)
    predictions.push_back(
        {out.top_ids[i], std::min(1.0, static_cast<double>(out.top_probability[i]))});
  PX_TRY(out.top_image, pixellm::encode_output(predictions, version));
  out.heat_map = draw_heat(out, options.heatmap_width);
  return out;
}

bool ends(const Mount& mount, std::int32_t id) {
  const auto& stops = mount.cartridge().manifest().stop_tokens;
  return mount.tokenizer()->is_end_of_generation(id) ||
         std::find(stops.begin(), stops.end(), id) != stops.end();
}

}  // namespace

Result<PixelInference> pixel_infer_model(Mount& mount, const pixelfs::Image& input,
                                         const PixelInferenceOptions& options) {
  PX_CHECK(check(mount, options));
  PX_TRY(const pixellm::InputTokens tokens,
         pixellm::decode_input({input.width, input.height, input.channels, input.pixels},
                               static_cast<std::uint64_t>(mount.vocabulary_size())));
  mount.rewind(0);
  PX_TRY(const std::span<const float> logits, mount.evaluate(tokens.ids, 1));
  return describe(logits, tokens.version, options);
}

Result<std::vector<SequenceToken>> continue_greedily(Mount& mount, const SequenceToken& first,
                                                     std::int64_t max_tokens,
                                                     const OnSequenceToken& on_token) {
  std::vector<SequenceToken> out;
  SequenceToken token = first;
  while (true) {
    out.push_back(token);
    if (on_token) PX_CHECK(on_token(token));
    if (ends(mount, token.id) || static_cast<std::int64_t>(out.size()) >= max_tokens) return out;
    if (mount.position() >= mount.context_length()) return out;
    PX_TRY(const std::span<const float> logits, mount.evaluate({&token.id, 1}, 1));
    token.id = largest(logits, 1).front();
    token.probability = std::min(1.0, std::exp(-negative_log_likelihood(logits, token.id)));
  }
}

}  // namespace pxos::hypervisor
