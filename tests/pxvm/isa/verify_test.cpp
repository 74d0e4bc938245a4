#include "pxvm/isa/verify.hpp"

#include "pxvm/base/rng.hpp"
#include "pxvm/isa/findings.hpp"
#include "tests/pxvm/isa/program_builder.hpp"

#include <functional>

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using test::ProgramBuilder;
using test::small_transformer;
using Element = TensorDecl::Element;
using Kind = TensorDecl::Kind;

/// "pc field: message" of every finding.
std::vector<std::string> findings_of(const Program& program) {
  std::vector<std::string> out;
  const auto verified = verify(program);
  if (verified) return out;
  for (const Finding& finding : verified.error()) {
    std::string text = finding.pc ? std::to_string(*finding.pc) + " " : "";
    if (finding.field) text += "dabcei"[static_cast<std::size_t>(*finding.field)];
    out.push_back(text + ": " + finding.message);
  }
  return out;
}

/// Tensors of every type; each case appends code to it, then a halt.
ProgramBuilder bench() {
  ProgramBuilder b;
  for (const char* name : {"n", "dim", "heads", "kv", "hd", "ctx"}) b.param(name);
  b.dim("T", "1", "64");
  b.constant("eps", ScalarConst::Type::kF32, Expression::real(1e-5));
  b.constant("count", ScalarConst::Type::kI64, Expression::integer(3));
  b.program.strings = {"oops"};
  b.attr("rot", AttrRecord::Kind::kRope, {{"heads", "heads"}, {"head_dim", "hd"}});
  b.attr("att", AttrRecord::Kind::kAttention,
         {{"heads", "heads"}, {"kv_heads", "kv"}, {"head_dim", "hd"}});
  b.temp("x", {"T", "dim"});
  b.temp("y", {"T", "dim"});
  b.temp("q", {"T", "heads*hd"});
  b.temp("k", {"T", "kv*hd"});
  b.temp("mixed", {"T", "heads*hd"});
  b.temp("vec", {"dim"});
  b.temp("ids", {"T"}, Element::kI32);
  b.temp("px", {"4", "4", "3"}, Element::kU8);
  b.tensor(Kind::kRegion, "cache", Element::kF16, {"ctx", "kv*hd"});
  b.tensor(Kind::kImport, "w", Element::kWeight, {"1024", "dim"});
  b.tensor(Kind::kImport, "bias", Element::kF32, {"dim"});
  b.tensor(Kind::kInput, "in", Element::kF32, {"T", "dim"});
  b.tensor(Kind::kInput, "picture", Element::kU8, {"4", "4", "3"});
  b.tensor(Kind::kOutput, "out", Element::kF32, {"T", "1024"});
  b.tensor(Kind::kView, "v", Element::kF32, {"2", "dim"});
  b.array(Kind::kImport, "wa", Element::kWeight, "n", {"dim", "dim"});
  b.array(Kind::kRegion, "ra", Element::kF32, "n", {"ctx", "dim"});
  b.entry("main");
  return b;
}

using Change = std::function<void(ProgramBuilder&)>;

/// The findings of the bench with this code.
std::vector<std::string> with(const Change& code) {
  ProgramBuilder b = bench();
  code(b);
  b.op("halt");
  return findings_of(b.program);
}

struct Case {
  Change code;
  const char* finding;
};

void check(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    INFO(one.finding);
    CHECK(with(one.code) == std::vector<std::string>{one.finding});
  }
}

TEST_CASE("verify: right programs pass and are kept as they are", "[isa]") {
  const Program program = small_transformer().program;
  const auto verified = verify(program);
  REQUIRE(verified);
  CHECK(verified->program() == program);
  CHECK(with([](auto&) {}).empty());
}

