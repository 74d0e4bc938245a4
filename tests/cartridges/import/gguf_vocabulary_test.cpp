#include "cartridges/import/gguf_vocabulary.hpp"

#include "pxvm/base/file.hpp"
#include "tests/cartridges/gguf_builder.hpp"
#include "tests/support/conformance.hpp"

#include <functional>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::Result;
using pxos::cartridges::gguf_vocabulary;
using pxos::cartridges::GgufFile;
using pxos::test::GgufBuilder;
using pxos::text::Vocabulary;

namespace {

const std::vector<std::string> kTokens{"a", "b", "ab", "<|im_end|>", "<|eot_id|>"};

/// A BPE vocabulary of five tokens; `extra` adds keys.
Result<Vocabulary> bpe(const std::function<void(GgufBuilder&)>& extra = {}, bool has_pre = true,
                       std::string_view pre = {}) {
  GgufBuilder file;
  file.key_text("tokenizer.ggml.model", "gpt2");
  if (has_pre) file.key_text("tokenizer.ggml.pre", "smollm");
  file.key_texts("tokenizer.ggml.tokens", kTokens);
  const std::vector<std::int32_t> types{1, 1, 1, 3, 1};
  file.key_i32s("tokenizer.ggml.token_type", types);
  const std::vector<std::string> merges{"a b"};
  file.key_texts("tokenizer.ggml.merges", merges);
  if (extra) extra(file);
  const ByteVector bytes = file.build();
  const auto parsed = GgufFile::parse(bytes);
  REQUIRE(parsed.has_value());
  return gguf_vocabulary(*parsed, pre);
}

std::string refusal(const std::function<void(GgufBuilder&)>& extra, bool has_pre = true) {
  const auto result = bpe(extra, has_pre);
  REQUIRE_FALSE(result.has_value());
  return result.error().message;
}

}  // namespace

TEST_CASE("A BPE vocabulary keeps its pre-tokenizer, merges and flags", "[gguf]") {
  const auto vocabulary = bpe([](GgufBuilder& file) {
    file.key_u32("tokenizer.ggml.bos_token_id", 0);
    file.key_u32("tokenizer.ggml.eos_token_id", 1);
  });
  REQUIRE(vocabulary.has_value());
  CHECK(vocabulary->model == Vocabulary::Model::kBpe);
  CHECK(vocabulary->pre == "smollm");
  CHECK(vocabulary->merges == std::vector<std::string>{"a b"});
  CHECK_FALSE(vocabulary->add_bos);
  CHECK_FALSE(vocabulary->add_space_prefix);
  CHECK(vocabulary->scores.empty());
}

TEST_CASE("Stop tokens are eos, eot and control tokens that end a turn", "[gguf]") {
  const auto vocabulary =
      bpe([](GgufBuilder& file) { file.key_u32("tokenizer.ggml.eos_token_id", 1); });
  REQUIRE(vocabulary.has_value());
  // <|eot_id|> is an ordinary token here, so it is text, not a mark.
  CHECK(pxos::cartridges::stop_tokens(*vocabulary) == std::vector<std::int32_t>{1, 3});
}

TEST_CASE("A missing pre-tokenizer, foreign models and ids outside are refused", "[gguf]") {
  CHECK_THAT(refusal({}, false), Contains("tokenizer.ggml.pre"));
  CHECK_THAT(refusal([](GgufBuilder& f) { f.key_u32("tokenizer.ggml.eos_token_id", 5); }),
             Contains("eos_token_id: id 5 outside a vocabulary of 5"));
  GgufBuilder file;
  file.key_text("tokenizer.ggml.model", "rwkv");
  const ByteVector bytes = file.build();
  CHECK_THAT(gguf_vocabulary(GgufFile::parse(bytes).value()).error().message,
             Contains("\"rwkv\" is not supported"));
}

TEST_CASE("A pre-tokenizer is taken for a missing one and must agree with a named one", "[gguf]") {
  CHECK(bpe({}, false, "gpt-2")->pre == "gpt-2");
  CHECK(bpe({}, true, "smollm")->pre == "smollm");
  const auto other = bpe({}, true, "gpt-2");
  REQUIRE_FALSE(other);
  CHECK(other.error().code == pxos::Errc::kUsage);
  CHECK_THAT(other.error().message, Contains("'smollm'") && Contains("'gpt-2'"));
}

TEST_CASE("The marks of a Phi-3 chat swallow the white space behind them", "[gguf]") {
  for (const std::string architecture : {"phi3", "llama"}) {
    GgufBuilder file;
    file.key_text("general.architecture", architecture);
    file.key_text("tokenizer.ggml.model", "llama");
    const std::vector<std::string> tokens{"<unk>", "<s>", "</s>", "a", "<|endoftext|>", "<|user|>"};
    file.key_texts("tokenizer.ggml.tokens", tokens);
    const std::vector<std::int32_t> types{2, 3, 4, 1, 3, 3};
    file.key_i32s("tokenizer.ggml.token_type", types);
    const std::vector<float> scores(tokens.size());
    file.key_floats("tokenizer.ggml.scores", scores);
    const ByteVector bytes = file.build();
    const auto vocabulary = gguf_vocabulary(GgufFile::parse(bytes).value());
    REQUIRE(vocabulary);
    const bool phi = architecture == "phi3";
    CHECK(vocabulary->strip_right ==
          (phi ? std::vector<std::int32_t>{2, 5} : std::vector<std::int32_t>{}));
  }
}

TEST_CASE("The recorded vocabularies are read", "[gguf][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "vocab");
  for (const std::string name : {"gpt-2", "llama-spm", "qwen2", "starcoder"}) {
    CAPTURE(name);
    const ByteVector bytes = pxos::read_file(folder / ("ggml-vocab-" + name + ".gguf")).value();
    const auto file = GgufFile::parse(bytes);
    REQUIRE(file.has_value());
    const auto vocabulary = gguf_vocabulary(*file);
    REQUIRE(vocabulary.has_value());
    CHECK(vocabulary->tokens.size() >= 32000);
    CHECK(vocabulary->types.size() == vocabulary->tokens.size());
    CHECK((vocabulary->model == Vocabulary::Model::kSpm) == (name == "llama-spm"));
  }
}
