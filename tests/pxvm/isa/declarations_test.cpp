#include "pxvm/isa/declarations.hpp"

#include "tests/pxvm/isa/program_builder.hpp"

#include <cmath>
#include <functional>

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using test::ProgramBuilder;
using test::small_transformer;
using Kind = TensorDecl::Kind;
using Element = TensorDecl::Element;

std::vector<std::string> findings_of(const Program& program) {
  FindingList findings;
  check_declarations(program, findings);
  std::vector<std::string> out;
  for (const Finding& finding : findings.take()) {
    CHECK_FALSE(finding.pc);
    out.push_back(finding.message);
  }
  return out;
}

/// One mistake in a right program, and the one finding it gives.
struct Case {
  const char* what;
  std::function<void(ProgramBuilder&)> change;
  const char* finding;
};

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    INFO(one.what);
    ProgramBuilder b = small_transformer();
    one.change(b);
    CHECK(findings_of(b.program) == std::vector<std::string>{one.finding});
  }
}

TEST_CASE("declarations: a right program has no findings", "[isa]") {
  CHECK(findings_of(small_transformer().program).empty());
}

TEST_CASE("declarations: symbols", "[isa]") {
  check({
      {"not an identifier", [](auto& b) { b.param("2x"); },
       "symbol '2x': its name is not an identifier"},
      {"empty name", [](auto& b) { b.param(""); }, "symbol '': its name is not an identifier"},
      {"escape sequence", [](auto& b) { b.param("a\x1b[2J"); },
       "symbol 'a?[2J': its name is not an identifier"},
      {"twice", [](auto& b) { b.param("dim"); }, "symbol 'dim': the name is declared twice"},
      {"constant and parameter",
       [](auto& b) { b.constant("dim", ScalarConst::Type::kF32, Expression::real(1)); },
       "constant 'dim': the name is declared twice"},
      {"real default of an integer",
       [](auto& b) { b.program.symbols[0].default_value = Number::of(1.5); },
       "symbol 'n_layer': the default of an integer parameter is not an integer"},
      {"default that is not finite",
       [](auto& b) { b.program.symbols[b.symbol("rms_eps")].default_value = Number::of(NAN); },
       "symbol 'rms_eps': the default is not finite"},
      {"default of a dimension",
       [](auto& b) { b.program.symbols[b.symbol("T")].default_value = Number::of(1.0); },
       "symbol 'T': only parameters have a default"},
      {"bound over a dimension",
       [](auto& b) { b.program.symbols[b.symbol("n_out")].highest = b.polynomial("T"); },
       "symbol 'n_out': bound T may use integer parameters only"},
      {"bound over a real parameter",
       [](auto& b) { b.program.symbols[b.symbol("T")].lowest = b.polynomial("rms_eps"); },
       "symbol 'T': bound rms_eps may use integer parameters only"},
      {"bounds of a parameter", [](auto& b) { b.program.symbols[0].lowest = b.polynomial("3"); },
       "symbol 'n_layer': only dimensions have bounds"},
  });
}

TEST_CASE("declarations: constants", "[isa]") {
  check({
      {"over a dimension",
       [](auto& b) { b.program.consts[0].value.steps[0].symbol = b.symbol("T"); },
       "constant 'eps': value T may use parameters only"},
      {"unknown symbol", [](auto& b) { b.program.consts[0].value.steps[0].symbol = 99; },
       "constant 'eps': value: expression step 0: symbol 99 of 11"},
      {"empty expression", [](auto& b) { b.program.consts[0].value.steps.clear(); },
       "constant 'eps': value: an expression leaves 0 values, expected 1"},
  });
}

