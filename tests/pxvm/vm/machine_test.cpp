#include "pxvm/vm/machine.hpp"

#include "guest.hpp"

#include <bit>
#include <cstring>
#include <thread>
#include <utility>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::Guest;

/// The error of running `main` of this program; empty when it succeeds.
std::string run_error(const std::string& text, std::uint64_t fuel = 0) {
  Guest guest;
  auto machine = guest.load(text, fuel);
  if (!machine) return "load: " + machine.error().message;
  const auto done = (*machine)->call("main", {});
  return done ? "" : done.error().message;
}

std::uint64_t run_r0(const std::string& body) {
  Guest guest;
  auto machine = guest.load(".program t\n.entry main()\n" + body + "\n    halt\n");
  REQUIRE(machine);
  const auto done = (*machine)->call("main", {});
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
  return (*machine)->scalar(0);
}

TEST_CASE("a loop counts and branches compare as signed", "[vm]") {
  CHECK(run_r0("    i64.const r0, 0\n    i64.const r1, 10\n"
               "again:\n    i64.add r0, r0, r1\n    i64.addi r1, r1, -1\n    i64.const r2, 0\n    "
               "br.lt r2, r1, again") == 55);
  CHECK(
      run_r0(
          "    i64.const r1, -1\n    i64.const r2, 1\n    i64.const r0, 7\n    br.lt r1, r2, done\n"
          "    i64.const r0, 9\ndone:") == 7);
}

TEST_CASE("integer arithmetic follows WebAssembly", "[vm]") {
  CHECK(run_r0("    i64.const r1, -7\n    i64.const r2, 2\n    i64.div_s r0, r1, r2") ==
        static_cast<std::uint64_t>(-3));
  CHECK(run_r0("    i64.const r1, -7\n    i64.const r2, 2\n    i64.rem_s r0, r1, r2") ==
        static_cast<std::uint64_t>(-1));
  CHECK(run_r0("    i64.const r1, 1\n    i64.const r2, 65\n    i64.shl r0, r1, r2") == 2);
  CHECK(run_r0("    i64.const r1, -8\n    i64.const r2, 1\n    i64.shr_s r0, r1, r2") ==
        static_cast<std::uint64_t>(-4));
  CHECK(run_r0("    i64.const r1, -1\n    i64.const r2, 60\n    i64.shr_u r0, r1, r2") == 15);
  CHECK(run_r0("    i64.const r1, 1\n    i64.const r2, 63\n    i64.shl r1, r1, r2\n    i64.const "
               "r2, -1\n"
               "    i64.rem_s r0, r1, r2") == 0);
}

TEST_CASE("a trap names line, instruction and what was found", "[vm]") {
  const std::string divide = run_error(
      ".program t\n.entry main()\n    i64.const r1, 1\n    i64.div_s r0, r1, r2\n    halt\n");
  CHECK(divide.find("test.pxasm:4") != std::string::npos);
  CHECK(divide.find("i64.div_s r0, r1, r2") != std::string::npos);
  CHECK(divide.find("divide by zero") != std::string::npos);

  const std::string own =
      run_error(".program t\n.string why = \"the reason\"\n.entry main()\n    trap why\n");
  CHECK(own.find("the reason") != std::string::npos);

  const std::string overflow = run_error(
      ".program t\n.entry main()\n    i64.const r1, 1\n    i64.const r2, 63\n"
      "    i64.shl r1, r1, r2\n    i64.const r2, -1\n    i64.div_s r0, r1, r2\n    halt\n");
  CHECK(overflow.find("overflow") != std::string::npos);
}

TEST_CASE("element and pixel accesses outside trap", "[vm]") {
  const std::string declarations =
      ".program t\n.temp v : f32[4]\n.temp p : u8[2, 3, 3]\n.entry main()\n";
  CHECK(run_error(declarations + "    i64.const r1, 3\n    ld.f32 r0, v, r1\n    halt\n").empty());
  CHECK(run_error(declarations + "    i64.const r1, 4\n    ld.f32 r0, v, r1\n    halt\n")
            .find("element 4 of 4") != std::string::npos);
  CHECK(run_error(declarations + "    i64.const r1, -1\n    st.f32 v, r1, r0\n    halt\n")
            .find("element -1 of 4") != std::string::npos);
  CHECK(run_error(declarations + "    i64.const r1, 2\n    px.get r0, p, r1, r2\n    halt\n")
            .empty());
  CHECK(run_error(declarations + "    i64.const r1, 3\n    px.get r0, p, r1, r2\n    halt\n")
            .find("pixel (3, 0) of 3 x 2") != std::string::npos);
  CHECK(run_error(declarations + "    i64.const r1, 2\n    px.put r0, p, r2, r1\n    halt\n")
            .find("pixel (0, 2) of 3 x 2") != std::string::npos);
}

