#include "assembler/suggest.hpp"

#include <array>

#include <catch2/catch.hpp>

using pxos::assembler::did_you_mean;
using pxos::assembler::edit_distance;

TEST_CASE("edit_distance counts inserts, deletes, replacements and swaps", "[assembler]") {
  CHECK(edit_distance("matmul", "matmul") == 0);
  CHECK(edit_distance("matmull", "matmul") == 1);
  CHECK(edit_distance("mtmul", "matmul") == 1);
  CHECK(edit_distance("natmul", "matmul") == 1);
  CHECK(edit_distance("amtmul", "matmul") == 1);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("did_you_mean offers the nearest word only when it is a slip away", "[assembler]") {
  static constexpr std::array<std::string_view, 4> kWords = {"matmul", "rmsnorm", "add", "addrow"};
  CHECK(did_you_mean("matmull", kWords) == "did you mean 'matmul'?");
  CHECK(did_you_mean("rsmnorm", kWords) == "did you mean 'rmsnorm'?");
  CHECK(did_you_mean("ad", kWords) == "did you mean 'add'?");
  CHECK(did_you_mean("convolve", kWords).empty());
  CHECK(did_you_mean("x", kWords).empty());
  CHECK(did_you_mean(std::string(10000, 'a'), kWords).empty());
}
