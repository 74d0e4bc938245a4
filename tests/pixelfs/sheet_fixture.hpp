#pragma once
// Deterministic tensors and the sheets made of them.

#include "pixelfs/sheet.hpp"
#include "pxvm/base/rng.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pxos::test {

inline ByteVector noise(std::uint64_t bytes, std::uint64_t seed) {
  CounterRng rng(seed);
  ByteVector out(bytes);
  for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(rng.next_u32());
  return out;
}

/// A tensor of pseudo-random canonical bytes (any bit pattern is a legal block).
struct TestTensor {
  pixelfs::TensorInput input;
  std::shared_ptr<ByteVector> bytes;
};

inline TestTensor make_tensor(std::string name, tensor::DType dtype, pixelfs::SheetLayout layout,
                              std::vector<std::int64_t> shape, std::uint64_t seed = 1) {
  TestTensor t;
  t.input.name = std::move(name);
  t.input.dtype = dtype;
  t.input.layout = layout;
  t.input.shape = std::move(shape);
  if (dtype == tensor::DType::kU8Affine) t.input.affine = {-0.5F, 0.75F};
  const auto extent =
      pixelfs::tensor_extent({t.input.name, dtype, layout, t.input.shape, t.input.affine});
  const std::uint64_t size = extent ? extent->canonical_bytes : 0;
  t.bytes = std::make_shared<ByteVector>(noise(size, seed));
  t.input.read_canonical = [bytes = t.bytes](std::uint64_t offset, MutBytes out) -> Result<void> {
    if (offset > bytes->size() || out.size() > bytes->size() - offset) {
      return fail(Errc::kUsage, "read of {} bytes at {} of {}", out.size(), offset, bytes->size());
    }
    std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  };
  return t;
}

/// One of each: every dtype, every layout it allows, row and column remainders, a row group of
/// several units, three dimensions, vectors, and lengths that are no multiple of a unit.
inline std::vector<TestTensor> mixed_tensors() {
  using tensor::DType;
  using L = pixelfs::SheetLayout;
  return {
      make_tensor("blk.0.q8", DType::kQ8_0, L::kPacked16, {40, 96}, 1),
      make_tensor("blk.0.q4_0", DType::kQ4_0, L::kPacked16, {16, 64}, 2),
      make_tensor("blk.0.q4_1", DType::kQ4_1, L::kPacked16, {3, 5, 32}, 3),
      make_tensor("emb.f32", DType::kF32, L::kPacked16, {33, 70}, 4),
      make_tensor("w.f16", DType::kF16, L::kPacked16, {17, 31}, 5),
      make_tensor("w.bf16.t", DType::kBF16, L::kPacked16Transposed, {45, 50}, 6),
      make_tensor("norm.f32", DType::kF32, L::kLinear, {777}, 7),
      make_tensor("hidden.u8.t", DType::kU8Affine, L::kPacked16Transposed, {128, 100}, 8),
      make_tensor("bias.u8", DType::kU8Affine, L::kLinear, {100}, 9),
      make_tensor("ids.i32", DType::kI32, L::kLinear, {3, 200}, 10),
      make_tensor("one", DType::kF32, L::kPacked16, {1}, 11),
      make_tensor("f32.t", DType::kF32, L::kPacked16Transposed, {2, 3, 40}, 12),
      make_tensor("blk.0.q5_0", DType::kQ5_0, L::kPacked16, {18, 96}, 13),
      make_tensor("blk.0.q5_1", DType::kQ5_1, L::kPacked16, {5, 32}, 14),
      make_tensor("blk.0.iq4_nl", DType::kIQ4_NL, L::kPacked16, {16, 32}, 15),
      make_tensor("blk.0.mxfp4", DType::kMXFP4, L::kPacked16, {31, 64}, 16),
      make_tensor("blk.0.q2_k", DType::kQ2_K, L::kPacked16, {20, 512}, 17),
      make_tensor("blk.0.q3_k", DType::kQ3_K, L::kPacked16, {1, 256}, 18),
      make_tensor("blk.0.q4_k", DType::kQ4_K, L::kPacked16, {33, 512}, 19),
      make_tensor("blk.0.q5_k", DType::kQ5_K, L::kPacked16, {16, 256}, 20),
      make_tensor("blk.0.q6_k", DType::kQ6_K, L::kPacked16, {2, 9, 256}, 21),
  };
}

inline std::vector<pixelfs::TensorInput> inputs_of(const std::vector<TestTensor>& tensors) {
  std::vector<pixelfs::TensorInput> out;
  for (const TestTensor& t : tensors) out.push_back(t.input);
  return out;
}

/// Bytes at a 64-byte aligned address, as a mapped file has them.
inline pixelfs::AlignedBytes aligned(Bytes bytes) {
  auto out = pixelfs::AlignedBytes::create(bytes.size());
  if (!out) return {};
  std::copy(bytes.begin(), bytes.end(), out->bytes().begin());
  return *std::move(out);
}

/// Written sheets and the set opened from them. The files outlive the set.
struct OpenedSet {
  std::vector<std::string> names;
  std::vector<pixelfs::AlignedBytes> files;
  Result<pixelfs::WeightSet> set = fail(Errc::kInvalid, "not opened");
};

inline std::vector<pixelfs::MemorySheetSink::File> write_all(
    const std::vector<TestTensor>& tensors, const pixelfs::SheetOptions& options = {}) {
  pixelfs::MemorySheetSink sink;
  const auto written = pixelfs::write_sheets(inputs_of(tensors), sink, {}, options);
  if (!written) sink.files.clear();
  return std::move(sink.files);
}

inline Result<pixelfs::WeightSet> open_files(const std::vector<pixelfs::AlignedBytes>& files) {
  std::vector<pixelfs::Sheet> sheets;
  for (const pixelfs::AlignedBytes& file : files) {
    PX_TRY(pixelfs::Sheet sheet, pixelfs::Sheet::open(file.view()));
    sheets.push_back(std::move(sheet));
  }
  return pixelfs::WeightSet::open(std::move(sheets));
}

inline OpenedSet write_and_open(const std::vector<TestTensor>& tensors,
                                const pixelfs::SheetOptions& options = {}) {
  OpenedSet out;
  for (const auto& file : write_all(tensors, options)) {
    out.names.push_back(file.name);
    out.files.push_back(aligned(file.bytes));
  }
  out.set = open_files(out.files);
  return out;
}

inline ByteVector canonical_of(const pixelfs::WeightSet& set, std::string_view name) {
  const pixelfs::WeightTensor* t = set.find(name);
  if (t == nullptr) return {};
  ByteVector out(t->extent.canonical_bytes);
  return set.read_canonical(*t, 0, out) ? out : ByteVector{};
}

}  // namespace pxos::test
