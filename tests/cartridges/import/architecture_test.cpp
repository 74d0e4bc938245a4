#include "cartridges/import/architecture.hpp"

#include <set>

#include <catch2/catch.hpp>

using Catch::Contains;
using namespace pxos::cartridges;

namespace {

ModelShape small_shape(std::string_view architecture) {
  ModelShape shape;
  shape.architecture = find_architecture(architecture).value();
  shape.n_layer = 2;
  shape.dim = 32;
  shape.n_head = 4;
  shape.n_kv = 2;
  shape.head_dim = 16;
  shape.ffn_dim = 48;
  shape.vocab = 9;
  shape.positions = 128;
  return shape;
}

const LayoutTensor& find(const std::vector<LayoutTensor>& layout, std::string_view name) {
  for (const LayoutTensor& tensor : layout)
    if (tensor.name == name) return tensor;
  FAIL("no tensor " << name);
  return layout.front();
}

}  // namespace

TEST_CASE("An unknown architecture is named with those there are", "[architecture]") {
  CHECK_THAT(find_architecture("mamba").error().message,
             Contains("\"mamba\"") && Contains("llama, qwen2, qwen3"));
}

TEST_CASE("Every architecture lays out whole layers without a name twice", "[architecture]") {
  for (const Architecture& row : architectures()) {
    INFO(row.name);
    const auto layout = model_layout(small_shape(row.name), true);
    std::set<std::string> names;
    for (const LayoutTensor& tensor : layout) {
      CHECK(names.insert(tensor.name).second);
      for (const std::int64_t extent : tensor.shape) CHECK(extent > 0);
    }
    CHECK(layout.size() == 2 + row.front.size() + 2 * row.layer.size() + row.back.size());
    CHECK(layout.front().name == "token_embd.weight");
    CHECK(layout.back().name == "output.weight");
    CHECK(find(layout, "blk.1.attn_k.weight").shape == std::vector<std::int64_t>{32, 32});
    CHECK(find(layout, "blk.1.attn_output.weight").shape == std::vector<std::int64_t>{32, 64});
  }
}

TEST_CASE("Tensors that files hold as one name it", "[architecture]") {
  const auto phi = model_layout(small_shape("phi3"), false);
  CHECK(find(phi, "blk.1.attn_v.weight").fused == "blk.1.attn_qkv.weight");
  CHECK(find(phi, "blk.0.ffn_gate.weight").fused == "blk.0.ffn_up.weight");
  const auto gpt = model_layout(small_shape("gpt2"), false);
  CHECK(find(gpt, "blk.0.attn_q.bias").fused == "blk.0.attn_qkv.bias");
  CHECK(find(gpt, "position_embd.weight").shape == std::vector<std::int64_t>{128, 32});
  CHECK(find(gpt, "blk.0.attn_output.bias").fused.empty());
}