TEST_CASE("float to integer traps on NaN and out of range", "[vm]") {
  const std::string prefix =
      ".program t\n.const nan : f32 = 0.0\n.const big : f32 = 1e30\n.entry main()\n";
  CHECK(
      run_error(prefix +
                "    const r1, nan\n    f32.div r1, r1, r1\n    i64.trunc_f32_s r0, r1\n    halt\n")
          .find("is not an i64") != std::string::npos);
  CHECK(run_error(prefix + "    const r1, big\n    i64.trunc_f32_s r0, r1\n    halt\n")
            .find("is not an i64") != std::string::npos);
}

TEST_CASE("an endless loop ends by fuel and by the stop flag", "[vm]") {
  const std::string endless = ".program t\n.entry main()\nagain:\n    br again\n";
  CHECK(run_error(endless, 1000).find("out of fuel") != std::string::npos);

  Guest guest;
  auto machine = guest.load(endless);
  REQUIRE(machine);
  std::thread stopper([&] { guest.stop.store(true); });
  const auto done = (*machine)->call("main", {});
  stopper.join();
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Errc::kInterrupted);
}

constexpr const char* kMlp = R"(
.program mlp
.param n
.param m
.dim T = 1..8
.import w : weight[m, n] = "w"
.import b : f32[m] = "b"
.temp h : f32[T, m]
.entry forward(x: f32[T, n]) -> y: f32[T, m]
    .require T <= 4
    matmul h, w, x
    addrow h, h, b
    relu   y, h
    halt
)";

TEST_CASE("a linear layer equals the written-out sum", "[vm]") {
  Guest guest;
  guest.integers = {{"n", 3}, {"m", 2}};
  guest.add_matrix("w", 2, 3, {1, 2, 3, -1, -2, -3});
  guest.add_vector("b", {0.5F, 100.0F});
  auto machine = guest.load(kMlp);
  REQUIRE(machine);
  const float x[] = {1, 0, -1, 2, 2, 2};
  std::memcpy((*machine)->memory("x")->data(), x, sizeof x);
  REQUIRE((*machine)->call("forward", {{}, {{"T", 2}}}));
  const auto y = (*machine)->view("y");
  REQUIRE(y);
  CHECK(y->shape_text() == "[2, 2]");
  const auto* values = reinterpret_cast<const float*>(y->data);
  CHECK(values[0] == 0.0F);    // relu(1 - 3 + 0.5)
  CHECK(values[1] == 102.0F);  // -1 + 3 + 100
  CHECK(values[2] == 12.5F);
  CHECK(values[3] == 88.0F);
}

TEST_CASE("calls outside the declared ranges are refused before anything runs", "[vm]") {
  Guest guest;
  guest.integers = {{"n", 3}, {"m", 2}};
  guest.add_matrix("w", 2, 3, std::vector<float>(6));
  guest.add_vector("b", {0, 0});
  auto machine = guest.load(kMlp);
  REQUIRE(machine);
  const auto above = (*machine)->call("forward", {{}, {{"T", 9}}});
  REQUIRE_FALSE(above);
  CHECK(above.error().message.find("T = 9 is outside 1..8") != std::string::npos);
  const auto required = (*machine)->call("forward", {{}, {{"T", 5}}});
  REQUIRE_FALSE(required);
  CHECK(required.error().message.find("5 > 4") != std::string::npos);
  CHECK((*machine)->call("nowhere", {}).error().message.find("no entry 'nowhere'") !=
        std::string::npos);
  CHECK((*machine)->call("forward", {{1}, {}}).error().code == Errc::kUsage);
}

TEST_CASE("gather refuses ids outside the table", "[vm]") {
  const std::string text =
      ".program g\n.import e : weight[3, 2] = \"e\"\n.entry main(ids: i32[2]) -> y: f32[2, 2]\n"
      "    gather y, e, ids\n    halt\n";
  Guest guest;
  guest.add_matrix("e", 3, 2, {1, 2, 3, 4, 5, 6});
  auto machine = guest.load(text);
  REQUIRE(machine);
  const std::int32_t good[] = {2, 0};
  std::memcpy((*machine)->memory("ids")->data(), good, sizeof good);
  REQUIRE((*machine)->call("main", {}));
  CHECK(reinterpret_cast<const float*>((*machine)->view("y")->data)[0] == 5.0F);
  const std::int32_t bad[] = {2, 3};
  std::memcpy((*machine)->memory("ids")->data(), bad, sizeof bad);
  const auto done = (*machine)->call("main", {});
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("id 3 at position 1, the table has 3 rows") != std::string::npos);
}

