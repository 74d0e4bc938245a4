#include "cartridges/import/llama_gguf.hpp"

#include "cartridges/import/gguf_model.hpp"
#include "tests/cartridges/tiny_llama.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::cartridges::find_llama_family;
using pxos::cartridges::gguf_model;
using pxos::cartridges::llama_tensors;
using pxos::cartridges::LlamaShape;
using pxos::cartridges::read_llama_shape;
using pxos::test::GgufBuilder;
using pxos::test::TinyLlama;

namespace {

pxos::Result<LlamaShape> shape_of(const ByteVector& bytes) {
  return read_llama_shape(gguf_model(bytes).value(), find_llama_family("llama").value());
}

}  // namespace

TEST_CASE("Hyper-parameters come from the file, with llama's defaults", "[llama]") {
  const auto shape = shape_of(TinyLlama{}.build());
  REQUIRE(shape.has_value());
  CHECK(shape->head_dim == 16);
  CHECK(shape->rope_base == 10000.0);
  CHECK(shape->vocab == 9);
  TinyLlama model;
  model.extra = [](GgufBuilder& file) {
    file.key_f32("llama.rope.freq_base", 500000.0F);
    file.key_u32("llama.attention.key_length", 32);
    file.key_u32("llama.attention.value_length", 32);
    file.key_text("llama.rope.scaling.type", "none");
    file.key_u32("llama.expert_count", 0);
  };
  const auto changed = shape_of(model.build());
  REQUIRE(changed.has_value());
  CHECK(changed->head_dim == 32);
  CHECK(changed->rope_base == 500000.0);
}

TEST_CASE("Head sizes, frequencies and epsilons out of range are refused", "[llama]") {
  const auto refusal = [](auto extra) {
    TinyLlama model;
    model.extra = extra;
    const auto shape = shape_of(model.build());
    REQUIRE_FALSE(shape.has_value());
    return shape.error().message;
  };
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_u32("llama.attention.value_length", 8); }),
             Contains("value_length 8 differs"));
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_f32("llama.rope.freq_base", -1.0F); }),
             Contains("freq_base"));
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_u32("llama.attention.sliding_window", 4096); }),
             Contains("sliding_window"));
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_u32("llama.attention.key_length", 0); }),
             Contains("key_length"));
}

TEST_CASE("Tensors come in forward order, with or without a head of their own", "[llama]") {
  TinyLlama model;
  model.layers = 2;
  for (const bool has_head : {false, true}) {
    if (has_head)
      model.extra = [](GgufBuilder& file) {
        file.tensor("output.weight", {32, 9}, 0, ByteVector(1152));
      };
    const ByteVector bytes = model.build();
    const auto file = gguf_model(bytes).value();
    const auto tensors =
        llama_tensors(file, read_llama_shape(file, find_llama_family("llama").value()).value());
    REQUIRE(tensors.has_value());
    CHECK(tensors->size() == (has_head ? 21 : 20));
    CHECK(tensors->front()->name == "token_embd.weight");
    CHECK((*tensors)[10]->name == "blk.1.attn_norm.weight");
    CHECK(tensors->back()->name == (has_head ? "output.weight" : "output_norm.weight"));
  }
}

TEST_CASE("Qwen2 has keys of its own, biases, and turns halves", "[llama]") {
  TinyLlama model;
  model.architecture = "qwen2";
  const ByteVector bytes = model.build();
  const auto file = gguf_model(bytes).value();
  const auto shape = read_llama_shape(file, find_llama_family("qwen2").value());
  REQUIRE(shape.has_value());
  CHECK(shape->family.rope_pairing == 1);
  const auto tensors = llama_tensors(file, *shape);
  REQUIRE(tensors.has_value());
  CHECK(tensors->size() == 14);
  CHECK((*tensors)[5]->name == "blk.0.attn_q.bias");
  // Without the table row the same file is refused: a bias left out is another model.
  LlamaShape plain = *shape;
  plain.family = find_llama_family("llama").value();
  CHECK_THAT(llama_tensors(file, plain).error().message, Contains("attn_q.bias"));
  CHECK_THAT(find_llama_family("mamba").error().message, Contains("llama, qwen2"));
}

TEST_CASE("A layer count beyond the file's tensors is refused before any list is made", "[llama]") {
  const ByteVector bytes = TinyLlama{}.build();
  const auto file = gguf_model(bytes).value();
  LlamaShape shape = read_llama_shape(file, find_llama_family("llama").value()).value();
  shape.n_layer = std::int64_t{1} << 28U;
  CHECK_THAT(llama_tensors(file, shape).error().message, Contains("llama.block_count 268435456"));
}

TEST_CASE("A missing layer is named", "[llama]") {
  const ByteVector bytes = TinyLlama{}.build();
  const auto file = gguf_model(bytes).value();
  LlamaShape shape = read_llama_shape(file, find_llama_family("llama").value()).value();
  shape.n_layer = 2;
  CHECK_THAT(llama_tensors(file, shape).error().message,
             Contains("blk.1.attn_norm.weight [32] is missing"));
}