TEST_CASE("verify: every instruction has a right use", "[isa]") {
  CHECK(with([](auto& b) {
          b.op("gather", {"x", "w", "ids"});
          b.op("matmul", {"out", "w", "x"});
          b.op("add", {"x", "x", "in"});
          b.op("mul", {"x", "x", "x"});
          b.op("addrow", {"x", "x", "bias"});
          b.op("scale", {"x", "x", "r1"});
          b.op("relu", {"x", "x"});
          b.op("silumul", {"x", "y", "x"});
          b.op("copy", {"y", "in"});
          b.op("fill", {"y", "r1"});
          b.op("rmsnorm", {"x", "x", "bias", "eps"});
          b.op("softmax", {"x", "x"});
          b.op("rope", {"q", "r0", "rot"});
          b.op("rope", {"q", "r255", "rot"});
          b.op("kvappend", {"cache", "k", "r0"});
          b.op("attention", {"mixed", "q", "cache", "cache", "r200", "att"});
          b.op("rmin", {"r1", "in"});
          b.op("argmax", {"r1", "bias"});
          b.op("ld.u8", {"r1", "picture", "r0"});
          b.op("st.u8", {"px", "r0", "r1"});
          b.op("ld.i32", {"r1", "ids", "r0"});
          b.op("st.i32", {"ids", "r0", "r1"});
          b.op("ld.f32", {"r1", "bias", "r0"});
          b.op("st.f32", {"vec", "r0", "r1"});
          b.op("px.get", {"r1", "picture", "r0", "r0"});
          b.op("px.put", {"r1", "px", "r0", "r0"});
          b.op("px.fill", {"px", "r0"});
          b.op("dim", {"r1", "picture", "2"});
          b.op("host", {"r1", "r0", "r0", "r0", "console.i64"});
          b.op("tail", {"v", "x"});
          b.op("rows", {"v", "x", "r0"});
          b.op("fill", {"v", "r0"});
          b.op("bind", {"t200", "wa", "r0"});
          b.op("matmul", {"x", "t200", "y"});
          b.op("br", {"1"});
          b.op("trap", {"0"});
        }).empty());
}

TEST_CASE("verify: codes and fields of an instruction", "[isa]") {
  check({
      {[](auto& b) {
         b.program.code.push_back({0xFF, 0x01, 0, 0, 0, 0, 0});
       },
       "0 : no instruction has the code 0xff 0x01"},
      {[](auto& b) {
         b.op("mov", {"r1", "r2"}).b = 7;
       },
       "0 b: mov r1, r2: field b is 7, but mov does not use it"},
      {[](auto& b) {
         b.op("mov", {"r1", "r2"}).imm = -1;
       },
       "0 i: mov r1, r2: field i is -1, but mov does not use it"},
      {[](auto& b) {
         b.op("i64.const", {"r1", "3"}).imm = 1 << 23;
       },
       ": pc 0: immediate 8388608 does not fit 24 bits"},
  });
}

TEST_CASE("verify: indices into tables", "[isa]") {
  check({
      {[](auto& b) {
         b.op("const", {"r1", "2"});
       },
       "0 i: const r1, #2: constant 2 of 2"},
      {[](auto& b) {
         b.op("const", {"r1", "-1"});
       },
       "0 i: const r1, #-1: constant -1 of 2"},
      {[](auto& b) {
         b.op("rmsnorm", {"x", "x", "bias", "count"});
       },
       "0 i: rmsnorm x, x, bias, count: constant count is i64, expected f32"},
      {[](auto& b) { b.op("trap", {"1"}); }, "0 i: trap #1: string 1 of 1"},
      {[](auto& b) {
         b.op("host", {"r0", "r0", "r0", "r0", "99"});
       },
       "0 i: host r0, r0, r0, r0, #99: there is no host call 99"},
      {[](auto& b) {
         b.op("rope", {"q", "r0", "2"});
       },
       "0 i: rope q, r0, #2: attribute record 2 of 2"},
      {[](auto& b) {
         b.op("rope", {"q", "r0", "att"});
       },
       "0 i: rope q, r0, att: att is attention attributes, expected rope"},
      {[](auto& b) {
         b.op("attention", {"mixed", "q", "cache", "cache", "r0", "rot"});
       },
       "0 i: attention mixed, q, cache, cache, r0, rot: rot is rope attributes, expected "
       "attention"},
      {[](auto& b) {
         b.op("bind", {"t200", "9999", "r0"});
       },
       "0 i: bind t200, #9999, r0: tensor 9999 of 17"},
      {[](auto& b) {
         b.op("bind", {"t200", "x", "r0"});
       },
       "0 i: bind t200, x, r0: x is not an array"},
      {[](auto& b) {
         b.op("dim", {"r1", "picture", "3"});
       },
       "0 i: dim r1, picture, 3: picture is [4, 4, 3]: there is no dimension 3"},
      {[](auto& b) {
         b.op("dim", {"r1", "picture", "-1"});
       },
       "0 i: dim r1, picture, -1: picture is [4, 4, 3]: there is no dimension -1"},
  });
}

