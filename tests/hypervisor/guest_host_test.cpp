#include "hypervisor/guest_host.hpp"

#include "tests/pxvm/vm/guest.hpp"

#include <deque>

#include <catch2/catch.hpp>

namespace pxos::hypervisor {
namespace {

using test::Guest;

const std::vector<std::string> kEverything = {"console", "screen",  "clock",  "random", "keys",
                                              "mouse",   "gamepad", "tokens", "files"};

/// A world that is all there.
struct World {
  HostPorts ports;
  std::string printed;
  pixelfs::Image shown;
  std::deque<std::int64_t> keys = {'a', 'b'};
  std::vector<std::int32_t> answer;
  ByteVector file = {10, 11, 12, 13, 14};

  World() {
    ports.console = [this](std::string_view text) { printed += text; };
    ports.present = [this](const pixelfs::Image& image) { shown = image; };
    ports.key_down = [](std::int64_t key) { return key == 'w'; };
    ports.next_key = [this] {
      const std::int64_t key = keys.empty() ? -1 : keys.front();
      if (!keys.empty()) keys.pop_front();
      return key;
    };
    ports.mouse = [] { return HostPorts::Mouse{5, 6, 1}; };
    ports.pad_buttons = [](std::int64_t pad) { return pad == 0 ? 3 : 0; };
    ports.pad_axis = [](std::int64_t pad, std::int64_t axis) { return pad * 10 + axis; };
    ports.tokens = {7, 8, 9};
    ports.put_token = [this](std::int32_t token) { answer.push_back(token); };
    ports.file_size = [this](std::string_view name) -> Result<std::uint64_t> {
      if (name != "rom") return fail(Errc::kNotFound, "no such file");
      return file.size();
    };
    ports.read_file = [this](std::string_view, std::uint64_t offset, MutBytes out) {
      const std::size_t count = std::min<std::size_t>(out.size(), file.size() - offset);
      std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
      return Result<std::uint64_t>(count);
    };
    ports.write_file = [this](std::string_view, std::uint64_t offset, Bytes bytes) {
      std::copy(bytes.begin(), bytes.end(), file.begin() + static_cast<std::ptrdiff_t>(offset));
      return Result<void>();
    };
    ports.virtual_clock = true;
  }
};

struct Outcome {
  std::int64_t r0 = 0;
  std::string error;
};

constexpr const char* kHead = R"(
.region file : u8[8]
.region screen : u8[2, 3, 3]
.string rom = "rom"
.string other = "other"
.entry main()
)";

Outcome run(World& world, const std::string& body,
            const std::vector<std::string>& granted = kEverything) {
  GuestHost host(world.ports, granted, 1);
  Guest guest;
  auto machine = guest.load(std::string(kHead) + body + "\n    halt\n", 0, &host);
  INFO((machine ? "" : machine.error().message));
  REQUIRE(machine);
  const auto done = (*machine)->call("main", {});
  return {static_cast<std::int64_t>((*machine)->scalar(0)), done ? "" : done.error().message};
}

TEST_CASE("host: every call of the table is served", "[hypervisor]") {
  for (const isa::HostCallInfo& info : isa::all_host_calls()) {
    World world;
    const Outcome outcome = run(world, "    host r0, r1, r1, r1, " + std::string(info.text));
    INFO(info.text << ": " << outcome.error);
    CHECK(outcome.error.empty());
  }
}

TEST_CASE("host: a call without its capability is refused by name", "[hypervisor]") {
  for (const isa::HostCallInfo& info : isa::all_host_calls()) {
    World world;
    std::vector<std::string> granted = kEverything;
    std::erase(granted, info.capability);
    const Outcome outcome =
        run(world, "    host r0, r1, r1, r1, " + std::string(info.text), granted);
    CHECK(outcome.error.find("needs the capability '" + std::string(info.capability) + "'") !=
          std::string::npos);
  }
}

TEST_CASE("host: services that are not there are refused, gamepads are at rest", "[hypervisor]") {
  for (const char* call : {"console.i64", "screen.present", "key.down", "key.next", "mouse.x",
                           "tokens.put", "file.read", "file.write"}) {
    World world;
    world.ports = {};
    const Outcome outcome = run(world, std::string("    host r0, r1, r1, r1, ") + call);
    INFO(call);
    CHECK_FALSE(outcome.error.empty());
  }
  World world;
  world.ports = {};
  CHECK(run(world, "    host r0, r1, r1, r1, pad.buttons").r0 == 0);
  CHECK(run(world, "    host r0, rom, r1, r1, file.size").r0 == -1);
  CHECK(run(world, "    host r0, r1, r1, r1, tokens.count").r0 == 0);
}

TEST_CASE("host: keys, mouse and gamepads", "[hypervisor]") {
  World world;
  CHECK(run(world, "    host r0, 'w', r1, r1, key.down").r0 == 1);
  CHECK(run(world, "    host r0, 'x', r1, r1, key.down").r0 == 0);
  CHECK(run(world, "    host r0, r1, r1, r1, key.next").r0 == 'a');
  CHECK(run(world, "    host r0, r1, r1, r1, key.next").r0 == 'b');
  CHECK(run(world, "    host r0, r1, r1, r1, key.next").r0 == -1);
  CHECK(run(world, "    host r0, r1, r1, r1, mouse.y").r0 == 6);
  CHECK(run(world, "    host r0, r1, r1, r1, mouse.buttons").r0 == 1);
  CHECK(run(world, "    host r0, 2, 5, r1, pad.axis").r0 == 25);
}

TEST_CASE("host: tokens in and out", "[hypervisor]") {
  World world;
  CHECK(run(world, "    host r0, r1, r1, r1, tokens.count").r0 == 3);
  CHECK(run(world, "    host r0, 2, r1, r1, tokens.get").r0 == 9);
  CHECK(run(world, "    host r0, 3, r1, r1, tokens.get").error.find("token 3 of 3") !=
        std::string::npos);
  CHECK(run(world, "    host r0, 5, r1, r1, tokens.put\n    host r0, 6, r1, r1, tokens.put").r0 ==
        2);
  CHECK(world.answer == std::vector<std::int32_t>{5, 6});
  CHECK_FALSE(run(world, "    host r0, -1, r1, r1, tokens.put").error.empty());
}

TEST_CASE("host: files are read and written through the region `file`", "[hypervisor]") {
  World world;
  CHECK(run(world, "    host r0, rom, r1, r1, file.size").r0 == 5);
  CHECK(run(world, "    host r0, other, r1, r1, file.size").r0 == -1);
  CHECK(run(world, "    host r0, rom, 1, 6, file.read\n    ld.u8 r0, file, 7").r0 == 12);
  CHECK(run(world, "    host r0, rom, 0, 0, file.read").r0 == 5);
  CHECK(run(world, "    host r0, rom, 0, 9, file.read").error.find("region of 8") !=
        std::string::npos);
  CHECK(run(world, "    st.u8 file, 0, 99\n    host r0, rom, 4, 1, file.write").r0 == 1);
  CHECK(world.file[4] == 99);
  CHECK_FALSE(run(world, "    host r0, rom, 0, 9, file.write").error.empty());
  CHECK_FALSE(run(world, "    host r0, rom, 0, -1, file.write").error.empty());
  CHECK_FALSE(run(world, "    host r0, rom, -1, 1, file.read").error.empty());
  CHECK_FALSE(run(world, "    host r0, 77, 0, 0, file.read").error.empty());
}

TEST_CASE("host: a virtual clock goes where it is waited for", "[hypervisor]") {
  World world;
  CHECK(run(world, "    host r0, r1, r1, r1, clock.ms").r0 == 0);
  CHECK(run(world,
            "    host r0, 3600000, r1, r1, clock.wait\n    host r0, 5, r1, r1, clock.wait\n"
            "    host r0, r1, r1, r1, clock.ms")
            .r0 == 3'600'000);
}

TEST_CASE("host: a real clock waits as long as it should", "[hypervisor]") {
  World world;
  world.ports.virtual_clock = false;
  CHECK(run(world, "    host r0, 15, r1, r1, clock.wait").r0 >= 15);
}

TEST_CASE("host: the screen is shown as it is, one channel as grey", "[hypervisor]") {
  World world;
  CHECK(run(world, "    px.put 0x030201, screen, 2, 1\n    host r0, r1, r1, r1, screen.present")
            .error.empty());
  REQUIRE(world.shown.pixels.size() == 18);
  CHECK(world.shown.pixels[15] == 1);
  CHECK(world.shown.pixels[17] == 3);
  GuestHost host(world.ports, kEverything, 0);
  Guest guest;
  auto machine = guest.load(
      ".region screen : u8[2, 2]\n.entry main()\n    st.u8 screen, 3, 50\n"
      "    host r0, r1, r1, r1, screen.present\n    halt\n",
      0, &host);
  REQUIRE(machine);
  REQUIRE((*machine)->call("main", {}));
  CHECK(world.shown.channels == 3);
  CHECK(world.shown.pixels == decltype(world.shown.pixels){0, 0, 0, 0, 0, 0, 0, 0, 0, 50, 50, 50});
}

TEST_CASE("host: yield is a quiescent point", "[hypervisor]") {
  World world;
  int turns = 0;
  GuestHost host(world.ports, {}, 0);
  host.at_quiescent_point([&] { ++turns; });
  Guest guest;
  auto machine = guest.load(".entry main()\n    yield\n    yield\n    halt\n", 0, &host);
  REQUIRE(machine);
  REQUIRE((*machine)->call("main", {}));
  CHECK(turns == 2);
}

}  // namespace
}  // namespace pxos::hypervisor
