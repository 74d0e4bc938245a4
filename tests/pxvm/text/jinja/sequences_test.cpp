#include "tests/pxvm/text/jinja/evaluate.hpp"

#include <catch2/catch.hpp>

using pxos::test::evaluate;
using pxos::test::value_of;

TEST_CASE("subscripts count from both ends and give undefined outside", "[text]") {
  CHECK(value_of("[1,2,3][-1]") == "3");
  CHECK(value_of("[1][5] is undefined") == "True");
  CHECK(value_of("'h\xC3\xA9llo'[1]") == "\xC3\xA9");
  CHECK(value_of("{'a': 1}.a ~ {'a': 1}['a'] ~ {'a': 1}.b") == "11");
  CHECK(value_of("[1]['x'] is defined") == "False");
  CHECK(value_of("nothing.at.all") == "error: 1:11: undefined has no items");
}

TEST_CASE("slices are Python's", "[text]") {
  CHECK(value_of("[0,1,2,3,4][1:3]") == "[1, 2]");
  CHECK(value_of("[0,1,2,3,4][-2:]") == "[3, 4]");
  CHECK(value_of("[0,1,2,3,4][::-2]") == "[4, 2, 0]");
  CHECK(value_of("[0,1,2,3,4][5:1:-2]") == "[4, 2]");
  CHECK(value_of("[0,1,2][9:]") == "[]");
  CHECK(value_of("[0,1,2][:-9]") == "[]");
  CHECK(value_of("[0,1,2][:9223372036854775807:9223372036854775807]") == "[0]");
  CHECK(value_of("'h\xC3\xA9llo'[:2]") == "h\xC3\xA9");
  CHECK(value_of("'abc'[::-1]") == "cba");
  CHECK(value_of("[1][::0]") == "error: 1:7: a slice step is 0");
  CHECK(value_of("[1]['a':]") == "error: 1:7: a slice bound is string, expected an integer");
}

TEST_CASE("in looks into texts, lists and mappings", "[text]") {
  CHECK(value_of("'b' in 'abc' and 2 in [1,2] and 'k' in {'k': 0}") == "True");
  CHECK(value_of("3 in [1] or 'x' in nothing") == "False");
  CHECK(value_of("1 in 'a'") == "error: 1:6: 'in' looks for integer in a string");
}

TEST_CASE("loops run over lists, keys, characters and nothing", "[text]") {
  CHECK(evaluate("{% for x in {'a': 1, 'b': 2} %}{{ x }}{% endfor %}") == "ab");
  CHECK(evaluate("{% for x in '\xC3\xA9z' %}{{ x }}.{% endfor %}") == "\xC3\xA9.z.");
  CHECK(evaluate("{% for x in nothing %}{% else %}none{% endfor %}") == "none");
  CHECK(evaluate("{% for x in 3 %}{% endfor %}") == "error: 1:13: integer cannot be iterated");
}