TEST_CASE("iota counts from a register and traps outside i32", "[vm]") {
  test::Guest guest;
  const auto machine = guest.load(R"(
.dim T = 1..8
.entry main(first: i64, T: i64) -> ids: i32[T]
    iota ids, first
    halt
)");
  REQUIRE(machine);
  REQUIRE((*machine)->call("main", {{7, 3}, {}}));
  std::int32_t ids[3] = {};
  std::memcpy(ids, (*machine)->memory("ids")->data(), sizeof ids);
  CHECK((ids[0] == 7 && ids[1] == 8 && ids[2] == 9));
  CHECK((*machine)->call("main", {{0x7FFFFFFD, 3}, {}}));
  for (const std::int64_t first : {std::int64_t{0x7FFFFFFE}, -0x80000001L}) {
    const auto done = (*machine)->call("main", {{first, 3}, {}});
    REQUIRE_FALSE(done);
    CHECK(done.error().message.find("not all i32") != std::string::npos);
  }
}

TEST_CASE("rope.by refuses factors that are no scaling", "[vm]") {
  const std::string text = R"(
.import factors : f32[4] = "factors"
.attr rot = rope(heads: 1, head_dim: 8, dims: 8, base: 10000.0)
.entry main(x: f32[1, 8]) -> y: f32[1, 8]
    copy y, x
    rope.by y, 3, factors, rot
    halt
)";
  for (const float wrong : {0.0F, -1.0F, 0.1F, std::nanf(""), INFINITY}) {
    test::Guest guest;
    guest.add_vector("factors", {1, 1, wrong, 1});
    const auto machine = guest.load(text);
    REQUIRE(machine);
    const auto done = (*machine)->call("main", {});
    REQUIRE_FALSE(done);
    CHECK(done.error().message.find("frequency factors") != std::string::npos);
  }
}

TEST_CASE("rope.by makes its table again when the factors are others", "[vm]") {
  test::Guest guest;
  guest.add_vector("ones", {1, 1});
  guest.add_vector("twos", {2, 2});
  const auto machine = guest.load(R"(
.import ones : f32[2] = "ones"
.import twos : f32[2] = "twos"
.attr rot = rope(heads: 1, head_dim: 4, dims: 4, base: 10000.0)
.attr slow = rope(heads: 1, head_dim: 4, dims: 4, base: 10000.0, factor: 2.0)
.entry main(x: f32[1, 4]) -> a: f32[1, 4], b: f32[1, 4], c: f32[1, 4], d: f32[1, 4]
    copy a, x
    copy b, x
    copy c, x
    copy d, x
    rope.by a, 5, ones, rot
    rope.by b, 5, twos, rot
    rope c, 5, rot
    rope d, 5, slow
    halt
)");
  REQUIRE(machine);
  const float x[4] = {1, 2, 3, 4};
  std::memcpy((*machine)->memory("x")->data(), x, sizeof x);
  REQUIRE((*machine)->call("main", {}));
  const auto row = [&](const char* name) {
    const auto memory = *(*machine)->memory(name);
    return std::vector<std::uint8_t>(memory.begin(), memory.begin() + sizeof x);
  };
  CHECK(row("a") == row("c"));
  CHECK(row("b") == row("d"));
  CHECK(row("a") != row("b"));
}

TEST_CASE("an array import is bound by index and checked", "[vm]") {
  const std::string text =
      ".program a\n.param n\n.import w[2] : weight[2, 2] = \"w.{}\"\n"
      ".entry main(x: f32[1, 2], i: i64) -> y: f32[1, 2]\n    matmul y, w[i], x\n    halt\n";
  Guest guest;
  guest.integers = {{"n", 2}};
  guest.add_matrix("w.0", 2, 2, {1, 0, 0, 1});
  guest.add_matrix("w.1", 2, 2, {0, 1, 1, 0});
  auto machine = guest.load(text);
  INFO((machine ? "" : machine.error().message));
  REQUIRE(machine);
  const float x[] = {3, 4};
  std::memcpy((*machine)->memory("x")->data(), x, sizeof x);
  REQUIRE((*machine)->call("main", {{1}, {}}));
  CHECK(reinterpret_cast<const float*>((*machine)->view("y")->data)[0] == 4.0F);
  const auto outside = (*machine)->call("main", {{2}, {}});
  REQUIRE_FALSE(outside);
  CHECK(outside.error().message.find("'w' has 2 elements, index 2") != std::string::npos);
}

