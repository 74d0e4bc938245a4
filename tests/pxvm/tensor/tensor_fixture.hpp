#pragma once
// Helpers of the tensor tests: seeded values, packed tensors in several memory layouts, and a
// runner that repeats an operation on every kernel set and thread count and demands equal bits.

#include "pxvm/tensor/kernels/select.hpp"
#include "pxvm/tensor/ops.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace pxos::tensor::test {

/// Row-major matrix that owns its values.
struct OwnedF32 {
  OwnedF32(std::int64_t rows, std::int64_t cols, std::int64_t stride = 0);
  std::int64_t rows, cols, stride;
  std::vector<float> values;

  [[nodiscard]] MatF32 view();
  [[nodiscard]] ConstMatF32 view() const;
  float& at(std::int64_t r, std::int64_t c);
  [[nodiscard]] float at(std::int64_t r, std::int64_t c) const;
};

/// Deterministic values, roughly normal with deviation 1.
OwnedF32 random_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t seed);

/// How units lie in memory: in lines of `units_per_line` (0 = one endless line) with `gap` bytes
/// between lines, cut into segments of `groups_per_segment` (0 = one).
struct Layout {
  std::uint64_t units_per_line = 0;
  std::uint64_t gap = 0;
  std::uint64_t groups_per_segment = 0;
};

/// A weight matrix in canonical rows and as packed units.
struct OwnedPacked {
  PackedTensor tensor;
  std::vector<std::uint8_t> canonical;
  std::uint64_t canonical_row_bytes = 0;
  std::vector<std::vector<std::uint8_t>> memory;

  /// Dequantised row.
  [[nodiscard]] std::vector<float> row(std::int64_t r) const;
  [[nodiscard]] Bytes canonical_row(std::int64_t r) const;
};

/// Quantised `values`; for dtypes nothing quantises to, random blocks seeded by the first value.
OwnedPacked pack_matrix(DType dtype, const OwnedF32& values, const Layout& layout = {});
/// Packs canonical bytes as they are.
OwnedPacked pack_canonical(DType dtype, std::int64_t rows, std::int64_t cols,
                           std::vector<std::uint8_t> canonical, const Layout& layout = {});

/// The bit patterns, with every NaN as one.
std::vector<std::uint32_t> bits_of(const std::vector<float>& values);
std::uint32_t bits_of(float value);

struct Variant {
  const KernelTable* kernels;
  std::size_t threads;
  [[nodiscard]] std::string name() const;
};
std::vector<Variant> all_variants();

/// Runs `body` with a context of its own.
void with_context(const Variant& variant, const std::function<void(OpContext&)>& body);

/// Runs `operation` into a fresh matrix on every variant and compares bits with `expected`.
void check_bits(const OwnedF32& expected, const std::function<bool(OpContext&, MatF32)>& operation);

}  // namespace pxos::tensor::test
