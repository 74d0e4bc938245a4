#include "cartridges/import/safetensors.hpp"

#include "tests/cartridges/safetensors_builder.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::as_bytes;
using pxos::Bytes;
using pxos::ByteVector;
using pxos::Errc;
using pxos::cartridges::parse_safetensors_index;
using pxos::cartridges::SafetensorsFile;
using pxos::test::safetensors_file;
using pxos::test::SafetensorsBuilder;

namespace {

ByteVector sample() {
  SafetensorsBuilder file;
  file.counting("b", {2, 3});
  file.tensor("a", "BF16", {4}, ByteVector(8, 7));
  file.tensor("none", "F32", {0, 5}, {});
  file.tensor("scalar", "I64", {}, ByteVector(8));
  return file.build();
}

/// The message for a file of `header` and `data_bytes` zero bytes.
std::string refusal(std::string_view header, std::size_t data_bytes = 8) {
  const ByteVector file = safetensors_file(header, ByteVector(data_bytes));
  const auto parsed = SafetensorsFile::parse(file);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().message.find('\n') == std::string::npos);
  return parsed.error().message;
}

std::string one(std::string_view rest) {
  return fmt::format("{{\"w\":{{{}}}}}", rest);
}

}  // namespace

TEST_CASE("Tensors are found with type, shape and bytes", "[safetensors]") {
  const ByteVector bytes = sample();
  const auto file = SafetensorsFile::parse(bytes);
  REQUIRE(file.has_value());
  REQUIRE(file->tensors().size() == 4);
  CHECK(file->tensors()[0].name == "b");
  const auto* a = file->find("a");
  REQUIRE(a != nullptr);
  CHECK(a->dtype == pxos::tensor::DType::kBF16);
  CHECK(a->shape == std::vector<std::int64_t>{4});
  CHECK(file->tensor_bytes(*a)[3] == 7);
  CHECK(file->tensor_bytes(*file->find("b")).size() == 24);
  // Types that no weight has are described all the same: masks are stored in them.
  CHECK_FALSE(file->find("scalar")->dtype.has_value());
  CHECK(file->find("c") == nullptr);
}

TEST_CASE("Free texts are kept", "[safetensors]") {
  const ByteVector file = safetensors_file(R"({"__metadata__":{"format":"pt"}})", {});
  CHECK(SafetensorsFile::parse(file).value().metadata().at("format") == "pt");
  CHECK_THAT(refusal(R"({"__metadata__":{"format":1}})", 0), Contains("__metadata__.format"));
}

TEST_CASE("Every truncated prefix is refused", "[safetensors]") {
  const ByteVector bytes = sample();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    // A fresh buffer per length, so that an overread is one.
    const ByteVector prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    CHECK_FALSE(SafetensorsFile::parse(prefix).has_value());
  }
  ByteVector longer = bytes;
  longer.push_back(0);
  CHECK_FALSE(SafetensorsFile::parse(longer).has_value());
}

TEST_CASE("A flipped bit is refused or gives a table inside the file", "[safetensors]") {
  const ByteVector bytes = sample();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    ByteVector changed = bytes;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1U << (bit % 8)));
    const auto file = SafetensorsFile::parse(changed);
    if (!file) continue;
    for (const auto& tensor : file->tensors())
      CHECK(tensor.offset + tensor.bytes <= changed.size());
  }
}

TEST_CASE("Header lengths are checked before the header is looked at", "[safetensors]") {
  pxos::ByteWriter out;
  out.u64(100'000'001);
  CHECK(SafetensorsFile::parse(out.view()).error().code == Errc::kLimit);
  pxos::ByteWriter huge;
  huge.u64(~std::uint64_t{0});
  CHECK_FALSE(SafetensorsFile::parse(huge.view()).has_value());
  CHECK_THAT(refusal("[1]", 0), Contains("expected an object"));
  CHECK_THAT(refusal("{", 0), Contains("safetensors header"));
}

TEST_CASE("Offsets must cover the data exactly", "[safetensors]") {
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,16])")),
             Contains("outside the 8 bytes"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])")),
             Contains("tensor w.data_offsets"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])")),
             Contains("behind a gap"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])")),
             Contains("end at 4 of 8"));
  CHECK_THAT(refusal(R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                     R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
             Contains("inside the one before it"));
}

TEST_CASE("Shapes and types must agree with the bytes", "[safetensors]") {
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])")),
             Contains("3 elements of F32 do not fill the 8 bytes"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])")),
             Contains("a size is -2"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])")),
             Contains("overflows"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])")),
             Contains("9 dimensions"));
  CHECK_THAT(refusal(one(R"("dtype":"F4","shape":[2],"data_offsets":[0,8])")),
             Contains("element type \"F4\""));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":2,"data_offsets":[0,8])")),
             Contains("w.shape: expected an array"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","data_offsets":[0,8])")), Contains("w.shape is missing"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])")),
             Contains("expected an integer"));
  CHECK_THAT(refusal(one(R"("dtype":"F32","shape":[2],"data_offsets":[8])")),
             Contains("expected two offsets"));
}

TEST_CASE("A name twice is refused", "[safetensors]") {
  CHECK_THAT(refusal(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                     R"("w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})"),
             Contains("twice"));
}

TEST_CASE("An index names plain files only", "[safetensors]") {
  const auto parse = [](std::string_view text) { return parse_safetensors_index(as_bytes(text)); };
  const auto good = parse(R"({"metadata":{},"weight_map":{"a":"x-1.safetensors"}})");
  REQUIRE(good.has_value());
  CHECK(good->at("a") == "x-1.safetensors");
  for (const char* name : {"../x", "/etc/x", "a/b", "", ".hidden", "a\\\\b"}) {
    const auto bad = parse(fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", name));
    REQUIRE_FALSE(bad.has_value());
    CHECK_THAT(bad.error().message, Contains("not a plain file name"));
  }
  CHECK_FALSE(parse(R"({"weight_map":{}})").has_value());
  CHECK_FALSE(parse(R"({"weight_map":{"a":1}})").has_value());
  CHECK_FALSE(parse(R"({})").has_value());
}
