#include "cartridges/import/tokenizer_json.hpp"

#include "cartridges/import/gguf_vocabulary.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::as_bytes;
using pxos::Result;
using pxos::cartridges::read_tokenizer_json;
using pxos::text::Normalization;
using pxos::text::TokenId;
using pxos::text::Tokenizer;
using pxos::text::TokenType;
using pxos::text::Vocabulary;

namespace {

using Ids = std::vector<TokenId>;

Tokenizer tokenizer(std::string_view json) {
  auto vocabulary = read_tokenizer_json(as_bytes(json));
  INFO((vocabulary ? "" : vocabulary.error().message));
  REQUIRE(vocabulary);
  auto made = Tokenizer::create(std::move(*vocabulary));
  INFO((made ? "" : made.error().message));
  REQUIRE(made);
  return std::move(*made);
}

Ids ids(const Tokenizer& of, std::string_view text, bool special = false) {
  const auto encoded = of.encode(text, {.add_special = special, .parse_special = true});
  INFO((encoded ? "" : encoded.error().message));
  REQUIRE(encoded);
  return *encoded;
}

std::string refusal(std::string_view json) {
  const auto vocabulary = read_tokenizer_json(as_bytes(json));
  REQUIRE_FALSE(vocabulary);
  return vocabulary.error().message;
}

// Characters joined by rank: "ab" before "bc", so "abc" is ab c although bc is a token too.
constexpr std::string_view kRanked = R"({
  "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
                   {"id": 1, "content": "<s>", "special": true, "rstrip": true}],
  "normalizer": {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
  "pre_tokenizer": null,
  "post_processor": {"type": "TemplateProcessing", "single": [
    {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
  "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
    "vocab": {"<unk>": 0, "<s>": 1, "a": 2, "b": 3, "c": 4, "▁": 5, "bc": 6, "ab": 7, "▁ab": 8,
              "<0xC3>": 9, "<0xA9>": 10},
    "merges": ["a b", "b c", "▁ ab"]}})";

constexpr std::string_view kUnigram = R"({
  "added_tokens": [{"id": 0, "content": "<unk>", "special": true}],
  "normalizer": {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
  "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"},
  "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["▁", -2], ["a", -3],
    ["b", -3], ["ab", -5], ["▁a", -4], ["b▁", -9]]}})";

constexpr std::string_view kWordPiece = R"({
  "added_tokens": [{"id": 0, "content": "[UNK]", "special": true},
                   {"id": 1, "content": "[CLS]", "special": true},
                   {"id": 2, "content": "[SEP]", "special": true}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                 "strip_accents": null, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
    "max_input_chars_per_word": 100,
    "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "un": 3, "##aff": 4, "##able": 5, "!": 6,
              "cafe": 7, "##e": 8, "日": 9}}})";

std::string byte_level(std::string_view pre_tokenizer, std::string_view model = "") {
  return fmt::format(R"({{"pre_tokenizer": {}, "model": {{"type": "BPE", {} "vocab": {{"a": 0,
      "b": 1, "ab": 2, "Ġ": 3, "1": 4}}, "merges": [["a", "b"]]}}}})",
                     pre_tokenizer, model);
}

}  // namespace

TEST_CASE("tokenizer.json: characters merge by rank, not by length", "[import]") {
  const Tokenizer t = tokenizer(kRanked);
  CHECK(t.vocabulary().model == Vocabulary::Model::kRankedPieces);
  CHECK(ids(t, "abc") == Ids{8, 4});
  CHECK(ids(t, "bc") == Ids{5, 6});
  CHECK(ids(t, "\xC3\xA9", true) == Ids{1, 5, 9, 10});
  CHECK(ids(t, "\xE2\x82\xAC\xE2\x82\xAC") == Ids{5, 0});
  CHECK(ids(t, "<s>  ab") == Ids{1, 8});
  CHECK(t.decode(ids(t, "abc \xC3\xA9")) == "abc \xC3\xA9");
  // The SentencePiece form of the same merges.
  CHECK(t.vocabulary().scores[7] == -1.0F);
  CHECK(t.vocabulary().scores[8] == -3.0F);
}

