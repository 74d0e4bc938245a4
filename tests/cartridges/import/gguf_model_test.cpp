#include "cartridges/import/gguf_model.hpp"

#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::cartridges::gguf_model;
using pxos::cartridges::open_gguf_model;
using pxos::test::GgufBuilder;
using pxos::test::TinyLlama;

TEST_CASE("A GGUF file becomes metadata, tensors and a vocabulary", "[gguf]") {
  const ByteVector bytes = TinyLlama{}.build();
  const auto model = gguf_model(bytes);
  REQUIRE(model.has_value());
  CHECK(model->format == "GGUF version 3");
  CHECK(model->metadata.integer("llama.block_count").value() == 1);
  CHECK(model->metadata.text("tokenizer.chat_template").value().size() > 0);
  // The arrays are in the vocabulary and nowhere else.
  CHECK_FALSE(model->metadata.has("tokenizer.ggml.tokens"));
  REQUIRE(model->vocabulary.has_value());
  CHECK(model->vocabulary->tokens.size() == 9);
  const auto* embedding = model->find_tensor("token_embd.weight");
  REQUIRE(embedding != nullptr);
  CHECK(embedding->shape == std::vector<std::int64_t>{9, 32});
  ByteVector row(128);
  CHECK(embedding->read(128, row).has_value());
  CHECK_FALSE(embedding->read(embedding->bytes() - 127, row).has_value());
  CHECK_FALSE(embedding->read(~std::uint64_t{0}, row).has_value());
}

TEST_CASE("A file that says it has no tokenizer has no vocabulary", "[gguf]") {
  for (const char* name : {"none", "no_vocab"}) {
    GgufBuilder file;
    file.key_text("tokenizer.ggml.model", name);
    const ByteVector bytes = file.build();
    const auto model = gguf_model(bytes);
    REQUIRE(model.has_value());
    CHECK_FALSE(model->vocabulary.has_value());
  }
  const ByteVector empty = GgufBuilder{}.build();
  CHECK_FALSE(gguf_model(empty).value().vocabulary.has_value());
  // Tokens without the name of their scheme are a mistake, not a model of ids.
  GgufBuilder file;
  file.key_texts("tokenizer.ggml.tokens", std::vector<std::string>{"a"});
  const ByteVector bytes = file.build();
  CHECK_THAT(gguf_model(bytes).error().message, Contains("tokenizer.ggml.model"));
}

TEST_CASE("The file is mapped and kept; another kind of file is named", "[gguf]") {
  const pxos::test::TempFolder folder;
  const ByteVector bytes = TinyLlama{}.build();
  const auto path = folder.write("m.gguf", pxos::as_text(bytes));
  const auto model = open_gguf_model(path);
  REQUIRE(model.has_value());
  CHECK(model->source_bytes() == bytes.size());
  CHECK(model->check_sources().has_value());
  const auto other = open_gguf_model(folder.write("m.txt", std::string_view("hello")));
  CHECK_THAT(other.error().message, Contains("expected a GGUF file"));
}
