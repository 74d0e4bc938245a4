#pragma once
// Tensors as numbers: any view (plain, cache in its format, packed weights) read row by row, summed
// up, drawn as a heat map. Read only; the machine stands still meanwhile.

#include "pxvm/isa/image.hpp"
#include "pxvm/vm/machine.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pxos::debug {

/// A view as a matrix of numbers: cols = the last extent, rows = all others together.
class TensorNumbers {
 public:
  /// Borrows what the view looks at.
  explicit TensorNumbers(const vm::TensorView& view);

  [[nodiscard]] std::int64_t rows() const { return rows_; }
  [[nodiscard]] std::int64_t cols() const { return cols_; }
  /// out[i] = element (row, i); i32 and u8 exactly, everything else as the f32 it stands for.
  /// Requires: 0 <= row < rows(); out.size() == cols().
  void read_row(std::int64_t row, std::span<double> out) const;

 private:
  void read_packed(std::int64_t row, std::span<double> out) const;
  void read_cache(std::int64_t row, std::span<double> out) const;

  vm::TensorView view_;
  std::int64_t rows_ = 0;
  std::int64_t cols_ = 0;
};

/// Part of a tensor: whole rows.
struct RowRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

struct TensorSummary {
  std::int64_t count = 0;
  std::int64_t nans = 0;
  std::int64_t infinities = 0;
  double min = 0;  ///< these three over the finite elements; 0 when there is none
  double mean = 0;
  double max = 0;
  /// Row and column of the first element that is not finite.
  std::optional<std::pair<std::int64_t, std::int64_t>> first_bad;

  [[nodiscard]] std::int64_t finite() const { return count - nans - infinities; }
};

[[nodiscard]] TensorSummary summarize(const TensorNumbers& numbers, RowRange rows);

/// Blue below zero, orange above, as bright as the value is large; NaN magenta, infinities white.
/// Large tensors: a pixel is the mean of its block; small ones: a block of pixels per element.
[[nodiscard]] isa::RgbImage heat_map(const TensorNumbers& numbers, std::uint32_t most_side = 512);

/// What an instruction that has just run wrote into tensors of reals.
struct Written {
  std::string name;
  vm::TensorView view;
  RowRange rows;
};
/// Of instruction `pc`, whose operands are still as it found them. Stores of single elements count
/// as their row.
[[nodiscard]] std::vector<Written> written_by(const vm::Machine& machine, std::size_t pc);

/// The declaration whose home a tensor register is, else "t17".
[[nodiscard]] std::string register_name(const isa::Program& program, std::uint8_t reg);

}  // namespace pxos::debug