TEST_CASE("tokenizer.json: unigram takes the cut with the best sum", "[import]") {
  const Tokenizer t = tokenizer(kUnigram);
  CHECK(t.vocabulary().model == Vocabulary::Model::kUnigram);
  // "_ab": _a b = -7 and _ ab = -7 tie: the way found first (by the shorter beginning) stays.
  CHECK(ids(t, "ab") == Ids{1, 4});
  CHECK(ids(t, "  a   b ") == Ids{5, 1, 3});
  CHECK(ids(t, "a\xE2\x82\xAC\xE2\x82\xAC") == Ids{5, 0});
}

TEST_CASE("tokenizer.json: WordPiece takes the longest piece of a clean word", "[import]") {
  const Tokenizer t = tokenizer(kWordPiece);
  CHECK(ids(t, "unaffable!", true) == Ids{1, 3, 4, 5, 6, 2});
  CHECK(ids(t, "UN Caf\xC3\xA9 caf\x65\xCC\x81") == Ids{3, 7, 7});
  CHECK(ids(t, "unx \xE6\x97\xA5\xE6\x97\xA5") == Ids{0, 9, 9});
  CHECK(t.decode(ids(t, "unaffable cafe")) == "unaffable cafe");
}

TEST_CASE("tokenizer.json: byte-level schemes are known by their expressions", "[import]") {
  const auto scheme = [](std::string_view pre, std::string_view model = "") {
    return tokenizer(byte_level(pre, model)).vocabulary().pre;
  };
  const std::string plain = R"({"type": "ByteLevel", "add_prefix_space": false})";
  const std::string no_regex =
      R"({"type": "ByteLevel", "add_prefix_space": false, "use_regex": false})";
  const auto split = [&](std::string_view regex) {
    return fmt::format(R"({{"type": "Sequence", "pretokenizers": [{{"type": "Split", "pattern":
        {{"Regex": "{}"}}, "behavior": "Isolated", "invert": false}}, {}]}})",
                       regex, no_regex);
  };
  const std::string qwen =
      R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+)"
      R"([\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+)";
  std::string llama = qwen;
  llama.replace(llama.find("\\\\p{N}| "), 8, "\\\\p{N}{1,3}| ");
  CHECK(tokenizer(byte_level(plain)).vocabulary().model == Vocabulary::Model::kBpe);
  CHECK(ids(tokenizer(byte_level(plain)), "ab a") == Ids{2, 3, 0});
  CHECK(scheme(split(qwen)) == "deepseek-r1-qwen");
  CHECK(scheme(split(llama), R"("ignore_merges": true,)") == "falcon-h1");
  CHECK(scheme(split(llama)) == "chatglm-bpe");
  CHECK(scheme(R"({"type": "Sequence", "pretokenizers": [{"type": "Digits",
      "individual_digits": true}, )" +
               plain + "]}") == "codeshell");
  CHECK(scheme(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Punctuation", "behavior": "Contiguous"}, )" +
               plain + R"(, {"type": "Digits", "individual_digits": false},
      {"type": "Split", "pattern": {"Regex": "[0-9][0-9][0-9]"}, "behavior": "Isolated"}]})") ==
        "falcon");
}

TEST_CASE("tokenizer.json: what is not understood is named", "[import]") {
  CHECK_THAT(refusal(byte_level(R"({"type": "UnicodeScripts"})")), Contains("UnicodeScripts"));
  CHECK_THAT(refusal(byte_level(R"({"type": "ByteLevel", "add_prefix_space": true})")),
             Contains("add_prefix_space"));
  CHECK_THAT(refusal(R"({"model": {"type": "WordLevel", "vocab": {}}})"), Contains("WordLevel"));
  CHECK_THAT(refusal(R"({"normalizer": {"type": "Nmt"}, "model": {"type": "BPE"}})"),
             Contains("Nmt"));
  CHECK_THAT(refusal(byte_level(R"({"type": "ByteLevel", "add_prefix_space": false})",
                                R"("end_of_word_suffix": "</w>",)")),
             Contains("end_of_word_suffix"));
  CHECK_THAT(refusal(byte_level(R"({"type": "Split", "pattern": {"Regex": "x+"},
                                    "behavior": "Isolated"})")),
             Contains("x+") || Contains("ByteLevel"));
  CHECK_THAT(refusal("{"), Contains("tokenizer.json"));
  CHECK_THAT(refusal("{}"), Contains("model"));
}

