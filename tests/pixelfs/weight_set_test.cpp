#include "pixelfs/sheet.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <cstring>

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::Sheet;
using pixelfs::SheetLayout;
using pixelfs::WeightSet;
using tensor::DType;

namespace {

std::vector<test::TestTensor> long_tensor() {
  return {test::make_tensor("w", DType::kQ4_0, SheetLayout::kPacked16, {160, 96}, 1),
          test::make_tensor("n", DType::kQ4_0, SheetLayout::kLinear, {64}, 2)};
}

Result<WeightSet> open_some(const std::vector<pixelfs::AlignedBytes>& files,
                            const std::vector<std::size_t>& which) {
  std::vector<Sheet> sheets;
  for (const std::size_t i : which) {
    PX_TRY(Sheet sheet, Sheet::open(files[i].view()));
    sheets.push_back(std::move(sheet));
  }
  return WeightSet::open(std::move(sheets));
}

}  // namespace

TEST_CASE("a tensor cut over several sheets is whole again, in any sheet order", "[pixelfs]") {
  const auto opened = test::write_and_open(long_tensor(), {900, 5});
  REQUIRE(opened.set);
  REQUIRE(opened.files.size() >= 3);
  std::vector<std::size_t> backwards;
  for (std::size_t i = opened.files.size(); i > 0; --i) backwards.push_back(i - 1);
  const auto set = open_some(opened.files, backwards);
  REQUIRE(set);
  const auto* w = set->find("w");
  REQUIRE(w->packed.segments.size() >= 2);
  REQUIRE(w->packed.rows == 160);
  REQUIRE(w->packed.cols == 96);
  REQUIRE(w->packed.units_per_group == 3);
  REQUIRE(set->verify());
  REQUIRE(test::canonical_of(*set, "w") == *long_tensor()[0].bytes);
  REQUIRE(set->find("missing") == nullptr);
}

TEST_CASE("missing, double and foreign sheets are refused", "[pixelfs]") {
  const auto opened = test::write_and_open(long_tensor(), {900, 5});
  REQUIRE(opened.files.size() >= 3);
  REQUIRE_FALSE(open_some(opened.files, {0, 1}));
  REQUIRE_FALSE(open_some(opened.files, {0}));
  std::vector<std::size_t> twice;
  for (std::size_t i = 0; i < opened.files.size(); ++i) twice.push_back(i);
  twice[0] = 1;
  REQUIRE_FALSE(open_some(opened.files, twice));
  REQUIRE(WeightSet::open({})->tensors().empty());
}

TEST_CASE("linear tensors are contiguous, aligned and equal the canonical bytes", "[pixelfs]") {
  const auto tensors = test::mixed_tensors();
  for (const std::uint32_t line_bytes : {2048U, 48000U}) {
    const auto opened = test::write_and_open(tensors, {line_bytes, 16000});
    REQUIRE(opened.set);
    for (const auto& t : tensors) {
      const auto* found = opened.set->find(t.input.name);
      if (t.input.layout != SheetLayout::kLinear) {
        REQUIRE(found->linear.empty());
        continue;
      }
      REQUIRE(found->linear.size() == t.bytes->size());
      REQUIRE(reinterpret_cast<std::uintptr_t>(found->linear.data()) % 16 == 0);
      REQUIRE(std::equal(found->linear.begin(), found->linear.end(), t.bytes->begin()));
    }
  }
}

TEST_CASE("the packed view addresses the element the pack contract names", "[pixelfs]") {
  const auto t = test::make_tensor("w", DType::kF32, SheetLayout::kPacked16Transposed, {70, 40}, 3);
  const auto opened = test::write_and_open({t}, {4096, 16000});
  const auto* w = opened.set->find("w");
  const auto& s = w->packed.segments.front();
  for (std::uint64_t r = 0; r < 40; ++r) {
    for (std::uint64_t k = 0; k < 70; ++k) {
      const std::uint64_t slot = s.first_slot + r / 16 * w->packed.units_per_group + k / 32;
      const std::uint8_t* unit =
          s.base + slot / s.units_per_line * s.line_stride + slot % s.units_per_line * 2048;
      // Canonical [70, 40]: packed row r, column k is canonical row k, column r.
      REQUIRE(std::memcmp(unit + (k % 32 * 16 + r % 16) * 4, t.bytes->data() + (k * 40 + r) * 4,
                          4) == 0);
    }
  }
}

TEST_CASE("verify names damage in data, padding and frames", "[pixelfs]") {
  auto files = test::write_all(
      {test::make_tensor("w", DType::kF16, SheetLayout::kPacked16, {5, 40}, 3)}, {2048, 100});
  const ByteVector& good = files.front().bytes;
  const auto file = test::aligned(good);
  const auto sheet = Sheet::open(file.view());
  const auto offset_of = [&](const std::uint8_t* p) {
    return static_cast<std::size_t>(p - file.view().data());
  };
  const std::size_t unit = offset_of(sheet->segment(sheet->entries()[0]).base);
  const auto verify_with = [&](std::size_t at) {
    ByteVector bad = good;
    bad[at] ^= 1;
    const auto copy = test::aligned(bad);
    std::vector<Sheet> sheets;
    sheets.push_back(*Sheet::open(copy.view()));
    const auto set = WeightSet::open(std::move(sheets));
    REQUIRE_FALSE(set->verify());
    const auto tensor = set->verify_tensor(*set->find("w"));
    return tensor ? std::string("framing only") : tensor.error().message;
  };
  REQUIRE(verify_with(unit).find("digest") != std::string::npos);
  REQUIRE(verify_with(unit + 15 * 2).find("padding") != std::string::npos);  // row 15 of 5
  REQUIRE(verify_with(unit - 1) == "framing only");                          // the filter byte
  REQUIRE(verify_with(good.size() - 1) == "framing only");
}
