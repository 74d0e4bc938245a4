#include "cartridges/export/joined_tensors.hpp"

#include <catch2/catch.hpp>

using namespace pxos::cartridges;
using pxos::pixelfs::WeightTensor;
using pxos::tensor::DType;

namespace {

WeightTensor tensor(const std::string& name, std::vector<std::int64_t> shape, DType dtype) {
  WeightTensor out;
  out.meta.name = name;
  out.meta.shape = std::move(shape);
  out.meta.dtype = dtype;
  out.extent.canonical_bytes = 100;
  return out;
}

std::vector<std::string> names(const std::vector<JoinedTensor>& tensors) {
  std::vector<std::string> out;
  for (const JoinedTensor& tensor : tensors) out.push_back(tensor.name);
  return out;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("Parts come together in the order of the table, layer by layer", "[export]") {
  const std::vector<WeightTensor> weights{tensor("token_embd.weight", {32, 8}, DType::kF32),
                                          tensor("blk.0.attn_k.weight", {4, 8}, DType::kF16),
                                          tensor("blk.0.attn_q.weight", {8, 8}, DType::kF16),
                                          tensor("blk.0.attn_v.weight", {4, 8}, DType::kF16),
                                          tensor("blk.1.attn_q.weight", {8, 8}, DType::kF16),
                                          tensor("blk.1.attn_k.weight", {4, 8}, DType::kF16),
                                          tensor("blk.1.attn_v.weight", {4, 8}, DType::kF16),
                                          tensor("blk.1.ffn_gate.weight", {16, 8}, DType::kQ8_0),
                                          tensor("blk.1.ffn_up.weight", {16, 8}, DType::kQ8_0)};
  const auto joined = joined_tensors(weights, **find_architecture("phi3"));
  CHECK(names(joined) == Names{"token_embd.weight", "blk.0.attn_qkv.weight",
                               "blk.1.attn_qkv.weight", "blk.1.ffn_up.weight"});
  CHECK(joined[1].shape == std::vector<std::int64_t>{16, 8});
  CHECK(joined[1].canonical_bytes == 300);
  REQUIRE(joined[1].parts.size() == 3);
  CHECK(joined[1].parts[0] == &weights[2]);
  CHECK(joined[1].parts[1] == &weights[1]);
  CHECK(joined[1].parts[2] == &weights[3]);
  CHECK(joined[3].shape == std::vector<std::int64_t>{32, 8});
}

TEST_CASE("Parts that have no common form stay apart", "[export]") {
  const auto& phi3 = **find_architecture("phi3");
  std::vector<WeightTensor> weights{tensor("blk.0.attn_q.weight", {8, 8}, DType::kQ4_0),
                                    tensor("blk.0.attn_k.weight", {4, 8}, DType::kQ4_0),
                                    tensor("blk.0.attn_v.weight", {4, 8}, DType::kQ8_0)};
  const Names apart{"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"};
  CHECK(names(joined_tensors(weights, phi3)) == apart);
  weights[2] = tensor("blk.0.attn_v.weight", {4, 7}, DType::kQ4_0);
  CHECK(names(joined_tensors(weights, phi3)) == apart);
  weights[2] = tensor("blk.1.attn_v.weight", {4, 8}, DType::kQ4_0);
  CHECK(joined_tensors(weights, phi3).size() == 3);
  weights[2] = tensor("blk.0.attn_v.weight", {4, 8}, DType::kQ4_0);
  CHECK(joined_tensors(weights, phi3).size() == 1);
  CHECK(joined_tensors(weights, **find_architecture("llama")).size() == 3);
  CHECK(joined_tensors({}, phi3).empty());
}
