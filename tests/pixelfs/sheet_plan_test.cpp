#include "pixelfs/sheet_plan.hpp"

#include "tests/pixelfs/sheet_fixture.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::SheetLayout;
using tensor::DType;

TEST_CASE("the plan names every sheet and its exact size", "[pixelfs]") {
  const auto tensors = test::mixed_tensors();
  for (const pixelfs::SheetOptions& options :
       {pixelfs::SheetOptions{}, pixelfs::SheetOptions{4096, 9}, pixelfs::SheetOptions{2048, 40}}) {
    const auto inputs = test::inputs_of(tensors);
    const auto plan = pixelfs::plan_sheets(inputs, options);
    REQUIRE(plan);
    const auto files = test::write_all(tensors, options);
    REQUIRE(files.size() == plan->size());
    for (std::size_t i = 0; i < plan->size(); ++i) {
      REQUIRE(files[i].name == (*plan)[i].name);
      REQUIRE(files[i].bytes.size() == (*plan)[i].size_bytes);
    }
  }
}

TEST_CASE("the default geometry is that of the specification", "[pixelfs]") {
  const struct {
    DType dtype;
    std::uint32_t unit, units, width;
  } rows[] = {{DType::kQ8_0, 544, 88, 15958},   {DType::kQ4_0, 288, 166, 15936},
              {DType::kQ4_1, 320, 150, 16000},  {DType::kF32, 2048, 23, 15702},
              {DType::kF16, 1024, 46, 15702},   {DType::kU8Affine, 512, 93, 15872},
              {DType::kQ5_0, 352, 136, 15958},  {DType::kQ5_1, 384, 125, 16000},
              {DType::kMXFP4, 272, 176, 15958}, {DType::kQ6_K, 3360, 14, 15680},
              {DType::kQ5_K, 2816, 17, 15958},  {DType::kQ4_K, 2304, 20, 15360},
              {DType::kQ3_K, 1760, 27, 15840},  {DType::kQ2_K, 1344, 35, 15680}};
  for (const auto& row : rows) {
    const auto t = test::make_tensor("t", row.dtype, SheetLayout::kPacked16, {16, 256});
    const auto plan = pixelfs::make_plan(std::span(&t.input, 1), {});
    REQUIRE(plan);
    REQUIRE(plan->front().directory.unit_bytes == row.unit);
    REQUIRE(plan->front().directory.units_per_line == row.units);
    REQUIRE(plan->front().directory.width == row.width);
  }
}

TEST_CASE("row groups are never cut by the end of a sheet", "[pixelfs]") {
  const auto t = test::make_tensor("t", DType::kQ8_0, SheetLayout::kPacked16, {16 * 20, 32 * 5});
  const auto plan = pixelfs::make_plan(std::span(&t.input, 1), {544 * 4, 6});
  REQUIRE(plan);
  REQUIRE(plan->size() > 3);
  std::uint64_t groups = 0;
  for (const auto& sheet : *plan) {
    for (const auto& e : sheet.directory.entries) {
      REQUIRE(e.first_group == groups);
      groups += e.group_count;
    }
    REQUIRE(sheet.directory.scanlines <= 6);
  }
  REQUIRE(groups == 20);
}

TEST_CASE("the plan refuses twins and groups that fit no sheet", "[pixelfs]") {
  const auto a = test::make_tensor("a", DType::kF32, SheetLayout::kPacked16, {16, 3200});
  const std::vector<pixelfs::TensorInput> twins{a.input, a.input};
  REQUIRE(pixelfs::make_plan(twins, {}).error().code == Errc::kInvalid);
  REQUIRE(pixelfs::make_plan(std::span(&a.input, 1), {2048, 5}).error().code == Errc::kLimit);
  REQUIRE(pixelfs::make_plan(std::span(&a.input, 1), {2048, 0}).error().code == Errc::kLimit);
  REQUIRE(pixelfs::make_plan({}, {})->empty());
}
