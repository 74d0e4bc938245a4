// Functions: windows, the bounded stack, what a trap in a callee says.

#include "guest.hpp"
#include "pxvm/vm/state.hpp"

#include <algorithm>
#include <thread>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::Guest;

constexpr const char* kFib = R"(
.entry main(n: i64 @r9)
    mov       r10, n
    call      fib, r10
    mov       r0, r10
    halt
.func fib(n)
    .reg a, b
    br.lt     n, 2, .done
    i64.addi  a, n, -1
    i64.addi  b, n, -2
    call      fib, b
    mov       n, b
    mov       b, a
    call      fib, b
    i64.add   n, n, b
.done:
    ret
)";

Result<std::uint64_t> run(const std::string& text, std::vector<std::int64_t> scalars = {},
                          std::uint64_t fuel = 0) {
  Guest guest;
  PX_TRY(vm::Machine * machine, guest.load(text, fuel));
  PX_CHECK(machine->call("main", {std::move(scalars), {}}));
  return machine->scalar(0);
}

std::string error_of(const Result<std::uint64_t>& result) {
  return result ? "" : result.error().message;
}

TEST_CASE("a function calls itself, each call in a window of its own", "[vm]") {
  CHECK(run(kFib, {1}).value() == 1);
  CHECK(run(kFib, {20}).value() == 6765);
}

TEST_CASE("a made value lies just above the registers that a function names", "[vm]") {
  Guest guest;
  const auto linked = guest.link(kFib);
  REQUIRE(linked);
  const auto& code = (*linked)->program().code;
  const auto frame = std::find_if(code.begin(), code.end(), [](const isa::Instruction& i) {
    return i.opcode() == isa::Opcode::kFrame;
  });
  REQUIRE(frame != code.end());
  CHECK(frame->imm == 4);      // n, a, b and the constant 2
  CHECK((frame + 1)->d == 3);  // i64.const r3, 2
}

TEST_CASE("calls that are too deep trap", "[vm]") {
  const auto deep = [](const std::string& window) {
    return error_of(run(".entry main()\n    call f, r0\n    halt\n.func f\n    call f, " + window +
                        "\n    ret\n"));
  };
  CHECK(deep("r0").find("16384 of 16384 calls") != std::string::npos);
  CHECK(deep("r200").find("call f, r200") == std::string::npos);  // the label is not kept
  CHECK(deep("r200").find("the call stack is full: 328 of 16384 calls, 65400 of 65536") !=
        std::string::npos);
}

TEST_CASE("exactly as many registers as there are can be used", "[vm]") {
  // Frames of 256 at 0, 255, 510, .. : the last that fits begins at 65 280.
  const std::string body = R"(
.entry main(n: i64 @r255)
    call      f, r255
    halt
.func f(n)
    i64.addi  n, n, -1
    br.z      n, .done
    mov       r255, n
    call      f, r255
.done:
    ret
)";
  CHECK(run(body, {256}));
  CHECK(error_of(run(body, {257})).find("call stack is full") != std::string::npos);
}

TEST_CASE("a trap in a function names its line, and the machine knows the calls", "[vm]") {
  Guest guest;
  auto machine = guest.load(
      ".entry main()\n    call f, r7\n    halt\n.func f(a)\n    call g, r2\n    ret\n.func g(a)\n"
      "    i64.div_s a, a, a\n    ret\n");
  REQUIRE(machine);
  const auto done = (*machine)->call("main", {});
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find(
            "test.pxasm:8: i64.div_s r0, r0, r0 (r0 = 0, r0 = 0): integer divide by zero") !=
        std::string::npos);
  const auto calls = (*machine)->calls();
  REQUIRE(calls.size() == 2);
  CHECK(calls[0].return_pc == 1);
  CHECK(calls[0].base == 7);
  CHECK(calls[1].base == 2);
}

TEST_CASE("endless recursion of calls that return ends by fuel and by the stop flag", "[vm]") {
  const std::string endless =
      ".entry main()\nagain:\n    call f, r0\n    call f, r0\n    br again\n.func f\n    ret\n";
  const auto out_of_fuel = run(endless, {}, 100);
  CHECK(error_of(out_of_fuel).find("out of fuel after 101 units") != std::string::npos);
  Guest guest;
  auto machine = guest.load(endless);
  REQUIRE(machine);
  std::thread stopper([&] { guest.stop.store(true); });
  const auto done = (*machine)->call("main", {});
  stopper.join();
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Errc::kInterrupted);
}

/// Pauses before every instruction once it has counted down.
class PauseAt final : public vm::DebugPort {
 public:
  explicit PauseAt(int left) : left_(left) {}
  bool before(std::size_t) override { return left_-- != 0; }

 private:
  int left_;
};

struct Paused {
  Guest guest;
  vm::Machine* machine = nullptr;
  std::optional<vm::StateFormat> format;
  ByteVector state;

  Paused() {
    auto loaded = guest.load(kFib);
    REQUIRE(loaded);
    machine = *loaded;
    auto made = vm::StateFormat::create(guest.linked());
    REQUIRE(made);
    format = *std::move(made);
    REQUIRE(machine->begin("main", {{12}, {}}));
    PauseAt port(60);
    machine->set_debug(&port);
    REQUIRE(machine->resume() == vm::RunState::kPaused);
    machine->set_debug(nullptr);
    state.resize(format->bytes());
    REQUIRE(format->save(*machine, state));
  }

  /// Puts the checksum right again, so that what is inside is looked at.
  void seal() {
    ByteWriter writer;
    const Xxh128 sum = xxh3_128(Bytes(state).first(state.size() - 16));
    writer.u64(sum.low);
    writer.u64(sum.high);
    std::copy(writer.view().begin(), writer.view().end(), state.end() - 16);
  }
};

TEST_CASE("a state taken inside of calls goes on with the same result", "[vm]") {
  Paused paused;
  CHECK(paused.machine->calls().size() > 3);
  REQUIRE(paused.machine->resume());
  CHECK(paused.machine->scalar(0) == 144);
  REQUIRE(paused.format->load(paused.state, *paused.machine));
  CHECK(paused.machine->calls().size() > 3);
  REQUIRE(paused.machine->resume());
  CHECK(paused.machine->scalar(0) == 144);
}

TEST_CASE("a state with calls that the program does not have is refused", "[vm]") {
  // Behind the slots lie the depth and then return pc and base of each call.
  const std::size_t calls = [] {
    const Paused paused;
    return paused.state.size() - 16 - 16 * 256 - vm::kMaxCalls * 8 - 8;
  }();
  const Paused untouched;
  std::size_t depth_at = 0;
  for (std::size_t at = calls - 128; at < calls + 64; ++at) {
    const bool here = untouched.state[at] == untouched.machine->calls().size() &&
                      untouched.state[at + 8] == 2 && untouched.state[at + 12] == 10;
    if (here) depth_at = at;
  }
  REQUIRE(depth_at != 0);
  for (const std::size_t offset : std::initializer_list<std::size_t>{0, 8, 12, 16, 20, 128008}) {
    Paused paused;
    paused.state[depth_at + offset] ^= 1;
    paused.seal();
    INFO(offset);
    const auto loaded = paused.format->load(paused.state, *paused.machine);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == Errc::kInvalid);
  }
}

}  // namespace
}  // namespace pxos
