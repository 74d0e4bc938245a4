#include "tests/pxvm/text/jinja/evaluate.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::test::evaluate;
using pxos::test::value_of;

TEST_CASE("filters of texts", "[text]") {
  CHECK(value_of("' x '|trim ~ '|'") == "x|");
  CHECK(value_of("'xay'|trim('xy')") == "a");
  CHECK(value_of("3|upper") == "3");
  CHECK(value_of("'aB'|upper ~ 'aB'|lower ~ 'aB'|capitalize") == "ABabAb");
  CHECK(value_of("'aXa'|replace('a', 'b')") == "bXb");
  CHECK(value_of("'\xC3\xA9z'|length") == "2");
  CHECK(value_of("'<\xC3\xA9\"'|tojson") == "\"<\xC3\xA9\\\"\"");
}

TEST_CASE("filters of lists and mappings", "[text]") {
  CHECK(value_of("[1,2]|join('-') ~ [1,2]|first ~ [1,2]|last ~ [1,2]|length") == "1-2122");
  CHECK(value_of("[3,1]|reverse|list") == "[1, 3]");
  CHECK(value_of("{'a': 1}|items|list") == "[['a', 1]]");
  CHECK(value_of("[{'r': 'u', 'c': 1}, {'r': 'a', 'c': 2}]|selectattr('r', 'equalto', 'u')|"
                 "map(attribute='c')|list") == "[1]");
  CHECK(value_of("[{'r': 'u'}, {}]|rejectattr('r')|list|length") == "1");
  CHECK(value_of("['a','b']|map('upper')|join") == "AB");
}

TEST_CASE("filters that give defaults and convert", "[text]") {
  CHECK(value_of("nothing|default('d') ~ none|default('d') ~ ''|d('e', true)") == "dNonee");
  CHECK(value_of("'12'|int + 1.9|int + true|int") == "14");
  CHECK(value_of("1|string ~ 'x'|safe") == "1x");
}

TEST_CASE("methods of texts and mappings", "[text]") {
  CHECK(value_of("'  a '.strip() ~ 'xa'.lstrip('x') ~ 'ax'.rstrip('x')") == "aaa");
  CHECK(value_of("'abc'.startswith('ab') ~ 'abc'.endswith(('x', 'bc'))") == "TrueTrue");
  CHECK(value_of("'a,b,c'.split(',', 1)") == "['a', 'b,c']");
  CHECK(value_of("'</t>x'.split('</t>')[-1]") == "x");
  CHECK(value_of("{'a': 1}.get('a') ~ {}.get('b') ~ {}.get('b', 2)") == "1None2");
  CHECK(value_of("{'a': 1}.items() ~ {'a': 1}.keys() ~ {'a': 1}.values()") == "[['a', 1]]['a'][1]");
  CHECK(value_of("'-'.join(['a','b'])") == "a-b");
}

TEST_CASE("tests look at kinds and values", "[text]") {
  CHECK(value_of("'x' is string and 1 is number and none is none and {} is mapping") == "True");
  CHECK(value_of("nothing is defined or nothing is not undefined or 1 is string") == "False");
  CHECK(value_of("3 is odd and 4 is even and 9 is divisibleby 3 and 1 is in [1]") == "True");
  CHECK(value_of("true is true and 1 is not true and false is boolean") == "True");
  CHECK(value_of("'a' is equalto 'a' and 'a' is ne 'b'") == "True");
}

TEST_CASE("functions", "[text]") {
  CHECK(value_of("range(3) ~ range(1, 7, 2) ~ range(2, 0, -1)") == "[0, 1, 2][1, 3, 5][2, 1]");
  CHECK(evaluate("{% set n = namespace(a=1) %}{% set n.a = n.a + 1 %}{{ n.a }}{{ n.b }}") == "2");
  CHECK(value_of("dict(a=1).a") == "1");
  CHECK(value_of("raise_exception('no\nway')") ==
        "error: 1:4: the template refuses the messages: no way");
}

TEST_CASE("builtins name what they do not take", "[text]") {
  CHECK_THAT(value_of("'x'|nope"), Contains("there is no filter 'nope'"));
  CHECK_THAT(value_of("'x'.nope()"), Contains("string has no method 'nope'"));
  CHECK_THAT(value_of("'x' is nope"), Contains("there is no test 'nope'"));
  CHECK_THAT(value_of("1.5|length"), Contains("filter 'length': float has no length"));
  CHECK_THAT(value_of("'x'.split(1)"), Contains("expected a string"));
  CHECK_THAT(value_of("range(1000000)"), Contains("range above"));
  CHECK_THAT(value_of("range('a')"), Contains("32-bit"));
  CHECK_THAT(value_of("namespace(1)"), Contains("name=value"));
  CHECK_THAT(value_of("nothing()"), Contains("'nothing' is undefined, not a function"));
}

TEST_CASE("builtins pay for what they make", "[text]") {
  CHECK_THAT(value_of("('a' * 10000).replace('a', 'b' * 10000)"), Contains("step limit"));
  CHECK_THAT(value_of("'a' * 9223372036854775807"), Contains("step limit"));
  CHECK_THAT(value_of("('a' * 1000000) in ('a' * 2000000)"), Contains("step limit"));
}

TEST_CASE("format fills places and names", "[text]") {
  CHECK(value_of("'a{}b{}{{}}'.format(1, 'x')") == "a1bx{}");
  CHECK(value_of("'{1}{0}{k}'.format('a', 'b', k=3)") == "ba3");
  CHECK(value_of("'{}{}'.format(1)") == "error: 1:10: method 'format': no argument for '{}'");
  CHECK(value_of("'{:>4}'.format(1)") == "error: 1:11: method 'format': no argument for '{:>4}'");
  CHECK(value_of("'{'.format(1)") == "error: 1:7: method 'format': a brace is not closed");
}

TEST_CASE("filters that choose take nothing for none", "[text]") {
  CHECK(value_of("none | selectattr('a') | list") == "[]");
  CHECK(value_of("none | map(attribute='a') | list | length") == "0");
}
