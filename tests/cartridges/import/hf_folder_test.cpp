#include "cartridges/import/hf_folder.hpp"

#include "cartridges/import/gguf_model.hpp"
#include "tests/cartridges/safetensors_builder.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::Errc;
using pxos::cartridges::ModelFile;
using pxos::cartridges::ModelTensor;
using pxos::cartridges::open_gguf_model;
using pxos::cartridges::open_hf_folder;
using pxos::test::SafetensorsBuilder;
using pxos::test::TempFolder;

namespace {

constexpr std::string_view kConfig =
    R"({"model_type":"llama","hidden_size":4,"num_hidden_layers":1,"num_attention_heads":1,)"
    R"("intermediate_size":8,"max_position_embeddings":16,"vocab_size":3,"eos_token_id":1,)"
    R"("tie_word_embeddings":true})";

ByteVector one_tensor(std::string_view name, const std::vector<std::int64_t>& shape) {
  SafetensorsBuilder file;
  file.counting(name, shape);
  return file.build();
}

ByteVector bytes_of(const ModelTensor& tensor) {
  ByteVector out(tensor.bytes());
  REQUIRE(tensor.read(0, out).has_value());
  return out;
}

}  // namespace

TEST_CASE("A folder without tokenizer is a model of ids", "[hf]") {
  const TempFolder folder;
  folder.write("config.json", kConfig);
  folder.write("model.safetensors", one_tensor("model.embed_tokens.weight", {3, 4}));
  folder.write("generation_config.json", std::string_view(R"({"eos_token_id":[1,2]})"));
  const auto model = open_hf_folder(folder.path());
  REQUIRE(model.has_value());
  CHECK_FALSE(model->vocabulary.has_value());
  CHECK(model->format == "safetensors, llama");
  CHECK(model->stop_ids == std::vector<std::int32_t>{1, 1, 2});
  CHECK(model->tensors.size() == 1);
}

TEST_CASE("A tokenizer in another form is refused, not left out", "[hf]") {
  const TempFolder folder;
  folder.write("config.json", kConfig);
  folder.write("model.safetensors", one_tensor("model.embed_tokens.weight", {3, 4}));
  folder.write("tokenizer.model", std::string_view("x"));
  const auto model = open_hf_folder(folder.path());
  CHECK(model.error().code == Errc::kUnsupported);
  CHECK_THAT(model.error().message, Contains("tokenizer.model is there"));
}

TEST_CASE("Parts are found by their index and checked against it", "[hf]") {
  const TempFolder folder;
  folder.write("config.json", kConfig);
  folder.write("a-1.safetensors", one_tensor("model.embed_tokens.weight", {3, 4}));
  folder.write("a-2.safetensors", one_tensor("model.norm.weight", {4}));
  const auto with_index = [&](std::string_view map) {
    folder.write("model.safetensors.index.json",
                 std::string_view(fmt::format(R"({{"weight_map":{{{}}}}})", map)));
    return open_hf_folder(folder.path());
  };
  const auto good = with_index(R"("model.embed_tokens.weight":"a-1.safetensors",)"
                               R"("model.norm.weight":"a-2.safetensors")");
  REQUIRE(good.has_value());
  CHECK(good->sources.size() == 2);
  CHECK(good->tensors.size() == 2);
  const auto wrong = with_index(R"("model.embed_tokens.weight":"a-2.safetensors")");
  CHECK_THAT(wrong.error().message, Contains("the index says it is in a-2.safetensors"));
  CHECK(with_index(R"("model.norm.weight":"a-3.safetensors")").error().code == Errc::kNotFound);
}

TEST_CASE("What a folder lacks is named", "[hf]") {
  const TempFolder folder;
  CHECK_THAT(open_hf_folder(folder.path()).error().message, Contains("config.json"));
  folder.write("config.json", kConfig);
  CHECK_THAT(open_hf_folder(folder.path()).error().message, Contains("neither model.safetensors"));
  folder.write("model.safetensors", std::string_view("junk"));
  CHECK_THAT(open_hf_folder(folder.path()).error().message, Contains("model.safetensors: "));
}

TEST_CASE("The recorded folder and its GGUF hold the same tensors", "[hf][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const auto theirs = open_gguf_model(models / "TinyStories-656K-gguf/derived" /
                                      "TinyStories-656K-F32-fixtok.gguf");
  const auto ours = open_hf_folder(models / "TinyStories-656K-hf");
  REQUIRE(theirs.has_value());
  REQUIRE(ours.has_value());
  for (const ModelTensor& tensor : ours->tensors) {
    CAPTURE(tensor.name);
    const ModelTensor* other = theirs->find_tensor(tensor.name);
    REQUIRE(other != nullptr);
    CHECK(other->shape == tensor.shape);
    CHECK(bytes_of(*other) == bytes_of(tensor));
  }
  // Its converter stored the shared matrix twice.
  CHECK(theirs->tensors.size() - ours->tensors.size() <= 1);
  for (const char* key : {"llama.block_count", "llama.embedding_length", "llama.context_length",
                          "llama.feed_forward_length", "llama.attention.head_count",
                          "llama.attention.head_count_kv", "llama.rope.dimension_count"})
    CHECK(ours->metadata.integer(key).value() == theirs->metadata.integer(key).value());
  CHECK(ours->vocabulary->tokens == theirs->vocabulary->tokens);
}
