#include "cartridges/import/pxvm_v0.hpp"

#include "pxvm/base/file.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <array>
#include <cstring>
#include <sstream>

#include <catch2/catch.hpp>

namespace {

using namespace pxos::cartridges;
using pxos::Result;
using pxos::pixelfs::Image;

Result<std::string> read_library(std::string_view name) {
  PX_TRY(const pxos::ByteVector text,
         pxos::read_file(pxos::test::source_folder() / "programs" / name));
  return std::string(pxos::as_text(text));
}

/// A picture of zeros with these instructions in row 0.
Image picture(std::uint32_t width, std::uint32_t height,
              const std::vector<std::array<std::uint8_t, 4>>& code) {
  Image image{width, height, 4, pxos::ByteVector(std::size_t{width} * height * 4)};
  for (std::size_t i = 0; i < code.size(); ++i)
    std::copy(code[i].begin(), code[i].end(),
              image.pixels.begin() + static_cast<std::ptrdiff_t>(i * 4));
  return image;
}

std::uint8_t& red(Image& image, std::size_t x, std::size_t y) {
  return image.pixels[(y * image.width + x) * 4];
}

void set_bytes(Image& image, std::size_t row, std::size_t first,
               const std::vector<std::uint8_t>& values) {
  for (std::size_t i = 0; i < values.size(); ++i) red(image, first + i, row) = values[i];
}

/// A byte matrix: header, values from column 1 on.
void set_matrix(Image& image, std::size_t row, std::uint8_t cols, std::uint8_t rows,
                const std::vector<std::uint8_t>& values) {
  red(image, 0, row) = cols;
  image.pixels[row * image.width * 4 + 2] = rows;
  for (std::size_t i = 0; i < values.size(); ++i)
    red(image, 1 + i % (image.width - 1), row + i / (image.width - 1)) = values[i];
}

struct Run {
  std::optional<V0Dialect> dialect;
  bool compat = false;
  std::uint64_t fuel = 10'000'000;
};

Result<void> run(Image& image, const Run& how = {}) {
  PX_TRY(const V0Program program, decode_v0(image, how.dialect));
  PX_TRY(const auto linked, link_v0(program, {"test.pxi", how.compat, read_library}));
  const std::atomic<bool> stop{false};
  pxos::ThreadPool pool(1);
  return run_v0(linked,
                {pxos::tensor::available_kernels().front(), &pool, &stop, nullptr, how.fuel, true},
                image);
}

/// The message of the trap that `image` ends with; empty when it runs through.
std::string trap_of(Image image, const Run& how = {}) {
  const auto done = run(image, how);
  if (done) return {};
  return done.error().code == pxos::Errc::kTrap ? done.error().message
                                                : "no trap: " + done.error().message;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace

TEST_CASE("v0: the dialect is told by letters, scales and products", "[pxvm_v0]") {
  CHECK(detect_v0_dialect(picture(8, 4, {{1, 1, 2, 3}})) == V0Dialect::kV002);
  CHECK(detect_v0_dialect(picture(8, 4, {{4, 1, 2, 3}})) == V0Dialect::kV002Headers);
  CHECK(detect_v0_dialect(picture(8, 4, {{'M', 1, 2, 3}})) == V0Dialect::kV020);
  CHECK(detect_v0_dialect(picture(8, 4, {{'H', 0, 0, 0}, {'M', 1, 2, 3}})) == V0Dialect::kV002);
  Image scaled = picture(8, 4, {{3, 1, 0, 0}});
  REQUIRE(write_v0_matrix(scaled, 1, 2, 1, std::array{1.0F, 2.0F}));
  CHECK(detect_v0_dialect(scaled) == V0Dialect::kV020);
  for (std::size_t i = 0; i < kV0DialectNames.size(); ++i)
    CHECK(v0_dialect(kV0DialectNames[i]) == static_cast<V0Dialect>(i));
  CHECK_FALSE(v0_dialect("v003"));
}

TEST_CASE("v0 bytes: dot counts from column 0, behind headers from column 1", "[pxvm_v0]") {
  Image image = picture(8, 4, {{1, 1, 2, 3}});
  set_bytes(image, 1, 0, {200, 2, 3});
  set_bytes(image, 2, 0, {250, 20, 30});
  Image headed = image;
  REQUIRE(run(image));
  CHECK(red(image, 0, 3) + 256 * image.pixels[3 * 8 * 4 + 1] == 200 * 250 + 40 + 90);
  REQUIRE(run(headed, {V0Dialect::kV002Headers}));
  CHECK(red(headed, 0, 3) == 130);
}

TEST_CASE("v0 bytes: a vector ends where both rows are all zero; dot wraps at 2^16", "[pxvm_v0]") {
  Image image = picture(4, 4, {{1, 1, 2, 3}});
  set_bytes(image, 1, 0, {255, 255, 0, 9});
  set_bytes(image, 2, 0, {255, 255, 0, 9});
  REQUIRE(run(image));
  const int dot = (2 * 255 * 255) & 0xFFFF;
  CHECK(red(image, 0, 3) == (dot & 255));
  CHECK(image.pixels[3 * 4 * 4 + 1] == dot >> 8);
}

TEST_CASE("v0 bytes: add saturates, a result may be an operand", "[pxvm_v0]") {
  Image image = picture(4, 3, {{2, 1, 2, 1}});
  set_bytes(image, 1, 0, {1, 200, 0, 0});
  set_bytes(image, 2, 0, {2, 100, 7, 0});
  REQUIRE(run(image));
  CHECK(red(image, 0, 1) == 3);
  CHECK(red(image, 1, 1) == 255);
  CHECK(red(image, 2, 1) == 7);
}

TEST_CASE("v0 bytes: a product wraps over rows, saturates, and writes its header", "[pxvm_v0]") {
  Image image = picture(3, 8, {{4, 1, 3, 5}});
  set_matrix(image, 1, 2, 2, {1, 2, 3, 4});
  set_matrix(image, 3, 2, 2, {5, 6, 70, 80});
  REQUIRE(run(image));
  CHECK(red(image, 0, 5) == 2);
  CHECK(image.pixels[5 * 3 * 4 + 2] == 2);
  CHECK(red(image, 1, 5) == 5 + 140);
  CHECK(red(image, 2, 5) == 6 + 160);
  CHECK(red(image, 1, 6) == 255);
  CHECK(red(image, 2, 6) == 255);
}

TEST_CASE("v0 quantised: product, sum and ReLU requantise", "[pxvm_v0]") {
  Image image = picture(16, 8, {{'M', 1, 2, 3}, {'A', 3, 4, 5}, {'R', 5, 0, 0}});
  REQUIRE(write_v0_matrix(image, 1, 2, 1, std::array{1.0F, -1.0F}));
  REQUIRE(write_v0_matrix(image, 2, 2, 2, std::array{0.0F, 255.0F, 100.0F, 50.0F}));
  REQUIRE(write_v0_matrix(image, 4, 2, 1, std::array{0.0F, 10.0F}));
  REQUIRE(run(image));
  const auto product = read_v0_matrix(image, 3);
  REQUIRE(product);
  CHECK(product->cols == 2);
  CHECK(product->rows == 1);
  CHECK(product->values[0] == Approx(-100).epsilon(1e-6));
  CHECK(product->values[1] == Approx(205).epsilon(1e-6));
  const auto sum = read_v0_matrix(image, 5);
  REQUIRE(sum);
  CHECK(sum->values[0] == 0);
  CHECK(sum->values[1] == Approx(215).epsilon(1e-5));
}

TEST_CASE("v0 quantised: equal values have scale 1, not a number becomes 0", "[pxvm_v0]") {
  Image image = picture(16, 4, {{'A', 1, 2, 3}});
  REQUIRE(write_v0_matrix(image, 1, 3, 1, std::array{2.5F, 2.5F, 2.5F}));
  REQUIRE(write_v0_matrix(image, 2, 3, 1, std::array{1.0F, 1.0F, 1.0F}));
  Image broken = image;
  REQUIRE(run(image));
  const auto flat = read_v0_matrix(image, 3);
  REQUIRE(flat);
  CHECK(flat->scale == 1);
  CHECK(flat->values == std::vector<float>{3.5F, 3.5F, 3.5F});
  // Offset NaN in the first operand.
  const std::array<std::uint8_t, 4> nan{0, 0, 0xC0, 0x7F};
  std::copy(nan.begin(), nan.end(), broken.pixels.begin() + (16 + 2) * 4);
  REQUIRE(run(broken));
  CHECK(red(broken, 3, 3) == 0);
  CHECK(red(broken, 4, 3) == 0);
}

TEST_CASE("v0: mistakes trap with the instruction's place, --compat skips as before", "[pxvm_v0]") {
  const Run skip{{}, true};
  const Image unknown = picture(8, 4, {{0x55, 1, 2, 3}});
  CHECK(contains(trap_of(unknown), "test.pxi:1"));
  CHECK(contains(trap_of(unknown), "no such instruction"));
  CHECK(trap_of(unknown, skip).empty());

  const Image outside = picture(8, 4, {{3, 1, 0, 0}, {2, 1, 2, 4}});
  CHECK(contains(trap_of(outside), "test.pxi:2"));
  CHECK(contains(trap_of(outside), "outside the picture"));
  CHECK(trap_of(outside, skip).empty());

  Image shapes = picture(8, 4, {{4, 1, 2, 3}});
  set_matrix(shapes, 1, 2, 1, {1, 2});
  set_matrix(shapes, 2, 1, 1, {1});
  CHECK(contains(trap_of(shapes), "shapes do not fit"));
  CHECK(trap_of(shapes, skip).empty());

  const Image only_dot = picture(8, 4, {{2, 1, 2, 3}});
  CHECK(contains(trap_of(only_dot, {V0Dialect::kV001}), "no such instruction"));
  CHECK(trap_of(only_dot, {V0Dialect::kV001, true}).empty());
}

TEST_CASE("v0: what the original could not do either traps in both modes", "[pxvm_v0]") {
  Image past_end = picture(4, 4, {{4, 1, 2, 3}});
  set_matrix(past_end, 1, 3, 1, {1, 1, 1});
  set_matrix(past_end, 2, 3, 3, {1, 1, 1, 1});
  for (const bool compat : {false, true}) {
    CHECK(contains(trap_of(past_end, {{}, compat}), "past the end"));
    CHECK(contains(trap_of(picture(8, 4, {{'R', 1, 0, 0}}), {{}, compat}), "no elements"));
    CHECK(contains(trap_of(picture(2, 4, {{'R', 1, 0, 0}}), {{}, compat}), "too narrow"));
    CHECK(contains(trap_of(picture(8, 4, {{1, 1, 2, 0}}), {{}, compat}), "row 0"));
  }
}

TEST_CASE("v0: 1024 instructions run, more trap, or are left out as before", "[pxvm_v0]") {
  const std::vector<std::array<std::uint8_t, 4>> code(1025, {3, 1, 0, 0});
  const Image image = picture(1025, 2, code);
  CHECK(contains(trap_of(image), "more than 1024"));
  CHECK(trap_of(image, {{}, true}).empty());
  CHECK(trap_of(picture(1024, 2, {1024, {3, 1, 0, 0}})).empty());
}

TEST_CASE("v0: fuel ends a run", "[pxvm_v0]") {
  Image image = picture(64, 64, {{1, 1, 2, 3}});
  set_bytes(image, 1, 0, std::vector<std::uint8_t>(64, 1));
  const auto done = run(image, {{}, false, 20});
  REQUIRE_FALSE(done);
  CHECK(done.error().code == pxos::Errc::kLimit);
}

TEST_CASE("v0: pictures of another kind and too large ones are refused", "[pxvm_v0]") {
  CHECK_FALSE(decode_v0({8, 8, 3, {}}));
  const auto large = decode_v0({4096, 4096, 4, {}});
  REQUIRE_FALSE(large);
  CHECK(large.error().code == pxos::Errc::kLimit);
}

TEST_CASE("v0: matrices that do not lie in the picture are refused", "[pxvm_v0]") {
  Image image = picture(8, 4, {});
  CHECK_FALSE(read_v0_matrix(image, 1));
  CHECK_FALSE(read_v0_matrix(image, 4));
  const std::vector<float> values(16, 1.0F);
  CHECK_FALSE(write_v0_matrix(image, 1, 16, 1, values));
  CHECK_FALSE(write_v0_matrix(image, 1, 4, 1, values));
  CHECK_FALSE(write_v0_matrix(image, 4, 1, 1, std::array{1.0F}));
  CHECK_FALSE(write_v0_matrix(image, 1, 1, 1, std::array{std::numeric_limits<float>::infinity()}));
  REQUIRE(write_v0_matrix(image, 1, 5, 3, std::span(values).first(15)));
  CHECK(read_v0_matrix(image, 1)->values == std::vector<float>(15, 1.0F));
}

namespace {

/// Pixels of the `number`th block of the page's worked example that has them: "column row: R G B
/// A".
void put_example(Image& image, std::string_view page, int number) {
  page.remove_prefix(page.find("## Worked example"));
  for (int fence = 0; fence <= 2 * number; ++fence) page.remove_prefix(page.find("```") + 3);
  std::istringstream lines{std::string(page.substr(1, page.find("```") - 1))};
  std::size_t x = 0;
  std::size_t y = 0;
  char colon = 0;
  while (lines >> std::dec >> x >> y >> colon >> std::hex) {
    for (std::size_t channel = 0; channel < 4; ++channel) {
      unsigned value = 0;
      lines >> value;
      image.pixels.at((y * image.width + x) * 4 + channel) = static_cast<std::uint8_t>(value);
    }
  }
}

}  // namespace

TEST_CASE("v0: the worked example of the specification runs", "[pxvm_v0]") {
  const auto page = pxos::read_file(pxos::test::source_folder() / "docs/spec/pxvm_v0.md");
  REQUIRE(page);
  Image image = picture(4, 7, {});
  put_example(image, pxos::as_text(*page), 0);
  REQUIRE(red(image, 0, 0) == 4);
  Image expected = image;
  put_example(expected, pxos::as_text(*page), 1);
  REQUIRE(red(expected, 3, 5) == 255);
  REQUIRE(run(image));
  CHECK(image.pixels == expected.pixels);
}

TEST_CASE("v0: damaged pictures end with a result, a trap or an error", "[pxvm_v0]") {
  Image image =
      picture(8, 6, {{'M', 1, 2, 3}, {'A', 3, 4, 5}, {'R', 5, 0, 0}, {4, 1, 2, 3}, {1, 2, 3, 4}});
  REQUIRE(write_v0_matrix(image, 1, 2, 1, std::array{1.0F, -1.0F}));
  REQUIRE(write_v0_matrix(image, 2, 2, 2, std::array{0.0F, 255.0F, 100.0F, 50.0F}));
  REQUIRE(write_v0_matrix(image, 4, 2, 1, std::array{0.0F, 10.0F}));
  // Rows that are not there are zero.
  for (std::size_t length = 0; length < image.pixels.size(); length += 3) {
    Image cut = image;
    std::fill(cut.pixels.begin() + static_cast<std::ptrdiff_t>(length), cut.pixels.end(),
              std::uint8_t{0});
    static_cast<void>(run(cut, {std::nullopt, false, 20'000}));
  }
  for (std::uint64_t number = 0; number < 120; ++number) {
    Image damaged = image;
    pxos::ByteVector bytes = pxos::test::mutate(image.pixels, number);
    bytes.resize(image.pixels.size());
    damaged.pixels = bytes;
    for (const auto dialect :
         {V0Dialect::kV001, V0Dialect::kV002, V0Dialect::kV002Headers, V0Dialect::kV020})
      static_cast<void>(run(damaged, {dialect, number % 2 == 0, 20'000}));
  }
}
