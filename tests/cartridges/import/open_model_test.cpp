#include "cartridges/import/open_model.hpp"

#include "cartridges/import/npz.hpp"
#include "tests/cartridges/safetensors_builder.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::Errc;
using pxos::cartridges::open_model;
using pxos::test::SafetensorsBuilder;
using pxos::test::TempFolder;

TEST_CASE("A model's kind is told by its content", "[import]") {
  const TempFolder folder;
  const auto gguf = folder.write("a.bin", pxos::test::TinyLlama{}.build());
  CHECK(open_model(gguf)->format == "GGUF version 3");
  SafetensorsBuilder weights;
  weights.counting("model.embed_tokens.weight", {3, 4});
  const auto single = folder.write("model.safetensors", weights.build());
  CHECK_THAT(open_model(single).error().message, Contains("config.json"));
  const auto config = folder.write(
      "config.json",
      std::string_view(
          R"({"model_type":"llama","hidden_size":4,"num_hidden_layers":1,"num_attention_heads":1,)"
          R"("intermediate_size":8,"max_position_embeddings":16,"vocab_size":3,)"
          R"("tie_word_embeddings":true})"));
  for (const auto& path : {single, config, folder.path()})
    CHECK(open_model(path)->format == "safetensors, llama");
}

TEST_CASE("What is no model is named, with what would help", "[import]") {
  const TempFolder folder;
  CHECK(open_model(folder / "none").error().code == Errc::kNotFound);
  const auto refusal = [&](std::string_view content) {
    const auto model = open_model(folder.write("x", content));
    REQUIRE_FALSE(model.has_value());
    return model.error().message;
  };
  CHECK_THAT(refusal("hello, this is a text"), Contains("found unknown"));
  CHECK_THAT(refusal(""), Contains("found unknown"));
  const auto npz = open_model(folder.write(
      "w.npz",
      pxos::cartridges::write_npz(std::vector<pxos::cartridges::NpyArray>{{"w", {1}, {0.5F}}})
          .value()));
  CHECK_THAT(npz.error().message, Contains("pxos encode"));
}

TEST_CASE("A pre-tokenizer is for GGUF files only", "[import][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const auto folder = open_model(models / "TinyStories-656K-hf", {{}, "gpt-2"});
  REQUIRE_FALSE(folder);
  CHECK_THAT(folder.error().message, Contains("--pre is for GGUF files"));
}

TEST_CASE("Every recorded model opens", "[import][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  for (const char* name :
       {"TinyStories-656K-hf", "gpt-nano-sort", "stories260K-gguf/stories260K.gguf",
        "stories260K-llama2c/stories260K.bin",
        "TinyStories-656K-gguf/TinyStories-656K-Q8_0.gguf"}) {
    CAPTURE(name);
    const auto model = open_model(models / name);
    if (!model) FAIL(model.error().message);
    CHECK(model->tensors.size() > 0);
  }
}
