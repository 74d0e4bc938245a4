#include "pxvm/text/utf8_stream.hpp"

#include "pxvm/text/utf8.hpp"

#include <catch2/catch.hpp>

using namespace pxos::text;

TEST_CASE("Utf8Stream gives whole characters however the bytes are cut", "[text]") {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\xA6\x99z";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    Utf8Stream stream;
    std::string all;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      const std::string out = stream.feed(std::string_view(text).substr(at, piece));
      CHECK(is_utf8(out));
      all += out;
    }
    CHECK(all == text);
    CHECK(stream.flush().empty());
  }
}

TEST_CASE("Utf8Stream keeps a started character back until it is complete", "[text]") {
  Utf8Stream stream;
  CHECK(stream.feed("x\xF0\x9F") == "x");
  CHECK(stream.pending());
  CHECK(stream.feed("\xA6").empty());
  CHECK(stream.feed("\x99") == "\xF0\x9F\xA6\x99");
  CHECK_FALSE(stream.pending());
}

TEST_CASE("Utf8Stream replaces what cannot become a character", "[text]") {
  Utf8Stream stream;
  CHECK(stream.feed("\xF0\x9F").empty());
  CHECK(stream.feed("A") ==
        "\xEF\xBF\xBD"
        "A");
  CHECK(stream.feed("\xFF") == "\xEF\xBF\xBD");
  CHECK(stream.feed("\xE2\x82").empty());
  CHECK(stream.flush() == "\xEF\xBF\xBD");
  CHECK(stream.feed("ok") == "ok");
}

TEST_CASE("Utf8Stream gives what to_valid_utf8 gives, for any bytes", "[text]") {
  std::uint32_t state = 1;
  std::string bytes;
  for (int i = 0; i < 4000; ++i) {
    state = state * 1664525 + 1013904223;
    // Half of the bytes are leads or continuations.
    bytes.push_back(static_cast<char>(state >> 24U));
  }
  Utf8Stream stream;
  std::string all;
  for (const char c : bytes) all += stream.feed({&c, 1});
  all += stream.flush();
  CHECK(all == to_valid_utf8(bytes));
}
