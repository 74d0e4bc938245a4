#include "cartridges/quantize/importance.hpp"

#include "pixelfs/sheet.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pxos::cartridges {
namespace {

constexpr std::string_view kHead = "pxos.importance";
constexpr float kVersion = 1;

bool usable(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float v) { return std::isfinite(v) && v >= 0; });
}

/// Keeps: `values` must outlive the input.
pixelfs::TensorInput as_input(std::string name, std::span<const float> values) {
  pixelfs::TensorInput input;
  input.name = std::move(name);
  input.shape = {static_cast<std::int64_t>(values.size())};
  input.layout = pixelfs::SheetLayout::kLinear;
  input.read_canonical = [values](std::uint64_t offset, MutBytes out) -> Result<void> {
    std::memcpy(out.data(), reinterpret_cast<const std::uint8_t*>(values.data()) + offset,
                out.size());
    return {};
  };
  return input;
}

Result<std::vector<float>> read_values(const pixelfs::WeightTensor& tensor) {
  if (tensor.meta.dtype != tensor::DType::kF32 || tensor.meta.shape.size() != 1 ||
      tensor.meta.layout != pixelfs::SheetLayout::kLinear)
    return fail(Errc::kInvalid, "importance of {}: expected a vector of f32", tensor.meta.name);
  std::vector<float> values(tensor.linear.size() / sizeof(float));
  std::memcpy(values.data(), tensor.linear.data(), values.size() * sizeof(float));
  if (!usable(values))
    return fail(Errc::kInvalid, "importance of {}: a value is negative or not finite",
                tensor.meta.name);
  return values;
}

}  // namespace

std::span<const float> Importance::find(std::string_view tensor) const {
  const auto at = mean_squares.find(tensor);
  return at == mean_squares.end() ? std::span<const float>() : std::span<const float>(at->second);
}

Result<ByteVector> serialize(const Importance& importance) {
  const std::array<float, 2> head{kVersion, static_cast<float>(importance.tokens)};
  std::vector<pixelfs::TensorInput> inputs{as_input(std::string(kHead), head)};
  for (const auto& [name, values] : importance.mean_squares) {
    if (!usable(values))
      return fail(Errc::kInvalid, "importance of {}: a value is negative or not finite", name);
    inputs.push_back(as_input(name, values));
  }
  pixelfs::MemorySheetSink sink;
  PX_CHECK(pixelfs::write_sheets(inputs, sink));
  if (sink.files.size() != 1)
    return fail(Errc::kLimit, "importance: {} sheets, expected one", sink.files.size());
  return std::move(sink.files.front().bytes);
}

Result<Importance> parse_importance(Bytes file) {
  PX_TRY(pixelfs::Sheet sheet, pixelfs::Sheet::open(file));
  std::vector<pixelfs::Sheet> sheets;
  sheets.push_back(std::move(sheet));
  PX_TRY(const pixelfs::WeightSet set, pixelfs::WeightSet::open(std::move(sheets)));
  const pixelfs::WeightTensor* head = set.find(kHead);
  if (head == nullptr)
    return fail(Errc::kInvalid, "not an importance file: the sheet has no tensor {}", kHead);
  Importance out;
  for (const pixelfs::WeightTensor& tensor : set.tensors()) {
    PX_CHECK(set.verify_tensor(tensor));
    PX_TRY(std::vector<float> values, read_values(tensor));
    if (&tensor != head) {
      out.mean_squares.emplace(tensor.meta.name, std::move(values));
      continue;
    }
    if (values.size() != 2 || values[0] != kVersion)
      return fail(Errc::kUnsupported, "importance file: version {}, expected {} with a count",
                  values.empty() ? 0 : values[0], kVersion);
    // A float holds a count to 24 bits; more tokens are a few off.
    out.tokens = static_cast<std::int64_t>(std::min(values[1], 0x1p53F));
  }
  return out;
}

}  // namespace pxos::cartridges
