#include "pxvm/tensor/unit_runs.hpp"

#include <vector>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

/// Addresses of the units a list of runs names, in order.
std::vector<const std::uint8_t*> addresses(const PackedTensor& tensor, std::int64_t first,
                                           std::int64_t count) {
  std::vector<KernelRun> runs(static_cast<std::size_t>(count) * tensor.units_per_group);
  runs.resize(list_runs(tensor, first, count, runs));
  std::vector<const std::uint8_t*> out;
  for (const KernelRun& run : runs) {
    for (std::uint64_t u = 0; u < run.count; ++u) {
      out.push_back(run.units + u * info(tensor.dtype).unit_bytes);
    }
  }
  return out;
}

}  // namespace

TEST_CASE("list_runs follows the formula of UnitSegment", "[tensor][unit_runs]") {
  const std::vector<std::uint8_t> memory(200'000);
  PackedTensor tensor;
  tensor.dtype = DType::kQ4_0;
  tensor.rows = 160;
  tensor.cols = 96;
  tensor.units_per_group = 3;
  tensor.segments = {{memory.data(), 3000, 4, 3, 6}, {memory.data() + 70'000, 2500, 8, 0, 4}};
  std::vector<const std::uint8_t*> expected;
  for (const UnitSegment& segment : tensor.segments) {
    for (std::uint64_t n = 0; n < segment.row_groups * 3; ++n) {
      const std::uint64_t slot = segment.first_slot + n;
      expected.push_back(segment.base + slot / segment.units_per_line * segment.line_stride +
                         slot % segment.units_per_line * 288);
    }
  }
  for (std::int64_t first = 0; first < 10; ++first) {
    for (std::int64_t count = 1; first + count <= 10; ++count) {
      const std::vector<const std::uint8_t*> part(expected.begin() + first * 3,
                                                  expected.begin() + (first + count) * 3);
      CHECK(addresses(tensor, first, count) == part);
    }
  }
}

TEST_CASE("list_runs joins units that are contiguous", "[tensor][unit_runs]") {
  const std::vector<std::uint8_t> memory(10'000);
  PackedTensor tensor;
  tensor.dtype = DType::kQ4_0;
  tensor.units_per_group = 2;
  tensor.segments = {{memory.data(), 0, 100, 0, 16}};
  std::vector<KernelRun> runs(32);
  CHECK(list_runs(tensor, 1, 15, runs) == 1);
  CHECK(runs[0].units == memory.data() + 2 * 288);
  CHECK(runs[0].count == 30);
}

}  // namespace pxos::tensor
