#include "pxvm/vm/state.hpp"

#include "state_guest.hpp"
#include "tests/support/mutate.hpp"

#include <cstring>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::furnish;
using test::Guest;
using test::kStateText;

/// Pauses once, before step `at` of the call.
class PauseOnce final : public vm::DebugPort {
 public:
  explicit PauseOnce(std::uint64_t at) : left_(at) {}
  bool before(std::size_t) override { return done_ || left_-- != 0 || !(done_ = true); }

 private:
  std::uint64_t left_;
  bool done_ = false;
};

struct Fixture {
  Guest guest;
  vm::Machine* machine = nullptr;
  std::optional<vm::StateFormat> format;

  explicit Fixture(std::size_t threads = 1) {
    furnish(guest);
    guest.threads = threads;
    auto loaded = guest.load(kStateText);
    INFO((loaded ? "" : loaded.error().message));
    REQUIRE(loaded);
    machine = *loaded;
    auto made = vm::StateFormat::create(guest.linked());
    REQUIRE(made);
    format = *std::move(made);
  }

  void begin() {
    const auto input = machine->memory("input");
    REQUIRE(input);
    for (std::size_t i = 0; i < 12; ++i) {
      const auto value = static_cast<float>(i) * 0.25F - 1;
      std::memcpy(input->data() + i * 4, &value, 4);
    }
    REQUIRE(machine->begin("main", {{0}, {{"T", 3}}}));
  }

  /// Runs `steps` instructions of a fresh call.
  void run_to(std::uint64_t steps) {
    begin();
    PauseOnce port(steps);
    machine->set_debug(&port);
    REQUIRE(machine->resume());
    machine->set_debug(nullptr);
  }

  ByteVector save() const {
    ByteVector state(format->bytes());
    REQUIRE(format->save(*machine, state));
    return state;
  }

  /// What a run ends with.
  ByteVector outcome() const {
    const auto done = machine->resume();
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
    REQUIRE(*done == vm::RunState::kHalted);
    return save();
  }
};

constexpr std::uint64_t kSteps = 3 + 8 * 2 + 1;  ///< before halt

void seal(ByteVector& state) {
  const Xxh128 digest = xxh3_128(Bytes(state).first(state.size() - 16));
  std::memcpy(state.data() + state.size() - 16, &digest.low, 8);
  std::memcpy(state.data() + state.size() - 8, &digest.high, 8);
}

TEST_CASE("a machine goes on from any step with the same bits, on another thread count", "[vm]") {
  Fixture first;
  first.begin();
  const ByteVector expected = first.outcome();
  for (std::uint64_t step = 0; step <= kSteps; ++step) {
    Fixture saved;
    saved.run_to(step);
    REQUIRE(saved.machine->state() == vm::RunState::kPaused);
    const ByteVector state = saved.save();
    CHECK(state.size() == expected.size());
    for (const std::size_t threads : {std::size_t{1}, std::size_t{3}}) {
      Fixture other(threads);
      const auto loaded = other.format->load(state, *other.machine);
      INFO(step << ": " << (loaded ? "" : loaded.error().message));
      REQUIRE(loaded);
      CHECK((other.save() == state));
      CHECK((other.outcome() == expected));
    }
  }
}

TEST_CASE("registers and memory go back to an earlier step", "[vm]") {
  Fixture fixture;
  fixture.run_to(5);
  const vm::MachineRegisters registers = fixture.machine->registers();
  std::vector<ByteVector> memory;
  for (const MutBytes part : fixture.machine->writable_memory())
    memory.emplace_back(part.begin(), part.end());
  const ByteVector expected = fixture.outcome();
  for (std::size_t i = 0; i < memory.size(); ++i)
    std::memcpy(fixture.machine->writable_memory()[i].data(), memory[i].data(), memory[i].size());
  REQUIRE(fixture.machine->set_registers(registers));
  CHECK((fixture.outcome() == expected));
}

TEST_CASE("a damaged or foreign state is refused and changes nothing", "[vm]") {
  Fixture fixture;
  fixture.run_to(6);
  const ByteVector good = fixture.save();
  const auto refused = [&](const ByteVector& state) {
    const auto loaded = fixture.format->load(state, *fixture.machine);
    CHECK((fixture.save() == good));
    return loaded ? std::string("accepted") : loaded.error().message;
  };
  for (std::size_t length = 0; length < good.size(); length += length < 300 ? 1 : 97)
    CHECK(refused(ByteVector(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length))) !=
          "accepted");
  for (std::size_t byte = 0; byte < good.size(); byte += byte < 300 ? 1 : 61) {
    ByteVector flipped = good;
    flipped[byte] ^= 0x10;
    CHECK(refused(flipped) != "accepted");
  }
  ByteVector magic = good;
  magic[0] = 'q';
  CHECK(refused(magic).find("expected \"pxSTATE\" at byte 0") != std::string::npos);
  ByteVector version = good;
  version[8] = 9;
  CHECK(refused(version) == "state version 9 at byte 8, expected 1");
  ByteVector longer = good;
  longer.push_back(0);
  CHECK(refused(longer).find("bytes, found") != std::string::npos);

  Guest guest;
  guest.integers["n_layer"] = 1;  // the same program, linked otherwise
  furnish(guest);
  auto other = guest.load(kStateText);
  REQUIRE(other);
  auto format = vm::StateFormat::create(guest.linked());
  REQUIRE(format);
  CHECK_FALSE(format->save(*fixture.machine, magic));
  ByteVector foreign(format->bytes());
  REQUIRE(format->save(**other, foreign));
  foreign.resize(good.size());
  seal(foreign);
  CHECK(refused(foreign).find("other parameters") != std::string::npos);
}

TEST_CASE("a sealed lie about registers is refused or harmless", "[vm]") {
  Fixture fixture;
  fixture.run_to(6);
  const ByteVector good = fixture.save();
  const std::uint64_t memory =
      fixture.machine->linked().activation_bytes + fixture.machine->linked().region_bytes;
  const std::size_t head = good.size() - 16 - memory;
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (std::size_t byte = 10; byte < head; ++byte) {
    for (const std::uint8_t value : {std::uint8_t{0xFF}, std::uint8_t{0x01}, std::uint8_t{0x40}}) {
      ByteVector state = good;
      state[byte] ^= value;
      seal(state);
      if (!fixture.format->load(state, *fixture.machine)) {
        ++refused;
        continue;
      }
      ++accepted;  // a scalar or a window that may be: it runs to its end or traps
      PauseOnce budget(200);
      fixture.machine->set_debug(&budget);
      static_cast<void>(fixture.machine->resume());
      fixture.machine->set_debug(nullptr);
    }
  }
  CHECK(accepted > 1000);
  CHECK(refused > 100);
}

}  // namespace
}  // namespace pxos
