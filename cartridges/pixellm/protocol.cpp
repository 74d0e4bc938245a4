#include "cartridges/pixellm/protocol.hpp"

namespace pxos::cartridges::pixellm {
namespace {

constexpr std::uint64_t kMaxTokens = 65535;
constexpr std::int64_t kIdsV1 = std::int64_t{1} << 16U;
constexpr std::int64_t kIdsV2 = std::int64_t{1} << 24U;

std::int64_t id_limit(ProtocolVersion version) {
  return version == ProtocolVersion::kV1 ? kIdsV1 : kIdsV2;
}

using Pixel = std::array<std::uint8_t, 3>;

/// Low byte, middle byte, high byte.
Pixel split(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8U),
          static_cast<std::uint8_t>(value >> 16U)};
}

void put(pixelfs::Image& image, std::size_t index, const Pixel& pixel) {
  for (std::size_t c = 0; c < 3; ++c) image.pixels[index * 3 + c] = pixel[c];
}

Pixel get(const pixelfs::ImageView& image, std::size_t index) {
  return {image.pixels[index * 3], image.pixels[index * 3 + 1], image.pixels[index * 3 + 2]};
}

std::int32_t low16(const Pixel& pixel) {
  return pixel[0] | pixel[1] << 8;
}
std::int32_t all24(const Pixel& pixel) {
  return low16(pixel) | pixel[2] << 16;
}

pixelfs::Image blank(std::size_t width, std::uint32_t height) {
  return {static_cast<std::uint32_t>(width), height, 3, ByteVector(width * height * 3)};
}

/// A view is what the caller says it is only when its pixels fill it.
Result<void> check_view(const pixelfs::ImageView& image, std::uint32_t max_height,
                        std::string_view what) {
  if (image.channels != 3 || image.height < 1 || image.height > max_height || image.width < 1)
    return fail(Errc::kInvalid, "{}: expected RGB of height {}{}, found {} x {} with {} channels",
                what, max_height == 1 ? "" : "1 or ", max_height, image.width, image.height,
                image.channels);
  if (image.pixels.size() != std::size_t{3} * image.width * image.height)
    return fail(Errc::kInvalid, "{}: {} bytes of pixels for {} x {}", what, image.pixels.size(),
                image.width, image.height);
  return {};
}

/// Most likely first, each confidence a probability: what a reader of the picture may rely on.
Result<void> check_predictions(std::span<const Prediction> predictions, ProtocolVersion version) {
  if (predictions.empty() || predictions.size() > kMaxTokens)
    return fail(Errc::kInvalid, "{} predictions, expected 1 to {}", predictions.size(), kMaxTokens);
  double before = 1.0;
  for (const Prediction& prediction : predictions) {
    if (prediction.id < 0 || prediction.id >= id_limit(version))
      return fail(Errc::kInvalid, "prediction of id {}, version {} carries ids below {}",
                  prediction.id, static_cast<int>(version), id_limit(version));
    if (!(prediction.confidence >= 0 && prediction.confidence <= before))
      return fail(Errc::kInvalid, "confidence {} is outside [0, 1] or ascends",
                  prediction.confidence);
    before = prediction.confidence;
  }
  return {};
}

/// The third byte of the first pixel, and whether that version can name every token.
Result<ProtocolVersion> read_version(const Pixel& head, std::uint64_t vocab) {
  if (head[2] != 1 && head[2] != 2)
    return fail(Errc::kUnsupported, "input image: protocol version {}; 1 and 2 are known", head[2]);
  const auto version = static_cast<ProtocolVersion>(head[2]);
  if (version == ProtocolVersion::kV1 && vocab > static_cast<std::uint64_t>(kIdsV1))
    return fail(Errc::kUnsupported,
                "input image: version 1 carries ids below {}, the vocabulary has {}; use version 2",
                kIdsV1, vocab);
  return version;
}

}  // namespace

ProtocolVersion version_for(std::uint64_t vocab) {
  return vocab <= static_cast<std::uint64_t>(kIdsV1) ? ProtocolVersion::kV1 : ProtocolVersion::kV2;
}

