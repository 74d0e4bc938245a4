// Fusion changes no bit, no fault and no fuel: random programs of everything that groups are made
// of run with it and without it.

#include "guest.hpp"
#include "pxvm/base/rng.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::Guest;

constexpr std::int64_t kWidth = 32;
constexpr std::int64_t kTokens = 40;  // several chunks of rows, and a last one that is shorter

constexpr const char* kHead = R"(
.program random
.param dim
.dim T = 1..40
.attr adjacent = rope(heads: 2, head_dim: 16, dims: 16, base: 10000.0)
.attr halves = rope(heads: 4, head_dim: 8, dims: 6, base: 10000.0, pairing: 1)
.const eps : f32 = 1e-5
.const half : f32 = 0.5
.import w[3] : weight[dim, dim] = "w.{}"
.import g[3] : f32[dim] = "g.{}"
.import few : f32[8] = "few"
.import factors : f32[3] = "factors"
.attr heads = norm(heads: 4, head_dim: 8, eps: 1e-5)
.region cache : f16[64, dim]
.region other : f16[64, dim]
.temp a : f32[T, dim]
.temp b : f32[T, dim]
.temp c : f32[T, dim]
.temp big : f32[T + 3, dim]
.view v : f32[T, dim]
.entry main(x: f32[T, dim], pos: i64, l: i64)
    .reg f, zero
    const     f, half
    i64.const zero, 0
    copy      a, x
    scale     b, x, f
    relu      c, x
    fill      big, f
    rows      v, big, zero
)";

/// One random instruction; about a third of them are refused by the verifier and left out.
std::string random_instruction(CounterRng& rng) {
  const auto pick = [&](std::initializer_list<const char*> list) {
    return std::string(list.begin()[rng.next_u32() % list.size()]);
  };
  const auto written = [&] { return pick({"a", "b", "c", "a", "b", "c", "big"}); };
  const auto read = [&] { return pick({"a", "b", "c", "x", "v"}); };
  switch (rng.next_u32() % 20) {
    case 0:
      return "    add " + written() + ", " + read() + ", " + read() + "\n";
    case 1:
      return "    mul " + written() + ", " + read() + ", " + read() + "\n";
    case 2:
      return "    addrow " + written() + ", " + read() + ", g[l]\n";
    case 3:
      return "    scale " + written() + ", " + read() + ", f\n";
    case 4:
      return "    relu " + written() + ", " + read() + "\n";
    case 5:
      return "    silumul " + written() + ", " + read() + ", " + read() + "\n";
    case 6:
      return "    copy " + written() + ", " + read() + "\n";
    case 7:
      return "    softmax " + written() + ", " + read() + "\n";
    case 8:
      return "    rope " + written() + ", pos, " + pick({"adjacent", "halves"}) + "\n";
    case 9:
      return "    kvappend " + pick({"cache", "other"}) + ", " + read() + ", " +
             pick({"pos", "l"}) + "\n";
    case 10:
      return "    rows v, " + pick({"a, zero", "big, zero", "big, l"}) + "\n";
    case 11:
      return "    fill " + written() + ", f\n";
    case 13:
      return "    gelu " + written() + ", " + read() + "\n";
    case 14:
      return "    gelumul " + written() + ", " + read() + ", " + read() + "\n";
    case 15:
      return "    layernorm " + written() + ", " + read() + ", g[l], g[zero], eps\n";
    case 16:
      return "    headnorm " + written() + ", " + read() + ", few, heads\n";
    case 17:
      return "    rope.by " + written() + ", " + pick({"pos", "l"}) + ", factors, halves\n";
    case 18:
      return "    softcap " + written() + ", " + read() + ", f\n    gelu.erf b, " + read() + "\n";
    case 12:
      return "    rmsnorm " + written() + ", " + read() + ", g[l], eps\n";
    default:
      return "    matmul " + written() + ", w[l], " + read() + "\n";
  }
}

bool assembles(const std::string& text) {
  return assembler::assemble_or_error({{"test.pxasm", text}, {}, true}).has_value();
}

