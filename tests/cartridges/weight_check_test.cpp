#include "cartridges/weight_check.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include <catch2/catch.hpp>

namespace pxos::cartridges {
namespace {

/// A model of one matrix, f32 [40, 96], and one vector [70000], as sheets in memory.
class Model {
 public:
  Model() : matrix(40 * 96, 0.5F), vector(70000, 1.0F) {}

  WeightCheck check(std::size_t threads = 2) {
    sink_ = {};
    const std::vector<pixelfs::TensorInput> inputs{
        input("w", matrix, {40, 96}, pixelfs::SheetLayout::kPacked16),
        input("norm", vector, {70000}, pixelfs::SheetLayout::kLinear)};
    REQUIRE(pixelfs::write_sheets(inputs, sink_));
    std::vector<pixelfs::Sheet> sheets;
    for (const auto& file : sink_.files) sheets.push_back(pixelfs::Sheet::open(file.bytes).value());
    const auto weights = pixelfs::WeightSet::open(std::move(sheets)).value();
    return check_weights(weights, threads).value();
  }

  std::vector<float> matrix, vector;

 private:
  static pixelfs::TensorInput input(std::string name, const std::vector<float>& values,
                                    std::vector<std::int64_t> shape, pixelfs::SheetLayout layout) {
    pixelfs::TensorInput out;
    out.name = std::move(name);
    out.shape = std::move(shape);
    out.layout = layout;
    out.read_canonical = [&values](std::uint64_t offset, MutBytes to) -> Result<void> {
      std::memcpy(to.data(), reinterpret_cast<const std::uint8_t*>(values.data()) + offset,
                  to.size());
      return {};
    };
    return out;
  }
  pixelfs::MemorySheetSink sink_;
};

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

}  // namespace

TEST_CASE("weights of a sound model pass", "[check]") {
  Model model;
  const WeightCheck found = model.check();
  CHECK(found.ok());
  CHECK(found.rows.empty());
  CHECK(found.tensors == 2);
  CHECK(found.values == 40 * 96 + 70000);
  model.matrix[5] = kAbsurdWeight;  // large, not absurd
  CHECK(model.check().ok());
}

TEST_CASE("what is not finite is named by tensor, row and number", "[check]") {
  Model model;
  model.matrix[33 * 96 + 7] = kNan;
  model.matrix[33 * 96 + 8] = -kInf;
  model.matrix[2 * 96] = kNan;
  model.vector[69999] = kInf;
  for (const std::size_t threads : {1U, 2U}) {
    const WeightCheck found = model.check(threads);
    CHECK_FALSE(found.ok());
    CHECK(found.bad_rows == 3);
    CHECK(found.bad_values == 4);
    REQUIRE(found.rows.size() == 3);
    CHECK(found.rows[0].tensor == "w");
    CHECK(found.rows[0].row == 2);
    CHECK(found.rows[0].nan == 1);
    CHECK(found.rows[1].row == 33);
    CHECK(found.rows[1].nan == 1);
    CHECK(found.rows[1].infinite == 1);
    CHECK(found.rows[2].tensor == "norm");
    CHECK(found.rows[2].infinite == 1);
  }
}

TEST_CASE("absurd values are named with the largest", "[check]") {
  Model model;
  model.matrix[96] = -3e7F;
  const WeightCheck found = model.check();
  REQUIRE(found.rows.size() == 1);
  CHECK(found.rows[0].absurd == 1);
  CHECK(found.rows[0].largest == 3e7F);
  CHECK(found.rows[0].nan == 0);
}

}  // namespace pxos::cartridges
