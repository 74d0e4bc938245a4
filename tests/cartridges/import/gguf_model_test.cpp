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

namespace {

/// A part of a split model with one tensor.
ByteVector part(std::uint32_t number, std::uint32_t count, std::uint32_t total,
                const std::string& tensor) {
  GgufBuilder file;
  file.key_u32("split.no", number);
  file.key_u32("split.count", count);
  file.key_u32("split.tensors.count", total);
  if (number == 0) file.key_text("general.name", "split");
  file.tensor(tensor, {4}, 0, ByteVector(16, static_cast<std::uint8_t>(number)));
  return file.build();
}

}  // namespace

TEST_CASE("The first part of a split model brings the others", "[gguf]") {
  const pxos::test::TempFolder folder;
  const auto first = folder.write("m-00001-of-00003.gguf", part(0, 3, 3, "a"));
  const auto second = folder.write("m-00002-of-00003.gguf", part(1, 3, 3, "b"));
  CHECK_THAT(open_gguf_model(first).error().message, Contains("m-00003-of-00003.gguf"));
  folder.write("m-00003-of-00003.gguf", part(2, 3, 3, "c"));
  const auto model = open_gguf_model(first);
  REQUIRE(model.has_value());
  CHECK(model->tensors.size() == 3);
  CHECK(model->sources.size() == 3);
  CHECK(model->metadata.has("general.name"));
  CHECK_FALSE(model->metadata.has("split.count"));
  ByteVector bytes(16);
  REQUIRE(model->find_tensor("c")->read(0, bytes).has_value());
  CHECK(bytes == ByteVector(16, 2));
  // Another part names the first one.
  const auto wrong = open_gguf_model(second);
  CHECK(wrong.error().code == pxos::Errc::kUsage);
  CHECK_THAT(wrong.error().message, Contains("m-00001-of-00003.gguf"));
}

TEST_CASE("Parts that do not fit together are refused", "[gguf]") {
  const pxos::test::TempFolder folder;
  const auto refusal = [&](const ByteVector& one, const ByteVector& two) {
    const auto first = folder.write("m-00001-of-00002.gguf", one);
    folder.write("m-00002-of-00002.gguf", two);
    const auto model = open_gguf_model(first);
    REQUIRE_FALSE(model.has_value());
    return model.error().message;
  };
  CHECK_THAT(refusal(part(0, 2, 2, "a"), part(0, 2, 2, "b")), Contains("says it is part 1 of 2"));
  CHECK_THAT(refusal(part(0, 2, 2, "a"), part(1, 3, 2, "b")), Contains("says it is part 2 of 3"));
  CHECK_THAT(refusal(part(0, 2, 2, "a"), part(1, 2, 2, "a")), Contains("tensor a appears twice"));
  CHECK_THAT(refusal(part(0, 2, 5, "a"), part(1, 2, 5, "b")),
             Contains("split.tensors.count: 5, the 2 parts have 2"));
  CHECK_THAT(refusal(part(0, 2, 2, "a"), ByteVector{1, 2, 3}), Contains("m-00002-of-00002.gguf"));
  CHECK_THAT(refusal(part(0, 2000, 2, "a"), part(1, 2, 2, "b")), Contains("split.count: 2000"));
  CHECK_THAT(refusal(part(3, 2, 2, "a"), part(1, 2, 2, "b")), Contains("split.no: 3"));
  const auto unnamed = folder.write("model.gguf", part(0, 2, 2, "a"));
  CHECK_THAT(open_gguf_model(unnamed).error().message, Contains("does not end in"));
}