Result<pixelfs::Image> encode_input(std::span<const std::int32_t> ids, ProtocolVersion version) {
  if (ids.empty()) return fail(Errc::kInvalid, "the prompt is empty");
  if (ids.size() > kMaxTokens)
    return fail(Errc::kInvalid, "{} tokens, an input image carries at most {}", ids.size(),
                kMaxTokens);
  pixelfs::Image image = blank(ids.size() + 1, 1);
  Pixel head = split(static_cast<std::uint32_t>(ids.size()));
  head[2] = static_cast<std::uint8_t>(version);
  put(image, 0, head);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < 0 || ids[i] >= id_limit(version))
      return fail(Errc::kInvalid, "token {}: id {}, version {} carries ids below {}", i, ids[i],
                  static_cast<int>(version), id_limit(version));
    put(image, i + 1, split(static_cast<std::uint32_t>(ids[i])));
  }
  return image;
}

Result<InputTokens> decode_input(const pixelfs::ImageView& image, std::uint64_t vocab) {
  PX_CHECK(check_view(image, 1, "input image"));
  const Pixel head = get(image, 0);
  InputTokens out;
  PX_TRY(out.version, read_version(head, vocab));
  const auto count = static_cast<std::uint32_t>(low16(head));
  if (count == 0) return fail(Errc::kInvalid, "input image: the prompt is empty");
  if (count > image.width - 1)
    return fail(Errc::kInvalid, "input image: {} tokens announced, {} pixels follow", count,
                image.width - 1);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Pixel pixel = get(image, i + 1);
    // Version 1 leaves the third byte zero; anything there is a 24-bit id in the wrong version.
    const std::int32_t id = all24(pixel);
    if (static_cast<std::uint64_t>(id) >= vocab)
      return fail(Errc::kInvalid, "input image: token {} has id {}, the vocabulary has {}", i, id,
                  vocab);
    if (out.version == ProtocolVersion::kV1 && pixel[2] != 0)
      return fail(Errc::kInvalid, "input image: token {} has a third byte of {} in version 1", i,
                  pixel[2]);
    out.ids.push_back(id);
  }
  return out;
}

Result<pixelfs::Image> encode_output(std::span<const Prediction> predictions,
                                     ProtocolVersion version) {
  PX_CHECK(check_predictions(predictions, version));
  const bool is_v1 = version == ProtocolVersion::kV1;
  pixelfs::Image image = blank(predictions.size(), is_v1 ? 1 : 2);
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    Pixel id = split(static_cast<std::uint32_t>(predictions[i].id));
    const double confidence = predictions[i].confidence;
    if (is_v1) id[2] = static_cast<std::uint8_t>(confidence * 255.0);
    put(image, i, id);
    if (!is_v1)
      put(image, predictions.size() + i, split(static_cast<std::uint32_t>(confidence * 65535.0)));
  }
  return image;
}

Result<OutputTokens> decode_output(const pixelfs::ImageView& image) {
  PX_CHECK(check_view(image, 2, "output image"));
  if (image.width > kMaxTokens)
    return fail(Errc::kInvalid, "output image: {} predictions", image.width);
  OutputTokens out;
  out.version = image.height == 1 ? ProtocolVersion::kV1 : ProtocolVersion::kV2;
  for (std::uint32_t i = 0; i < image.width; ++i) {
    const Pixel pixel = get(image, i);
    if (out.version == ProtocolVersion::kV1) {
      out.predictions.push_back({low16(pixel), pixel[2] / 255.0});
      continue;
    }
    const Pixel confidence = get(image, std::size_t{image.width} + i);
    if (confidence[2] != 0)
      return fail(Errc::kInvalid, "output image: prediction {} has a third confidence byte of {}",
                  i, confidence[2]);
    out.predictions.push_back({all24(pixel), low16(confidence) / 65535.0});
  }
  return out;
}

}  // namespace pxos::cartridges::pixellm
