// Pixel memory: loads and stores of every width, bytes, pictures, strings.

#include "guest.hpp"

#include <cstring>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using test::Guest;

constexpr const char* kTensors = R"(
.temp m : u8[4, 8]
.temp n : u8[4, 8]
.temp v : i32[2, 3]
.temp f : f32[2, 3]
.temp canvas : u8[3, 4, 1]
.temp sprites : u8[2, 2, 2, 1]
.string hello = "Hi!"
)";

struct Run {
  Guest guest;
  vm::Machine* machine = nullptr;
  std::string error;

  explicit Run(const std::string& body, std::uint64_t fuel = 0) {
    auto loaded =
        guest.load(std::string(kTensors) + ".entry main()\n" + body + "\n    halt\n", fuel);
    INFO((loaded ? "" : loaded.error().message));
    REQUIRE(loaded);
    machine = *loaded;
    const auto done = machine->call("main", {});
    if (!done) error = done.error().message;
  }
  [[nodiscard]] std::uint64_t r0() const { return machine->scalar(0); }
  [[nodiscard]] bool says(std::string_view text) const {
    return error.find(text) != std::string::npos;
  }
  [[nodiscard]] std::vector<int> bytes(std::string_view tensor, std::size_t count) const {
    const auto memory = machine->memory(tensor);
    REQUIRE(memory);
    return {memory->begin(), memory->begin() + static_cast<std::ptrdiff_t>(count)};
  }
};

/// The last index at which an access of `bytes` fits 32 bytes, and the first at which it does not.
void check_edges(const std::string& load, const std::string& store, std::uint64_t bytes) {
  const std::string last = std::to_string(32 - bytes), beyond = std::to_string(33 - bytes);
  CHECK(Run("    " + load + " r0, m, " + last).error.empty());
  CHECK(Run("    " + store + " m, " + last + ", r0").error.empty());
  const std::string message =
      bytes == 1 ? "element 32 of 32" : fmt::format("{} bytes from byte {} of 32", bytes, beyond);
  CHECK(Run("    " + load + " r0, m, " + beyond).says(message));
  CHECK(Run("    " + store + " m, " + beyond + ", r0").says(message));
  CHECK(Run("    " + load + " r0, m, -1").says("-1"));
}

TEST_CASE("bytes are loaded and stored in every width, little-endian, at any place", "[vm]") {
  const auto value = [](const std::string& op, int at) {
    return Run("    i64.const r1, 0x7fa5c3\n    i64.shl r1, r1, 40\n"
               "    i64.const r2, 0x618b96\n    i64.shl r2, r2, 16\n    i64.or r1, r1, r2\n"
               "    i64.or r1, r1, 0xf0d4\n    st.u64 m, 3, r1\n    " +
               op + " r0, m, " + std::to_string(at))
        .r0();
  };
  CHECK(value("ld.u8", 3) == 0xD4);
  CHECK(value("ld.s8", 3) == 0xFFFFFFFFFFFFFFD4);
  CHECK(value("ld.u16", 4) == 0x96F0);
  CHECK(value("ld.s16", 4) == 0xFFFFFFFFFFFF96F0);
  CHECK(value("ld.u32", 3) == 0x8B96F0D4);
  CHECK(value("ld.s32", 3) == 0xFFFFFFFF8B96F0D4);
  CHECK(value("ld.u64", 3) == 0x7FA5C3618B96F0D4);
  check_edges("ld.u8", "st.u8", 1);
  check_edges("ld.u16", "st.u16", 2);
  check_edges("ld.u32", "st.u32", 4);
  check_edges("ld.u64", "st.u64", 8);
}

TEST_CASE("a store writes its width and nothing beside it", "[vm]") {
  const Run run(
      "    mem.fill m, 0, 8, 0xff\n    i64.const r1, 0x1234\n    st.u16 m, 2, r1\n"
      "    st.u8 m, 5, r1");
  CHECK(run.bytes("m", 8) == std::vector<int>{255, 255, 0x34, 0x12, 255, 0x34, 255, 255});
}

