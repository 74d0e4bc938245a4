#include "cartridges/json_guard.hpp"

#include <string>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::as_bytes;
using pxos::cartridges::check_json;

namespace {

std::string error_of(std::string_view text) {
  const auto checked = check_json(as_bytes(text), "doc");
  REQUIRE_FALSE(checked.has_value());
  REQUIRE(checked.error().message.find('\n') == std::string::npos);
  return checked.error().message;
}

}  // namespace

TEST_CASE("check_json accepts JSON", "[json]") {
  CHECK(check_json(as_bytes(R"({"a":[1,2.5,null,true,"x"],"b":{"a":1}})"), "doc").has_value());
}

TEST_CASE("check_json names a key that appears twice", "[json]") {
  CHECK_THAT(error_of(R"({"a":1,"b":{"c":1,"c":2}})"),
             Contains("doc") && Contains("\"c\" appears twice"));
}

TEST_CASE("check_json refuses deep nesting without recursing", "[json]") {
  CHECK_THAT(error_of(std::string(1'000'000, '[')), Contains("deeper than 16"));
  CHECK(check_json(as_bytes(std::string(16, '[') + std::string(16, ']')), "doc").has_value());
}

TEST_CASE("check_json says where the syntax is wrong", "[json]") {
  CHECK_THAT(error_of(R"({"a":})"), Contains("byte 6"));
  CHECK_THAT(error_of(""), Contains("not JSON"));
  CHECK_THAT(error_of("{} x"), Contains("not JSON"));
  CHECK_THAT(error_of("\"\xFF\""), Contains("not JSON"));
  CHECK_THAT(error_of("[1e999]"), Contains("not JSON"));
}

TEST_CASE("check_json limits size and number of values", "[json]") {
  pxos::cartridges::JsonLimits limits;
  limits.max_bytes = 4;
  CHECK_FALSE(check_json(as_bytes("[1,2]"), "doc", limits).has_value());
  limits.max_bytes = 100;
  limits.max_values = 2;
  CHECK_FALSE(check_json(as_bytes("[1,2]"), "doc", limits).has_value());
  CHECK(check_json(as_bytes("[1]"), "doc", limits).has_value());
}
