#include "pxvm/debug/inspect.hpp"

#include "debug_guest.hpp"
#include "pxvm/tensor/pack.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using debug::TensorNumbers;
using isa::TensorDecl;
using vm::TensorView;

template <class T>
TensorView plain(TensorDecl::Element element, std::vector<T>& values, std::int64_t rows) {
  TensorView view;
  view.element = element;
  view.rank = 2;
  view.dims = {rows, static_cast<std::int64_t>(values.size()) / rows};
  view.data = reinterpret_cast<std::uint8_t*>(values.data());
  return view;
}

std::vector<double> row_of(const TensorView& view, std::int64_t row) {
  const TensorNumbers numbers(view);
  std::vector<double> out(static_cast<std::size_t>(numbers.cols()));
  numbers.read_row(row, out);
  return out;
}

TEST_CASE("plain tensors and caches are read as their numbers", "[debug]") {
  std::vector<float> reals{1, 2, 3, -4.5F};
  CHECK(row_of(plain(TensorDecl::Element::kF32, reals, 2), 1) == std::vector<double>{3, -4.5});
  std::vector<std::int32_t> integers{7, -2147483647};
  CHECK(row_of(plain(TensorDecl::Element::kI32, integers, 1), 0) ==
        std::vector<double>{7, -2147483647});
  std::vector<std::uint8_t> bytes{0, 255};
  CHECK(row_of(plain(TensorDecl::Element::kU8, bytes, 1), 0) == std::vector<double>{0, 255});
  std::vector<std::uint16_t> halves{tensor::f32_to_f16(0.5F), tensor::f32_to_f16(-2)};
  TensorView cache = plain(TensorDecl::Element::kF16, halves, 1);
  CHECK(row_of(cache, 0) == std::vector<double>{0.5, -2});
  cache = plain(TensorDecl::Element::kF16, reals, 2);
  cache.caches = tensor::KvFormat::kF32;
  CHECK(row_of(cache, 1) == std::vector<double>{3, -4.5});
}

TEST_CASE("a q8 cache is its integers times the factor of their 32", "[debug]") {
  std::vector<std::uint8_t> bytes(2 * 34, 3);
  const std::uint16_t factor = tensor::f32_to_f16(0.25F);
  std::memcpy(bytes.data() + 34 + 32, &factor, 2);
  bytes[34] = 0xFE;
  TensorView cache;
  cache.element = TensorDecl::Element::kF16;
  cache.caches = tensor::KvFormat::kQ8;
  cache.rank = 2;
  cache.dims = {2, 32};
  cache.data = bytes.data();
  const std::vector<double> row = row_of(cache, 1);
  CHECK(row[0] == -0.5);
  CHECK(row[31] == 0.75);
}

TEST_CASE("packed weights are read as dequantised rows", "[debug]") {
  constexpr std::uint64_t kRows = 21;
  constexpr std::uint64_t kCols = 64;
  for (const tensor::DType dtype :
       {tensor::DType::kF32, tensor::DType::kQ8_0, tensor::DType::kQ4_0, tensor::DType::kF16}) {
    const tensor::DTypeInfo& info = tensor::info(dtype);
    const std::uint64_t row_bytes = kCols / info.block_elems * info.block_bytes;
    ByteVector canonical(kRows * row_bytes);
    for (std::size_t i = 0; i < canonical.size(); ++i)
      canonical[i] = static_cast<std::uint8_t>(i % 53 + 1);
    const std::uint64_t units = kCols / info.unit_cols;
    ByteVector packed(2 * units * info.unit_bytes);
    for (std::uint64_t g = 0; g < 2; ++g)
      tensor::pack_row_group(
          dtype, Bytes(canonical).subspan(g * 16 * row_bytes), row_bytes, g == 0 ? 16 : kRows - 16,
          kCols, MutBytes(packed).subspan(g * units * info.unit_bytes, units * info.unit_bytes));
    tensor::PackedTensor weight{dtype, kRows, kCols, static_cast<std::uint32_t>(units), 0, 0, {}};
    // Two segments, the second cut into lines, as sheets have them.
    weight.segments.push_back({packed.data(), 0, units, 0, 1});
    weight.segments.push_back({packed.data() + units * info.unit_bytes, info.unit_bytes, 1, 0, 1});
    TensorView view;
    view.element = TensorDecl::Element::kWeight;
    view.rank = 2;
    view.dims = {kRows, kCols};
    view.packed = &weight;
    std::vector<float> expected(kCols);
    for (const std::int64_t row : {0, 15, 16, 20}) {
      tensor::dequantize_row(
          dtype, Bytes(canonical).subspan(static_cast<std::uint64_t>(row) * row_bytes, row_bytes),
          expected);
      CHECK(row_of(view, row) == std::vector<double>(expected.begin(), expected.end()));
    }
  }
}

