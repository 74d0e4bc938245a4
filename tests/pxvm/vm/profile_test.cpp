#include "pxvm/vm/profile.hpp"

#include "guest.hpp"

#include <algorithm>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

constexpr const char* kTwoLayers = R"(
.program p
.param n
.dim T = 1..8
.import w[2] : weight[n, n] = "w.{}"
.import norm[2] : f32[n] = "norm.{}"
.const eps : f32 = 1e-5
.temp h : f32[T, n]
.entry forward(x: f32[T, n]) -> y: f32[T, n]
    .reg l
    copy      y, x
    i64.const l, 0
layer:
    rmsnorm   h, y, norm[l], eps
    matmul    y, w[l], h
    i64.addi  l, l, 1
    br.lt     l, 2, layer
    halt
)";

const vm::ProfileRow& row(const std::vector<vm::ProfileRow>& rows, const std::string& name) {
  const auto it = std::find_if(rows.begin(), rows.end(),
                               [&](const vm::ProfileRow& one) { return one.name == name; });
  INFO(name);
  REQUIRE(it != rows.end());
  return *it;
}

struct Profiled {
  explicit Profiled(bool fusion) {
    guest.fusion = fusion;
    guest.integers = {{"n", 32}};
    for (const char* layer : {"0", "1"}) {
      guest.add_matrix(std::string("w.") + layer, 32, 32, std::vector<float>(32 * 32, 0.5F));
      guest.add_vector(std::string("norm.") + layer, std::vector<float>(32, 1.0F));
    }
    guest.profile = &profile;
    const auto loaded = guest.load(kTwoLayers);
    INFO((loaded ? "" : loaded.error().message));
    REQUIRE(loaded);
    machine = *loaded;
  }
  void run(std::int64_t tokens) { REQUIRE(machine->call("forward", {{}, {{"T", tokens}}})); }

  test::Guest guest;
  vm::Profile profile;
  vm::Machine* machine = nullptr;
};

TEST_CASE("a profile counts calls, bytes and multiply-adds per operation", "[vm][profile]") {
  Profiled p(false);
  p.run(3);
  const auto rows = vm::profile_by_operation(p.machine->linked(), p.profile);
  const vm::ProfileRow& matmul = row(rows, "matmul w");
  CHECK(matmul.calls == 2);
  CHECK(matmul.cost.multiply_adds == 2 * 3 * 32 * 32);
  CHECK(matmul.cost.weight_bytes == 2 * 32 * 32 * 4);
  CHECK(matmul.cost.tensor_bytes == 2 * 2 * 3 * 32 * 4);
  CHECK(row(rows, "rmsnorm norm").cost.tensor_bytes == 2 * (2 * 3 * 32 + 32) * 4);
  CHECK(row(vm::profile_by_opcode(p.machine->linked(), p.profile), "i64.addi").calls == 2);
}

TEST_CASE("a fused group is one operation with the costs of its members", "[vm][profile]") {
  Profiled one_by_one(false);
  Profiled fused(true);
  one_by_one.run(3);
  fused.run(3);
  const auto parts = vm::profile_by_operation(one_by_one.machine->linked(), one_by_one.profile);
  const auto rows = vm::profile_by_operation(fused.machine->linked(), fused.profile);
  const vm::ProfileRow& group = row(rows, "rmsnorm norm + matmul w");
  CHECK(group.calls == 2);
  CHECK(group.cost.multiply_adds == row(parts, "matmul w").cost.multiply_adds);
  CHECK(group.cost.tensor_bytes ==
        row(parts, "matmul w").cost.tensor_bytes + row(parts, "rmsnorm norm").cost.tensor_bytes);
  CHECK(row(vm::profile_by_opcode(fused.machine->linked(), fused.profile), "rmsnorm + matmul")
            .calls == 2);
}

TEST_CASE("the seconds of operations lie inside those of the calls", "[vm][profile]") {
  Profiled p(true);
  p.run(1);
  p.run(8);
  CHECK(p.profile.calls() == 2);
  CHECK(p.profile.overhead_seconds() > 0);
  CHECK(p.profile.overhead_seconds() < p.profile.call_seconds());
}

TEST_CASE("a cleared profile starts again", "[vm][profile]") {
  Profiled p(false);
  p.run(2);
  p.profile.clear();
  CHECK(vm::profile_by_operation(p.machine->linked(), p.profile).empty());
  p.run(1);
  CHECK(row(vm::profile_by_operation(p.machine->linked(), p.profile), "matmul w").calls == 2);
}

}  // namespace
}  // namespace pxos