TEST_CASE("(x, y) counts values across and slices down", "[vm]") {
  const Run run(
      "    i64.const r1, 0x0605\n    i64.const r2, 3\n    i64.const r3, 2\n"
      "    st.u16.at r1, m, r2, r3\n    ld.u16 r0, m, 22");
  CHECK(run.r0() == 0x0605);
  CHECK(Run("    i64.const r1, -7\n    st.i32.at r1, v, 2, 1\n    ld.i32 r0, v, 5").r0() ==
        static_cast<std::uint64_t>(-7));
  CHECK(Run("    st.f32.at 1.5, f, 0, 1\n    ld.f32.at r0, f, 0, 1").r0() == 0x3FC00000);
  CHECK(Run("    ld.u64.at r0, m, 0, 3").error.empty());
  CHECK(Run("    ld.u64.at r0, m, 1, 3").says("(1, 3) of 1 x 4"));
  CHECK(Run("    ld.u8.at r0, m, 8, 0").says("(8, 0) of 8 x 4"));
  CHECK(Run("    ld.u8.at r0, m, -1, 0").says("(-1, 0) of 8 x 4"));
  CHECK(Run("    st.u32.at r0, m, 0, 4").says("(0, 4) of 2 x 4"));
  CHECK(Run("    st.f32.at r0, f, 3, 0").says("(3, 0) of 3 x 2"));
}

TEST_CASE("bytes are filled and copied, overlapping ones as through a buffer", "[vm]") {
  const std::string count_up =
      "loop:\n    st.u8 m, r1, r1\n    i64.addi r1, r1, 1\n    br.lt r1, 8, loop\n";
  CHECK(Run(count_up + "    mem.copy m, m, 2, 0, 6").bytes("m", 8) ==
        std::vector<int>{0, 1, 0, 1, 2, 3, 4, 5});
  CHECK(Run(count_up + "    mem.copy m, m, 0, 2, 6").bytes("m", 8) ==
        std::vector<int>{2, 3, 4, 5, 6, 7, 6, 7});
  CHECK(Run(count_up + "    mem.copy n, m, 1, 0, 3").bytes("n", 5) ==
        std::vector<int>{0, 0, 1, 2, 0});
  CHECK(Run("    mem.fill m, 30, 2, 7").error.empty());
  CHECK(Run("    mem.fill m, 32, 0, 7").error.empty());
  CHECK(Run("    mem.fill m, 30, 3, 7").says("3 bytes from byte 30 of 32"));
  CHECK(Run("    mem.fill m, 1, -1, 7").says("of 32"));
  CHECK(Run("    mem.copy n, m, 0, 31, 2").says("2 bytes from byte 31 of 32"));
  CHECK(Run("    mem.copy n, m, 31, 0, 2").says("2 bytes from byte 31 of 32"));
}

/// Picture 1 is 1 2 / 0 4.
constexpr const char* kSprite =
    "    st.u8 sprites, 4, 1\n    st.u8 sprites, 5, 2\n    st.u8 sprites, 7, 4\n";

TEST_CASE("a picture is drawn inside, at the edges and not at all", "[vm]") {
  const auto drawn = [](const std::string& place) {
    return Run(std::string(kSprite) + "    px.fill canvas, 9\n    px.blit canvas, sprites, " +
               place)
        .bytes("canvas", 12);
  };
  CHECK(drawn("1, 1, 1, 0") == std::vector<int>{9, 9, 9, 9, 9, 1, 2, 9, 9, 0, 4, 9});
  CHECK(drawn("-1, -1, 1, 0") == std::vector<int>{4, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9});
  CHECK(drawn("3, 2, 1, 0") == std::vector<int>{9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 1});
  CHECK(drawn("4, 0, 1, 0") == std::vector<int>(12, 9));
  CHECK(drawn("-2, 0, 1, 0") == std::vector<int>(12, 9));
  CHECK(drawn("0, 0, 1, 1") == std::vector<int>{1, 2, 9, 9, 9, 4, 9, 9, 9, 9, 9, 9});
  CHECK(drawn("0, 0, 1, 2") == std::vector<int>{8, 11, 9, 9, 9, 13, 9, 9, 9, 9, 9, 9});
  CHECK(Run("    px.blit canvas, sprites, 0, 0, 2, 0").says("picture 2 of 2"));
}