std::string random_program(CounterRng& rng) {
  std::string text = kHead;
  for (int i = 0; i < 24; ++i) {
    const std::string line = random_instruction(rng);
    // Products are what groups end with: more of them in a row than chance would give.
    const std::string more = line + (rng.next_u32() % 4 == 0 ? "    matmul b, w[l], a\n"
                                                               "    matmul c, w[l], a\n"
                                                             : "");
    if (assembles(text + more + "    halt\n")) text += more;
  }
  return text + "    halt\n";
}

struct Setup {
  bool fusion = true;
  std::size_t threads = 1;
  std::uint64_t fuel = 0;
  std::int64_t pos = 5;
  std::int64_t layer = 1;
};

struct Outcome {
  std::string error;
  std::uint64_t fuel = 0;
  std::vector<std::uint32_t> bits;  ///< all temps and caches; only after success
  std::size_t groups = 0;
};

void append_bits(vm::Machine& machine, const char* name, std::vector<std::uint32_t>& out) {
  const auto memory = machine.memory(name);
  REQUIRE(memory);
  for (std::size_t i = 0; i + 4 <= memory->size(); i += 4) {
    float value = 0;
    std::memcpy(&value, memory->data() + i, 4);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, 4);
    const bool is_cache = name[0] == 'o' || std::string_view(name) == "cache";
    out.push_back(!is_cache && std::isnan(value) ? 0x7FC00000U : bits);
  }
}

void add_small_vectors(Guest& guest) {
  guest.add_vector("few", {1.0F, 0.5F, -2.0F, 1.5F, 0.25F, 3.0F, -1.0F, 1.0F});
  guest.add_vector("factors", {1.0F, 2.5F, 32.0F});
}

Outcome run(const std::string& program, const Setup& setup) {
  Guest guest;
  guest.integers = {{"dim", kWidth}};
  guest.fusion = setup.fusion;
  guest.threads = setup.threads;
  CounterRng values(7);
  const auto value = [&] { return static_cast<float>(values.next_u32() % 2001) / 1000.0F - 1.0F; };
  for (const char* index : {"0", "1", "2"}) {
    std::vector<float> matrix(kWidth * kWidth);
    for (float& one : matrix) one = value() / 8.0F;
    guest.add_matrix(std::string("w.") + index, kWidth, kWidth, matrix);
    std::vector<float> vector(kWidth);
    for (float& one : vector) one = value();
    guest.add_vector(std::string("g.") + index, vector);
  }
  add_small_vectors(guest);
  const auto machine = guest.load(program, setup.fuel);
  INFO(program << (machine ? "" : machine.error().message));
  REQUIRE(machine);
  std::vector<float> x(kTokens * kWidth);
  for (float& one : x) one = value();
  std::memcpy((*machine)->memory("x")->data(), x.data(), x.size() * sizeof(float));
  Outcome out;
  out.groups = (*machine)->linked().plan.groups.size();
  const auto done = (*machine)->call("main", {{setup.pos, setup.layer}, {{"T", kTokens}}});
  if (!done) out.error = done.error().message;
  out.fuel = (*machine)->fuel_used();
  if (!done) return out;
  for (const char* name : {"a", "b", "c", "big", "cache", "other"})
    append_bits(**machine, name, out.bits);
  return out;
}

TEST_CASE("random programs give the same bits fused and unfused, on any number of threads",
          "[vm][fusion]") {
  CounterRng rng(20);
  std::size_t groups = 0;
  for (int round = 0; round < 60; ++round) {
    const std::string program = random_program(rng);
    const Outcome plain = run(program, {.fusion = false});
    INFO(program);
    REQUIRE(plain.error.empty());
    for (const std::size_t threads : {1U, 3U}) {
      const Outcome fused = run(program, {.threads = threads});
      CHECK(fused.error.empty());
      CHECK(fused.fuel == plain.fuel);
      CHECK((fused.bits == plain.bits));
      groups += fused.groups;
    }
  }
  CHECK(groups > 240);  // the programs do have something to fuse
}

TEST_CASE("a trap inside a group is the same trap as without fusion", "[vm][fusion]") {
  CounterRng rng(21);
  std::size_t traps = 0;
  for (int round = 0; round < 30; ++round) {
    const std::string program = random_program(rng);
    INFO(program);
    // pos: kvappend behind the cache, rope before position 0; layer: a bind without an element.
    for (const Setup& wrong : {Setup{.pos = 30}, Setup{.pos = -1}, Setup{.layer = 3}}) {
      Setup unfused = wrong;
      unfused.fusion = false;
      const Outcome plain = run(program, unfused);
      const Outcome fused = run(program, wrong);
      CHECK(fused.error == plain.error);
      CHECK(fused.fuel == plain.fuel);
      CHECK((fused.bits == plain.bits));
      if (!plain.error.empty()) ++traps;
    }
  }
  CHECK(traps > 40);
}

