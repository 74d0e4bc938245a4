// The programs that teach: each runs to its end, or for some frames, and shows what it says it
// shows. Last frames are kept as hashes; whoever changes one looks at the picture first (pxos exec
// NAME --screenshot F.png).

#include "assembler/assembler.hpp"
#include "assembler/disassembler.hpp"
#include "hypervisor/guest_host.hpp"
#include "pixelfs/png.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/hash.hpp"
#include "pxvm/isa/image.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "tests/support/conformance.hpp"

#include <algorithm>
#include <deque>
#include <map>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace pxos {
namespace {

/// The world around a demo: a clock that jumps, keys, files, and a number of frames.
struct World {
  std::uint64_t frames = 0;  ///< stop after so many; 0 = runs to its end
  std::uint64_t seed = 0;
  std::deque<std::int64_t> keys;                          ///< for key.next
  std::function<bool(std::uint64_t, std::int64_t)> held;  ///< frame and key, for key.down
  std::map<std::string, ByteVector, std::less<>> files;
  std::map<std::string, std::int64_t> parameters;
};

struct Outcome {
  Result<void> done;
  std::string console;
  std::uint64_t shown = 0;
  pixelfs::Image frame;
};

Result<isa::VerifiedProgram> shipped(const std::string& name) {
  const programs::EmbeddedProgram* program = programs::find(name);
  if (program == nullptr) return fail(Errc::kNotFound, "{}", name);
  PX_TRY(const pixelfs::Image image, pixelfs::decode_png(program->png));
  PX_TRY(isa::Program decoded, isa::decode_program({image.width, image.height, image.pixels}));
  return isa::verify_or_error(std::move(decoded));
}

hypervisor::HostPorts ports_of(World& world, Outcome& outcome, std::atomic<bool>& stop) {
  hypervisor::HostPorts ports;
  ports.virtual_clock = true;
  ports.console = [&](std::string_view text) { outcome.console += text; };
  ports.present = [&](const pixelfs::Image& image) {
    if (world.frames != 0 && outcome.shown == world.frames) return;
    outcome.frame = image;
    if (++outcome.shown == world.frames) stop.store(true);
  };
  ports.key_down = [&](std::int64_t key) { return world.held && world.held(outcome.shown, key); };
  ports.next_key = [&]() -> std::int64_t {
    if (world.keys.empty()) return -1;
    const std::int64_t key = world.keys.front();
    world.keys.pop_front();
    return key;
  };
  ports.file_size = [&](std::string_view name) -> Result<std::uint64_t> {
    const auto found = world.files.find(name);
    if (found == world.files.end()) return fail(Errc::kNotFound, "{}", name);
    return found->second.size();
  };
  ports.read_file = [&](std::string_view name, std::uint64_t offset,
                        MutBytes out) -> Result<std::uint64_t> {
    const ByteVector& file = world.files.find(name)->second;
    const std::size_t count = std::min(out.size(), file.size() - std::min(file.size(), offset));
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
    return count;
  };
  return ports;
}

Outcome run(const std::string& name, World world = {}) {
  Outcome outcome;
  std::atomic<bool> stop{false};
  const auto ports = ports_of(world, outcome, stop);
  hypervisor::GuestHost host(ports, {"console", "screen", "clock", "random", "keys", "files"},
                             world.seed);
  auto verified = shipped(name);
  INFO(name);
  REQUIRE(verified);
  vm::LinkInputs inputs;
  inputs.integers = world.parameters;
  inputs.find_weight = [](const std::string&) { return std::nullopt; };
  const auto linked = vm::link(*std::move(verified), inputs);
  INFO((linked ? "" : linked.error().message));
  REQUIRE(linked);
  ThreadPool pool(1);
  const auto session = vm::Session::create(**linked);
  REQUIRE(session);
  auto machine = vm::Machine::create(
      *linked, {tensor::available_kernels().front(), &pool, &stop, &host, 0, true});
  REQUIRE(machine);
  machine->attach(*session);
  outcome.done = machine->call("main", {});
  return outcome;
}

std::string hash_of(const pixelfs::Image& image) {
  return fmt::format("{:016x}", xxh3_64(image.pixels));
}

}  // namespace