TEST_CASE("verify: control flow stays inside the code", "[isa]") {
  check({
      {[](auto& b) { b.op("br", {"1"}); }, "0 i: br L2: the target is instruction 2 of 2"},
      {[](auto& b) {
         b.op("br.lt", {"r0", "r1", "-2"});
       },
       "0 i: br.lt r0, r1, L-1: the target is instruction -1 of 2"},
  });
  ProgramBuilder open = bench();
  open.op("mov", {"r0", "r1"});
  CHECK(findings_of(open.program) ==
        std::vector<std::string>{"0 : control runs past the last instruction"});
  ProgramBuilder conditional = bench();
  conditional.op("br.eq", {"r0", "r1", "-1"});
  CHECK(findings_of(conditional.program) ==
        std::vector<std::string>{"0 : control runs past the last instruction"});
}

TEST_CASE("verify: unreachable code may be anything that is well-formed", "[isa]") {
  CHECK(with([](auto& b) {
          b.op("br", {"1"});
          b.op("copy", {"t250", "t251"});
        }).empty());
  ProgramBuilder after_halt = bench();
  after_halt.op("halt");
  after_halt.op("mov", {"r0", "r0"});
  CHECK(findings_of(after_halt.program).empty());
}

TEST_CASE("verify: tensor registers are set on every path", "[isa]") {
  check({
      {[](auto& b) {
         b.op("copy", {"x", "t200"});
       },
       "0 a: copy x, t200: t200 is used, but nothing has set it"},
      {[](auto& b) {
         b.op("rmin", {"r1", "v"});
       },
       "0 a: rmin r1, v: v is used, but nothing has set it"},
      {[](auto& b) {
         b.op("br.eq", {"r0", "r1", "1"});
         b.op("tail", {"v", "x"});
         b.op("rmin", {"r1", "v"});
       },
       "2 a: rmin r1, v: v is not set on every path that leads here"},
      {[](auto& b) {
         b.op("br.eq", {"r0", "r1", "2"});
         b.op("bind", {"t200", "wa", "r0"});
         b.op("br", {"1"});
         b.op("bind", {"t200", "ra", "r0"});
         b.op("rmin", {"r1", "t200"});
       },
       "4 a: rmin r1, t200: t200 has different types on the paths that lead here"},
      // Around this loop row is set from v and v from row: nothing sets the first of them.
      {[](auto& b) {
         b.tensor(Kind::kView, "row", Element::kF32, {"2", "dim"});
         b.op("i64.const", {"r0", "1"});
         b.op("tail", {"row", "v"});
         b.op("tail", {"v", "row"});
         b.op("br.lt", {"r0", "r1", "-3"});
       },
       "1 a: tail row, v: v is not set on every path that leads here"},
  });
}