TEST_CASE("tokenizer.json: ids outside the limits are refused, holes are filled", "[import]") {
  CHECK_THAT(refusal(R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
      "model": {"vocab": {"a": -1}, "merges": []}})"),
             Contains("-1"));
  CHECK_THAT(refusal(R"({"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
      "model": {"vocab": {"a": 4194304}, "merges": []}})"),
             Contains("4194304"));
  const Tokenizer t = tokenizer(R"({"pre_tokenizer": {"type": "ByteLevel",
      "add_prefix_space": false}, "model": {"vocab": {"a": 2}, "merges": []}})");
  CHECK(t.vocabulary().types[0] == TokenType::kUnused);
  CHECK(t.size() == 3);
}

TEST_CASE("tokenizer.json: the config names eos and the others", "[import]") {
  const auto v = read_tokenizer_json(
      as_bytes(kRanked), as_bytes(R"({"eos_token": {"content": "<s>"}, "pad_token": "<unk>"})"));
  REQUIRE(v);
  CHECK(v->eos == 1);
  CHECK(v->pad == 0);
  CHECK_FALSE(v->add_eos);
}

TEST_CASE("tokenizer.json: padding adds unused tokens up to the model's rows", "[import]") {
  auto v = read_tokenizer_json(as_bytes(kRanked));
  REQUIRE(v);
  REQUIRE(pxos::cartridges::pad_vocabulary(*v, 16));
  CHECK(v->tokens.size() == 16);
  CHECK(v->types.back() == TokenType::kUnused);
  CHECK(pxos::text::validate(*v));
  CHECK_FALSE(pxos::cartridges::pad_vocabulary(*v, 8));
}

TEST_CASE("tokenizer.json: every truncation is refused", "[import]") {
  std::size_t accepted = 0;
  pxos::test::for_each_truncation(as_bytes(kRanked), [&](pxos::Bytes prefix) {
    if (read_tokenizer_json(prefix)) ++accepted;
  });
  CHECK(accepted == 0);
}

TEST_CASE("tokenizer.json of TinyStories gives the ids of its GGUF", "[import][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const auto json = pxos::read_file(models / "TinyStories-656K-hf/tokenizer.json");
  const auto config = pxos::read_file(models / "TinyStories-656K-hf/tokenizer_config.json");
  const auto gguf =
      pxos::read_file(models / "TinyStories-656K-gguf/derived/TinyStories-656K-F32-fixtok.gguf");
  REQUIRE((json && config && gguf));
  auto v = read_tokenizer_json(*json, *config);
  REQUIRE(v);
  CHECK(v->eos == 2);
  const auto file = pxos::cartridges::GgufFile::parse(*gguf);
  REQUIRE(file);
  auto other = pxos::cartridges::gguf_vocabulary(*file);
  REQUIRE(other);
  CHECK(v->tokens == other->tokens);
  const auto ours = Tokenizer::create(std::move(*v));
  const auto theirs = Tokenizer::create(std::move(*other));
  REQUIRE((ours && theirs));
  PXOS_CONFORMANCE_OR_SKIP(corpus, "corpora/tinystories-valid-ts656k-charset-40k.txt");
  const auto text = pxos::read_file(corpus);
  REQUIRE(text);
  CHECK(ours->encode(pxos::as_text(*text)).value() == theirs->encode(pxos::as_text(*text)).value());
}