TEST_CASE("fuel runs out at the same instruction with and without fusion", "[vm][fusion]") {
  CounterRng rng(22);
  const std::string program = random_program(rng);
  const std::uint64_t all = run(program, {.fusion = false}).fuel;
  REQUIRE(all > 20);
  for (std::uint64_t fuel = 1; fuel <= all + 1; fuel += 1 + all / 150) {
    const Outcome plain = run(program, {.fusion = false, .fuel = fuel});
    const Outcome fused = run(program, {.fuel = fuel});
    INFO(fuel << " of " << all);
    CHECK(fused.error == plain.error);
    CHECK(fused.fuel == plain.fuel);
  }
}

TEST_CASE("a group that traps has bound nothing that its members use", "[vm][fusion]") {
  Guest guest;
  const auto machine = guest.load(
      ".program t\n.region one[1] : f32[2, 4]\n.region other[1] : f32[64, 4]\n"
      ".region cache : f16[8, 4]\n.temp x : f32[2, 4]\n.entry main(pos: i64)\n"
      "    bind t90, one, r5\n    fill t90, 1.0\n    bind t90, other, r5\n"
      "    kvappend cache, x, pos\n    halt\n");
  REQUIRE(machine);
  REQUIRE_FALSE((*machine)->call("main", {{7}, {}}));
  const auto one = (*machine)->memory("one"), other = (*machine)->memory("other");
  REQUIRE((one && other));
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  CHECK_FALSE(std::all_of(one->begin(), one->begin() + 32, is_zero));
  CHECK(std::all_of(other->begin(), other->end(), is_zero));
}

TEST_CASE("rotations at a far position are those of that position", "[vm]") {
  constexpr std::int64_t kFar = (1 << 24) - 2;
  Guest guest;
  const auto machine = guest.load(
      ".program t\n.attr rot = rope(heads: 1, head_dim: 8, dims: 8, base: 10000.0)\n"
      ".temp x : f32[2, 8]\n.entry main(pos: i64)\n    fill x, 1.0\n    rope x, pos, rot\n"
      "    halt\n");
  REQUIRE(machine);
  tensor::RopeParams params;
  params.heads = 1;
  params.head_dim = params.dims = 8;
  for (const std::int64_t pos : {kFar, std::int64_t{3}, kFar - 1, kFar}) {
    REQUIRE((*machine)->call("main", {{pos}, {}}));
    std::vector<float> table(2 * 8);
    tensor::rope_table(params, pos, table);
    const auto view = (*machine)->view("x");
    REQUIRE(view);
    const auto* x = reinterpret_cast<const float*>(view->data);
    for (std::size_t n = 0; n < table.size(); n += 2) {
      CHECK(x[n] == std::fma(1.0F, table[n], -table[n + 1]));
      CHECK(x[n + 1] == std::fma(1.0F, table[n + 1], table[n]));
    }
  }
  CHECK_FALSE((*machine)->call("main", {{kFar + 1}, {}}));
}

TEST_CASE("the stop flag ends a group as an interruption", "[vm][fusion]") {
  Guest guest;
  guest.integers = {{"dim", kWidth}};
  for (const char* index : {"0", "1", "2"}) {
    guest.add_matrix(std::string("w.") + index, kWidth, kWidth,
                     std::vector<float>(kWidth * kWidth, 0.5F));
    guest.add_vector(std::string("g.") + index, std::vector<float>(kWidth, 1.0F));
  }
  add_small_vectors(guest);
  const auto machine = guest.load(std::string(kHead) +
                                  "    rmsnorm b, a, g[l], eps\n    matmul c, w[l], b\n    halt\n");
  REQUIRE(machine);
  guest.stop.store(true);
  const auto done = (*machine)->call("main", {{0, 0}, {{"T", 4}}});
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Errc::kInterrupted);
}

}  // namespace
}  // namespace pxos
