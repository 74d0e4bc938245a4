#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/pack.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "tests/pxvm/tensor/block_reference.hpp"

#include <bit>
#include <cmath>
#include <map>

namespace pxos::tensor::test {
namespace {

std::uint64_t next(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31);
}

std::size_t index(std::int64_t value) {
  return static_cast<std::size_t>(value);
}

}  // namespace

OwnedF32::OwnedF32(std::int64_t rows_, std::int64_t cols_, std::int64_t stride_)
    : rows(rows_),
      cols(cols_),
      stride(stride_ == 0 ? cols_ : stride_),
      values(index(rows * stride)) {}

MatF32 OwnedF32::view() {
  return {values.data(), rows, cols, stride};
}
ConstMatF32 OwnedF32::view() const {
  return {values.data(), rows, cols, stride};
}
float& OwnedF32::at(std::int64_t r, std::int64_t c) {
  return values.at(index(r * stride + c));
}
float OwnedF32::at(std::int64_t r, std::int64_t c) const {
  return values.at(index(r * stride + c));
}

OwnedF32 random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  OwnedF32 out(rows, cols);
  for (float& value : out.values) {
    double sum = -6;  // twelve uniforms
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(next(seed) >> 11) * 0x1p-53;
    value = static_cast<float>(sum);
  }
  return out;
}

std::vector<float> OwnedPacked::row(std::int64_t r) const {
  std::vector<float> out(index(tensor.cols));
  if (tensor.dtype == DType::kU8Affine) {
    dequantize_affine(canonical_row(r), {tensor.affine_min, tensor.affine_max}, out);
  } else {
    dequantize_row(tensor.dtype, canonical_row(r), out);
  }
  return out;
}

Bytes OwnedPacked::canonical_row(std::int64_t r) const {
  return Bytes(canonical).subspan(index(r) * canonical_row_bytes, canonical_row_bytes);
}

OwnedPacked pack_matrix(DType dtype, const OwnedF32& values, const Layout& layout) {
  const std::uint64_t bytes = row_bytes(dtype, static_cast<std::uint64_t>(values.cols)).value();
  std::vector<std::uint8_t> canonical(bytes * index(values.rows));
  if (dtype == DType::kU8Affine) {
    const AffineRange range = quantize_affine(values.values, canonical);
    OwnedPacked out = pack_canonical(dtype, values.rows, values.cols, std::move(canonical), layout);
    out.tensor.affine_min = range.min;
    out.tensor.affine_max = range.max;
    return out;
  }
  if (info(dtype).block_elems > 32) {  // random bits reach more than fitted blocks do
    const std::size_t blocks = canonical.size() / info(dtype).block_bytes;
    canonical = random_blocks(dtype, blocks, std::bit_cast<std::uint32_t>(values.values[0]), true);
    return pack_canonical(dtype, values.rows, values.cols, std::move(canonical), layout);
  }
  for (std::int64_t r = 0; r < values.rows; ++r) {
    const std::span<const float> row(values.values.data() + r * values.stride, index(values.cols));
    quantize_row(dtype, row, MutBytes(canonical).subspan(index(r) * bytes, bytes));
  }
  return pack_canonical(dtype, values.rows, values.cols, std::move(canonical), layout);
}

OwnedPacked pack_canonical(DType dtype, std::int64_t rows, std::int64_t cols,
                           std::vector<std::uint8_t> canonical, const Layout& layout) {
  const DTypeInfo& entry = info(dtype);
  OwnedPacked out;
  out.canonical = std::move(canonical);
  out.canonical_row_bytes = row_bytes(dtype, static_cast<std::uint64_t>(cols)).value();
  out.tensor.dtype = dtype;
  out.tensor.rows = rows;
  out.tensor.cols = cols;
  out.tensor.units_per_group =
      static_cast<std::uint32_t>(ceil_div(static_cast<std::uint64_t>(cols), entry.unit_cols));
  const auto groups = static_cast<std::uint64_t>(out.tensor.row_groups());
  const std::uint64_t per_group = out.tensor.units_per_group;
  const std::uint64_t per_segment =
      layout.groups_per_segment == 0 ? groups : layout.groups_per_segment;
  std::vector<std::uint8_t> units(per_group * entry.unit_bytes);
  for (std::uint64_t g = 0; g < groups; g += per_segment) {
    UnitSegment segment;
    segment.row_groups = std::min(per_segment, groups - g);
    const std::uint64_t count = segment.row_groups * per_group;
    segment.units_per_line = layout.units_per_line == 0 ? count + 3 : layout.units_per_line;
    segment.first_slot = layout.units_per_line == 0 ? 0 : layout.units_per_line - 1;
    segment.line_stride = segment.units_per_line * entry.unit_bytes + layout.gap;
    const std::uint64_t lines = (segment.first_slot + count - 1) / segment.units_per_line + 1;
    std::vector<std::uint8_t>& memory = out.memory.emplace_back(lines * segment.line_stride, 0xA5);
    for (std::uint64_t s = 0; s < segment.row_groups; ++s) {
      const std::uint64_t first_row = (g + s) * kUnitRows;
      const auto count_rows = static_cast<std::uint32_t>(
          std::min<std::uint64_t>(kUnitRows, static_cast<std::uint64_t>(rows) - first_row));
      pack_row_group(dtype, Bytes(out.canonical).subspan(first_row * out.canonical_row_bytes),
                     out.canonical_row_bytes, count_rows, static_cast<std::uint64_t>(cols), units);
      for (std::uint64_t u = 0; u < per_group; ++u) {
        const std::uint64_t slot = segment.first_slot + s * per_group + u;
        std::uint8_t* to = memory.data() + slot / segment.units_per_line * segment.line_stride +
                           slot % segment.units_per_line * entry.unit_bytes;
        std::copy_n(units.data() + u * entry.unit_bytes, entry.unit_bytes, to);
      }
    }
    segment.base = memory.data();
    out.tensor.segments.push_back(segment);
  }
  return out;
}

std::uint32_t bits_of(float value) {
  return std::isnan(value) ? 0x7fc0'0000U : std::bit_cast<std::uint32_t>(value);
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
  std::vector<std::uint32_t> out;
  out.reserve(values.size());
  for (const float value : values) out.push_back(bits_of(value));
  return out;
}

std::string Variant::name() const {
  return std::string(kernels->name) + " x " + std::to_string(threads);
}

std::vector<Variant> all_variants() {
  std::vector<Variant> out;
  for (const KernelTable* kernels : available_kernels()) {
    for (const std::size_t threads : {1U, 2U, 3U, 8U}) out.push_back({kernels, threads});
  }
  return out;
}

void with_context(const Variant& variant, const std::function<void(OpContext&)>& body) {
  // One pool per thread count for the whole run: starting and joining threads is what a busy
  // machine is slow at.
  static std::map<std::size_t, ThreadPool> pools;
  ThreadPool& pool = pools.try_emplace(variant.threads, variant.threads).first->second;
  Scratch scratch;
  const std::atomic<bool> stop{false};
  OpContext ctx{*variant.kernels, pool, scratch, stop};
  body(ctx);
}

}  // namespace pxos::tensor::test