TEST_CASE("every program that ships survives disassembly", "[demos]") {
  for (const programs::EmbeddedProgram& program : programs::all()) {
    INFO(program.name);
    const auto image = pixelfs::decode_png(program.png);
    REQUIRE(image);
    const auto decoded = isa::decode_program({image->width, image->height, image->pixels});
    REQUIRE(decoded);
    const auto again =
        assembler::assemble_or_error({{"again.pxasm", assembler::disassemble(*decoded)}, {}, true});
    INFO((again ? "" : again.error().message));
    REQUIRE(again);
    const auto picture = isa::encode_program(again->program());
    REQUIRE(picture);
    CHECK(picture->rgb == image->pixels);
  }
}

TEST_CASE("hello, countdown and fibonacci say what they should", "[demos]") {
  const Outcome hello = run("hello");
  CHECK(hello.done);
  CHECK(hello.console == "Hello, pixels!\nThe line above is 15 characters of a picture.\n");
  const Outcome countdown = run("countdown");
  CHECK(countdown.done);
  CHECK(countdown.console == "10 .. 9 .. 8 .. 7 .. 6 .. 5 .. 4 .. 3 .. 2 .. 1 .. lift-off\n");
  const Outcome fibonacci = run("fibonacci");
  CHECK(fibonacci.done);
  CHECK(fibonacci.console.starts_with("by a loop: 0 1 1 2 3 5 8 13 21 34 "));
  CHECK(fibonacci.console.ends_with("514229 \nby calls:  fib(24) = 46368\n"));
}

TEST_CASE("sieve finds the primes below a million", "[demos]") {
  const Outcome sieve = run("sieve");
  CHECK(sieve.done);
  CHECK(sieve.console == "78498 primes below 1000000, the largest is 999983\n");
  CHECK(hash_of(sieve.frame) == "2bb7260bd03ddd34");
}

TEST_CASE("mandelbrot shows its picture as it grows", "[demos]") {
  const Outcome mandelbrot = run("mandelbrot");
  CHECK(mandelbrot.done);
  CHECK(mandelbrot.shown == 20);
  CHECK(hash_of(mandelbrot.frame) == "73ce4e948fb8bb80");
}

TEST_CASE("life: an R-pentomino after 40 generations, and a soup by its seed", "[demos]") {
  World world;
  world.frames = 41;
  const Outcome life = run("life", world);
  CHECK(life.shown == 41);
  CHECK(hash_of(life.frame) == "5d4fcf0093a48582");
  world.frames = 2;
  world.parameters = {{"soup", 1}};
  const Outcome soup = run("life", world);
  CHECK(hash_of(run("life", world).frame) == hash_of(soup.frame));
  world.seed = 1;
  CHECK(hash_of(run("life", world).frame) != hash_of(soup.frame));
}

TEST_CASE("matmul multiplies both ways and ends on its key", "[demos]") {
  World world;
  world.keys = {'5', 'w'};
  world.frames = 1;
  const Outcome edges = run("matmul", world);
  CHECK(edges.console == "largest element of C: 1.25\n");
  CHECK(hash_of(edges.frame) == "a746435190ff002f");
  world.keys = {'4', 'r', 'x'};
  CHECK(run("matmul", world).done);
}

namespace {

Outcome run_rom(ByteVector rom, std::uint64_t frames,
                std::map<std::string, std::int64_t> parameters = {}) {
  World world;
  world.frames = frames;
  world.files["rom"] = std::move(rom);
  world.parameters = std::move(parameters);
  return run("chip8", std::move(world));
}

/// Runs a ROM that ends in a jump to itself and gives V0 .. V7 as it drew them: each by FX55 to
/// 0x300 and then a sprite of 8 rows at (0, 0), so that row k of the picture has the bits of Vk.
std::vector<int> registers_after(ByteVector code,
                                 std::map<std::string, std::int64_t> parameters = {}) {
  const ByteVector ending{0xA3, 0x00, 0xF7, 0x55, 0xA3, 0x00, 0x68, 0x00, 0xD8, 0x88, 0x12, 0x00};
  code.insert(code.end(), ending.begin(), ending.end());
  const std::size_t here = 0x200 + code.size() - 2;
  code[code.size() - 2] = static_cast<std::uint8_t>(0x10 | here >> 8U);
  code[code.size() - 1] = static_cast<std::uint8_t>(here);
  const Outcome outcome = run_rom(std::move(code), 8, std::move(parameters));
  std::vector<int> values;
  for (std::size_t row = 0; row < 8; ++row) {
    int value = 0;
    for (std::size_t bit = 0; bit < 8; ++bit) {
      const std::size_t at = ((8 + row * 8) * outcome.frame.width + 8 + bit * 8) * 3;
      value = value * 2 + (outcome.frame.pixels[at] > 100 ? 1 : 0);
    }
    values.push_back(value);
  }
  return values;
}

}  // namespace