TEST_CASE("verify: element types and ranks", "[isa]") {
  check({
      {[](auto& b) {
         b.op("copy", {"x", "ids"});
       },
       "0 a: copy x, ids: ids is i32 [T], expected f32"},
      {[](auto& b) {
         b.op("matmul", {"out", "x", "x"});
       },
       "0 a: matmul out, x, x: x is f32 [T, dim], expected a weight"},
      {[](auto& b) {
         b.op("copy", {"x", "w"});
       },
       "0 a: copy x, w: w is weight [1024, dim], expected f32"},
      {[](auto& b) {
         b.op("addrow", {"x", "y", "in"});
       },
       "0 b: addrow x, y, in: in is f32 [T, dim], expected an f32 vector"},
      {[](auto& b) {
         b.op("gather", {"x", "w", "y"});
       },
       "0 b: gather x, w, y: y is f32 [T, dim], expected i32"},
      {[](auto& b) {
         b.op("px.fill", {"x", "r0"});
       },
       "0 a: px.fill x, r0: x is f32 [T, dim], expected u8"},
      {[](auto& b) {
         b.op("kvappend", {"x", "k", "r0"});
       },
       "0 d: kvappend x, k, r0: x is f32 [T, dim], expected f16"},
      {[](auto& b) {
         b.op("dim", {"r0", "w", "0"});
       },
       "0 a: dim r0, w, 0: w is weight [1024, dim], expected a plain tensor"},
      {[](auto& b) {
         b.op("topk", {"ids", "x", "y"});
       },
       "0 d: topk ids, x, y: ids is [T], expected rank 2 [1,K]"},
      {[](auto& b) {
         b.op("softmax", {"x", "vec"});
       },
       "0 a: softmax x, vec: vec is [dim], expected rank 2 [T,C]"},
  });
}

TEST_CASE("verify: shapes", "[isa]") {
  check({
      {[](auto& b) {
         b.op("add", {"x", "y", "q"});
       },
       "0 b: add x, y, q: x is [T, dim], q is [T, heads*hd]: C is dim in d, heads*hd in b"},
      {[](auto& b) {
         b.op("matmul", {"x", "w", "y"});
       },
       "0 a: matmul x, w, y: x is [T, dim], w is [1024, dim]: N is dim in d, 1024 in a"},
      {[](auto& b) {
         b.op("matmul", {"out", "w", "q"});
       },
       "0 b: matmul out, w, q: w is [1024, dim], q is [T, heads*hd]: K is dim in a, heads*hd in b"},
      {[](auto& b) {
         b.op("bind", {"t200", "wa", "r0"});
         b.op("matmul", {"q", "t200", "x"});
       },
       "1 a: matmul q, t200, x: q is [T, heads*hd], wa is [dim, dim]: N is heads*hd in d, dim in "
       "a"},
      {[](auto& b) {
         b.op("rope", {"x", "r0", "rot"});
       },
       "0 d: rope x, r0, rot: x is [T, dim]: @heads*@head_dim is expected to be heads*hd, found "
       "dim"},
      {[](auto& b) {
         b.op("attention", {"q", "k", "cache", "cache", "r0", "att"});
       },
       "0 a: attention q, k, cache, cache, r0, att: k is [T, kv*hd]: @heads*@head_dim is expected "
       "to be heads*hd, found kv*hd"},
      {[](auto& b) {
         b.op("kvappend", {"cache", "q", "r0"});
       },
       "0 a: kvappend cache, q, r0: cache is [ctx, kv*hd], q is [T, heads*hd]: C is kv*hd in d, "
       "heads*hd in a"},
      {[](auto& b) {
         b.op("tail", {"v", "q"});
       },
       "0 a: tail v, q: v is [2, dim], q is [T, heads*hd]: C is dim in d, heads*hd in a"},
      {[](auto& b) {
         b.op("meanrows", {"x", "y"});
       },
       "0 d: meanrows x, y: x is [T, dim]: 1 is expected to be 1, found T"},
  });
}