TEST_CASE("a picture at the far ends of i64 is not drawn", "[vm]") {
  const Run run(std::string(kSprite) +
                "    i64.const r1, 1\n    i64.shl r1, r1, 63\n    i64.xor r2, r1, -1\n"
                "    px.blit canvas, sprites, r1, r2, 1, 0\n"
                "    px.blit canvas, sprites, r2, r1, 1, 0");
  CHECK(run.error.empty());
  CHECK(run.bytes("canvas", 12) == std::vector<int>(12, 0));
}

TEST_CASE("strings have a length and bytes, and are written to memory", "[vm]") {
  CHECK(Run("    str.len r0, hello").r0() == 3);
  CHECK(Run("    str.byte r0, hello, 1").r0() == 'i');
  CHECK(Run("    str.byte r0, hello, 3").says("byte 3 of 3"));
  CHECK(Run("    str.len r0, 1").says("string 1 of 1"));
  const Run copied("    str.copy r0, m, 4, hello");
  CHECK(copied.r0() == 3);
  CHECK(copied.bytes("m", 8) == std::vector<int>{0, 0, 0, 0, 'H', 'i', '!', 0});
  CHECK(Run("    str.copy r0, m, 30, hello").says("3 bytes from byte 30 of 32"));
}

TEST_CASE("values are selected and compared in every way that branches know", "[vm]") {
  CHECK(Run("    select r0, 5, 6, 1").r0() == 5);
  CHECK(Run("    select r0, 5, 6, 0").r0() == 6);
  const auto taken = [](const std::string& branch) {
    return Run("    i64.const r0, 1\n    " + branch + ", yes\n    i64.const r0, 0\nyes:").r0() == 1;
  };
  CHECK(taken("br.z 0"));
  CHECK_FALSE(taken("br.z 2"));
  CHECK(taken("br.nz 2"));
  CHECK(taken("br.lt_u 1, -1"));
  CHECK_FALSE(taken("br.lt_u -1, 1"));
  CHECK(taken("br.le_u 1, 1"));
  CHECK(taken("br.f32.le 1.5, 1.5"));
  CHECK(taken("br.f64.lt 1.25, 1.5"));
  CHECK(taken("br.f64.le 1.5, 1.5"));
  CHECK(taken("br.f64.eq 1.5, 1.5"));
  CHECK_FALSE(taken("br.f64.ne 1.5, 1.5"));
  const auto with_nan = [&](const std::string& branch) {
    return Run("    i64.const r0, 1\n    f32.sqrt r1, -1\n    f64.sqrt r2, -1\n    " + branch +
               ", yes\n    i64.const r0, 0\nyes:")
               .r0() == 1;
  };
  CHECK(with_nan("br.f32.ne r1, r1"));
  CHECK(with_nan("br.f64.ne r2, 1"));
  CHECK_FALSE(with_nan("br.f32.le r1, r1"));
  CHECK_FALSE(with_nan("br.f64.lt r2, 1"));
  CHECK_FALSE(with_nan("br.f64.le r2, r2"));
  CHECK_FALSE(with_nan("br.f64.eq r2, r2"));
}

TEST_CASE("work on memory costs fuel before it begins", "[vm]") {
  const std::string large =
      ".region big : u8[4096, 4096]\n.entry main()\n    mem.fill big, 0, "
      "16777216, 1\n    halt\n";
  Guest guest;
  auto machine = guest.load(large, 16'000);
  REQUIRE(machine);
  CHECK_FALSE((*machine)->call("main", {}));
  CHECK((*machine)->last_trap() == vm::TrapKind::kFuel);
  CHECK((*machine)->memory("big")->front() == 0);
}

}  // namespace
}  // namespace pxos