TEST_CASE("declarations: tensors", "[isa]") {
  check({
      {"twice", [](auto& b) { b.temp("x", {"dim"}); }, "tensor 'x': the name is declared twice"},
      {"home taken", [](auto& b) { b.decl("k").home = b.decl("q").home; },
       "tensor 'k': register t3 is another tensor's home"},
      {"no dimensions", [](auto& b) { b.temp("s", {}); }, "tensor 's': rank is 0, expected 1..4"},
      {"five dimensions",
       [](auto& b) {
         b.temp("s", {"2", "2", "2", "2", "2"});
       },
       "tensor 's': rank is 5, expected 1..4"},
      {"empty dimension",
       [](auto& b) {
         b.temp("s", {"T", "0"});
       },
       "tensor 's': a dimension is 0, at least 1"},
      {"real parameter in a shape", [](auto& b) { b.temp("s", {"rms_eps"}); },
       "tensor 's': dimension rms_eps may use integer parameters and dimensions only"},
      {"region over a dimension",
       [](auto& b) { b.tensor(Kind::kRegion, "s", Element::kF32, {"T"}); },
       "tensor 's': dimension T may use integer parameters only"},
      {"import over a dimension",
       [](auto& b) { b.tensor(Kind::kImport, "s", Element::kF32, {"T"}); },
       "tensor 's': dimension T may use integer parameters only"},
      {"array over a dimension",
       [](auto& b) { b.array(Kind::kRegion, "s", Element::kF16, "T", {"dim"}); },
       "tensor 's': array count T may use integer parameters only"},
      {"array of nothing",
       [](auto& b) { b.array(Kind::kRegion, "s", Element::kF16, "0", {"dim"}); },
       "tensor 's': array count is 0, expected 1..4096"},
      {"array too large",
       [](auto& b) { b.array(Kind::kRegion, "s", Element::kF16, "4097", {"dim"}); },
       "tensor 's': array count is 4097, expected 1..4096"},
      {"array with a home", [](auto& b) { b.decl("cache").home = 200; },
       "tensor 'cache': an array has no home register"},
      {"array of views", [](auto& b) { b.array(Kind::kView, "s", Element::kF32, "2", {"dim"}); },
       "tensor 's': a view cannot be an array"},
      {"count without array", [](auto& b) { b.decl("x").count = b.polynomial("dim"); },
       "tensor 'x': a count without an array"},
      {"weight that is a temp",
       [](auto& b) {
         b.temp("s", {"dim", "dim"}, Element::kWeight);
       },
       "tensor 's': element type weight is for imports of rank 2, this is a temp [dim, dim]"},
      {"weight of rank 1", [](auto& b) { b.tensor(Kind::kImport, "s", Element::kWeight, {"dim"}); },
       "tensor 's': element type weight is for imports of rank 2, this is a import [dim]"},
      {"import of i32", [](auto& b) { b.tensor(Kind::kImport, "s", Element::kI32, {"dim"}); },
       "tensor 's': an import is a weight matrix or an f32 vector, this is i32 [dim]"},
      {"import without a pattern", [](auto& b) { b.decl("embd").patterns.clear(); },
       "tensor 'embd': an import needs a name pattern"},
      {"empty pattern", [](auto& b) { b.decl("embd").patterns = {""}; },
       "tensor 'embd': a name pattern is empty"},
      {"array without {}", [](auto& b) { b.decl("wq").patterns = {"blk.0.wq"}; },
       "tensor 'wq': pattern \"blk.0.wq\" of an array has no {} for the index"},
      {"{} without an array",
       [](auto& b) {
         b.decl("embd").patterns = {"a", "b.{}"};
       },
       "tensor 'embd': pattern \"b.{}\" has {}, but the import is no array"},
      {"pattern of a temp", [](auto& b) { b.decl("x").patterns = {"x"}; },
       "tensor 'x': only imports have name patterns"},
  });
}

TEST_CASE("declarations: attribute records", "[isa]") {
  check({
      {"a field is missing", [](auto& b) { b.program.attrs[0].fields.resize(4); },
       "attribute 'rot': rope has 5 to 10 fields, found 4"},
      {"a field is missing where none came later",
       [](auto& b) { b.program.attrs[1].fields.pop_back(); },
       "attribute 'att': attention has 6 fields, found 5"},
      {"a field too many",
       [](auto& b) { b.program.attrs[0].fields.push_back(b.program.attrs[0].fields[0]); },
       "attribute 'rot': rope has 5 to 10 fields, found 11"},
      {"a field of another name", [](auto& b) { b.program.attrs[0].fields[0].name = "head"; },
       "attribute 'rot': field 'head' where 'heads' is expected"},
      {"no integer", [](auto& b) { b.program.attrs[1].fields[0].integer.reset(); },
       "attribute 'att': field 'heads' must be an integer"},
      {"over a dimension",
       [](auto& b) {
         b.program.attrs[1].fields[3].value = {{{Expression::Op::kSymbol, 0, 0, b.symbol("T")}}};
       },
       "attribute 'att': scale T may use parameters only"},
      {"one value for shapes, another for the kernel",
       [](auto& b) { b.program.attrs[1].fields[0].integer = b.polynomial("n_kv"); },
       "attribute 'att': field 'heads' is n_head, but n_kv in shapes"},
      {"name twice", [](auto& b) { b.program.attrs[1].name = "rot"; },
       "attribute 'rot': the name is declared twice"},
  });
}

