#include "pxvm/text/jinja/parser.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text::jinja;

namespace {

std::string error_of(std::string_view source) {
  const auto block = parse_template(source);
  REQUIRE_FALSE(block);
  return block.error().message;
}

}  // namespace

TEST_CASE("parse_template builds nested statements", "[text]") {
  const auto block = parse_template(
      "a{% for k, v in x if v %}{% if k %}1{% elif v %}2{% else %}3{% endif %}{% else %}4{% endfor "
      "%}"
      "{% set n.m = 1 %}{% set b %}5{% endset %}");
  REQUIRE(block);
  REQUIRE(block->size() == 4);
  const Statement& loop = (*block)[1];
  CHECK(loop.kind == Statement::Kind::kFor);
  CHECK(loop.targets == std::vector<std::string>{"k", "v"});
  CHECK(loop.condition != nullptr);
  CHECK(loop.otherwise.size() == 1);
  const Statement& branch = loop.body.at(0);
  CHECK(branch.kind == Statement::Kind::kIf);
  REQUIRE(branch.otherwise.size() == 1);
  CHECK(branch.otherwise[0].kind == Statement::Kind::kIf);
  CHECK(branch.otherwise[0].otherwise[0].text == "3");
  CHECK((*block)[2].text == "m");
  CHECK((*block)[3].kind == Statement::Kind::kSetBlock);
}

TEST_CASE("parse_template names what it expected and where", "[text]") {
  CHECK(error_of("{% if a %}x") == "1:12: expected {% endif %}, found the end of the template");
  CHECK(error_of("{% for 1 in x %}") == "1:8: expected a loop variable, found '1'");
  CHECK(error_of("{% for x of y %}") == "1:10: expected 'in', found 'of'");
  CHECK(error_of("{% endif %}") == "1:4: unexpected 'endif'");
  CHECK(error_of("\n{% set if = 1 %}") == "2:8: expected a variable, found 'if'");
  CHECK(error_of("{% break %}") == "1:4: 'break' outside of a loop");
  CHECK(error_of("{{ a b }}") == "1:6: expected '}}', found 'b'");
}

TEST_CASE("parse_template refuses statements outside the subset by name", "[text]") {
  for (const char* name : {"include", "import", "extends", "call", "with", "raw"}) {
    const auto block = parse_template(std::string("{% ") + name + " x %}");
    REQUIRE_FALSE(block);
    CHECK(block.error().code == Errc::kUnsupported);
    CHECK_THAT(block.error().message, Catch::Contains(name));
  }
}

TEST_CASE("parse_template takes an elif chain up to the nesting limit", "[text]") {
  const auto chain = [](int length) {
    std::string source = "{% if a %}";
    for (int i = 0; i < length; ++i) source += "{% elif a %}";
    return source + "{% endif %}";
  };
  CHECK(parse_template(chain(50)));
  const auto deep = parse_template(chain(5000));
  REQUIRE_FALSE(deep);
  CHECK(deep.error().code == Errc::kLimit);
}
