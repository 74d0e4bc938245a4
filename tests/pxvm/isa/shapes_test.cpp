#include "pxvm/isa/shapes.hpp"

#include "tests/pxvm/isa/program_builder.hpp"

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using test::ProgramBuilder;
using Element = TensorDecl::Element;
using Factors = std::vector<std::string>;

TEST_CASE("parse_shapes: names, literals, products, attribute fields and rest", "[isa]") {
  const auto shapes = parse_shapes("d[T,@heads*@head_dim] a[1,K] b[...]");
  REQUIRE(shapes.size() == 3);
  CHECK(shapes[0].field == Field::kD);
  CHECK(shapes[0].dims == std::vector<Factors>{{"T"}, {"@heads", "@head_dim"}});
  CHECK(shapes[1].field == Field::kA);
  CHECK(shapes[1].dims == std::vector<Factors>{{"1"}, {"K"}});
  CHECK(shapes[2].field == Field::kB);
  CHECK(shapes[2].any);
  CHECK(parse_shapes("").empty());
}

TEST_CASE("parse_shapes: every pattern of the table belongs to a tensor operand", "[isa]") {
  for (const OpInfo& info : all_opcodes()) {
    INFO(info.mnemonic);
    const auto shapes = parse_shapes(info.shapes);
    for (const ShapePattern& pattern : shapes) {
      const auto operand = info.operand_at(pattern.field);
      REQUIRE(operand);
      CHECK(is_tensor(operand->kind));
      CHECK(pattern.dims.size() <= Limits::kRank);
    }
    // A tensor operand without a pattern would not be checked at all; bind brings its own shape.
    for (const Operand& operand : info.operand_list()) {
      const bool has_pattern =
          std::any_of(shapes.begin(), shapes.end(),
                      [&](const ShapePattern& pattern) { return pattern.field == operand.field; });
      CHECK(has_pattern == (is_tensor(operand.kind) && info.opcode != Opcode::kBind));
    }
  }
}

/// "fits", or what does not. Operands are d, a, b in this order.
std::string matched(ProgramBuilder& b, std::string_view shapes,
                    std::initializer_list<std::string_view> operands,
                    const AttrRecord* attr = nullptr) {
  constexpr Field kFields[] = {Field::kD, Field::kA, Field::kB};
  std::vector<ShapedOperand> shaped;
  for (const std::string_view name : operands) {
    shaped.push_back({kFields[shaped.size()], &b.decl(name)});
  }
  const auto mismatch = match_shapes(b.program, parse_shapes(shapes), shaped, attr);
  return mismatch ? std::string(1, field_letter(mismatch->field)) + ": " + mismatch->message
                  : "fits";
}

ProgramBuilder tensors() {
  ProgramBuilder b;
  for (const char* name : {"dim", "heads", "hd"}) b.param(name);
  b.dim("T", "1", "64");
  b.temp("x", {"T", "dim"});
  b.temp("y", {"T", "heads*hd"});
  b.temp("z", {"T", "128"});
  b.temp("one", {"1", "dim"});
  b.temp("v", {"dim"});
  b.tensor(TensorDecl::Kind::kImport, "w", Element::kWeight, {"1024", "127"});
  b.attr("att", AttrRecord::Kind::kAttention, {{"heads", "heads"}, {"head_dim", "hd"}});
  return b;
}

TEST_CASE("match_shapes: a name is one polynomial", "[isa]") {
  ProgramBuilder b = tensors();
  CHECK(matched(b, "d[T,C] a[T,C]", {"x", "x"}) == "fits");
  CHECK(matched(b, "d[T,N] a[T,K]", {"x", "y"}) == "fits");
  CHECK(matched(b, "d[T,C] a[T,C]", {"x", "y"}) ==
        "a: x is [T, dim], y is [T, heads*hd]: C is dim in d, heads*hd in a");
  CHECK(matched(b, "d[T,N] a[N,K] b[T,K]", {"z", "w", "z"}) ==
        "a: z is [T, 128], w is [1024, 127]: N is 128 in d, 1024 in a");
  CHECK(matched(b, "d[N,N]", {"x"}) == "d: x is [T, dim]: N is T in d, dim in d");
}

TEST_CASE("match_shapes: ranks are equal; [...] takes any", "[isa]") {
  ProgramBuilder b = tensors();
  CHECK(matched(b, "d[T,C]", {"v"}) == "d: v is [dim], expected rank 2 [T,C]");
  CHECK(matched(b, "d[C]", {"x"}) == "d: x is [T, dim], expected rank 1 [C]");
  CHECK(matched(b, "d[...] a[...]", {"x", "v"}) == "fits");
}

TEST_CASE("match_shapes: literals", "[isa]") {
  ProgramBuilder b = tensors();
  CHECK(matched(b, "d[1,C] a[T,C]", {"one", "x"}) == "fits");
  CHECK(matched(b, "d[1,C]", {"x"}) == "d: x is [T, dim]: 1 is expected to be 1, found T");
}

TEST_CASE("match_shapes: products of names and of attribute fields", "[isa]") {
  ProgramBuilder b = tensors();
  const AttrRecord* att = b.program.attrs.data();
  CHECK(matched(b, "d[T,@heads*@head_dim]", {"y"}, att) == "fits");
  CHECK(matched(b, "d[T,@heads*@head_dim]", {"x"}, att) ==
        "d: x is [T, dim]: @heads*@head_dim is expected to be heads*hd, found dim");
  // A product is compared after the names it needs are bound, whatever their order.
  CHECK(matched(b, "d[T,A*B] a[A] b[T,B]", {"z", "v", "z"}) ==
        "d: z is [T, 128]: A*B is expected to be 128*dim, found 128");
  // What cannot be computed does not fit.
  CHECK(matched(b, "d[T,@heads]", {"x"}) ==
        "d: x is [T, dim]: @heads is expected to be computable, found dim");
  CHECK(matched(b, "d[T,A*B]", {"x"}) ==
        "d: x is [T, dim]: A*B is expected to be computable, found dim");
}

}  // namespace
}  // namespace pxos::isa
