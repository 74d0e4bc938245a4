#include "assembler/lexer.hpp"

#include "pxvm/base/rng.hpp"

#include <bit>

#include <catch2/catch.hpp>

namespace {

using pxos::assembler::lex;
using pxos::assembler::Token;
using pxos::assembler::TokenKind;

/// Kinds as letters: N name, D dot-name, I integer, R real, S string, B bad, or the punctuation
/// itself.
std::string shape(std::string_view line) {
  std::string out;
  for (const Token& token : lex(line)) {
    switch (token.kind) {
      case TokenKind::kName:
        out += 'N';
        break;
      case TokenKind::kDotName:
        out += 'D';
        break;
      case TokenKind::kInteger:
        out += 'I';
        break;
      case TokenKind::kReal:
        out += 'R';
        break;
      case TokenKind::kString:
        out += 'S';
        break;
      case TokenKind::kBad:
        out += 'B';
        break;
      case TokenKind::kPunct:
        out += token.text;
        break;
      case TokenKind::kEnd:
        break;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("lex splits a line into tokens and stops at the comment", "[assembler]") {
  CHECK(shape("loop: i64.add i, i, 1 ; count") == "N:NN,N,I");
  CHECK(shape(".temp x : f32[T, n_head*head_dim] @t5") == "DN:N[N,N*N]@N");
  CHECK(shape(".import w = \"a;b\" ; name with a semicolon") == "DN=S");
  CHECK(shape(".entry f() -> y") == "DN()->N");
  CHECK(shape("").empty());
  CHECK(shape("   ; only a comment").empty());
}

TEST_CASE("lex keeps a range apart from its ends", "[assembler]") {
  CHECK(shape("1..batch") == "I..N");
  CHECK(shape("low..high") == "N..N");
  CHECK(shape("1.5..2") == "R..I");
  CHECK(shape("i64.add") == "N");
}

TEST_CASE("lex reads integers in every base up to 64 bits", "[assembler]") {
  CHECK(lex("0")[0].integer == 0);
  CHECK(lex("0xFF")[0].integer == 255);
  CHECK(lex("0b1011")[0].integer == 11);
  CHECK(lex("'A'")[0].integer == 65);
  CHECK(lex("'\\n'")[0].integer == 10);
  CHECK(lex("9223372036854775808")[0].integer == std::uint64_t{1} << 63U);
  CHECK(lex("18446744073709551616")[0].kind == TokenKind::kBad);
  CHECK(lex("0x")[0].kind == TokenKind::kBad);
  CHECK(lex("12abc")[0].kind == TokenKind::kBad);
}

TEST_CASE("lex reads reals exactly, also by their bits", "[assembler]") {
  CHECK(lex("1e-5")[0].real == 1e-5);
  CHECK(lex("2.5")[0].real == 2.5);
  CHECK(lex("1e400")[0].kind == TokenKind::kBad);
  CHECK(std::bit_cast<std::uint64_t>(lex("0r7ff8000000000001")[0].real) == 0x7FF8000000000001U);
  CHECK(lex("0r7ff8")[0].kind == TokenKind::kBad);
}

TEST_CASE("lex says what is malformed and stops there", "[assembler]") {
  CHECK(shape("a \"open") == "NB");
  CHECK(shape("\"bad \\q escape\"") == "B");
  CHECK(shape("a $ b") == "NB");
  CHECK(shape("`r5` + `not a name`") == "N+B");
}

TEST_CASE("Any bytes survive encode_string, lex and decode_string", "[assembler]") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  const std::string line = "\"" + pxos::assembler::encode_string(bytes) + "\"";
  const auto tokens = lex(line);
  REQUIRE(tokens[0].kind == TokenKind::kString);
  CHECK(pxos::assembler::decode_string(tokens[0].text) == bytes);
}

TEST_CASE("lex answers every byte string with tokens inside the line", "[assembler]") {
  pxos::CounterRng rng(7);
  for (int round = 0; round < 20000; ++round) {
    std::string line(rng.next_u32() % 40, ' ');
    for (char& c : line) c = static_cast<char>(rng.next_u32() & 0xFFU);
    std::uint64_t last = 0;
    for (const Token& token : lex(line)) {
      REQUIRE(token.column >= last);
      REQUIRE(token.column <= line.size());
      last = token.column;
    }
  }
}
