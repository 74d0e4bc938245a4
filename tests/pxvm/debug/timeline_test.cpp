#include "pxvm/debug/timeline.hpp"

#include "pxvm/vm/state.hpp"
#include "tests/pxvm/vm/guest.hpp"

#include <cstring>
#include <set>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using debug::GuestCall;
using debug::Halt;
using debug::Timeline;
using test::Guest;

/// Every call adds random numbers to a region that lives on, and gives its sum.
constexpr const char* kText = R"(.program walk
.region kept : f32[4]
.temp big : f32[40000]
.entry main(rounds: i64, input: f32[4]) -> out: f32[1, 4]
    mov r10, r0
    i64.const r1, 0
    i64.const r2, 4
again:
    host r3, r1, r1, r1, random.u32
    i64.rem_s r4, r3, r2
    f32.convert_i64_s r5, r3
    ld.f32 r6, input, r4
    f32.add r5, r5, r6
    st.f32 kept, r4, r5
    i64.rem_s r7, r3, r10
    st.f32 big, r7, r5
    host r3, r4, r4, r4, clock.ms
    i64.addi r1, r1, 1
    br.lt r1, r10, again
    ld.f32 r6, kept, r4
    st.f32 out, r4, r6
    halt
)";
constexpr std::uint64_t kLoop = 11;

/// Answers that no two calls get alike; clock.ms also writes to the guest's memory.
class NoisyHost final : public vm::HostPort {
 public:
  Result<std::int64_t> call(vm::Machine& machine, isa::HostCall call, std::int64_t a, std::int64_t,
                            std::int64_t) override {
    ++calls;
    if (call == isa::HostCall::kClockMs) {
      PX_TRY(const MutBytes memory, machine.memory("big"));
      memory[static_cast<std::size_t>(a * 40000 + calls)] = static_cast<std::uint8_t>(calls);
    }
    return calls * 7919 % 10007;
  }
  std::int64_t calls = 0;
};

struct Fixture {
  Guest guest;
  NoisyHost host;
  std::unique_ptr<Timeline> timeline;
  std::optional<vm::StateFormat> format;
  std::size_t asked = 0;

  explicit Fixture(const debug::TimelineOptions& options = {}) {
    auto machine = guest.load(kText, 0, &host);
    INFO((machine ? "" : machine.error().message));
    REQUIRE(machine);
    const auto source = [this](vm::Machine& done, std::size_t number) {
      return next_call(done, number);
    };
    auto made = Timeline::create(**machine, source, options);
    REQUIRE(made);
    timeline = *std::move(made);
    auto layout = vm::StateFormat::create(guest.linked());
    REQUIRE(layout);
    format = *std::move(layout);
  }

  /// Three calls; the input of each is the output of the one before.
  Result<std::optional<GuestCall>> next_call(vm::Machine& machine, std::size_t done) {
    CHECK(done == asked++);
    if (done == 3) return std::optional<GuestCall>();
    GuestCall call{"main", {static_cast<std::int64_t>(done + 3)}, {}, {}};
    PX_TRY(const MutBytes out, machine.memory("out"));
    call.inputs.push_back({"input", ByteVector(out.begin(), out.begin() + 16)});
    return std::optional(call);
  }

  ByteVector state() const {
    ByteVector bytes(format->bytes());
    REQUIRE(format->save(timeline->machine(), bytes));
    return bytes;
  }

  void seek(std::uint64_t step) const {
    const auto halt = timeline->seek(step);
    INFO((halt ? "" : halt.error().message));
    REQUIRE(halt);
    REQUIRE(timeline->step() == step);
  }
};

constexpr std::uint64_t kSteps = (3 + 4 + 5) * kLoop + 3 * 6;

debug::TimelineOptions often() {
  debug::TimelineOptions options;
  options.first_interval = 5;
  options.wanted_interval = std::chrono::milliseconds(0);
  options.most_snapshots = 8;
  return options;
}

TEST_CASE("every step of three calls can be gone back to", "[debug]") {
  Fixture fixture(often());
  Timeline& timeline = *fixture.timeline;
  std::vector<ByteVector> states{fixture.state()};
  std::vector<std::size_t> calls{0};
  while (!timeline.at_end()) {
    fixture.seek(timeline.step() + 1);
    states.push_back(fixture.state());
    calls.push_back(timeline.call());
  }
  REQUIRE(states.size() == kSteps + 1);
  CHECK(calls[kSteps / 2] == 1);
  const std::int64_t host_calls = fixture.host.calls;
  std::uint64_t step = 3;
  for (int i = 0; i < 300; ++i) {
    step = (step * 7919 + 11) % (kSteps + 1);
    fixture.seek(step);
    INFO(step);
    CHECK((fixture.state() == states[step]));
    CHECK(timeline.call() == calls[step]);
    CHECK(timeline.frontier() == kSteps);
  }
  CHECK(timeline.snapshots() <= 9);
  CHECK(fixture.host.calls == host_calls);  // played back, not made again
  CHECK(fixture.asked == 4);
}

/// Stops before the instructions it is told.
class At final : public debug::StopCheck {
 public:
  At(std::size_t code, std::set<std::size_t> pcs) : places_(code) {
    for (const std::size_t pc : pcs) places_[pc] = true;
  }
  void begin(const Timeline&) override {}
  const std::vector<bool>* places() const override { return &places_; }
  bool stops(const Timeline&) override { return true; }

 private:
  std::vector<bool> places_;
};

/// Stops where r1 has just become `value`, looking at every step.
class R1Becomes final : public debug::StopCheck {
 public:
  explicit R1Becomes(std::uint64_t value) : value_(value) {}
  void begin(const Timeline& timeline) override { before_ = timeline.machine().scalar(1); }
  const std::vector<bool>* places() const override { return nullptr; }
  bool stops(const Timeline& timeline) override {
    const std::uint64_t now = timeline.machine().scalar(1);
    return std::exchange(before_, now) != now && now == value_;
  }

