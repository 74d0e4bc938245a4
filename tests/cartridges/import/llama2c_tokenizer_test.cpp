#include "cartridges/import/llama2c_tokenizer.hpp"

#include "cartridges/import/gguf_vocabulary.hpp"
#include "pxvm/base/file.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using Catch::Contains;
using pxos::ByteVector;
using pxos::cartridges::read_llama2c_tokenizer;

namespace {

ByteVector sample(int first_byte = 0) {
  pxos::ByteWriter out;
  const auto token = [&out](float score, std::string_view piece) {
    out.f32(score);
    out.string32(piece);
  };
  out.u32(6);
  token(0, "<unk>");
  token(0, "\n<s>\n");
  token(0, "\n</s>\n");
  for (int i = 0; i < 256; ++i) token(0, fmt::format("<0x{:02X}>", (i + first_byte) % 256));
  token(-1, " t");
  token(-2, "e");
  return out.take();
}

}  // namespace

TEST_CASE("tokenizer.bin: pieces, bytes and the fixed tokens", "[import]") {
  const auto v = read_llama2c_tokenizer(sample(), 261);
  REQUIRE(v);
  CHECK(v->tokens[1] == "<s>");
  CHECK(v->types[3] == pxos::text::TokenType::kByte);
  CHECK(v->tokens[259] == "\xE2\x96\x81t");
  CHECK(v->scores[260] == -2.0F);
  CHECK((v->add_bos && v->bos == 1));
}

TEST_CASE("tokenizer.bin: another size or order of tokens is refused", "[import]") {
  const auto message = [](const ByteVector& file, std::int64_t size) {
    const auto v = read_llama2c_tokenizer(file, size);
    REQUIRE_FALSE(v);
    return v.error().message;
  };
  CHECK_THAT(message(sample(), 260), Contains("after token 259"));
  CHECK_THAT(message(sample(1), 261), Contains("<0x00>"));
  CHECK_THAT(message(sample(), 100), Contains("100"));
  CHECK_THAT(message(sample(), 4'000'000), Contains("too few"));
  std::size_t accepted = 0;
  pxos::test::for_each_truncation(sample(), [&](pxos::Bytes prefix) {
    if (read_llama2c_tokenizer(prefix, 261)) ++accepted;
  });
  CHECK(accepted == 0);
}

TEST_CASE("tokenizer.bin of stories260K holds what its GGUF holds", "[import][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const auto file = pxos::read_file(models / "stories260K-llama2c/tok512.bin");
  const auto gguf = pxos::read_file(models / "stories260K-gguf/stories260K.gguf");
  REQUIRE((file && gguf));
  const auto v = read_llama2c_tokenizer(*file, 512);
  REQUIRE(v);
  const auto parsed = pxos::cartridges::GgufFile::parse(*gguf);
  REQUIRE(parsed);
  const auto other = pxos::cartridges::gguf_vocabulary(*parsed);
  REQUIRE(other);
  CHECK(v->tokens == other->tokens);
  CHECK(v->scores == other->scores);
  CHECK(v->types == other->types);
  CHECK(v->add_space_prefix == other->add_space_prefix);
}
