#include "pxvm/debug/inspect.hpp"

#include "pxvm/tensor/pack.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace pxos::debug {
namespace {

using isa::TensorDecl;
using vm::TensorView;

/// Element `index` of plain memory; tensors are aligned to their elements, but say nothing of it.
template <class T>
T load(const std::uint8_t* data, std::int64_t index) {
  T value{};
  std::memcpy(&value, data + index * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
  return value;
}

/// Unit `index` of the whole tensor.
Bytes unit_at(const tensor::PackedTensor& packed, std::uint64_t index) {
  const std::uint64_t unit_bytes = tensor::info(packed.dtype).unit_bytes;
  for (const tensor::UnitSegment& segment : packed.segments) {
    const std::uint64_t units = segment.row_groups * packed.units_per_group;
    if (index >= units) {
      index -= units;
      continue;
    }
    const std::uint64_t slot = segment.first_slot + index;
    return {segment.base + slot / segment.units_per_line * segment.line_stride +
                slot % segment.units_per_line * unit_bytes,
            unit_bytes};
  }
  return {};
}

struct Colour {
  std::uint8_t red, green, blue;
};

/// `value` from -1 to 1; nothing is as dark as zero.
Colour colour_of(double value) {
  if (std::isnan(value)) return {255, 0, 255};
  if (std::isinf(value)) return {255, 255, 255};
  const auto mix = [part = std::sqrt(std::min(std::abs(value), 1.0))](double from, double to) {
    return static_cast<std::uint8_t>(std::lround(from + (to - from) * part));
  };
  return value < 0 ? Colour{mix(16, 60), mix(18, 150), mix(24, 255)}
                   : Colour{mix(16, 255), mix(18, 150), mix(24, 40)};
}

/// A tensor cut into blocks of equal size (those at the far edges may be smaller).
struct Blocks {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<double> means;  ///< row-major; one NaN or infinity in a block is its mean
};

Blocks block_means(const TensorNumbers& numbers, std::int64_t most_side) {
  const std::int64_t tall = (numbers.rows() + most_side - 1) / most_side;
  const std::int64_t wide = (numbers.cols() + most_side - 1) / most_side;
  Blocks blocks{(numbers.rows() + tall - 1) / tall, (numbers.cols() + wide - 1) / wide, {}};
  blocks.means.resize(static_cast<std::size_t>(blocks.width * blocks.height));
  std::vector<double> row(static_cast<std::size_t>(numbers.cols()));
  for (std::int64_t y = 0; y < numbers.rows(); ++y) {
    numbers.read_row(y, row);
    double* const means = blocks.means.data() + y / tall * blocks.width;
    const std::int64_t height = std::min(tall, numbers.rows() - y / tall * tall);
    for (std::int64_t x = 0; x < numbers.cols(); ++x) {
      const std::int64_t width = std::min(wide, numbers.cols() - x / wide * wide);
      means[x / wide] += row[static_cast<std::size_t>(x)] / static_cast<double>(width * height);
    }
  }
  return blocks;
}

/// Rows that an instruction of this opcode has written; none for bytes and integers.
std::optional<RowRange> rows_written(const vm::Machine& machine, const isa::Instruction& i,
                                     const TensorView& view) {
  const std::int64_t rows = TensorNumbers(view).rows();
  const auto scalar = [&](std::uint8_t reg) {
    return static_cast<std::int64_t>(machine.scalar(reg));
  };
  switch (i.opcode()) {
    case isa::Opcode::kKvAppend:
      return RowRange{scalar(i.b), machine.tensor(i.a).dims[0]};
    case isa::Opcode::kStF32:
      return RowRange{scalar(i.b) / std::max<std::int64_t>(view.dims[view.rank - 1U], 1), 1};
    case isa::Opcode::kStF32At: {  // its rows are slices along the first dimension
      const std::int64_t slice = rows / std::max<std::int64_t>(view.dims[0], 1);
      return RowRange{scalar(i.c) * slice, slice};
    }
    default:
      if (view.element == TensorDecl::Element::kF32) return RowRange{0, rows};
      return std::nullopt;
  }
}

}  // namespace

TensorNumbers::TensorNumbers(const TensorView& view) : view_(view) {
  if (view.rank == 0 || (view.data == nullptr && view.packed == nullptr)) return;
  cols_ = view.dims[view.rank - 1U];
  rows_ = cols_ == 0 ? 0 : view.elements() / cols_;
}

void TensorNumbers::read_packed(std::int64_t row, std::span<double> out) const {
  const tensor::PackedTensor& packed = *view_.packed;
  const std::size_t unit_cols = tensor::info(packed.dtype).unit_cols;
  const auto group = static_cast<std::uint64_t>(row) / 16;
  const auto lane = static_cast<std::uint32_t>(row % 16);
  std::vector<float> values(unit_cols);
  ByteVector canonical(16 * unit_cols);
  for (std::size_t at = 0; at < out.size(); at += unit_cols) {
    const std::size_t count = std::min(unit_cols, out.size() - at);
    const Bytes unit = unit_at(packed, group * packed.units_per_group + at / unit_cols);
    const std::span<float> some(values.data(), count);
    if (packed.dtype == tensor::DType::kU8Affine) {  // its range is not in the unit
      tensor::unpack_row_group(packed.dtype, unit, 16, unit_cols, unit_cols, canonical);
      tensor::dequantize_affine(Bytes(canonical).subspan(lane * unit_cols, count),
                                {packed.affine_min, packed.affine_max}, some);
    } else {
      tensor::dequantize_unit_row(packed.dtype, unit, lane, some);
    }
    std::copy(some.begin(), some.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

void TensorNumbers::read_cache(std::int64_t row, std::span<double> out) const {
  const auto cols = static_cast<std::int64_t>(out.size());
  const std::uint8_t* at = view_.data + row * tensor::kv_row_bytes(view_.caches, cols);
  for (std::int64_t i = 0; i < cols; ++i) {
    double& value = out[static_cast<std::size_t>(i)];
    switch (view_.caches) {
      case tensor::KvFormat::kF16:
        value = tensor::f16_to_f32(load<std::uint16_t>(at, i));
        break;
      case tensor::KvFormat::kF32:
        value = load<float>(at, i);
        break;
      case tensor::KvFormat::kQ8:
        value =
            tensor::f16_to_f32(load<std::uint16_t>(at + cols, i / 32)) * load<std::int8_t>(at, i);
        break;
    }
  }
}

void TensorNumbers::read_row(std::int64_t row, std::span<double> out) const {
  if (view_.packed != nullptr) return read_packed(row, out);
  if (view_.element == TensorDecl::Element::kF16) return read_cache(row, out);
  for (std::int64_t i = 0; i < cols_; ++i) {
    double& value = out[static_cast<std::size_t>(i)];
    const std::int64_t index = row * cols_ + i;
    switch (view_.element) {
      case TensorDecl::Element::kI32:
        value = load<std::int32_t>(view_.data, index);
        break;
      case TensorDecl::Element::kU8:
        value = view_.data[index];
        break;
      default:
        value = load<float>(view_.data, index);
    }
  }
}

TensorSummary summarize(const TensorNumbers& numbers, RowRange rows) {
  TensorSummary summary;
  double sum = 0;
  summary.min = std::numeric_limits<double>::infinity();
  summary.max = -summary.min;
  std::vector<double> row(static_cast<std::size_t>(numbers.cols()));
  const std::int64_t end = std::min(rows.first + rows.count, numbers.rows());
  for (std::int64_t y = std::max<std::int64_t>(rows.first, 0); y < end; ++y) {
    numbers.read_row(y, row);
    for (std::size_t x = 0; x < row.size(); ++x) {
      ++summary.count;
      if (!std::isfinite(row[x])) {
        ++(std::isnan(row[x]) ? summary.nans : summary.infinities);
        if (!summary.first_bad) summary.first_bad = {y, static_cast<std::int64_t>(x)};
        continue;
      }
      sum += row[x];
      summary.min = std::min(summary.min, row[x]);
      summary.max = std::max(summary.max, row[x]);
    }
  }
  if (summary.finite() == 0) summary.min = summary.max = 0;
  if (summary.finite() > 0) summary.mean = sum / static_cast<double>(summary.finite());
  return summary;
}

isa::RgbImage heat_map(const TensorNumbers& numbers, std::uint32_t most_side) {
  if (numbers.rows() == 0 || numbers.cols() == 0) return {};
  const Blocks blocks = block_means(numbers, std::max(most_side, 1U));
  double largest = 0;
  for (const double mean : blocks.means) {
    if (std::isfinite(mean)) largest = std::max(largest, std::abs(mean));
  }
  const auto longer = static_cast<std::uint32_t>(std::max(blocks.width, blocks.height));
  const std::uint32_t zoom = std::clamp(most_side / 2 / longer, 1U, 16U);
  isa::RgbImage image{static_cast<std::uint32_t>(blocks.width) * zoom,
                      static_cast<std::uint32_t>(blocks.height) * zoom,
                      {}};
  image.rgb.reserve(std::size_t{image.width} * image.height * 3);
  for (std::uint32_t y = 0; y < image.height; ++y) {
    for (std::uint32_t x = 0; x < image.width; ++x) {
      const double mean =
          blocks.means[y / zoom * static_cast<std::size_t>(blocks.width) + x / zoom];
      const Colour colour = colour_of(largest > 0 && std::isfinite(mean) ? mean / largest : mean);
      image.rgb.insert(image.rgb.end(), {colour.red, colour.green, colour.blue});
    }
  }
  return image;
}

std::string register_name(const isa::Program& program, std::uint8_t reg) {
  for (const TensorDecl& decl : program.tensors) {
    if (decl.home == reg) return decl.name;
  }
  return fmt::format("t{}", reg);
}

std::vector<Written> written_by(const vm::Machine& machine, std::size_t pc) {
  const isa::Program& program = machine.linked().program();
  const isa::Instruction& instruction = program.code[pc];
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  std::vector<Written> out;
  for (const isa::Operand& operand : info->operand_list()) {
    if (!isa::writes_elements(operand.kind)) continue;
    const auto reg = static_cast<std::uint8_t>(isa::field_value(instruction, *info, operand.field));
    const TensorView& view = machine.tensor(reg);
    if (view.rank == 0) continue;
    const auto rows = rows_written(machine, instruction, view);
    if (rows) out.push_back({register_name(program, reg), view, *rows});
  }
  return out;
}

}  // namespace pxos::debug