TEST_CASE("regions live in the session, temps do not leak into it", "[vm]") {
  const std::string text =
      ".program s\n.region memory : f32[2]\n.entry main()\n    i64.const r1, 1\n"
      "    ld.f32 r0, memory, r1\n    const r2, one\n    f32.add r0, r0, r2\n    st.f32 memory, "
      "r1, r0\n    halt\n";
  Guest guest;
  auto machine = guest.load(".const one : f32 = 1.0\n" + text);
  INFO((machine ? "" : machine.error().message));
  REQUIRE(machine);
  REQUIRE((*machine)->call("main", {}));
  REQUIRE((*machine)->call("main", {}));
  CHECK(std::bit_cast<float>(static_cast<std::uint32_t>((*machine)->scalar(0))) == 2.0F);
  auto other = vm::Session::create((*machine)->linked());
  REQUIRE(other);
  (*machine)->attach(*other);
  REQUIRE((*machine)->call("main", {}));
  CHECK(std::bit_cast<float>(static_cast<std::uint32_t>((*machine)->scalar(0))) == 1.0F);
}

TEST_CASE("a host call without a host traps", "[vm]") {
  CHECK(run_error(".program h\n.entry main()\n    host r0, r1, r1, r1, clock.ms\n    halt\n")
            .find("no host") != std::string::npos);
}

/// Pauses before the steps it is told, counting from 0.
class PauseAt final : public vm::DebugPort {
 public:
  bool before(std::size_t pc) override {
    seen.push_back(pc);
    if (std::exchange(resumed, false) || !pause) return true;
    resumed = true;
    return false;
  }
  std::vector<std::size_t> seen;
  bool pause = true;
  bool resumed = false;
};

TEST_CASE("a debug port sees every instruction and may pause before each", "[vm]") {
  Guest guest;
  auto machine = guest.load(
      ".program p\n.entry main()\n    i64.const r0, 3\n    i64.const r1, 0\nagain:\n"
      "    i64.addi r0, r0, -1\n    br.lt r1, r0, again\n    halt\n",
      4);
  REQUIRE(machine);
  PauseAt port;
  (*machine)->set_debug(&port);
  REQUIRE((*machine)->begin("main", {}));
  std::vector<std::size_t> pauses;
  while (true) {
    const auto state = (*machine)->resume();
    REQUIRE(state);
    if (*state == vm::RunState::kHalted) break;
    pauses.push_back((*machine)->pc());
  }
  CHECK(pauses == std::vector<std::size_t>{0, 1, 2, 3, 2, 3, 2, 3, 4});
  CHECK((*machine)->scalar(0) == 0);
  CHECK((*machine)->fuel_used() == 2);  // of all pauses together
  CHECK_FALSE((*machine)->resume());

  port.pause = false;
  port.seen.clear();
  REQUIRE((*machine)->call("main", {}));
  CHECK(port.seen.size() == 9);
  port.pause = true;
  CHECK((*machine)->call("main", {}).error().code == Errc::kInterrupted);
}

TEST_CASE("a product too long to be interrupted traps", "[vm]") {
  const auto run = [](const std::string& columns) {
    Guest guest;
    auto machine = guest.load(".program p\n.temp w : f32[1, " + columns + "]\n.temp x : f32[1, " +
                              columns + "]\n.temp y : f32[1, 1]\n.entry main()\n" +
                              "    matmul.f32 y, w, x\n    halt\n");
    REQUIRE(machine);
    return (*machine)->call("main", {});
  };
  CHECK(run("262144"));
  const auto trapped = run("262145");
  REQUIRE_FALSE(trapped);
  CHECK(trapped.error().message.find("a product of 262145 columns, at most 262144") !=
        std::string::npos);
}

TEST_CASE("fuel counts over the pauses of one call", "[vm]") {
  Guest guest;
  auto machine = guest.load(".program p\n.entry main()\nagain:\n    br again\n", 5);
  REQUIRE(machine);
  PauseAt port;
  (*machine)->set_debug(&port);
  REQUIRE((*machine)->begin("main", {}));
  for (int i = 0; i < 6; ++i) REQUIRE((*machine)->resume());
  const auto done = (*machine)->resume();
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Errc::kLimit);
}

}  // namespace
}  // namespace pxos
