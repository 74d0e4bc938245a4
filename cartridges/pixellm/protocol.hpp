#pragma once
// Pixel Protocol, versions 1 and 2: tokens and predictions as one-row pictures
// (docs/spec/pixel_protocol.md). Version 1 carries 16-bit token ids, version 2 24-bit ids. Pure
// functions.

#include "pixelfs/png.hpp"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pxos::cartridges::pixellm {

inline constexpr std::string_view kInputTokensFile = "input_tokens.pxi";
inline constexpr std::string_view kOutputTokenFile = "output_token.pxi";
inline constexpr std::string_view kHeatmapFile = "logits_heatmap.pxi";
inline constexpr std::uint32_t kDefaultTopK = 5;
inline constexpr std::uint32_t kDefaultHeatmapWidth = 32;

enum class ProtocolVersion : std::uint8_t { kV1 = 1, kV2 = 2 };

/// Version 1 when every id of a vocabulary fits 16 bits, else version 2.
[[nodiscard]] ProtocolVersion version_for(std::uint64_t vocab);

/// The picture of a prompt: width ids.size() + 1, height 1.
/// Errors: kInvalid for an empty prompt, more than 65 535 tokens, an id below 0 or beyond the
/// version's range.
Result<pixelfs::Image> encode_input(std::span<const std::int32_t> ids, ProtocolVersion version);

struct InputTokens {
  ProtocolVersion version = ProtocolVersion::kV1;
  std::vector<std::int32_t> ids;
};
/// Errors: kInvalid names what is wrong: not RGB of height 1, N of 0, N > width - 1, an id >=
/// vocab; kUnsupported for another version, and for version 1 with a vocabulary above 65 536 (names
/// both numbers).
Result<InputTokens> decode_input(const pixelfs::ImageView& image, std::uint64_t vocab);

struct Prediction {
  std::int32_t id = 0;
  double confidence = 0;  ///< in [0, 1]: softmax over the listed predictions only
};
/// Version 1: width K, height 1, (id & 255, id >> 8, trunc(confidence · 255)). Version 2: height 2,
/// ids in row 0, (c & 255, c >> 8, 0) with c = trunc(confidence · 65535) in row 1. Errors: kInvalid
/// for none, an id out of range, a confidence outside [0, 1] or NaN, or one that ascends.
Result<pixelfs::Image> encode_output(std::span<const Prediction> predictions,
                                     ProtocolVersion version);

struct OutputTokens {
  ProtocolVersion version = ProtocolVersion::kV1;
  std::vector<Prediction>
      predictions;  ///< confidence as the picture carries it: byte / 255 or c / 65535
};
/// The version is told by the height. Errors: kInvalid.
Result<OutputTokens> decode_output(const pixelfs::ImageView& image);

}  // namespace pxos::cartridges::pixellm
