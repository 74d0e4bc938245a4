#include "cartridges/import/gguf.hpp"

#include "pxvm/base/file.hpp"
#include "tests/cartridges/gguf_builder.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using namespace std::string_literals;
using pxos::Bytes;
using pxos::ByteVector;
using pxos::Errc;
using pxos::cartridges::GgufFile;
using pxos::test::GgufBuilder;

namespace {

/// Two tensors and one key of every kind the builder has.
GgufBuilder small() {
  GgufBuilder file;
  file.key_text("general.architecture", "llama");
  file.key_u32("llama.block_count", 2);
  file.key_f32("eps", 0.5F);
  file.key_bool("flag", true);
  const std::vector<std::string> words{"a", "", "ccc"};
  file.key_texts("words", words);
  const std::vector<float> scores{1.0F, -2.0F, 0.5F};
  file.key_floats("scores", scores);
  const std::vector<std::int32_t> types{1, -3, 6};
  file.key_i32s("types", types);
  file.tensor("w", {32, 2}, 8, ByteVector(68, 7));
  file.tensor("norm", {3}, 0, ByteVector(12, 1));
  return file;
}

std::string error_of(const ByteVector& bytes) {
  const auto parsed = GgufFile::parse(bytes);
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error().message;
}

}  // namespace

TEST_CASE("GgufFile reads metadata and tensors of versions 2 and 3", "[gguf]") {
  for (const std::uint32_t version : {2U, 3U}) {
    GgufBuilder builder = small();
    builder.version = version;
    const ByteVector bytes = builder.build();
    const auto file = GgufFile::parse(bytes);
    REQUIRE(file.has_value());
    CHECK(file->version() == version);
    CHECK(file->text("general.architecture").value() == "llama");
    CHECK(file->integer("llama.block_count").value() == 2);
    CHECK(file->real("eps").value() == 0.5);
    CHECK(file->real("llama.block_count").value() == 2.0);
    CHECK(file->find_flag("flag").value() == true);
    CHECK(file->strings("words").value().at(2) == "ccc");
    CHECK(file->floats("scores").value() == std::vector<float>{1.0F, -2.0F, 0.5F});
    CHECK(file->integers("types").value() == std::vector<std::int64_t>{1, -3, 6});
    REQUIRE(file->tensors().size() == 2);
    const auto* w = file->find_tensor("w");
    REQUIRE(w != nullptr);
    CHECK(w->dtype == pxos::tensor::DType::kQ8_0);
    CHECK(w->shape() == std::vector<std::int64_t>{2, 32});
    CHECK(file->tensor_bytes(*w).size() == 68);
    CHECK(file->tensor_bytes(*w)[0] == 7);
    CHECK(file->find_tensor("missing") == nullptr);
  }
}

TEST_CASE("GgufFile getters name the key and both types", "[gguf]") {
  const ByteVector bytes = small().build();
  const auto file = GgufFile::parse(bytes);
  REQUIRE(file.has_value());
  CHECK(file->integer("absent").error().code == Errc::kNotFound);
  CHECK_FALSE(file->find_integer("absent").value().has_value());
  CHECK(file->integer("eps").error().message == "eps: expected an integer, found f32");
  CHECK(file->text("flag").error().message == "flag: expected a string, found bool");
  CHECK(file->floats("words").error().message == "words: expected an array of f32, found array");
  CHECK(file->strings("absent").value().empty());
}

TEST_CASE("GgufFile refuses foreign versions with the reason", "[gguf]") {
  GgufBuilder builder = small();
  builder.version = 1;
  CHECK_THAT(error_of(builder.build()), Catch::Contains("version 1"));
  builder.version = 4;
  CHECK_THAT(error_of(builder.build()), Catch::Contains("version 4"));
  builder.version = 0x03000000;
  CHECK_THAT(error_of(builder.build()), Catch::Contains("big-endian"));
  ByteVector bad = small().build();
  bad[0] = 'X';
  CHECK_THAT(error_of(bad), Catch::Contains("magic"));
}

