#include "cartridges/quantize/importance.hpp"

#include "tests/support/mutate.hpp"

#include <limits>

#include <catch2/catch.hpp>

namespace pxos::cartridges {
namespace {

Importance example() {
  Importance out;
  out.tokens = 1024;
  out.mean_squares["blk.0.attn_q.weight"] = {0, 1, 2.5F, 4};
  out.mean_squares["output.weight"] = std::vector<float>(300, 0.25F);
  return out;
}

}  // namespace

TEST_CASE("importance comes back as it was written", "[quantize]") {
  const ByteVector file = serialize(example()).value();
  CHECK(file == serialize(example()).value());
  const Importance back = parse_importance(file).value();
  CHECK(back.tokens == 1024);
  CHECK(back.mean_squares == example().mean_squares);
  CHECK(back.find("output.weight").size() == 300);
  CHECK(back.find("gone").empty());
}

TEST_CASE("values that are no importance are refused", "[quantize]") {
  for (const float bad :
       {-1.0F, std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    Importance importance = example();
    importance.mean_squares["output.weight"][7] = bad;
    const auto file = serialize(importance);
    REQUIRE_FALSE(file);
    CHECK(file.error().message.find("output.weight") != std::string::npos);
  }
}

TEST_CASE("damaged importance files are refused or read whole", "[quantize]") {
  const ByteVector file = serialize(example()).value();
  for (std::size_t size = 0; size < file.size(); size += 97) {
    const ByteVector cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(parse_importance(cut));
  }
  int accepted = 0;
  for (std::size_t at = 0; at < file.size(); at += 13) {
    ByteVector flipped = file;
    flipped[at] ^= 0x10;
    // What does not touch a value (checksums, padding) may pass; the values are those written.
    if (const auto read = parse_importance(flipped)) {
      ++accepted;
      CHECK(read->mean_squares == example().mean_squares);
    }
  }
  CHECK(accepted < static_cast<int>(file.size() / 13));
}

}  // namespace pxos::cartridges
