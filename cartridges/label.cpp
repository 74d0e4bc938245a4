#include "cartridges/label.hpp"

#include "pixelfs/font.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace pxos::cartridges {
namespace {

using Rgb = std::array<std::uint8_t, 3>;

constexpr Rgb kBackground{16, 18, 26};
constexpr Rgb kPanel{26, 30, 42};
constexpr Rgb kText{214, 220, 232};
constexpr Rgb kFaint{128, 138, 160};
constexpr std::int64_t kMargin = 20;
constexpr std::int64_t kThumbnailTop = 232;
constexpr std::int64_t kPaletteTop = 204;
constexpr std::size_t kMaxLines = 5;

// The strip: 208 bits (magic, digest, checksum) as blocks of 3 x 8 pixels in the last rows.
constexpr std::string_view kStripMagic = "pxCART";
constexpr std::size_t kStripBytes = 6 + 16 + 4;
constexpr std::uint32_t kBlockWidth = 3;
constexpr std::uint32_t kBlockHeight = 8;
constexpr std::uint32_t kStripLeft = (kLabelWidth - kStripBytes * 8 * kBlockWidth) / 2;
constexpr std::uint32_t kStripTop = kLabelHeight - kBlockHeight;

struct Box {
  std::int64_t x, y, width, height;
};

void fill(pixelfs::Image& image, const Box& box, const Rgb& rgb) {
  for (std::int64_t y = box.y; y < box.y + box.height; ++y)
    for (std::int64_t x = box.x; x < box.x + box.width; ++x)
      std::copy(rgb.begin(), rgb.end(),
                image.pixels.begin() + static_cast<std::ptrdiff_t>((y * kLabelWidth + x) * 3));
}

/// A colour of fixed brightness whose hue is one turn for 256 values.
Rgb hue(std::uint8_t value) {
  const auto ramp = [](int phase) {
    const int distance = std::abs((phase & 255) - 128);  // 128 at the peak's far side, 0 opposite
    return static_cast<std::uint8_t>(std::clamp(distance * 4 - 170, 40, 230));
  };
  return {ramp(value + 128), ramp(value + 43), ramp(value - 43)};
}

/// Nine steps from blue over dark to orange, so that thumbnails compress.
Rgb diverging(std::uint8_t value) {
  const int step = (value * 9) / 256 - 4;
  const auto shade = [&](int strength) {
    return static_cast<std::uint8_t>(28 + std::abs(step) * strength);
  };
  if (step < 0) return {shade(10), shade(28), shade(54)};
  return {shade(56), shade(34), shade(10)};
}

std::array<std::uint8_t, kStripBytes> strip_bytes(const Xxh128& digest) {
  ByteWriter out;
  out.bytes(as_bytes(kStripMagic));
  out.u64(digest.low);
  out.u64(digest.high);
  out.u32(static_cast<std::uint32_t>(xxh3_64(out.view())));
  std::array<std::uint8_t, kStripBytes> bytes{};
  std::copy(out.view().begin(), out.view().end(), bytes.begin());
  return bytes;
}

void draw_strip(pixelfs::Image& image, const Xxh128& digest) {
  const auto bytes = strip_bytes(digest);
  for (std::uint32_t bit = 0; bit < kStripBytes * 8; ++bit) {
    const bool set = (static_cast<unsigned>(bytes[bit / 8]) >> (bit % 8) & 1U) != 0;
    fill(image, {kStripLeft + bit * kBlockWidth, kStripTop, kBlockWidth, kBlockHeight},
         set ? Rgb{255, 255, 255} : Rgb{0, 0, 0});
  }
}

void draw_thumbnail(pixelfs::Image& image, const Thumbnail& thumbnail, std::int64_t left) {
  const std::size_t count = std::min<std::size_t>(thumbnail.bytes.size(), kThumbnailBytes);
  for (std::size_t i = 0; i < count; ++i) {
    const auto column = static_cast<std::int64_t>(i % kThumbnailSide);
    const auto row = static_cast<std::int64_t>(i / kThumbnailSide);
    fill(image, {left + 2 * column, kThumbnailTop + 2 * row, 2, 2}, diverging(thumbnail.bytes[i]));
  }
  const std::string_view caption = std::string_view(thumbnail.caption).substr(0, 12);
  pixelfs::font::draw_text(image, left, kThumbnailTop + 2 * kThumbnailSide + 4, caption,
                           {kFaint, 1});
}

/// 64 swatches: quantiles of the sampled bytes, so a model's distribution shows as its gradient.
void draw_palette(pixelfs::Image& image, const std::vector<Thumbnail>& thumbnails,
                  const Rgb& accent) {
  ByteVector sorted;
  for (const Thumbnail& thumbnail : thumbnails)
    sorted.insert(sorted.end(), thumbnail.bytes.begin(), thumbnail.bytes.end());
  if (sorted.empty()) {
    fill(image, {kMargin, kPaletteTop, kLabelWidth - 2 * kMargin, 2}, accent);
    return;
  }
  std::sort(sorted.begin(), sorted.end());
  constexpr std::int64_t kSwatches = 60;
  for (std::int64_t i = 0; i < kSwatches; ++i) {
    const std::size_t at = sorted.size() * static_cast<std::size_t>(2 * i + 1) / (2 * kSwatches);
    fill(image, {kMargin + 10 * i, kPaletteTop, 10, 14}, hue(sorted[at]));
  }
}

void draw_words(pixelfs::Image& image, const LabelContent& content) {
  // 25 characters fit at three times the font's size, 37 at twice.
  const std::uint32_t scale = content.title.size() <= 24 ? 3 : content.title.size() <= 36 ? 2 : 1;
  pixelfs::font::draw_text(image, kMargin, 26, content.title, {kText, scale});
  std::int64_t y = 88;
  for (std::size_t i = 0; i < std::min(content.lines.size(), kMaxLines); ++i, y += 20)
    pixelfs::font::draw_text(image, kMargin, y, content.lines[i], {i == 0 ? kText : kFaint, 1});
}

}  // namespace