TEST_CASE("verify: imports and inputs are never written", "[isa]") {
  check({
      {[](auto& b) {
         b.op("fill", {"in", "r0"});
       },
       "0 d: fill in, r0: in is input in, which is read-only"},
      {[](auto& b) {
         b.op("st.f32", {"bias", "r0", "r0"});
       },
       "0 a: st.f32 bias, r0, r0: bias is import bias, which is read-only"},
      {[](auto& b) {
         b.op("px.put", {"r0", "picture", "r0", "r0"});
       },
       "0 a: px.put r0, picture, r0, r0: picture is input picture, which is read-only"},
      {[](auto& b) {
         b.op("tail", {"v", "in"});
         b.op("fill", {"v", "r0"});
       },
       "1 d: fill v, r0: v is a view of input in, which is read-only"},
      {[](auto& b) {
         b.op("tail", {"v", "in"});
         b.op("br.eq", {"r0", "r1", "1"});
         b.op("tail", {"v", "x"});
         b.op("fill", {"v", "r0"});
       },
       "3 d: fill v, r0: v may be a view of a tensor that is read-only"},
  });
}

TEST_CASE("verify: a view of a view is as read-only as what it shows", "[isa]") {
  ProgramBuilder b = bench();
  b.tensor(Kind::kView, "u", Element::kF32, {"1", "dim"});
  b.op("tail", {"v", "in"});
  b.op("rows", {"u", "v", "r0"});
  b.op("fill", {"u", "r0"});
  b.op("halt");
  CHECK(findings_of(b.program) ==
        std::vector<std::string>{"2 d: fill u, r0: u is a view of input in, which is read-only"});
}

TEST_CASE("verify: homes keep their tensors", "[isa]") {
  check({
      {[](auto& b) {
         b.op("bind", {"x", "ra", "r0"});
       },
       "0 d: bind x, ra, r0: the destination is the home of a declared tensor, expected a free "
       "register"},
      {[](auto& b) {
         b.op("bind", {"v", "ra", "r0"});
       },
       "0 d: bind v, ra, r0: the destination is the home of a declared tensor, expected a free "
       "register"},
      {[](auto& b) {
         b.op("tail", {"x", "y"});
       },
       "0 d: tail x, y: the destination is temp, expected a view"},
      {[](auto& b) {
         b.op("rows", {"t200", "y", "r0"});
       },
       "0 d: rows t200, y, r0: the destination is no declared tensor, expected a view"},
  });
  ProgramBuilder b = bench();
  b.tensor(Kind::kView, "bytes", Element::kU8, {"2", "dim"});
  b.op("tail", {"bytes", "x"});
  b.op("halt");
  CHECK(findings_of(b.program) ==
        std::vector<std::string>{"0 d: tail bytes, x: bytes is u8 [2, dim], expected f32"});
}

TEST_CASE("verify: a destination does not overlap what is still being read", "[isa]") {
  check({
      {[](auto& b) {
         b.op("bind", {"t200", "wa", "r0"});
         b.op("matmul", {"x", "t200", "x"});
       },
       "1 d: matmul x, t200, x: matmul writes x, which overlaps its operand x"},
      {[](auto& b) {
         b.op("attention", {"q", "q", "cache", "cache", "r0", "att"});
       },
       "0 d: attention q, q, cache, cache, r0, att: attention writes q, which overlaps its operand "
       "q"},
  });
  ProgramBuilder b = bench();
  b.tensor(Kind::kView, "u", Element::kF32, {"2", "dim"});
  b.op("tail", {"u", "x"});
  b.op("rows", {"v", "x", "r0"});
  b.op("copy", {"u", "v"});  // a shifted window onto itself
  b.op("relu", {"u", "u"});  // exactly itself
  b.op("halt");
  CHECK(findings_of(b.program) ==
        std::vector<std::string>{"2 d: copy u, v: copy writes u, which overlaps its operand v"});
}

TEST_CASE("verify: findings come in program order, a hundred at most", "[isa]") {
  const auto two = with([](auto& b) {
    b.op("copy", {"x", "t200"});  // found by the flow
    b.op("const", {"r0", "77"});  // found before it
  });
  REQUIRE(two.size() == 2);
  CHECK(two[0].substr(0, 3) == "0 a");
  CHECK(two[1].substr(0, 3) == "1 i");
  const auto many = with([](auto& b) {
    for (int i = 0; i < 500; ++i) b.op("const", {"r0", "77"});
  });
  CHECK(many.size() == FindingList::kMost);
}

