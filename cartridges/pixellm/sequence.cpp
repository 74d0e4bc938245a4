#include "cartridges/pixellm/sequence.hpp"

#include "pxvm/base/file.hpp"

#include <algorithm>

namespace pxos::cartridges::pixellm {
namespace {

using Pixel = std::array<std::uint8_t, 3>;

constexpr std::size_t kMaxColumns = 65535;
constexpr std::size_t kMaxBeams = 255;
constexpr Pixel kFinal{255, 255, 255};

std::size_t rows_of(ProtocolVersion version) {
  return version == ProtocolVersion::kV1 ? 1 : 2;
}

/// The first id whose pixel could be the final one.
std::int32_t id_limit(ProtocolVersion version) {
  return version == ProtocolVersion::kV1 ? 0xFFFF : 0xFFFFFF;
}

Pixel split(std::uint32_t value) {
  return {static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8U),
          static_cast<std::uint8_t>(value >> 16U)};
}

std::int32_t low16(const Pixel& pixel) {
  return pixel[0] | pixel[1] << 8;
}

/// A picture of beams as columns: `ids` in one row, and in version 2 their probabilities in
/// another.
struct Canvas {
  pixelfs::Image image;
  std::size_t beams;

  void put(std::size_t row, std::size_t column, const Pixel& pixel) {
    std::copy(pixel.begin(), pixel.end(),
              image.pixels.begin() +
                  static_cast<std::ptrdiff_t>((row * image.width + column) * pixel.size()));
  }
  void put_token(std::size_t beam, std::size_t column, const SequenceToken& token,
                 ProtocolVersion version) {
    Pixel id = split(static_cast<std::uint32_t>(token.id));
    if (version == ProtocolVersion::kV1) {
      id[2] = static_cast<std::uint8_t>(token.probability * 255.0);
    } else {
      put(beams + beam, column, split(static_cast<std::uint32_t>(token.probability * 65535.0)));
    }
    put(beam, column, id);
  }
  void put_final(std::size_t beam, std::size_t column, ProtocolVersion version) {
    put(beam, column, kFinal);
    if (version == ProtocolVersion::kV2) put(beams + beam, column, kFinal);
  }
};

Pixel get(const pixelfs::ImageView& image, std::size_t row, std::size_t column) {
  const std::size_t at = (row * image.width + column) * 3;
  return {image.pixels[at], image.pixels[at + 1], image.pixels[at + 2]};
}

Result<void> check_tokens(const Sequence& sequence) {
  for (std::size_t i = 0; i < sequence.tokens.size(); ++i) {
    const SequenceToken& token = sequence.tokens[i];
    if (token.id < 0 || token.id >= id_limit(sequence.version))
      return fail(Errc::kInvalid, "token {}: id {}, a sequence of version {} carries ids below {}",
                  i, token.id, static_cast<int>(sequence.version), id_limit(sequence.version));
    if (!(token.probability >= 0 && token.probability <= 1))
      return fail(Errc::kInvalid, "token {}: probability {} is outside [0, 1]", i,
                  token.probability);
  }
  return {};
}

Result<void> check_view(const pixelfs::ImageView& image) {
  if (image.channels != 3 || image.width < 1 || image.height < 1 || image.width > kMaxColumns ||
      image.height > 2 * kMaxBeams)
    return fail(Errc::kInvalid, "sequence image: {} x {} with {} channels", image.width,
                image.height, image.channels);
  if (image.pixels.size() != std::size_t{3} * image.width * image.height)
    return fail(Errc::kInvalid, "sequence image: {} bytes of pixels for {} x {}",
                image.pixels.size(), image.width, image.height);
  return {};
}

/// Beam `row` of `beams`.
Result<Sequence> read_row(const pixelfs::ImageView& image, std::size_t row, std::size_t beams,
                          ProtocolVersion version) {
  Sequence out;
  out.version = version;
  const bool is_v1 = version == ProtocolVersion::kV1;
  for (std::uint32_t column = 0; column < image.width; ++column) {
    const Pixel id = get(image, row, column);
    const Pixel share = is_v1 ? id : get(image, beams + row, column);
    if ((id == kFinal) != (share == kFinal))
      return fail(Errc::kInvalid, "sequence image: the rows of column {} disagree", column);
    if (id == kFinal) {
      out.finished = true;
      continue;
    }
    if (out.finished)
      return fail(Errc::kInvalid, "sequence image: column {} follows the final one", column);
    if (!is_v1 && share[2] != 0)
      return fail(Errc::kInvalid, "sequence image: column {} has a third probability byte of {}",
                  column, share[2]);
    out.tokens.push_back(is_v1 ? SequenceToken{low16(id), id[2] / 255.0}
                               : SequenceToken{low16(id) | id[2] << 16, low16(share) / 65535.0});
  }
  return out;
}

}  // namespace

