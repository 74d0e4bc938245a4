#include "shell/print.hpp"

#include "pxvm/base/file.hpp"
#include "tests/support/temp_folder.hpp"

#include <cstdio>

#include <catch2/catch.hpp>

TEST_CASE("print_to formats, and a stream that takes nothing throws nothing", "[shell]") {
  const pxos::test::TempFolder folder;
  const auto path = folder.write("text", std::string_view("old"));
  std::FILE* const reader = std::fopen(path.c_str(), "r");
  REQUIRE(reader != nullptr);
  CHECK_NOTHROW(pxos::shell::print_to(reader, "{}", 1));
  CHECK(std::ferror(reader) != 0);
  std::fclose(reader);
  std::FILE* const writer = std::fopen(path.c_str(), "w");
  REQUIRE(writer != nullptr);
  pxos::shell::print_to(writer, "{}-{}\n", 1, "b");
  std::fclose(writer);
  CHECK(pxos::as_text(*pxos::read_file(path)) == "1-b\n");
}