TEST_CASE("verify: broken declarations are reported without their consequences", "[isa]") {
  CHECK(with([](auto& b) {
          b.decl("x").dims.clear();
          b.op("relu", {"x", "x"});
        }) == std::vector<std::string>{": tensor 'x': rank is 0, expected 1..4"});
}

TEST_CASE("verify_or_error: the first finding with its line", "[isa]") {
  ProgramBuilder b = bench();
  b.program.name = "broken";
  b.op("const", {"r0", "77"});
  b.op("const", {"r0", "78"});
  b.op("halt");
  const auto plain = verify_or_error(b.program);
  REQUIRE_FALSE(plain);
  CHECK(plain.error().message ==
        "program 'broken': pc 0: const r0, #77: constant 77 of 2 (and 1 more)");
  b.program.debug = {{"broken.pxasm"}, {{0, 12}, {0, 13}, {0, 14}}};
  CHECK(verify_or_error(b.program).error().message ==
        "program 'broken': broken.pxasm:12: const r0, #77: constant 77 of 2 (and 1 more)");
  CHECK(verify_or_error(small_transformer().program));
}

/// Any number below `end`.
std::uint32_t pick(CounterRng& rng, std::size_t end) {
  return rng.next_u32() % static_cast<std::uint32_t>(end);
}

Instruction random_instruction(CounterRng& rng) {
  const auto byte = [&] { return static_cast<std::uint8_t>(rng.next_u32()); };
  // Mostly codes that exist, registers that are taken, and near targets.
  const OpInfo& info = all_opcodes()[pick(rng, all_opcodes().size())];
  const auto code = static_cast<std::uint16_t>(info.opcode);
  const auto reg = [&] {
    return pick(rng, 8) == 0 ? byte() : static_cast<std::uint8_t>(pick(rng, 18));
  };
  const auto imm = static_cast<std::int32_t>(pick(rng, 24)) - 8;
  return {static_cast<std::uint8_t>(code >> 8U),
          static_cast<std::uint8_t>(code),
          reg(),
          reg(),
          reg(),
          reg(),
          pick(rng, 16) == 0 ? static_cast<std::int32_t>(rng.next_u32()) >> 8 : imm};
}

TEST_CASE("verify: random programs are answered, and accepted ones obey the rules", "[isa]") {
  CounterRng rng(7);
  for (int round = 0; round < 3000; ++round) {
    ProgramBuilder b = bench();
    const std::size_t length = 1 + pick(rng, 12);
    for (std::size_t i = 0; i < length; ++i) {
      Instruction instruction = random_instruction(rng);
      const OpInfo* info = find_opcode(instruction.family, instruction.op);
      if (!info->operand_at(Field::kD)) instruction.d = 0;
      if (!info->operand_at(Field::kA)) instruction.a = 0;
      if (!info->operand_at(Field::kB)) instruction.b = 0;
      if (!info->operand_at(Field::kC)) instruction.c = 0;
      if (!info->operand_at(Field::kI)) instruction.imm = 0;
      b.program.code.push_back(instruction);
    }
    b.op("halt");
    const auto verified = verify(b.program);
    if (!verified) {
      CHECK_FALSE(verified.error().empty());
      continue;
    }
    for (std::size_t pc = 0; pc < b.program.code.size(); ++pc) {
      const Instruction& instruction = b.program.code[pc];
      const OpInfo& info = *find_opcode(instruction.family, instruction.op);
      for (const Operand& operand : info.operand_list()) {
        const std::int32_t value = field_value(instruction, info, operand.field);
        if (operand.kind == OperandKind::kConst) CHECK((value >= 0 && value < 2));
        if (operand.kind == OperandKind::kString) CHECK(value == 0);
      }
    }
  }
}

}  // namespace
}  // namespace pxos::isa