TEST_CASE("chip8: arithmetic and its flags", "[demos]") {
  // V0 = 250 + 10, V1 = VF; V2 = 5 - 10, V3 = VF; V4 = 0x81 >> 1 of V4 by VY, V5 = VF; V6 = 7
  CHECK(registers_after({0x60, 250,  0x61, 10,   0x80, 0x14, 0x81, 0xF0, 0x62, 5,    0x63, 10,
                         0x82, 0x35, 0x83, 0xF0, 0x64, 0x81, 0x84, 0x46, 0x85, 0xF0, 0x66, 7}) ==
        std::vector<int>{4, 1, 251, 0, 0x40, 1, 7, 0});
  // VF is the flag where it is the destination, too: VF = 200 + 100
  CHECK(registers_after({0x6F, 200, 0x60, 100, 0x8F, 0x04, 0x81, 0xF0})[1] == 1);
}

TEST_CASE("chip8: the parameters choose between the machines of their time", "[demos]") {
  const ByteVector shift{0x61, 8, 0x60, 1, 0x80, 0x16};  // V0 = V1 >> 1, or V0 >> 1
  CHECK(registers_after(shift)[0] == 4);
  CHECK(registers_after(shift, {{"shift_x", 1}})[0] == 0);
  const ByteVector logic{0x6F, 9, 0x60, 1, 0x80, 0x01, 0x81, 0xF0};  // V1 = VF behind an OR
  CHECK(registers_after(logic)[1] == 0);
  CHECK(registers_after(logic, {{"logic_clears", 0}})[1] == 9);
}

TEST_CASE("chip8: what no CHIP-8 does is named with its address and traps", "[demos]") {
  const Outcome unknown = run_rom({0x00, 0xE0, 0xF0, 0xFF}, 0);
  REQUIRE_FALSE(unknown.done);
  CHECK(unknown.done.error().code == Errc::kTrap);
  CHECK(unknown.console == "chip8: no such instruction F0FF at 202\n");
  CHECK_FALSE(run_rom({0x00, 0xEE}, 0).done);  // a return without a call
  CHECK_FALSE(run_rom({0x22, 0x00}, 0).done);  // calls without an end
  CHECK_FALSE(run_rom({}, 0).done);
  CHECK_FALSE(run_rom(ByteVector(3585), 0).done);
  CHECK_FALSE(run("chip8").done);
}

TEST_CASE("chip8: FX0A takes a key when it is let go", "[demos]") {
  World world;
  world.frames = 20;
  // V0 = key; draw the digit's picture at (0, 0); stay.
  world.files["rom"] = {0xF0, 0x0A, 0xF0, 0x29, 0xD1, 0x15, 0x12, 0x06};
  world.held = [](std::uint64_t frame, std::int64_t key) { return key == 'q' && frame < 10; };
  const Outcome outcome = run("chip8", world);
  const auto lit = [&](std::size_t x, std::size_t y) {
    return outcome.frame.pixels[((8 + y * 8) * outcome.frame.width + 8 + x * 8) * 3] > 100;
  };
  // q is 4: 0x90 0x90 0xF0 0x10 0x10
  CHECK(lit(0, 0));
  CHECK_FALSE(lit(1, 0));
  CHECK(lit(3, 4));
  CHECK_FALSE(lit(0, 4));
  world.held = [](std::uint64_t, std::int64_t key) { return key == 'q'; };  // never let go
  CHECK(hash_of(run("chip8", world).frame) != hash_of(outcome.frame));
}

TEST_CASE("chip8: the test suite's pictures have every check mark", "[demos]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "chip8");
  const std::vector<std::pair<std::string, std::string>> roms{{"1-chip8-logo", "d8423fe5c5492439"},
                                                              {"2-ibm-logo", "fad3ac33695ddaea"},
                                                              {"3-corax+", "f24ee4f4026743a9"},
                                                              {"4-flags", "d4bedb5ec0525244"}};
  for (const auto& [name, hash] : roms) {
    INFO(name);
    const auto rom = read_file(folder / (name + ".ch8"));
    REQUIRE(rom);
    CHECK(hash_of(run_rom(*rom, 120).frame) == hash);
  }
}

}  // namespace pxos
