#include "pxvm/vm/plan.hpp"

#include "guest.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

constexpr const char* kDeclarations = R"(
.program t
.param n_layer = 2
.dim T = 1..8
.attr rot = rope(heads: 2, head_dim: 16, dims: 16, base: 10000.0)
.const eps : f32 = 1e-5
.import w[n_layer] : weight[32, 32] = "w.{}"
.import u[n_layer] : weight[32, 32] = "u.{}"
.import g : f32[32] = "g"
.region cache : f16[64, 32]
.region other : f16[64, 32]
.temp a : f32[T, 32]
.temp b : f32[T, 32]
.temp c : f32[T, 32]
.temp more[2] : f32[T, 32]
.temp few : f32[2, 32]
.view v : f32[T, 32]
.entry main(x: f32[T, 32], pos: i64)
    .reg l, f
)";

/// Groups of a body as "rows+products", one after the other.
std::string groups_of(const std::string& body) {
  const auto program =
      assembler::assemble_or_error({{"test.pxasm", kDeclarations + body + "    halt\n"}, {}, true});
  INFO(body << (program ? "" : program.error().message));
  REQUIRE(program);
  const vm::Plan plan = vm::make_plan(program->program());
  std::string out;
  for (const vm::Group& group : plan.groups) {
    if (!out.empty()) out += " ";
    out += std::to_string(group.rows) + "+" + std::to_string(group.products);
    CHECK(plan.fused[group.first].action == vm::Action::kGroup);
    CHECK(plan.plain[group.first].action != vm::Action::kGroup);
  }
  return out;
}

TEST_CASE("products of one input and the rows in front of them are one group", "[vm][plan]") {
  CHECK(groups_of("    rmsnorm a, x, g, eps\n    matmul b, w[l], a\n    matmul c, u[l], a\n") ==
        "1+2");
  CHECK(groups_of("    add b, x, x\n    rmsnorm a, b, g, eps\n    matmul c, w[l], a\n") == "2+1");
  CHECK(
      groups_of("    rope a, pos, rot\n    kvappend cache, a, pos\n    kvappend other, b, pos\n") ==
      "3+0");
}

TEST_CASE("one instruction alone is no group", "[vm][plan]") {
  CHECK(groups_of("    matmul a, w[l], x\n    i64.const l, 1\n    matmul b, w[l], x\n").empty());
}

TEST_CASE("products of different inputs are different groups", "[vm][plan]") {
  CHECK(groups_of("    matmul a, w[l], x\n    matmul b, u[l], a\n").empty());
  CHECK(groups_of("    matmul a, w[l], x\n    matmul b, u[l], x\n    matmul c, w[l], a\n") ==
        "0+2");
}

TEST_CASE("the same destination twice ends a group", "[vm][plan]") {
  CHECK(groups_of("    matmul a, w[l], x\n    matmul a, u[l], x\n").empty());
}

TEST_CASE("a branch target starts its own group", "[vm][plan]") {
  CHECK(groups_of("    matmul a, w[l], x\nhere:\n    matmul b, u[l], x\n    br.lt l, 2, here\n")
            .empty());
  CHECK(groups_of("here:\n    matmul a, w[l], x\n    matmul b, u[l], x\n    br.lt l, 2, here\n") ==
        "0+2");
}

TEST_CASE("rows that are written are read through their whole tensor only", "[vm][plan]") {
  // v may be other rows of a than t.
  CHECK(groups_of("    rows v, a, l\n    add b, v, x\n    add a, b, x\n").empty());
  CHECK(groups_of("    rows v, a, l\n    add b, v, x\n    add c, v, b\n") == "2+0");
  CHECK(groups_of("    rows v, a, l\n    add a, x, x\n    matmul b, w[l], v\n").empty());
}

TEST_CASE("a vector is whole for every row", "[vm][plan]") {
  CHECK(groups_of("    addrow a, x, g\n    addrow b, a, g\n") == "2+0");
}

TEST_CASE("other numbers of rows are another section", "[vm][plan]") {
  CHECK(groups_of("    add a, x, x\n    fill few, f\n").empty());
}

TEST_CASE("two appends to one cache may be at different positions", "[vm][plan]") {
  CHECK(groups_of("    kvappend cache, a, pos\n    kvappend cache, b, l\n").empty());
}

TEST_CASE("a register that a member uses is not bound anew in its group", "[vm][plan]") {
  CHECK(groups_of("    bind t90, more, l\n    add t90, x, x\n    bind t91, more, l\n"
                  "    add a, t91, x\n    kvappend cache, a, pos\n") == "3+0");
  CHECK(groups_of("    bind t90, more, l\n    add t90, x, x\n    bind t90, more, l\n"
                  "    add a, t90, x\n    kvappend cache, a, pos\n") == "2+0");
  CHECK(groups_of("    bind t90, more, l\n    matmul a, w[l], t90\n    bind t90, more, l\n"
                  "    matmul b, u[l], t90\n")
            .empty());
}

TEST_CASE("groups are limited in length", "[vm][plan]") {
  std::string body;
  for (int i = 0; i < 20; ++i) body += "    add a, a, x\n";
  CHECK(groups_of(body) == "8+0 8+0 4+0");
}

TEST_CASE("neighbours are paired; a branch to the second still finds it", "[vm]") {
  test::Guest guest;
  const auto linked = guest.link(
      ".entry main()\nagain:\n    i64.const r1, 5\ninside:\n    br.lt r0, r1, again\n"
      "    i64.addi r0, r0, 1\n    br.lt r0, r1, inside\n    halt\n");
  REQUIRE(linked);
  const vm::Plan& plan = (*linked)->plan;
  REQUIRE(plan.paired.size() == 5);
  CHECK(plan.paired[0].action == vm::Action::kI64ConstBrLt);
  CHECK(plan.paired[1].action == vm::Action::kBrLt);
  CHECK(plan.paired[2].action == vm::Action::kI64AddIBrLt);
  CHECK(plan.paired[0].imm == plan.plain[0].imm);
  CHECK(plan.plain[0].action == vm::Action::kI64Const);
  CHECK(plan.fused[0].action == vm::Action::kI64Const);
}

TEST_CASE("a trap in the second of a pair is at the second", "[vm]") {
  test::Guest guest;
  auto machine = guest.load(
      ".temp m : u8[4]\n.entry main()\n    st.u8 m, r0, r1\n    i64.addi r0, r0, 9\n"
      "    call f, r0\n    halt\n.func f\n    i64.addi r0, r0, 1\n    call f, r0\n    ret\n");
  REQUIRE(machine);
  const auto done = (*machine)->call("main", {});
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("test.pxasm:9: call") != std::string::npos);
  CHECK((*machine)->scalar(0) == 9 + vm::kMaxCalls);
}

}  // namespace
}  // namespace pxos
