#pragma once
// The picture a cartridge shows in an image viewer: text, a palette and thumbnails made of its
// weights, and along the lower edge a strip of black and white blocks that repeats the digest of
// the manifest, so that a label whose payload an editor dropped can still be named.
// Pure functions; same content, same pixels.

#include "pixelfs/png.hpp"
#include "pxvm/base/hash.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pxos::cartridges {

inline constexpr std::uint32_t kLabelWidth = 640;
inline constexpr std::uint32_t kLabelHeight = 400;
inline constexpr std::uint32_t kThumbnailSide = 48;  ///< samples; drawn twice as large
inline constexpr std::uint32_t kThumbnailBytes = kThumbnailSide * kThumbnailSide;
inline constexpr std::size_t kMaxThumbnails = 6;

/// Consecutive bytes of one sheet.
struct Thumbnail {
  std::string caption;
  ByteVector bytes;  ///< kThumbnailBytes of them
};

struct LabelContent {
  std::string title;
  std::vector<std::string> lines;  ///< below the title; what does not fit is cut
  std::vector<Thumbnail> thumbnails;
  Xxh128 manifest_digest;
};

[[nodiscard]] pixelfs::Image draw_label(const LabelContent& content);

/// The digest a label's strip carries; nullopt when there is no strip (or it is damaged).
[[nodiscard]] std::optional<Xxh128> read_label_strip(const pixelfs::ImageView& image);

}  // namespace pxos::cartridges
