#pragma once
// Pixel-LLM v0: a small network whose weights are one RGB picture plus a meta.json
// (docs/spec/pixellm_v0.md).
//   x = mean(embed[token])   h = relu(x · hidden + b_hidden)   logits = h · out + b_out
//   embed [vocab, dim]   hidden [dim, dim]   b_hidden [dim]   out [dim, vocab]   b_out [vocab]
// Pure functions of their arguments except to_cartridge, which writes a file.

#include "cartridges/import/import.hpp"
#include "cartridges/import/npz.hpp"
#include "pixelfs/png.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pxos::cartridges::pixellm {

inline constexpr std::int64_t kVocab = 1024;
inline constexpr std::int64_t kDim = 128;

/// One tensor of the picture. The range is kept in double precision, as the format's meta.json
/// does.
struct MetaTensor {
  std::string name;
  std::vector<std::int64_t> shape;
  double w_min = 0;
  double w_max = 0;
  std::uint64_t offset = 0;  ///< into the bytes of the picture
  std::uint64_t length = 0;  ///< elements = bytes

  /// Half of one quantisation step: the largest error encoding may make, before rounding of the f32
  /// arithmetic.
  [[nodiscard]] double half_step() const { return (w_max - w_min) / 510.0; }
};

/// The meta.json that goes with a picture.
struct Meta {
  std::string model_name = "pixellm_v0";
  std::string version = "0.0.1";
  std::int64_t vocab = kVocab;
  std::int64_t dim = kDim;
  std::string image_path = "pixellm_v0.pxi";
  std::uint32_t image_width = 0;
  std::uint32_t image_height = 0;
  std::uint64_t total_bytes = 0;  ///< padded to 3
  std::uint64_t total_params = 0;
  std::vector<MetaTensor> tensors;  ///< ascending names

  [[nodiscard]] const MetaTensor* find(std::string_view name) const;
};

struct Encoded {
  pixelfs::Image image;  ///< RGB
  Meta meta;
};

/// Fresh weights, ascending names. embed, hidden and out are z * sqrt(2 / shape[0]), biases zero.
/// z = sum of twelve uniforms - 6 from CounterRng(seed), one stream through the tensors in order:
/// mean 0, variance 1, |z| < 6, computed exactly in integers, so the same on every machine (log and
/// cos of other methods are not).
[[nodiscard]] std::vector<NpyArray> init_weights(std::uint64_t seed);

/// Errors: kInvalid names the tensor that is missing, too many, of a wrong shape, or not finite.
Result<Encoded> encode(std::span<const NpyArray> weights);

/// The five tensors of the architecture, and no other, with the shapes vocab and dim ask for.
/// Errors: kInvalid names the tensor.
Result<void> check_shapes(const Meta& meta);

/// Errors: kInvalid names the key; offsets, lengths, shapes and picture size must agree with each
/// other.
Result<Meta> parse_meta(Bytes json);
/// Keys in the format's order, two spaces of indentation, floats as the shortest text that reads
/// back equal.
[[nodiscard]] std::string meta_json(const Meta& meta);

/// W = q / 255 · (max - min) + min. Errors: kInvalid when picture and meta disagree (both sizes).
Result<std::vector<NpyArray>> decode(const pixelfs::ImageView& image, const Meta& meta);

struct TensorError {
  std::string name;
  double largest = 0;    ///< max |original - decoded|
  double half_step = 0;  ///< of this tensor
  bool within = false;   ///< largest <= half_step, allowing for f32 rounding
};
/// Compares weights with a picture of them. Errors: as decode and encode.
Result<std::vector<TensorError>> compare(std::span<const NpyArray> weights,
                                         const pixelfs::ImageView& image, const Meta& meta);

/// Writes a cartridge whose sheets hold the picture's bytes unchanged (u8affine): embed packed16,
/// hidden and out packed16_transposed, biases linear; architecture "pixellm_v0", integers vocab and
/// dim.
Result<ImportReport> to_cartridge(const pixelfs::ImageView& image, const Meta& meta,
                                  const ImportOptions& options);

}  // namespace pxos::cartridges::pixellm