pixelfs::Image draw_label(const LabelContent& content) {
  pixelfs::Image image{kLabelWidth, kLabelHeight, 3,
                       ByteVector(std::size_t{kLabelWidth} * kLabelHeight * 3)};
  const Rgb accent = hue(static_cast<std::uint8_t>(content.manifest_digest.low));
  fill(image, {0, 0, kLabelWidth, kLabelHeight}, kBackground);
  fill(image, {0, 0, kLabelWidth, 6}, accent);
  fill(image, {0, 10, kLabelWidth, 64}, kPanel);
  draw_words(image, content);
  draw_palette(image, content.thumbnails, accent);
  std::int64_t left = kMargin;
  for (std::size_t i = 0; i < std::min(content.thumbnails.size(), kMaxThumbnails); ++i, left += 101)
    draw_thumbnail(image, content.thumbnails[i], left);
  pixelfs::font::draw_text(image, kMargin, 360, "pxOS cartridge " + to_hex(content.manifest_digest),
                           {kFaint, 1});
  draw_strip(image, content.manifest_digest);
  return image;
}

std::optional<Xxh128> read_label_strip(const pixelfs::ImageView& image) {
  if (image.width != kLabelWidth || image.height != kLabelHeight || image.channels < 3) return {};
  std::array<std::uint8_t, kStripBytes> bytes{};
  for (std::uint32_t bit = 0; bit < kStripBytes * 8; ++bit) {
    // The middle of the block, so that smoothing at its edges does not matter.
    const std::uint32_t x = kStripLeft + bit * kBlockWidth + 1;
    const std::size_t at =
        (std::size_t{kStripTop + kBlockHeight / 2} * image.width + x) * image.channels;
    const unsigned sum = image.pixels[at] + 0U + image.pixels[at + 1] + image.pixels[at + 2];
    if (sum > 3 * 128) bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 1U << (bit % 8));
  }
  Xxh128 digest;
  for (std::size_t i = 8; i-- > 0;) {
    digest.low = digest.low << 8U | bytes[6 + i];
    digest.high = digest.high << 8U | bytes[14 + i];
  }
  if (bytes != strip_bytes(digest)) return {};
  return digest;
}

}  // namespace pxos::cartridges
