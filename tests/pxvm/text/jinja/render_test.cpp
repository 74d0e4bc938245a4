#include "tests/pxvm/text/jinja/evaluate.hpp"

#include <catch2/catch.hpp>

using pxos::test::evaluate;
using pxos::test::value_of;

TEST_CASE("arithmetic is Python's", "[text]") {
  CHECK(value_of("7 // 2 ~ ' ' ~ -7 // 2 ~ ' ' ~ 7 // -2") == "3 -4 -4");
  CHECK(value_of("7 % 3 ~ ' ' ~ -7 % 3 ~ ' ' ~ 7 % -3") == "1 2 -2");
  CHECK(value_of("7 / 2 ~ ' ' ~ 1.5 + 1 ~ ' ' ~ 2 * 1.5") == "3.5 1.51 3.0");
  CHECK(value_of("7 / 2") == "3.5");
  CHECK(value_of("1.5 * 2 + 1") == "4.0");
  CHECK(value_of("true + 1") == "2");
  CHECK(value_of("'ab' * 2") == "abab");
  CHECK(value_of("'a' + 'b' ~ 1 ~ none") == "ab1None");
  CHECK(value_of("[1] + [2]") == "[1, 2]");
}

TEST_CASE("arithmetic faults are errors", "[text]") {
  CHECK(value_of("1 // 0") == "error: 1:6: division by zero");
  CHECK(value_of("1.0 / 0") == "error: 1:8: division by zero");
  CHECK(value_of("9223372036854775807 + 1") == "error: 1:24: integer overflow");
  CHECK(value_of("(-9223372036854775807 - 1) // -1") == "error: 1:31: integer overflow");
  CHECK(value_of("(-9223372036854775807 - 1) % -1") == "0");
  CHECK(value_of("1 + 'a'") == "error: 1:6: the operator does not take integer and string");
}

TEST_CASE("and, or and comparisons", "[text]") {
  CHECK(value_of("'' or 'x'") == "x");
  CHECK(value_of("0 and nothing.x") == "0");
  CHECK(value_of("1 <= 1 and 2 > 1 and not 1 >= 2 and 'a' < 'b' and 1 != '1'") == "True");
  CHECK(value_of("'a' if false") == "");
}

TEST_CASE("set stays in its loop turn, a namespace does not", "[text]") {
  CHECK(
      evaluate(
          "{% set x = 1 %}{% for i in range(2) %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}") ==
      "221");
  CHECK(evaluate("{% set n = namespace(x=1) %}{% for i in range(2) %}{% set n.x = n.x + 1 %}{% "
                 "endfor %}{{ n.x }}") == "3");
  CHECK(evaluate("{% if true %}{% set x = 5 %}{% endif %}{{ x }}") == "5");
  CHECK(evaluate("{% set x = {} %}{% set x.a = 1 %}") ==
        "error: 1:20: 'x' is mapping, expected a namespace");
}

TEST_CASE("loops know where they are", "[text]") {
  CHECK(evaluate("{% for x in ['a','b','c'] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex "
                 "}}{{ loop.length }}"
                 "{{ 'F' if loop.first }}{{ 'L' if loop.last }}{{ loop.previtem }}{{ loop.nextitem "
                 "}} {% endfor %}") == "1033Fb 2123ac 3213Lb ");
  CHECK(evaluate("{% for x in range(6) if x is odd %}{{ x }}{{ loop.last }}{% endfor %}") ==
        "1False3False5True");
  CHECK(evaluate("{% for x in range(9) %}{% if x == 1 %}{% continue %}{% endif %}"
                 "{% if x == 3 %}{% break %}{% endif %}{{ x }}{% endfor %}") == "02");
  CHECK(evaluate("{% for a, b in [[1, 2], [3]] %}{{ a }}{% endfor %}") ==
        "error: 1:4: 2 loop variables for 1 values");
}

TEST_CASE("block set and generation print into their place", "[text]") {
  CHECK(evaluate("a{% set x %}b{{ 1 }}{% endset %}c{{ x }}") == "acb1");
  CHECK(evaluate("{% generation %}x{% endgeneration %}") == "x");
}

TEST_CASE("render_block keeps to its limits", "[text]") {
  using namespace pxos::text::jinja;
  const auto block = parse_template("{% for i in range(100) %}0123456789{% endfor %}");
  REQUIRE(block);
  const auto small = render_block(*block, {}, {.steps = 1000000, .output_bytes = 999});
  REQUIRE_FALSE(small);
  CHECK(small.error().code == pxos::Errc::kLimit);
  CHECK(render_block(*block, {}, {.steps = 1000000, .output_bytes = 1000})->size() == 1000);
  CHECK_FALSE(render_block(*block, {}, {.steps = 100, .output_bytes = 1000}));
}

TEST_CASE("macros print, with parameters by place, by name and by default", "[text]") {
  const std::string greet =
      "{% macro greet(who, mark='!') %}Hi {{ who }}{{ mark }}{% endmacro greet %}";
  CHECK(evaluate(greet + "{{ greet('a') }}|{{ greet('b', '?') }}|{{ greet(mark='.', who='c') }}") ==
        "Hi a!|Hi b?|Hi c.");
  CHECK(evaluate(greet + "{{ greet('a') | upper ~ 1 }}{{ greet is callable }}") == "HI A!1True");
  CHECK(evaluate(greet + "{{ greet() }}") == "Hi !");
  CHECK(evaluate(greet + "{{ greet(1, 2, 3) }}") ==
        "error: 1:78: macro 'greet' takes 2 arguments, found more");
  CHECK(evaluate(greet + "{{ greet(x=1) }}") == "error: 1:78: macro 'greet' has no parameter 'x'");
}

TEST_CASE("a macro sees the top level and not its caller", "[text]") {
  CHECK(evaluate("{% macro f() %}[{{ a }}{{ i }}]{% set a = 9 %}{% endmacro %}{% set a = 1 %}"
                 "{% for i in [7] %}{{ f() }}{{ i }}{% endfor %}{{ a }}") == "[1]71");
  CHECK(evaluate("{% set n = namespace(x=1) %}{% macro f() %}{% set n.x = n.x + 1 %}{% endmacro %}"
                 "{{ f() }}{{ f() }}{{ n.x }}") == "3");
  // One may call itself and others; what it printed before the call is still there.
  CHECK(evaluate("{% macro down(n) %}{{ n }}{% if n %},{{ down(n - 1) }}{% endif %};{% endmacro %}"
                 "{{ down(3) }}") == "3,2,1,0;;;;");
  CHECK(evaluate("{% for x in [1] %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}") ==
        "error: 1:37: 'break' outside of a loop");
}

TEST_CASE("a macro that never ends stops at the limit", "[text]") {
  CHECK(evaluate("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").find("levels deep") !=
        std::string::npos);
  CHECK(evaluate("{% macro f(n) %}{{ f(n)|upper ~ [f(n)] }}{% endmacro %}{{ f(1) }}")
            .find("levels deep") != std::string::npos);
}

TEST_CASE("a filter block filters what its body prints", "[text]") {
  CHECK(evaluate("a{% filter trim | upper %}  b{{ 1 }}  {% endfilter %}c") == "aB1c");
  CHECK(evaluate("{% filter replace('b', 'x') %}abc{% endfilter %}") == "axc");
}