TEST_CASE("declarations: a rope record may end after any field that came later", "[isa]") {
  for (std::size_t fields = 5; fields <= 10; ++fields) {
    ProgramBuilder b = test::small_transformer();
    b.program.attrs[0].fields.resize(fields);
    CHECK(findings_of(b.program).empty());
  }
}

TEST_CASE("declarations: entries", "[isa]") {
  check({
      {"none", [](auto& b) { b.program.entries.clear(); }, "the program has no entry"},
      {"name twice",
       [](auto& b) {
         b.program.entries.push_back({"forward", 0, {}, {}, {}});
       },
       "entry 'forward': the name is declared twice"},
      {"start outside the code", [](auto& b) { b.program.entries[0].start = 21; },
       "entry 'forward': it starts at instruction 21 of 21"},
      {"argument twice",
       [](auto& b) {
         b.program.entries[0].arguments.push_back({"pos", Entry::ArgKind::kF32, 0, 9});
       },
       "argument 'pos': the name is declared twice"},
      {"two arguments in one register", [](auto& b) { b.program.entries[0].arguments[2].reg = 0; },
       "entry 'forward': argument 'n_out': r0 holds another argument"},
      {"argument that is a temp",
       [](auto& b) { b.program.entries[0].arguments[0].decl = b.program.find_tensor("x").value(); },
       "entry 'forward': argument 'tokens' is no input tensor"},
      {"argument out of the table", [](auto& b) { b.program.entries[0].arguments[0].decl = 9999; },
       "entry 'forward': argument 'tokens' is no input tensor"},
      {"argument of another name", [](auto& b) { b.program.entries[0].arguments[0].name = "ids"; },
       "entry 'forward': argument 'ids' is tensor 'tokens'"},
      {"result that is a temp", [](auto& b) { b.program.entries[0].results = {0}; },
       "entry 'forward': result #0 is no output tensor"},
      {"result twice",
       [](auto& b) { b.program.entries[0].results.push_back(b.program.entries[0].results[0]); },
       "entry 'forward': result 'logits' is given twice"},
      {"requirement over a real parameter",
       [](auto& b) { b.program.entries[0].requirements[0].lhs = b.polynomial("rms_eps"); },
       "entry 'forward': requirement rms_eps may use integer symbols only"},
      {"requirement over an unknown symbol",
       [](auto& b) { b.program.entries[0].requirements[0].rhs = Polynomial::symbol(500); },
       "entry 'forward': requirement ?500 may use integer symbols only"},
      {"program name", [](auto& b) { b.program.name = "a b"; },
       "program 'a b': its name is not an identifier"},
  });
}

TEST_CASE("declarations: the debug table belongs to the code", "[isa]") {
  check({
      {"too few lines",
       [](auto& b) {
         b.program.debug = {{"f"}, {{0, 1}}};
       },
       "debug table: 1 lines for 21 instructions"},
      {"file out of the table",
       [](auto& b) {
         b.program.debug.files = {"f"};
         b.program.debug.lines.resize(b.program.code.size(), {1, 1});
       },
       "debug table: file 1 of 1"},
  });
}

TEST_CASE("declarations: findings are capped", "[isa]") {
  ProgramBuilder b = small_transformer();
  for (int i = 0; i < 1000; ++i) b.param("");
  CHECK(findings_of(b.program).size() == FindingList::kMost);
}

TEST_CASE("declarations: names of kinds and shapes", "[isa]") {
  ProgramBuilder b = small_transformer();
  CHECK(shape_text(b.program, b.decl("q").dims) == "[T, n_head*head_dim]");
  CHECK(shape_text(b.program, {}) == "[]");
  CHECK(element_name(Element::kWeight) == "weight");
  CHECK(tensor_kind_name(Kind::kOutput) == "output");
}

}  // namespace
}  // namespace pxos::isa
