#include "cartridges/weight_check.hpp"

#include "pxvm/base/thread_pool.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>

namespace pxos::cartridges {
namespace {

using pixelfs::WeightTensor;

/// Rows a thread reads at a time; one row group of a packed tensor, so that none is unpacked twice.
constexpr std::uint64_t kRows = 16;

/// Elements of a row that is longer (a vector is one row) are looked at in pieces.
constexpr std::uint64_t kPieceValues = std::uint64_t{1} << 16U;

void look(std::span<const float> values, BadRow& row) {
  float largest = 0;
  bool clean = true;
  for (const float value : values) {
    const float magnitude = std::abs(value);
    clean = clean && magnitude <= kAbsurdWeight;  // false for NaN
    largest = magnitude > largest && magnitude <= kAbsurdWeight ? magnitude : largest;
  }
  row.largest = std::max(row.largest, largest);
  if (clean) return;
  for (const float value : values) {
    if (std::isnan(value)) {
      ++row.nan;
    } else if (std::isinf(value)) {
      ++row.infinite;
    } else if (std::abs(value) > kAbsurdWeight) {
      ++row.absurd;
      row.largest = std::max(row.largest, std::abs(value));
    }
  }
}

void dequantize(const WeightTensor& tensor, Bytes canonical, std::span<float> out) {
  if (tensor.meta.dtype == tensor::DType::kU8Affine)
    tensor::dequantize_affine(canonical, tensor.meta.affine, out);
  else
    tensor::dequantize_row(tensor.meta.dtype, canonical, out);
}

/// Checks tensors one after another, the rows of one on all threads.
class Checker {
 public:
  Checker(const pixelfs::WeightSet& weights, std::size_t threads)
      : weights_(weights), pool_(std::max<std::size_t>(1, threads)) {}

  Result<void> check(const WeightTensor& tensor) {
    const std::uint64_t rows = tensor.extent.canonical_rows;
    auto group = [&](std::size_t chunk, std::size_t) {
      const std::uint64_t first = chunk * kRows;
      check_rows(tensor, first, std::min(kRows, rows - first));
    };
    const std::size_t before = report_.rows.size();
    pool_.run((rows + kRows - 1) / kRows, group);
    std::sort(report_.rows.begin() + static_cast<std::ptrdiff_t>(before), report_.rows.end(),
              [](const BadRow& a, const BadRow& b) { return a.row < b.row; });
    ++report_.tensors;
    report_.values += rows * tensor.extent.canonical_cols;
    report_.bytes += tensor.extent.canonical_bytes;
    if (failed_) return fail(Errc::kIo, "tensor {}: cannot be read", tensor.meta.name);
    return {};
  }
  [[nodiscard]] WeightCheck take() { return std::move(report_); }

 private:
  void check_rows(const WeightTensor& tensor, std::uint64_t first, std::uint64_t count) {
    const std::uint64_t row_bytes = tensor.extent.canonical_row_bytes;
    ByteVector canonical(count * row_bytes);
    if (!weights_.read_canonical(tensor, first * row_bytes, canonical)) {
      const std::scoped_lock lock(mutex_);
      failed_ = true;
      return;
    }
    for (std::uint64_t r = 0; r < count; ++r) {
      BadRow row{{}, first + r, 0, 0, 0, 0};
      check_row(tensor, Bytes(canonical).subspan(r * row_bytes, row_bytes), row);
      if (row.nan + row.infinite + row.absurd != 0) add(tensor, row);
    }
  }

  static void check_row(const WeightTensor& tensor, Bytes bytes, BadRow& row) {
    const tensor::DTypeInfo& info = tensor::info(tensor.meta.dtype);
    const std::uint64_t piece = std::min(kPieceValues, tensor.extent.canonical_cols);
    std::vector<float> values(piece);
    for (std::uint64_t at = 0; at < tensor.extent.canonical_cols; at += piece) {
      const std::uint64_t n = std::min(piece, tensor.extent.canonical_cols - at);
      const std::span<float> part = std::span(values).first(n);
      dequantize(tensor,
                 bytes.subspan(at / info.block_elems * info.block_bytes,
                               n / info.block_elems * info.block_bytes),
                 part);
      look(part, row);
    }
  }

  void add(const WeightTensor& tensor, BadRow& row) {
    const std::scoped_lock lock(mutex_);
    ++report_.bad_rows;
    report_.bad_values += row.nan + row.infinite + row.absurd;
    if (report_.rows.size() >= WeightCheck::kListed) return;
    row.tensor = tensor.meta.name;
    report_.rows.push_back(row);
  }

  const pixelfs::WeightSet& weights_;
  ThreadPool pool_;
  std::mutex mutex_;  ///< of the report and failed_
  bool failed_ = false;
  WeightCheck report_;
};

}  // namespace

Result<WeightCheck> check_weights(const pixelfs::WeightSet& weights, std::size_t threads,
                                  const Progress& progress) {
  const auto start = std::chrono::steady_clock::now();
  Checker checker(weights, threads);
  std::uint64_t done = 0;
  for (const WeightTensor& tensor : weights.tensors()) {
    PX_CHECK(checker.check(tensor));
    done += tensor.extent.canonical_bytes;
    if (progress) progress(done, weights.canonical_bytes());
  }
  WeightCheck report = checker.take();
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

}  // namespace pxos::cartridges
