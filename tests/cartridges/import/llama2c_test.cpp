#include "cartridges/import/llama2c.hpp"

#include "cartridges/import/gguf_model.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/temp_folder.hpp"

#include <array>
#include <cstring>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::ByteWriter;
using pxos::cartridges::is_llama2c;
using pxos::cartridges::llama2c_model;
using pxos::cartridges::ModelFile;
using pxos::cartridges::ModelTensor;
using pxos::cartridges::open_gguf_model;
using pxos::cartridges::open_llama2c_model;

namespace {

// dim 4, hidden 6, two layers, two heads, one key/value head, five tokens, context 8.
constexpr std::array<std::int32_t, 7> kNumbers{4, 6, 2, 2, 1, 5, 8};
constexpr int kNorms = 4 * 2 + 4 * 2 + 4;
constexpr int kMatrices = 2 * (16 + 8 + 8 + 16 + 24 + 24 + 24);

ByteVector version0(bool own_head, std::array<std::int32_t, 7> numbers = kNumbers) {
  ByteWriter out;
  if (own_head) numbers[5] = -numbers[5];
  for (const std::int32_t number : numbers) out.i32(number);
  const int tables = 8 * 2;
  const int count = 20 + kNorms + kMatrices + tables + (own_head ? 20 : 0);
  for (int i = 0; i < count; ++i) out.f32(static_cast<float>(i));
  return out.take();
}

ByteVector version1or2(std::int32_t version, std::int32_t group = 2) {
  ByteWriter out;
  out.u32(0x616b3432);
  out.i32(version);
  for (const std::int32_t number : kNumbers) out.i32(number);
  out.u8(0);  // own head
  if (version == 2) out.i32(group);
  out.pad_to(256);
  for (int i = 0; i < kNorms; ++i) out.f32(static_cast<float>(i));
  if (version == 1) {
    for (int i = 0; i < 20 + kMatrices + 20; ++i) out.f32(static_cast<float>(i));
    return out.take();
  }
  // Sizes of the matrices in the file's order; int8 values, then a scale for every two.
  std::vector<int> sizes{20};
  for (const int size : {16, 8, 8, 16, 24, 24, 24}) sizes.insert(sizes.end(), 2, size);
  sizes.push_back(20);
  for (const int size : sizes) {
    for (int i = 0; i < size; ++i) out.u8(static_cast<std::uint8_t>(i - 3));
    for (int i = 0; i < size / 2; ++i) out.f32(0.5F * static_cast<float>(i + 1));
  }
  return out.take();
}

std::vector<float> values_of(const ModelFile& model, std::string_view name) {
  const ModelTensor* tensor = model.find_tensor(name);
  REQUIRE(tensor != nullptr);
  ByteVector bytes(tensor->bytes());
  REQUIRE(tensor->read(0, bytes).has_value());
  // The same in steps that cut values.
  ByteVector again(bytes.size());
  for (std::size_t at = 0; at < bytes.size(); at += 7)
    REQUIRE(tensor
                ->read(at, pxos::MutBytes(again).subspan(
                               at, std::min<std::size_t>(7, bytes.size() - at)))
                .has_value());
  CHECK(again == bytes);
  CHECK_FALSE(tensor->read(bytes.size() - 3, pxos::MutBytes(again).first(4)).has_value());
  std::vector<float> out(tensor->elements());
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

}  // namespace

TEST_CASE("Version 0: tensors in order, the tables of rotations skipped", "[llama2c]") {
  for (const bool own_head : {false, true}) {
    const ByteVector bytes = version0(own_head);
    CHECK(is_llama2c(bytes));
    const auto model = llama2c_model(bytes);
    REQUIRE(model.has_value());
    CHECK(model->tensors.size() == 1 + 2 * 9 + 1 + (own_head ? 1 : 0));
    CHECK(values_of(*model, "token_embd.weight")[19] == 19);
    CHECK(values_of(*model, "blk.1.attn_norm.weight")[0] == 24);
    CHECK(values_of(*model, "blk.0.attn_q.weight")[0] == 28);
    CHECK(model->find_tensor("blk.1.attn_k.weight")->shape == std::vector<std::int64_t>{2, 4});
    CHECK(model->find_tensor("blk.0.ffn_down.weight")->shape == std::vector<std::int64_t>{4, 6});
    const float norm = 20 + kNorms - 4 + kMatrices;
    CHECK(values_of(*model, "output_norm.weight")[0] == norm);
    if (own_head) CHECK(values_of(*model, "output.weight")[0] == norm + 4 + 16);
    CHECK(model->metadata.integer("llama.context_length").value() == 8);
    CHECK(model->metadata.integer("llama.rope.dimension_count").value() == 2);
  }
}

TEST_CASE("Version 1: norms first, then the matrices", "[llama2c]") {
  const ByteVector bytes = version1or2(1);
  const auto model = llama2c_model(bytes);
  REQUIRE(model.has_value());
  CHECK(values_of(*model, "blk.1.ffn_norm.weight")[0] == 12);
  CHECK(values_of(*model, "output_norm.weight")[0] == 16);
  CHECK(values_of(*model, "token_embd.weight")[0] == 0);
  CHECK(values_of(*model, "blk.1.attn_q.weight")[0] == 20 + 16);
  CHECK(values_of(*model, "output.weight")[0] == 20 + kMatrices);
}

TEST_CASE("Version 2: values times the scales of their groups", "[llama2c]") {
  const ByteVector bytes = version1or2(2);
  const auto model = llama2c_model(bytes);
  REQUIRE(model.has_value());
  const auto q = values_of(*model, "blk.1.attn_q.weight");
  for (int i = 0; i < 16; ++i)
    CHECK(q[static_cast<std::size_t>(i)] ==
          static_cast<float>(i - 3) * 0.5F * static_cast<float>(i / 2 + 1));
  CHECK(values_of(*model, "output_norm.weight")[0] == 16);
  const ByteVector uneven = version1or2(2, 3);
  CHECK_THAT(llama2c_model(uneven).error().message, Contains("not whole groups of 3"));
}

TEST_CASE("Every truncated and every longer file is refused", "[llama2c]") {
  for (const ByteVector& bytes : {version0(true), version1or2(1), version1or2(2)}) {
    for (std::size_t length = 0; length < bytes.size(); length += length < 300 ? 1 : 37) {
      const ByteVector prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
      CHECK_FALSE(llama2c_model(prefix).has_value());
    }
    ByteVector longer = bytes;
    longer.push_back(0);
    CHECK_THAT(llama2c_model(longer).error().message, Contains("the header asks for"));
  }
}

TEST_CASE("Numbers out of range, odd heads and later versions are refused", "[llama2c]") {
  const auto refusal = [](std::size_t at, std::int32_t value) {
    auto numbers = kNumbers;
    numbers[at] = value;
    const ByteVector bytes = version0(false, numbers);
    CHECK_FALSE(is_llama2c(bytes));
    return llama2c_model(bytes).error().message;
  };
  CHECK_THAT(refusal(0, 0), Contains("dim: 0"));
  CHECK_THAT(refusal(2, -1), Contains("n_layers: -1"));
  CHECK_THAT(refusal(2, 1 << 30), Contains("n_layers"));
  CHECK_THAT(refusal(3, 3), Contains("do not divide"));
  CHECK_THAT(refusal(0, 2), Contains("do not divide"));
  CHECK_THAT(refusal(5, std::numeric_limits<std::int32_t>::min()), Contains("vocab_size"));
  CHECK_THAT(refusal(1, 1 << 24), Contains("the header asks for"));
  ByteVector later = version1or2(1);
  later[4] = 3;
  CHECK_THAT(llama2c_model(later).error().message, Contains("version 3 at byte 4"));
  ByteVector shared = version1or2(1);
  shared[36] = 2;
  CHECK_THAT(llama2c_model(shared).error().message, Contains("shared head: 2"));
}

TEST_CASE("Damaged files never read outside themselves", "[llama2c]") {
  const ByteVector bytes = version1or2(2);
  for (std::uint64_t i = 0; i < 300; ++i) {
    const ByteVector damaged = pxos::test::mutate(bytes, i);
    const auto model = llama2c_model(damaged);
    if (!model) continue;
    for (const ModelTensor& tensor : model->tensors) {
      ByteVector out(tensor.bytes());
      CHECK(tensor.read(0, out).has_value());
    }
  }
}

TEST_CASE("A tokenizer beside the model is found, another one is taken when named", "[llama2c]") {
  const pxos::test::TempFolder folder;
  const auto path = folder.write("m.bin", version0(false));
  CHECK_FALSE(open_llama2c_model(path)->vocabulary.has_value());
  folder.write("tok5.bin", std::string_view("junk"));
  CHECK_THAT(open_llama2c_model(path).error().message, Contains("tok5.bin: "));
  CHECK_FALSE(open_llama2c_model(path, folder / "none.bin").has_value());
}

TEST_CASE("The recorded checkpoint and its GGUF are the same model", "[llama2c][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const auto ours = open_llama2c_model(models / "stories260K-llama2c/stories260K.bin");
  const auto theirs = open_gguf_model(models / "stories260K-gguf/stories260K.gguf");
  REQUIRE(ours.has_value());
  REQUIRE(theirs.has_value());
  for (const ModelTensor& tensor : ours->tensors) {
    CAPTURE(tensor.name);
    const ModelTensor* other = theirs->find_tensor(tensor.name);
    REQUIRE(other != nullptr);
    CHECK(values_of(*ours, tensor.name) == values_of(*theirs, tensor.name));
  }
  CHECK(theirs->tensors.size() - ours->tensors.size() <= 1);
  REQUIRE(ours->vocabulary.has_value());
  CHECK(ours->vocabulary->tokens == theirs->vocabulary->tokens);
  CHECK(ours->metadata.real("llama.attention.layer_norm_rms_epsilon").value() ==
        theirs->metadata.real("llama.attention.layer_norm_rms_epsilon").value());
}