TEST_CASE("a summary counts what is not finite and leaves it out of the rest", "[debug]") {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> values{1, 2, std::nanf(""), 5, -inf, 6, 7, 8};
  const TensorNumbers numbers(plain(TensorDecl::Element::kF32, values, 2));
  const debug::TensorSummary all = debug::summarize(numbers, {0, 2});
  CHECK(all.count == 8);
  CHECK(all.nans == 1);
  CHECK(all.infinities == 1);
  CHECK(all.min == 1);
  CHECK(all.max == 8);
  CHECK(all.mean == Approx(29.0 / 6));
  CHECK(all.first_bad == std::pair<std::int64_t, std::int64_t>{0, 2});
  CHECK(debug::summarize(numbers, {1, 99}).count == 4);
  CHECK(debug::summarize(numbers, {5, 1}).count == 0);
  const TensorNumbers none(TensorView{});
  CHECK(debug::summarize(none, {0, 1}).max == 0);
}

TEST_CASE("a heat map shows signs, sizes and what is not finite", "[debug]") {
  std::vector<float> values{1, -1, 0, std::nanf("")};
  const isa::RgbImage image =
      debug::heat_map(TensorNumbers(plain(TensorDecl::Element::kF32, values, 2)), 8);
  CHECK(image.width == 4);  // two pixels an element
  CHECK(image.height == 4);
  const auto pixel = [&](std::size_t x, std::size_t y) {
    const auto at = image.rgb.begin() + static_cast<std::ptrdiff_t>((y * 4 + x) * 3);
    return ByteVector(at, at + 3);
  };
  CHECK(pixel(0, 0) == ByteVector{255, 150, 40});
  CHECK(pixel(2, 1) == ByteVector{60, 150, 255});
  CHECK(pixel(0, 3) == ByteVector{16, 18, 24});
  CHECK(pixel(3, 3) == ByteVector{255, 0, 255});

  std::vector<float> large(100 * 1000, 0.5F);
  large[4321] = std::nanf("");
  const isa::RgbImage small =
      debug::heat_map(TensorNumbers(plain(TensorDecl::Element::kF32, large, 100)), 64);
  CHECK(small.width == 63);
  CHECK(small.height == 50);
  const auto magenta = static_cast<std::size_t>(4 / 2 * 63 + 321 / 16) * 3;
  CHECK(small.rgb[magenta] == 255);
  CHECK(small.rgb[magenta + 1] == 0);
}

TEST_CASE("an instruction wrote the rows that it wrote", "[debug]") {
  test::DebugGuest guest;
  REQUIRE(guest.timeline->seek(8));  // after kvappend of the first layer
  const std::size_t append = guest.pc_of("kvappend");
  REQUIRE(guest.timeline->last_pc() == append);
  const auto written = debug::written_by(guest.machine(), append);
  REQUIRE(written.size() == 1);
  CHECK(written[0].rows.first == 0);
  CHECK(written[0].rows.count == 2);
  const auto copied = debug::written_by(guest.machine(), 0);
  REQUIRE(copied.size() == 1);
  CHECK(copied[0].name == "x");
  CHECK(copied[0].rows.count == 2);
  CHECK(debug::written_by(guest.machine(), guest.pc_of("i64.const")).empty());
}

}  // namespace
}  // namespace pxos
