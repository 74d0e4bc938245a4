// Token ids against those other implementations recorded; see the conformance data's README.
#include "cartridges/import/gguf_vocabulary.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "tests/pxvm/text/gguf_vocabulary.hpp"
#include "tests/support/conformance.hpp"

#include <sstream>

#include <catch2/catch.hpp>

namespace {

using pxos::text::TokenId;
using pxos::text::Tokenizer;
using pxos::text::Vocabulary;

std::string read_text(const std::filesystem::path& path) {
  const auto bytes = pxos::read_file(path);
  REQUIRE(bytes);
  return std::string(pxos::as_text(*bytes));
}

Tokenizer load(const std::filesystem::path& gguf) {
  const auto map = pxos::MappedFile::open(gguf);
  REQUIRE(map);
  const auto file = pxos::cartridges::GgufFile::parse(map->bytes());
  REQUIRE(file);
  auto vocabulary = pxos::cartridges::gguf_vocabulary(*file);
  INFO((vocabulary ? "" : vocabulary.error().message));
  REQUIRE(vocabulary);
  auto tokenizer = Tokenizer::create(std::move(*vocabulary));
  INFO((tokenizer ? "" : tokenizer.error().message));
  REQUIRE(tokenizer);
  return std::move(*tokenizer);
}

/// Texts between the separator lines of an .inp file.
std::vector<std::string> blocks(const std::string& input) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> out;
  std::size_t at = 0;
  for (std::size_t end = 0; (end = input.find(separator, at)) != std::string::npos;) {
    out.push_back(input.substr(at, end - at));
    at = end + separator.size();
  }
  return out;
}

std::vector<std::vector<TokenId>> id_lines(const std::string& output) {
  std::vector<std::vector<TokenId>> out;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<TokenId> ids;
    for (TokenId id = 0; words >> id;) ids.push_back(id);
    out.push_back(ids);
  }
  return out;
}

}  // namespace

TEST_CASE("token ids equal the recorded ones", "[text][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "vocab");
  std::size_t vocabularies = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    const std::string gguf = entry.path().string();
    if (!std::filesystem::exists(gguf + ".inp")) continue;
    ++vocabularies;
    const Tokenizer tokenizer = load(gguf);
    const auto texts = blocks(read_text(gguf + ".inp"));
    const auto expected = id_lines(read_text(gguf + ".out"));
    REQUIRE(!texts.empty());
    REQUIRE(expected.size() == texts.size());
    // WordPiece drops case, accents and the number of spaces: nothing to come back to.
    const bool round_trip = tokenizer.vocabulary().model != Vocabulary::Model::kWordPiece;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      INFO(gguf << ": '" << texts[i] << "'");
      const auto ids = tokenizer.encode(texts[i], {.add_special = false, .parse_special = false});
      REQUIRE(ids);
      CHECK(*ids == expected[i]);
      if (round_trip) CHECK(tokenizer.decode(*ids) == texts[i]);
    }
  }
  CHECK(vocabularies >= 4);
}

TEST_CASE("a real vocabulary survives its cartridge entry", "[text][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "vocab");
  for (const char* name : {"ggml-vocab-qwen2.gguf", "ggml-vocab-llama-spm.gguf"}) {
    const auto vocabulary = pxos::test::gguf_vocabulary(folder / name);
    REQUIRE(vocabulary);
    const auto entry = pxos::text::serialize(*vocabulary);
    REQUIRE(entry);
    const auto back = pxos::text::parse_vocabulary(*entry);
    REQUIRE(back);
    CHECK((*back == *vocabulary));
  }
}

TEST_CASE("a vocabulary without byte tokens maps unknown characters to unk",
          "[text][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(gguf, "models/TinyStories-656K-gguf/TinyStories-656K-Q8_0.gguf");
  const Tokenizer tokenizer = load(gguf);
  const auto ids = tokenizer.encode("Once\xE2\x80\x99\xE2\x80\x99s \xF0\x9F\xA6\x99");
  REQUIRE(ids);
  CHECK(std::count(ids->begin(), ids->end(), *tokenizer.vocabulary().unk) == 2);
  CHECK(ids->front() == *tokenizer.vocabulary().bos);
}