 private:
  std::uint64_t value_;
  std::uint64_t before_ = 0;
};

template <class Check>
std::vector<std::uint64_t> forward(Timeline& timeline, Check& check) {
  std::vector<std::uint64_t> steps;
  while (true) {
    const auto halt = timeline.run(check);
    REQUIRE(halt);
    if (*halt == Halt::kEnd) return steps;
    REQUIRE(*halt == Halt::kStep);
    steps.push_back(timeline.step());
  }
}

template <class Check>
std::vector<std::uint64_t> backward(Timeline& timeline, Check& check) {
  std::vector<std::uint64_t> steps;
  while (true) {
    const auto halt = timeline.run_back(check);
    REQUIRE(halt);
    if (*halt == Halt::kStart) break;
    REQUIRE(*halt == Halt::kStep);
    steps.push_back(timeline.step());
  }
  CHECK(timeline.step() == 0);
  std::reverse(steps.begin(), steps.end());
  return steps;
}

TEST_CASE("running back meets the stops of running forward", "[debug]") {
  for (const bool frequent : {false, true}) {
    Fixture fixture(frequent ? often() : debug::TimelineOptions{});
    Timeline& timeline = *fixture.timeline;
    At places(timeline.machine().linked().program().code.size(), {3, 7, 16});
    const auto steps = forward(timeline, places);
    CHECK(steps.size() == 2 * 12 + 3);
    CHECK(backward(timeline, places) == steps);
    R1Becomes third(3);
    const auto changes = forward(timeline, third);
    CHECK(changes.size() == 3);
    CHECK(backward(timeline, third) == changes);
  }
}

TEST_CASE("a trap stands before the instruction that makes it, and is met again", "[debug]") {
  Guest guest;
  auto machine = guest.load(
      ".program t\n.entry main()\n    i64.const r1, 2\nagain:\n    i64.addi r1, r1, -1\n"
      "    i64.div_s r0, r1, r1\n    br again\n");
  REQUIRE(machine);
  const auto once = [](vm::Machine&, std::size_t done) -> Result<std::optional<GuestCall>> {
    if (done > 0) return std::optional<GuestCall>();
    return std::optional<GuestCall>(GuestCall{"main", {}, {}, {}});
  };
  auto timeline = Timeline::create(**machine, once);
  REQUIRE(timeline);
  At nowhere(4, {});
  for (int i = 0; i < 3; ++i) {
    const auto halt = (*timeline)->run(nowhere);
    REQUIRE(halt);
    CHECK(*halt == Halt::kTrap);
    CHECK((*timeline)->step() == 5);
    CHECK((*timeline)->pc() == 2);
    CHECK((*timeline)->last_pc() == std::optional<std::size_t>(1));
    CHECK((*timeline)->fault()->message.find("divide by zero") != std::string::npos);
    CHECK(*(*timeline)->seek(4) == Halt::kStep);
    CHECK_FALSE((*timeline)->fault());
  }
}

TEST_CASE("a change by hand is met again on every way forward", "[debug]") {
  Fixture fixture(often());
  Timeline& timeline = *fixture.timeline;
  fixture.seek(50);  // into the second call
  const auto add_seven = [](vm::Machine& machine) -> Result<void> {
    machine.set_scalar(20, machine.scalar(20) + 7);
    return {};
  };
  fixture.seek(20);
  const ByteVector before = fixture.state();
  REQUIRE(timeline.change(add_seven));
  CHECK(timeline.frontier() == 20);
  fixture.asked = 1;  // the second call is forgotten
  fixture.seek(35);
  const ByteVector after = fixture.state();
  CHECK(timeline.machine().scalar(20) == 7);
  fixture.seek(5);
  CHECK(timeline.machine().scalar(20) == 0);
  fixture.seek(100);  // thins snapshots out on the way
  fixture.seek(19);
  fixture.seek(35);
  CHECK((fixture.state() == after));
  fixture.seek(20);
  CHECK((fixture.state() != before));

  const auto refuse = [&](vm::Machine& machine) -> Result<void> {
    REQUIRE(add_seven(machine));
    return fail(Errc::kUsage, "no");
  };
  CHECK_FALSE(timeline.change(refuse));
  CHECK(timeline.machine().scalar(20) == 7);
  CHECK(timeline.frontier() == 100);
}

TEST_CASE("an interrupt stops an endless loop", "[debug]") {
  Guest guest;
  auto machine = guest.load(".program e\n.entry main()\nagain:\n    br again\n");
  REQUIRE(machine);
  const auto once = [](vm::Machine&, std::size_t) -> Result<std::optional<GuestCall>> {
    return std::optional<GuestCall>(GuestCall{"main", {}, {}, {}});
  };
  auto timeline = Timeline::create(**machine, once);
  REQUIRE(timeline);
  /// Interrupts from inside, as a signal handler would.
  class Interrupting final : public debug::StopCheck {
   public:
    explicit Interrupting(Timeline& timeline) : timeline_(timeline) {}
    void begin(const Timeline&) override {}
    const std::vector<bool>* places() const override { return nullptr; }
    bool stops(const Timeline& timeline) override {
      if (timeline.step() == 1000) timeline_.interrupt();
      return false;
    }

   private:
    Timeline& timeline_;
  };
  Interrupting check(**timeline);
  CHECK(*(*timeline)->run(check) == Halt::kInterrupted);
  CHECK((*timeline)->step() >= 1000);
  CHECK((*timeline)->step() <= 1002);
}

}  // namespace
}  // namespace pxos