ProtocolVersion sequence_version_for(std::uint64_t vocab) {
  return vocab <= 0xFFFF ? ProtocolVersion::kV1 : ProtocolVersion::kV2;
}

Result<pixelfs::Image> encode_sequence(const Sequence& sequence) {
  return encode_beams({&sequence, 1});
}

Result<Sequence> decode_sequence(const pixelfs::ImageView& image) {
  PX_CHECK(check_view(image));
  if (image.height > 2)
    return fail(Errc::kInvalid, "sequence image: height {}, expected 1 or 2", image.height);
  return read_row(image, 0, 1, image.height == 1 ? ProtocolVersion::kV1 : ProtocolVersion::kV2);
}

Result<pixelfs::Image> encode_beams(std::span<const Sequence> beams) {
  if (beams.empty() || beams.size() > kMaxBeams)
    return fail(Errc::kInvalid, "{} beams, expected 1 to {}", beams.size(), kMaxBeams);
  std::size_t width = 0;
  bool finished = true;
  for (const Sequence& beam : beams) {
    PX_CHECK(check_tokens(beam));
    width = std::max(width, beam.tokens.size());
    finished = finished && beam.finished;
  }
  if (finished) ++width;
  if (width < 1 || width > kMaxColumns)
    return fail(Errc::kInvalid, "sequence of {} columns, expected 1 to {}", width, kMaxColumns);
  const ProtocolVersion version = beams.front().version;
  const std::size_t height = beams.size() * rows_of(version);
  Canvas canvas{{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height), 3,
                 ByteVector(width * height * 3)},
                beams.size()};
  for (std::size_t b = 0; b < beams.size(); ++b) {
    for (std::size_t i = 0; i < width; ++i) {
      if (i < beams[b].tokens.size())
        canvas.put_token(b, i, beams[b].tokens[i], version);
      else
        canvas.put_final(b, i, version);
    }
  }
  return std::move(canvas.image);
}

Result<std::vector<Sequence>> decode_beams(const pixelfs::ImageView& image,
                                           ProtocolVersion version) {
  PX_CHECK(check_view(image));
  if (image.height % rows_of(version) != 0)
    return fail(Errc::kInvalid, "beam image: height {} is odd in version 2", image.height);
  const std::size_t beams = image.height / rows_of(version);
  if (beams > kMaxBeams)
    return fail(Errc::kInvalid, "beam image: {} beams, at most {}", beams, kMaxBeams);
  std::vector<Sequence> out;
  for (std::size_t b = 0; b < beams; ++b) {
    PX_TRY(Sequence beam, read_row(image, b, beams, version));
    out.push_back(std::move(beam));
  }
  return out;
}

SequenceFile::SequenceFile(std::filesystem::path path, ProtocolVersion version,
                           std::function<Clock::time_point()> now)
    : path_(std::move(path)), now_(std::move(now)) {
  sequence_.version = version;
}

Result<void> SequenceFile::add(const SequenceToken& token) {
  sequence_.tokens.push_back(token);
  if (written_ && now_() - *written_ < kPause) return {};
  return write();
}

Result<void> SequenceFile::finish() {
  sequence_.finished = true;
  return write();
}

Result<void> SequenceFile::write() {
  PX_TRY(const pixelfs::Image image, encode_sequence(sequence_));
  PX_TRY(const ByteVector png, pixelfs::encode_png(image));
  PX_CHECK(write_file_atomic(path_, png));
  written_ = now_();
  return {};
}

}  // namespace pxos::cartridges::pixellm
