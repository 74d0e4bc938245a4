#include "pxvm/text/jinja/value.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text::jinja;

namespace {

std::string shown(const Value& value) {
  Budget budget(10000);
  const auto text = print(value, budget);
  REQUIRE(text);
  return *text;
}

Value list(std::vector<Value> items) {
  auto made = make_list(std::move(items));
  REQUIRE(made);
  return *made;
}

}  // namespace

TEST_CASE("values print as Python prints them", "[text]") {
  CHECK(shown(Value()).empty());
  CHECK(shown(Value::none()) == "None");
  CHECK(shown(Value::boolean(true)) == "True");
  CHECK(shown(Value::integer(-7)) == "-7");
  CHECK(shown(Value::real(2)) == "2.0");
  CHECK(shown(Value::real(0.1)) == "0.1");
  CHECK(shown(list({Value::text("it's"), Value::text("a\n\x01\"")})) == R"(["it's", 'a\n\x01"'])");
  const auto dict = make_dict({{"k", Value::none()}}, false);
  REQUIRE(dict);
  CHECK(shown(*dict) == "{'k': None}");
}

TEST_CASE("to_json escapes what JSON must escape and nothing else", "[text]") {
  Budget budget(10000);
  CHECK(to_json(list({Value::text("\"\\\n\x02\xC3\xA9<"), Value::boolean(false), Value::none()}),
                budget)
            .value() == "[\"\\\"\\\\\\n\\u0002\xC3\xA9<\", false, null]");
  CHECK_FALSE(to_json(Value(), budget));
}

TEST_CASE("equal compares numbers by value and the rest by kind and content", "[text]") {
  Budget budget(10000);
  const auto same = [&](const Value& a, const Value& b) { return equal(a, b, budget).value(); };
  CHECK(same(Value::integer(1), Value::real(1)));
  CHECK(same(Value::boolean(true), Value::integer(1)));
  CHECK_FALSE(same(Value::text("1"), Value::integer(1)));
  CHECK(same(list({Value::text("a")}), list({Value::text("a")})));
  CHECK_FALSE(same(list({Value::text("a")}), list({})));
  CHECK_FALSE(same(Value::none(), Value()));
  CHECK_FALSE(less(Value::text("a"), Value::integer(1), budget));
  CHECK(less(Value::integer(1), Value::real(1.5), budget).value());
}

TEST_CASE("containers refuse deep nesting and namespaces", "[text]") {
  Value value;
  int depth = 0;
  while (true) {
    const auto deeper = make_list({value});
    if (!deeper) {
      CHECK(deeper.error().code == Errc::kLimit);
      break;
    }
    value = *deeper;
    ++depth;
    REQUIRE(depth < 1000);
  }
  const auto names = make_dict({}, true);
  REQUIRE(names);
  CHECK_FALSE(make_list({*names}));
}

TEST_CASE("a Budget runs out and stays so", "[text]") {
  Budget budget(10);
  CHECK(budget.spend(10));
  CHECK_FALSE(budget.spend(1));
  Budget bytes(2);
  CHECK(bytes.spend_bytes(127));
  CHECK_FALSE(bytes.spend_bytes(0));
  Budget shared(1000);
  const Value big = list(std::vector<Value>(100, list(std::vector<Value>(100))));
  CHECK_FALSE(print(big, shared));
}
