// Random Unicode through every vocabulary at hand: what decode gives back, and that the cost grows
// with the text and not with its square.
#include "cartridges/import/gguf_vocabulary.hpp"
#include "cartridges/import/tokenizer_json.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/rng.hpp"
#include "pxvm/text/bpe.hpp"
#include "pxvm/text/normalize.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "pxvm/text/utf8.hpp"
#include "tests/support/conformance.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

namespace {

using namespace pxos;
using namespace pxos::text;

/// Letters of many scripts, marks, emoji, controls, spaces and digits; now and then any character.
char32_t random_character(CounterRng& rng) {
  struct Block {
    char32_t first;
    std::uint32_t count;
  };
  constexpr Block kBlocks[] = {{0x20, 95},      {0x61, 26},     {0x20, 1},     {0x30, 10},
                               {0xA0, 96},      {0x300, 112},   {0x370, 144},  {0x400, 256},
                               {0x590, 112},    {0x600, 256},   {0x900, 128},  {0xE00, 128},
                               {0x1100, 256},   {0x2000, 112},  {0x3040, 192}, {0x4E00, 20000},
                               {0xAC00, 11172}, {0x1F300, 700}, {0x00, 32},    {0xFE00, 16}};
  if (rng.next_u32() % 50 == 0) {
    const char32_t any = rng.next_u32() % 0x110000;
    return any >= 0xD800 && any <= 0xDFFF ? U'?' : any;
  }
  const Block& block = kBlocks[rng.next_u32() % std::size(kBlocks)];
  return block.first + rng.next_u32() % block.count;
}

std::string random_text(CounterRng& rng) {
  std::string out;
  const std::uint32_t length = rng.next_u32() % 40;
  for (std::uint32_t i = 0; i < length; ++i) append_utf8(out, random_character(rng));
  return out;
}

Tokenizer from_gguf(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  REQUIRE(bytes);
  const auto file = cartridges::GgufFile::parse(*bytes);
  REQUIRE(file);
  auto tokenizer = Tokenizer::create(cartridges::gguf_vocabulary(*file).value());
  REQUIRE(tokenizer);
  return std::move(*tokenizer);
}

/// Whether a byte-level vocabulary has a token for every byte of `text`: starcoder's lacks 0xF1,
/// with which the characters from U+40000 to U+7FFFF begin.
bool has_bytes(const Tokenizer& tokenizer, const std::string& text) {
  if (tokenizer.vocabulary().model != Vocabulary::Model::kBpe) return true;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    std::string letter;
    append_utf8(letter, byte_to_letter(static_cast<std::uint8_t>(c)));
    return tokenizer.find(letter).has_value();
  });
}

/// Strings of 10 000 that do not come back. A vocabulary's own normalisation is applied to what is
/// expected; a text with a user-defined token in SPM spelling is itself.
int failures(const Tokenizer& tokenizer) {
  CounterRng rng(2024);
  int wrong = 0;
  for (int i = 0; i < 10000;) {
    const std::string text = random_text(rng);
    if (!has_bytes(tokenizer, text)) continue;
    ++i;
    const auto ids = tokenizer.encode(text, {.add_special = false});
    if (!ids) {
      ++wrong;
      continue;
    }
    const auto expected = normalize(text, tokenizer.vocabulary().normalization);
    wrong += tokenizer.decode(*ids) == *expected ? 0 : 1;
  }
  return wrong;
}

}  // namespace

TEST_CASE("10 000 random strings come back from every recorded vocabulary", "[text][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "vocab");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".gguf") continue;
    const Tokenizer tokenizer = from_gguf(entry.path());
    // WordPiece folds case and spaces; unigram maps characters and joins spaces: neither can.
    const auto model = tokenizer.vocabulary().model;
    if (model == Vocabulary::Model::kWordPiece || model == Vocabulary::Model::kUnigram) continue;
    INFO(entry.path().string());
    CHECK(failures(tokenizer) == 0);
  }
}

TEST_CASE("a vocabulary without byte tokens brings back what it can spell", "[text][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/TinyStories-656K-hf/tokenizer.json");
  const auto json = read_file(file);
  REQUIRE(json);
  const auto tokenizer = Tokenizer::create(cartridges::read_tokenizer_json(*json).value());
  REQUIRE(tokenizer);
  // The characters it has tokens for.
  std::vector<std::string> characters;
  for (TokenId id = 3; id < tokenizer->size(); ++id) {
    const std::string piece = tokenizer->piece(id);
    if (count_characters(piece) == 1) characters.push_back(piece);
  }
  REQUIRE(characters.size() > 50);
  CounterRng rng(7);
  int wrong = 0;
  for (int i = 0; i < 10000; ++i) {
    std::string text;
    for (std::uint32_t n = rng.next_u32() % 40; n > 0; --n)
      text += characters[rng.next_u32() % characters.size()];
    wrong +=
        tokenizer->decode(tokenizer->encode(text, {.add_special = false}).value()) == text ? 0 : 1;
  }
  CHECK(wrong == 0);
}