TEST_CASE("GgufFile refuses every wrong tensor record", "[gguf]") {
  const auto with = [](std::vector<std::uint64_t> ne, std::uint32_t type, std::uint64_t offset) {
    GgufBuilder builder = small();
    builder.tensor_at("bad", std::move(ne), type, offset);
    ByteVector bytes = builder.build();
    bytes.resize(bytes.size() + 4096);
    return error_of(bytes);
  };
  CHECK_THAT(with({}, 0, 128), Catch::Contains("bad: 0 dimensions"));
  CHECK_THAT(with({1, 1, 1, 1, 1}, 0, 128), Catch::Contains("bad: 5 dimensions"));
  CHECK_THAT(with({4, 0}, 0, 128), Catch::Contains("bad: dimension 1 is 0"));
  CHECK_THAT(with({1ULL << 32U, 1ULL << 32U}, 0, 128), Catch::Contains("bad: dimensions overflow"));
  CHECK_THAT(with({1ULL << 62U}, 0, 128), Catch::Contains("bad"));
  CHECK_THAT(with({33}, 8, 128), Catch::Contains("bad"));
  CHECK_THAT(with({4}, 23, 128), Catch::Contains("bad: type iq4_xs is not supported"));
  CHECK_THAT(with({4}, 77, 128), Catch::Contains("bad: unknown type 77"));
  CHECK_THAT(with({4}, 129, 128), Catch::Contains("bad: unknown type 129"));
  CHECK_THAT(with({4}, 0, 130), Catch::Contains("bad: offset 130 is not a multiple of 32"));
  CHECK_THAT(with({4}, 0, 1ULL << 40U), Catch::Contains("outside the file"));
  CHECK_THAT(with({4}, 0, ~0ULL - 31), Catch::Contains("outside the file"));
  CHECK_THAT(with({4}, 0, 64), Catch::Contains("overlap"));
}

TEST_CASE("GgufFile refuses wrong metadata", "[gguf]") {
  const auto with = [](std::string_view key, std::uint32_t type, const ByteVector& value) {
    GgufBuilder builder = small();
    builder.key_raw(key, type, value);
    return error_of(builder.build());
  };
  CHECK_THAT(with("eps", 0, {1}), Catch::Contains("eps appears twice"));
  CHECK_THAT(with("k", 13, {1}), Catch::Contains("unknown GGUF value type 13"));
  CHECK_THAT(with("", 0, {1}), Catch::Contains("empty"));
  CHECK_THAT(with("k\0x"s, 0, {1}), Catch::Contains("NUL"));
  CHECK_THAT(with("k", 9, {9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}), Catch::Contains("nested"));
  CHECK_THAT(with("k", 9, {10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xFF}), Catch::Contains("cannot fit"));
  CHECK_THAT(with("k", 8, {0, 0, 0, 0, 0, 0, 0, 0x80}), Catch::Contains("k: "));
  CHECK_THAT(with("general.alignment", 4, {3, 0, 0, 0}), Catch::Contains("power of two"));
  CHECK_THAT(with("general.alignment", 4, {0, 0, 0, 0}), Catch::Contains("power of two"));
  CHECK_THAT(with("general.alignment", 4, {0, 0, 32, 0}), Catch::Contains("power of two"));
  CHECK_THAT(with("general.alignment", 7, {1}), Catch::Contains("alignment"));
}

TEST_CASE("GgufFile refuses counts that cannot fit before it allocates", "[gguf]") {
  ByteVector bytes = small().build();
  bytes[15] = 0x7F;  // tensor count
  CHECK_THAT(error_of(bytes), Catch::Contains("tensor count"));
  bytes = small().build();
  bytes[23] = 0x7F;  // metadata count
  CHECK_THAT(error_of(bytes), Catch::Contains("metadata count"));
}

TEST_CASE("GgufFile refuses duplicate tensors", "[gguf]") {
  GgufBuilder builder = small();
  builder.tensor("w", {4}, 0, ByteVector(16));
  CHECK_THAT(error_of(builder.build()), Catch::Contains("w appears twice"));
}

TEST_CASE("GgufFile rejects every truncated prefix", "[gguf]") {
  const ByteVector bytes = small().build();
  pxos::test::for_each_truncation(
      bytes, [](Bytes prefix) { REQUIRE_FALSE(GgufFile::parse(prefix).has_value()); });
}

TEST_CASE("GgufFile survives ten thousand mutations", "[gguf]") {
  const ByteVector bytes = small().build();
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const ByteVector damaged = pxos::test::mutate(bytes, i);
    const auto file = GgufFile::parse(damaged);
    if (!file) {
      ++refused;
      REQUIRE(file.error().message.find('\n') == std::string::npos);
      continue;
    }
    // What is accepted can be read: every tensor's bytes lie inside the file.
    for (const auto& tensor : file->tensors())
      REQUIRE(file->tensor_bytes(tensor).size() == tensor.bytes);
  }
  CHECK(refused > 1000);
}

TEST_CASE("GgufFile reads the recorded models", "[gguf][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const auto file_of = [&](std::string_view name) {
    return pxos::read_file(models / name).value();
  };
  const ByteVector stories = file_of("stories260K-gguf/stories260K.gguf");
  const auto parsed = GgufFile::parse(stories);
  REQUIRE(parsed.has_value());
  CHECK(parsed->tensors().size() == 48);
  CHECK(parsed->integer("llama.context_length").value() == 2048);
  CHECK(parsed->strings("tokenizer.ggml.tokens").value().size() == 512);
  for (const std::string type :
       {"F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0", "IQ4_NL", "Q4_K_M"}) {
    const ByteVector bytes =
        file_of("TinyStories-656K-gguf/derived/TinyStories-656K-" + type + "-fixtok.gguf");
    CHECK(GgufFile::parse(bytes).has_value());
  }
}
