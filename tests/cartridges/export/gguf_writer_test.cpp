#include "cartridges/export/gguf_writer.hpp"

#include "cartridges/import/gguf.hpp"
#include "tests/cartridges/gguf_builder.hpp"

#include <catch2/catch.hpp>

using pxos::ByteVector;
using pxos::Errc;
using pxos::cartridges::GgufFile;
using pxos::cartridges::GgufWriter;
using pxos::tensor::DType;

namespace {

ByteVector copy(pxos::Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("Every kind of value is read back", "[gguf]") {
  GgufWriter out;
  out.text("a.text", "x\ny");
  out.u32("a.u32", 4000000000U);
  out.flag("a.flag", true);
  out.real("a.f32", 0.5);
  out.real("a.f64", 0.1);
  out.texts("a.texts", std::vector<std::string>{"", "two"});
  out.floats("a.floats", std::vector<float>{1.5F, -2.0F});
  out.i32s("a.i32s", std::vector<std::int32_t>{-1, 7});
  const ByteVector bytes = out.front();
  const auto file = GgufFile::parse(bytes);
  INFO((file ? "" : file.error().message));
  REQUIRE(file);
  CHECK(file->text("a.text").value() == "x\ny");
  CHECK(file->integer("a.u32").value() == 4000000000);
  CHECK(file->find_flag("a.flag").value() == true);
  CHECK(file->real("a.f32").value() == 0.5);
  CHECK(file->real("a.f64").value() == 0.1);  // not the nearest float
  CHECK(file->strings("a.texts").value() == std::vector<std::string_view>{"", "two"});
  CHECK(file->floats("a.floats").value() == std::vector<float>{1.5F, -2.0F});
  CHECK(file->integers("a.i32s").value() == std::vector<std::int64_t>{-1, 7});
}

TEST_CASE("Tensors lie one after another, padded", "[gguf]") {
  GgufWriter out;
  const std::vector<std::int64_t> vector{3}, matrix{2, 32};
  REQUIRE(out.tensor("v", vector, DType::kF32, 12));
  REQUIRE(out.tensor("m", matrix, DType::kQ8_0, 68));
  ByteVector bytes = out.front();
  bytes.insert(bytes.end(), 32, 1);
  bytes.insert(bytes.end(), 96, 2);
  const auto file = GgufFile::parse(bytes);
  INFO((file ? "" : file.error().message));
  REQUIRE(file);
  CHECK(file->find_tensor("m")->shape() == matrix);
  CHECK(copy(file->tensor_bytes(*file->find_tensor("v"))) == ByteVector(12, 1));
  CHECK(copy(file->tensor_bytes(*file->find_tensor("m"))) == ByteVector(68, 2));
}

TEST_CASE("What GGUF cannot say is refused", "[gguf]") {
  GgufWriter out;
  const std::vector<std::int64_t> shape{1, 1, 1, 1, 32};
  CHECK(out.tensor("t", shape, DType::kF32, 128).error().code == Errc::kUnsupported);
  CHECK(out.tensor("t", std::span(shape).last(2), DType::kU8Affine, 32).error().code ==
        Errc::kUnsupported);
}

TEST_CASE("A value of every type is written as it was read", "[export]") {
  pxos::test::GgufBuilder builder;
  for (std::uint32_t type = 0; type <= 12; ++type) {
    if (type == 8 || type == 9) continue;
    const auto size =
        pxos::cartridges::gguf_fixed_size(static_cast<pxos::cartridges::GgufType>(type));
    // Negative numbers and large ones; a flag is 1.
    const std::uint8_t fill = type == 7 ? 1 : 0xBF;
    builder.key_raw("k" + std::to_string(type), type, pxos::ByteVector(size, fill));
  }
  builder.key_text("text", "words");
  builder.key_texts("texts", std::vector<std::string>{"a", "", "b"});
  builder.key_i32s("numbers", std::vector<std::int32_t>{1, -2});
  const pxos::ByteVector source = builder.build();
  const auto read = GgufFile::parse(source).value();
  GgufWriter out;
  for (const auto& [key, value] : read.metadata()) out.value(key, value);
  const pxos::ByteVector written = out.front();
  const auto again = GgufFile::parse(written).value();
  REQUIRE(again.metadata().size() == read.metadata().size());
  GgufWriter twice;
  for (const auto& [key, value] : again.metadata()) {
    CHECK(value.type == read.metadata().find(key)->second.type);
    twice.value(key, value);
  }
  CHECK(twice.front() == written);
  CHECK(again.integer("k1").value() == static_cast<std::int8_t>(0xBF));
  CHECK(again.integer("k11").value() == static_cast<std::int64_t>(0xBFBFBFBFBFBFBFBFULL));
  CHECK(again.strings("texts").value().size() == 3);
}
