#include "pxvm/vm/link.hpp"

#include "guest.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

constexpr const char* kProgram = R"(
.program layer
.param n
.param m = 2
.param eps : f32 = 1e-5
.dim T = 1..64
.import w[2] : weight[m, n] = "first.{}", "second.{}"
.region kv[2] : f16[8, n]
.temp h : f32[T, m]
.entry main(x: f32[T, n], i: i64)
    matmul h, w[i], x
    halt
)";

std::string link_error(test::Guest& guest) {
  const auto linked = guest.link(kProgram);
  return linked ? "" : linked.error().message;
}

TEST_CASE("a missing parameter is named", "[vm][link]") {
  test::Guest guest;
  CHECK(link_error(guest).find("needs parameter 'n'") != std::string::npos);
}

TEST_CASE("a missing tensor names everything that was tried", "[vm][link]") {
  test::Guest guest;
  guest.integers = {{"n", 4}};
  CHECK(link_error(guest).find("no tensor 'first.0', 'second.0'") != std::string::npos);
}

TEST_CASE("a tensor of another shape names declared and found", "[vm][link]") {
  test::Guest guest;
  guest.integers = {{"n", 4}};
  guest.add_matrix("first.0", 2, 4, std::vector<float>(8));
  guest.add_matrix("second.1", 2, 3, std::vector<float>(6));
  const std::string error = link_error(guest);
  CHECK(error.find("'second.1' is [2, 3], the program declares [2, 4]") != std::string::npos);
}

TEST_CASE("arenas over the cap are refused with need and have", "[vm][link]") {
  test::Guest guest;
  guest.integers = {{"n", 1 << 18}};
  guest.memory_cap = 1 << 20;
  guest.add_matrix("first.0", 2, 1 << 18, std::vector<float>(2U << 18U));
  guest.add_matrix("first.1", 2, 1 << 18, std::vector<float>(2U << 18U));
  CHECK(link_error(guest).find("MiB are allowed") != std::string::npos);
}

TEST_CASE("linking lays out arenas and fills parameters", "[vm][link]") {
  test::Guest guest;
  guest.integers = {{"n", 4}, {"m", 3}};
  guest.add_matrix("first.0", 3, 4, std::vector<float>(12));
  guest.add_matrix("second.1", 3, 4, std::vector<float>(12));
  const auto linked = guest.link(kProgram);
  INFO((linked ? "" : linked.error().message));
  REQUIRE(linked);
  CHECK((*linked)->region_bytes == 2 * 64);                       // 8 x 4 x 2 bytes, twice
  CHECK((*linked)->activation_bytes == 64 * 3 * 4 + 64 * 4 * 4);  // h and x at T = 64
}

TEST_CASE("caches that are not f16 are for regions only", "[vm][link]") {
  const std::string text =
      ".program t\n.region k : f16[8, 32]\n.temp v : f16[8, 32]\n.temp x : f32[1, 32]\n"
      ".attr att = attention(heads: 1, kv_heads: 1, head_dim: 32, scale: 1.0)\n"
      ".temp y : f32[1, 32]\n.entry main()\n    attention y, x, k, v, r0, att\n    halt\n";
  const auto linked = [&](tensor::KvFormat caches) {
    auto program = assembler::assemble_or_error({{"test.pxasm", text}, {}, false});
    REQUIRE(program);
    vm::LinkInputs inputs;
    inputs.caches = caches;
    return vm::link(*std::move(program), inputs);
  };
  CHECK(linked(tensor::KvFormat::kF16));
  for (const auto caches : {tensor::KvFormat::kF32, tensor::KvFormat::kQ8}) {
    const auto refused = linked(caches);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message ==
          "'v' is temp: caches that are not kept as f16 are for regions only");
  }
}

TEST_CASE("rows that could not be interrupted in time are refused", "[vm][link]") {
  test::Guest guest;
  const auto declared = [&](const std::string& shape) {
    return guest.link(".program t\n.dim T = 1..9\n.temp x : f32" + shape +
                      "\n.entry main()\n    halt\n");
  };
  CHECK(declared("[2, 1048576]"));
  CHECK(declared("[4000000]"));
  const auto weight =
      guest.link(".program t\n.import w : weight[1, 262145] = \"w\"\n.entry main()\n    halt\n");
  REQUIRE_FALSE(weight);
  CHECK(weight.error().message.find("more than 262144 columns") != std::string::npos);
  for (const char* shape : {"[2, 1048577]", "[16777217, 1]"}) {
    const auto refused = declared(shape);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("has more than 1048576 columns or 16777216 rows") !=
          std::string::npos);
  }
}

TEST_CASE("extents that overflow are an error", "[vm][link]") {
  test::Guest guest;
  guest.integers = {{"n", std::int64_t{1} << 62}};
  CHECK_FALSE(link_error(guest).empty());
}

}  // namespace
}  // namespace pxos
