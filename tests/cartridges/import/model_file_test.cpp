#include "cartridges/import/model_file.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::cartridges::ModelTensor;
using pxos::cartridges::ModelTensors;
using pxos::tensor::DType;

namespace {

ModelTensor tensor(std::string name, DType dtype, std::vector<std::int64_t> shape) {
  return {std::move(name), dtype, std::move(shape), {}};
}

}  // namespace

TEST_CASE("Tensors keep their order and are found by name", "[import]") {
  ModelTensors tensors;
  REQUIRE(tensors.add(tensor("z", DType::kF32, {3, 5})).has_value());
  REQUIRE(tensors.add(tensor("a", DType::kQ8_0, {2, 64})).has_value());
  CHECK(tensors.size() == 2);
  CHECK(tensors.begin()->name == "z");
  CHECK(tensors.find("a")->bytes() == 2 * 2 * 34);
  CHECK(tensors.find("a")->elements() == 128);
  CHECK(tensors.find("none") == nullptr);
}

TEST_CASE("A name twice and shapes that are none are refused", "[import]") {
  ModelTensors tensors;
  REQUIRE(tensors.add(tensor("w", DType::kF32, {3})).has_value());
  const auto refusal = [&](std::string name, DType dtype, std::vector<std::int64_t> shape) {
    const auto added = tensors.add(tensor(std::move(name), dtype, std::move(shape)));
    REQUIRE_FALSE(added.has_value());
    return added.error().message;
  };
  CHECK_THAT(refusal("w", DType::kF32, {3}), Contains("tensor w appears twice"));
  CHECK_THAT(refusal("e", DType::kF32, {}), Contains("tensor e: 0 dimensions"));
  CHECK_THAT(refusal("e", DType::kF32, {1, 1, 1, 1, 1}), Contains("5 dimensions"));
  CHECK_THAT(refusal("e", DType::kF32, {4, 0}), Contains("a dimension is 0"));
  CHECK_THAT(refusal("e", DType::kF32, {4, -1}), Contains("a dimension is -1"));
  CHECK_THAT(refusal("e", DType::kQ8_0, {4, 33}), Contains("tensor e: "));
  const std::int64_t big = std::int64_t{1} << 32U;
  CHECK_THAT(refusal("e", DType::kF32, {big, big}), Contains("overflow"));
  CHECK_THAT(refusal("e", DType::kF32, {big, big / 4}), Contains("overflow"));
  CHECK(tensors.size() == 1);
}
