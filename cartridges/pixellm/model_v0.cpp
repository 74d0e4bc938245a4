#include "cartridges/pixellm/model_v0.hpp"

#include "cartridges/import/model_entries.hpp"
#include "pxvm/base/checked.hpp"
#include "pxvm/base/rng.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>

namespace pxos::cartridges::pixellm {
namespace {

constexpr std::string_view kArchitecture = "pixellm_v0";
// Keeps a picture below the PNG cap and every product far from overflow.
constexpr std::int64_t kMaxSide = 16384;

/// The architecture's tensors, ascending names.
std::array<MetaTensor, 5> layout(std::int64_t vocab, std::int64_t dim) {
  return {MetaTensor{"b_hidden", {dim}}, MetaTensor{"b_out", {vocab}},
          MetaTensor{"embed", {vocab, dim}}, MetaTensor{"hidden", {dim, dim}},
          MetaTensor{"out", {dim, vocab}}};
}

std::uint64_t elements(const std::vector<std::int64_t>& shape) {
  std::uint64_t product = 1;
  for (const std::int64_t n : shape) product *= static_cast<std::uint64_t>(n);
  return product;
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string out;
  for (const std::int64_t n : shape) out += (out.empty() ? "" : ", ") + std::to_string(n);
  return "[" + out + "]";
}

const NpyArray* find_array(std::span<const NpyArray> weights, std::string_view name) {
  const auto found = std::find_if(weights.begin(), weights.end(),
                                  [&](const NpyArray& array) { return array.name == name; });
  return found == weights.end() ? nullptr : &*found;
}

/// Sum of twelve 24-bit uniforms, centred and scaled exactly: (2 S + 12 - 12 · 2^24) / 2^25.
double next_normal_like(CounterRng& rng) {
  std::int64_t sum = 0;
  for (int i = 0; i < 12; ++i) sum += rng.next_u32() >> 8U;
  return static_cast<double>(2 * sum + 12 - (std::int64_t{12} << 24U)) * 0x1p-25;
}

tensor::AffineRange range_of(const MetaTensor& tensor) {
  return {static_cast<float>(tensor.w_min), static_cast<float>(tensor.w_max)};
}

/// Vocabulary and width as the embedding has them; the other tensors are checked against these.
Result<void> read_sizes(std::span<const NpyArray> weights, Meta& meta) {
  const NpyArray* embed = find_array(weights, "embed");
  if (embed == nullptr || embed->shape.size() != 2)
    return fail(Errc::kInvalid, "tensor embed is missing or not a matrix");
  meta.vocab = embed->shape[0];
  meta.dim = embed->shape[1];
  if (meta.vocab < 1 || meta.vocab > kMaxSide || meta.dim < 1 || meta.dim > kMaxSide)
    return fail(Errc::kInvalid, "tensor embed: shape {}, sizes must be 1 to {}",
                shape_text(embed->shape), kMaxSide);
  if (weights.size() != 5) return fail(Errc::kInvalid, "{} tensors, expected 5", weights.size());
  return {};
}

/// Quantises one tensor behind the bytes there are.
Result<void> append_tensor(std::span<const NpyArray> weights, MetaTensor tensor, Encoded& out) {
  const NpyArray* array = find_array(weights, tensor.name);
  if (array == nullptr) return fail(Errc::kInvalid, "tensor {} is missing", tensor.name);
  if (array->shape != tensor.shape || array->values.size() != elements(tensor.shape))
    return fail(Errc::kInvalid, "tensor {}: shape {}, expected {}", tensor.name,
                shape_text(array->shape), shape_text(tensor.shape));
  if (!std::all_of(array->values.begin(), array->values.end(),
                   [](float v) { return std::isfinite(v); }))
    return fail(Errc::kInvalid, "tensor {} holds a value that is not finite", tensor.name);
  ByteVector& bytes = out.image.pixels;
  tensor.offset = bytes.size();
  tensor.length = array->values.size();
  bytes.resize(bytes.size() + tensor.length);
  const auto range = tensor::quantize_affine(array->values, MutBytes(bytes).subspan(tensor.offset));
  tensor.w_min = double{range.min};
  // A constant tensor's range is widened in double precision by the format.
  const bool is_flat = *std::max_element(array->values.begin(), array->values.end()) == range.min;
  tensor.w_max = is_flat ? tensor.w_min + 1e-6 : double{range.max};
  if (!(tensor.w_min < tensor.w_max) || !std::isfinite(range.max - range.min))
    return fail(Errc::kInvalid, "tensor {}: values up to {} are too large to quantise", tensor.name,
                range.max);
  out.meta.tensors.push_back(std::move(tensor));
  return {};
}

/// width = ceil(sqrt(pixels)), height = ceil(pixels / width), zeros behind.
void shape_picture(Encoded& out) {
  Meta& meta = out.meta;
  meta.total_params = out.image.pixels.size();
  meta.total_bytes = round_up(meta.total_params, 3);
  const std::uint64_t pixels = meta.total_bytes / 3;
  std::uint64_t width = 1;
  while (width * width < pixels) ++width;
  meta.image_width = static_cast<std::uint32_t>(width);
  meta.image_height = static_cast<std::uint32_t>(ceil_div(pixels, width));
  out.image.width = meta.image_width;
  out.image.height = meta.image_height;
  out.image.channels = 3;
  out.image.pixels.resize(std::size_t{3} * meta.image_width * meta.image_height);
}

/// A picture and a meta.json come from two files; they may belong to different models.
Result<void> check_picture(const pixelfs::ImageView& image, const Meta& meta) {
  if (image.channels != 3 || image.width != meta.image_width || image.height != meta.image_height)
    return fail(Errc::kInvalid,
                "picture of {} x {} with {} channels, its meta.json says {} x {} RGB", image.width,
                image.height, image.channels, meta.image_width, meta.image_height);
  if (image.pixels.size() < meta.total_bytes)
    return fail(Errc::kInvalid, "picture of {} bytes, its meta.json says {}", image.pixels.size(),
                meta.total_bytes);
  return {};
}

/// Allows what f32 arithmetic may add to half a step: a few roundings of numbers the size of the
/// range.
double tolerance(const MetaTensor& tensor) {
  const double largest = std::max(std::abs(tensor.w_min), std::abs(tensor.w_max));
  return tensor.half_step() + 8.0 * double{std::numeric_limits<float>::epsilon()} * largest;
}

/// The picture's bytes as canonical u8affine bytes: nothing is quantised a second time.
pixelfs::TensorInput sheet_input(const MetaTensor& tensor, Bytes picture) {
  pixelfs::TensorInput input;
  input.name = tensor.name;
  input.dtype = tensor::DType::kU8Affine;
  input.shape = tensor.shape;
  input.affine = range_of(tensor);
  // The program multiplies with rows as outputs: embed is read by row, the other two are [in, out].
  if (tensor.shape.size() == 1)
    input.layout = pixelfs::SheetLayout::kLinear;
  else
    input.layout = tensor.name == "embed" ? pixelfs::SheetLayout::kPacked16
                                          : pixelfs::SheetLayout::kPacked16Transposed;
  const Bytes bytes = picture.subspan(tensor.offset, tensor.length);
  input.read_canonical = [bytes](std::uint64_t offset, MutBytes out) -> Result<void> {
    if (!range_fits(offset, out.size(), bytes.size()))
      return fail(Errc::kUsage, "read outside the tensor");
    if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
    return {};
  };
  return input;
}

Manifest make_manifest(const Meta& meta, const ImportOptions& options) {
  Manifest out;
  out.name = options.name.empty() ? make_cartridge_name(meta.model_name) : options.name;
  out.title = meta.model_name;
  out.version = meta.version;
  out.architecture = kArchitecture;
  out.integers = {{"vocab", meta.vocab}, {"dim", meta.dim}};
  out.parameter_count = meta.total_params;
  out.notes = "tokens are code points modulo the vocabulary";
  out.creator_name = "pxos import";
  out.genesis_version = "1";
  return out;
}

}  // namespace

const MetaTensor* Meta::find(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const MetaTensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

std::vector<NpyArray> init_weights(std::uint64_t seed) {
  CounterRng rng(seed);
  std::vector<NpyArray> out;
  for (const MetaTensor& tensor : layout(kVocab, kDim)) {
    NpyArray array{tensor.name, tensor.shape, std::vector<float>(elements(tensor.shape))};
    if (tensor.shape.size() == 2) {
      const double scale = std::sqrt(2.0 / static_cast<double>(tensor.shape[0]));
      for (float& value : array.values) value = static_cast<float>(next_normal_like(rng) * scale);
    }
    out.push_back(std::move(array));
  }
  return out;
}

Result<Encoded> encode(std::span<const NpyArray> weights) {
  Encoded out;
  PX_CHECK(read_sizes(weights, out.meta));
  for (MetaTensor& tensor : layout(out.meta.vocab, out.meta.dim))
    PX_CHECK(append_tensor(weights, std::move(tensor), out));
  shape_picture(out);
  return out;
}

Result<void> check_shapes(const Meta& meta) {
  if (meta.vocab < 1 || meta.vocab > kMaxSide || meta.dim < 1 || meta.dim > kMaxSide)
    return fail(Errc::kInvalid, "vocabulary {} and width {} must be 1 to {}", meta.vocab, meta.dim,
                kMaxSide);
  for (const MetaTensor& wanted : layout(meta.vocab, meta.dim)) {
    const MetaTensor* found = meta.find(wanted.name);
    if (found == nullptr) return fail(Errc::kInvalid, "tensor {} is missing", wanted.name);
    if (found->shape != wanted.shape)
      return fail(Errc::kInvalid, "tensor {}: shape {}, expected {}", wanted.name,
                  shape_text(found->shape), shape_text(wanted.shape));
  }
  if (meta.tensors.size() != 5)
    return fail(Errc::kInvalid, "{} tensors, expected 5", meta.tensors.size());
  return {};
}

Result<std::vector<NpyArray>> decode(const pixelfs::ImageView& image, const Meta& meta) {
  PX_CHECK(check_picture(image, meta));
  std::vector<NpyArray> out;
  for (const MetaTensor& tensor : meta.tensors) {
    if (!range_fits(tensor.offset, tensor.length, meta.total_bytes) ||
        tensor.length != elements(tensor.shape))
      return fail(Errc::kInvalid, "tensor {}: {} bytes at {} lie outside the picture", tensor.name,
                  tensor.length, tensor.offset);
    NpyArray array{tensor.name, tensor.shape, std::vector<float>(tensor.length)};
    tensor::dequantize_affine(image.pixels.subspan(tensor.offset, tensor.length), range_of(tensor),
                              array.values);
    out.push_back(std::move(array));
  }
  return out;
}

Result<std::vector<TensorError>> compare(std::span<const NpyArray> weights,
                                         const pixelfs::ImageView& image, const Meta& meta) {
  PX_TRY(const auto decoded, decode(image, meta));
  std::vector<TensorError> out;
  for (std::size_t t = 0; t < decoded.size(); ++t) {
    const NpyArray* original = find_array(weights, decoded[t].name);
    if (original == nullptr || original->shape != decoded[t].shape ||
        original->values.size() != decoded[t].values.size())
      return fail(Errc::kInvalid, "tensor {} is missing from the weights or has another shape",
                  decoded[t].name);
    TensorError error{decoded[t].name, 0, meta.tensors[t].half_step(), true};
    for (std::size_t i = 0; i < original->values.size(); ++i) {
      const double distance = std::abs(double{original->values[i]} - double{decoded[t].values[i]});
      // Written so that a NaN weight counts as wrong.
      if (!(distance <= tolerance(meta.tensors[t]))) error.within = false;
      if (!(distance <= error.largest)) error.largest = distance;
    }
    out.push_back(std::move(error));
  }
  return out;
}

Result<ImportReport> to_cartridge(const pixelfs::ImageView& image, const Meta& meta,
                                  const ImportOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  PX_CHECK(check_options(options));
  PX_CHECK(check_shapes(meta));
  PX_CHECK(decode(image, meta));  // every offset and size is checked there
  PX_TRY(const ProgramSource program, options.find_program(kArchitecture));
  std::vector<pixelfs::TensorInput> tensors;
  for (const MetaTensor& tensor : meta.tensors)
    tensors.push_back(sheet_input(tensor, image.pixels));
  PX_TRY(CartridgeWriter writer, CartridgeWriter::create(options.output));
  PX_CHECK(add_program(writer, program));
  PX_CHECK(add_sheets(writer, tensors, options.progress));
  ImportReport report;
  report.source_bytes = image.pixels.size();
  report.tensors = tensors.size();
  PX_CHECK(finish_import(std::move(writer), make_manifest(meta, options), options, report));
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace pxos::cartridges::pixellm
