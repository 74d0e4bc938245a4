#pragma once
// Pixel Protocol's growing pictures: a sequence of generated tokens, and several of them side by
// side (docs/spec/pixel_protocol.md). Each token is a column: id and probability as in an output
// picture, in the order they were generated. One more column, all bytes 255, says that nothing
// follows. Pure functions, and a writer.

#include "cartridges/pixellm/protocol.hpp"

#include <chrono>
#include <filesystem>
#include <functional>

namespace pxos::cartridges::pixellm {

inline constexpr std::string_view kOutputSequenceFile = "output_sequence.pxi";
inline constexpr std::string_view kOutputBeamsFile = "output_beams.pxi";

struct SequenceToken {
  std::int32_t id = 0;
  double probability = 0;  ///< of this token after those before it, over the whole vocabulary
  friend bool operator==(const SequenceToken&, const SequenceToken&) = default;
};

struct Sequence {
  ProtocolVersion version = ProtocolVersion::kV1;
  std::vector<SequenceToken> tokens;  ///< probability as the picture carries it, when decoded
  bool finished = false;
};

/// Version 1 when no id of the vocabulary is 65 535, whose pixel may be the final column.
[[nodiscard]] ProtocolVersion sequence_version_for(std::uint64_t vocab);

/// Width tokens.size() (+ 1 when finished); height 1, version 2: 2. Errors: kInvalid when nothing
/// is there to draw, for more than 65 535 columns, an id the version cannot carry, a probability
/// outside [0, 1].
Result<pixelfs::Image> encode_sequence(const Sequence& sequence);
/// The version is told by the height. Errors: kInvalid: not RGB of height 1 or 2, a column after
/// the final one, the two rows of a column disagreeing about the end.
Result<Sequence> decode_sequence(const pixelfs::ImageView& image);

/// K rows (version 2: K rows of ids, then K of probabilities), most likely beam first, as wide as
/// the longest; a beam that is shorter is filled with final columns, and so is one more column when
/// all are finished. Requires: beams of one version. Errors: as encode_sequence; kInvalid for none
/// or more than 255 beams.
Result<pixelfs::Image> encode_beams(std::span<const Sequence> beams);
/// The reader knows the version (sequence_version_for). Errors: kInvalid.
Result<std::vector<Sequence>> decode_beams(const pixelfs::ImageView& image,
                                           ProtocolVersion version);

/// Keeps a sequence picture on disk up to date: rewritten to a temporary and renamed, at most 20
/// times a second, so that a reader always sees a whole picture.
class SequenceFile {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kPause{50};

  SequenceFile(std::filesystem::path path, ProtocolVersion version,
               std::function<Clock::time_point()> now = Clock::now);
  /// Writes when the last write is long enough ago. Errors: those of encode_sequence, kIo.
  Result<void> add(const SequenceToken& token);
  /// Writes the whole sequence with its final column.
  Result<void> finish();
  [[nodiscard]] const Sequence& sequence() const { return sequence_; }

 private:
  Result<void> write();

  std::filesystem::path path_;
  std::function<Clock::time_point()> now_;
  std::optional<Clock::time_point> written_;
  Sequence sequence_;
};

}  // namespace pxos::cartridges::pixellm
