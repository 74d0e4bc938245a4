// One damaged file per line of the checklist every GGUF reader has to pass: each is refused with a
// message of its own, without an output and without memory for what it claims to hold.

#include "cartridges/import/import.hpp"
#include "pxvm/base/memory_report.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/support/temp_folder.hpp"

#include <filesystem>
#include <functional>
#include <limits>
#include <set>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::ByteWriter;
using pxos::cartridges::import_model;
using pxos::cartridges::ImportOptions;
using pxos::test::GgufBuilder;
using pxos::test::TinyLlama;

namespace {

using Extra = std::function<void(GgufBuilder&)>;
using Change = std::function<void(TinyLlama&)>;

struct Hostile {
  const char* line;                  ///< of the checklist
  const char* message;               ///< part of the refusal
  std::function<ByteVector()> make;  ///< the file
};

/// A good model with more keys or tensors.
std::function<ByteVector()> with(Extra extra) {
  return [extra = std::move(extra)] {
    TinyLlama model;
    model.extra = extra;
    return model.build();
  };
}
/// A good model with other parts.
std::function<ByteVector()> changed(Change change) {
  return [change = std::move(change)] {
    TinyLlama model;
    change(model);
    return model.build();
  };
}
/// A good model with `value`'s bytes, `size` of them, from byte `at` on.
std::function<ByteVector()> patched(std::size_t at, std::uint64_t value, std::size_t size) {
  return [=] {
    ByteVector bytes = TinyLlama{}.build();
    for (std::size_t i = 0; i < size; ++i)
      bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
    return bytes;
  };
}
/// A pair with raw value bytes made of numbers: (value, bytes of it) ...
Extra raw(std::uint32_t type, std::vector<std::pair<std::uint64_t, int>> numbers) {
  return [=](GgufBuilder& file) {
    ByteWriter value;
    for (const auto& [number, size] : numbers)
      for (int i = 0; i < size; ++i) value.u8(static_cast<std::uint8_t>(number >> (8 * i)));
    file.key_raw("hostile", type, value.view());
  };
}
Extra tensor(std::vector<std::uint64_t> ne, std::uint32_t type, std::uint64_t offset) {
  return [=](GgufBuilder& file) { file.tensor_at("hostile", ne, type, offset); };
}

constexpr std::uint64_t kHuge = std::uint64_t{1} << 60U;
constexpr std::uint64_t kWrap = std::uint64_t{1} << 32U;
// Behind every tensor of the tiny model, and aligned.
constexpr std::uint64_t kFree = 0;

std::vector<Hostile> header_lines() {
  return {
      {"magic", "found unknown", patched(0, 'X', 1)},
      {"version 1", "GGUF version 1 at byte 4", patched(4, 1, 4)},
      {"a version of the future", "GGUF version 4 at byte 4", patched(4, 4, 4)},
      {"endianness", "big-endian", patched(4, 0x03000000, 4)},
      {"a header that ends early", "truncated at byte",
       [] { return ByteVector{'G', 'G', 'U', 'F', 3, 0, 0, 0, 1}; }},
      {"tensor count", "tensor count", patched(8, kHuge, 8)},
      {"metadata count", "metadata count", patched(16, kHuge, 8)},
      {"key length", "GGUF metadata key at byte", patched(24, kHuge, 8)},
      {"an empty key", "is empty or holds a NUL", with([](GgufBuilder& f) { f.key_u32("", 1); })},
      {"string length", "hostile: GGUF string value", with(raw(8, {{kHuge, 8}}))},
      {"array count", "cannot fit in the", with(raw(9, {{4, 4}, {kHuge, 8}}))},
      {"string array count", "array of 2305843009213693952 elements",
       with(raw(9, {{8, 4}, {kHuge * 2, 8}}))},
      {"nested arrays", "nested arrays", with(raw(9, {{9, 4}, {1, 8}}))},
      {"value type", "unknown GGUF value type 13", with(raw(13, {{0, 4}}))},
      {"a key twice", "general.name appears twice",
       with([](GgufBuilder& f) { f.key_text("general.name", "again"); })},
      {"alignment that is no power of two", "general.alignment 3",
       with([](GgufBuilder& f) { f.key_u32("general.alignment", 3); })},
      {"alignment of zero", "general.alignment 0",
       with([](GgufBuilder& f) { f.key_u32("general.alignment", 0); })},
      {"alignment above 1 MiB", "general.alignment 2097152",
       with([](GgufBuilder& f) { f.key_u32("general.alignment", 1U << 21U); })},
  };
}

std::vector<Hostile> tensor_lines() {
  return {
      {"no dimension", "hostile: 0 dimensions", with(tensor({}, 0, kFree))},
      {"five dimensions", "hostile: 5 dimensions", with(tensor({1, 1, 1, 1, 1}, 0, kFree))},
      {"a dimension of zero", "dimension 1 is 0", with(tensor({4, 0}, 0, kFree))},
      {"a product that wraps to zero", "hostile: dimensions overflow",
       with(tensor({kWrap, kWrap}, 0, kFree))},
      {"rows that are not whole blocks", "hostile: ", with(tensor({33}, 8, kFree))},
      {"a dtype nobody knows", "unknown type 77", with(tensor({4}, 77, kFree))},
      {"a dtype of ours that GGUF has not", "unknown type 129", with(tensor({4}, 129, kFree))},
      {"a dtype this build has not", "iq4_xs is not supported", with(tensor({4}, 23, kFree))},
      {"an offset that is not aligned", "offset 33 is not a multiple of 32",
       with(tensor({4}, 0, 33))},
      {"an offset outside the file", "lie outside the file", with(tensor({4}, 0, kHuge))},
      {"an offset that wraps", "18446744073709551584 lie outside the file",
       with(tensor({4}, 0, ~std::uint64_t{31}))},
      {"tensors that overlap", "overlap at byte", with(tensor({4}, 0, kFree))},
      {"a tensor twice", "token_embd.weight appears twice",
       with([](GgufBuilder& f) { f.tensor("token_embd.weight", {4}, 0, ByteVector(16)); })},
      {"tensor name length", "GGUF tensor name at byte",
       with([](GgufBuilder& f) { f.tensor(std::string(1025, 'n'), {4}, 0, ByteVector(16)); })},
  };
}

std::vector<Hostile> model_lines() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  return {
      {"scores that are not one per token", "tokenizer.ggml.scores: 8 values for 9",
       changed([](TinyLlama& m) { m.scores.pop_back(); })},
      {"a score that is no number", "score", changed([nan](TinyLlama& m) { m.scores[3] = nan; })},
      {"types that are not one per token", "tokenizer.ggml.token_type: 8 values for 9",
       changed([](TinyLlama& m) { m.types.pop_back(); })},
      {"a token type that is none", "has type 7", changed([](TinyLlama& m) { m.types[4] = 7; })},
      {"a token id outside the vocabulary", "tokenizer.ggml.eot_token_id: id 9",
       with([](GgufBuilder& f) { f.key_u32("tokenizer.ggml.eot_token_id", 9); })},
      {"a byte token that is none", "byte token 6 is not spelled",
       changed([](TinyLlama& m) { m.tokens[6] = "<0x4>"; })},
      {"a tokenizer that is not known", "tokenizer \"magic\"",
       changed([](TinyLlama& m) { m.tokenizer = "magic"; })},
      {"a pre-tokenizer that is not known", "unknown pre-tokenizer 'hostile-bpe'",
       changed([](TinyLlama& m) {
         m.tokenizer = "gpt2";
         m.types.assign(9, 1);
         m.tokens = {"a", "b", "c", "d", "e", "f", "g", "h", "ab"};
         m.extra = [](GgufBuilder& f) {
           f.key_text("tokenizer.ggml.pre", "hostile-bpe");
           f.key_texts("tokenizer.ggml.merges", std::vector<std::string>{"a b"});
         };
       })},
      {"merges that are none", "merge", changed([](TinyLlama& m) {
         m.tokenizer = "gpt2";
         m.types.assign(9, 1);
         m.tokens = {"a", "b", "c", "d", "e", "f", "g", "h", "ab"};
         m.extra = [](GgufBuilder& f) {
           f.key_text("tokenizer.ggml.pre", "gpt-2");
           f.key_texts("tokenizer.ggml.merges", std::vector<std::string>{"ab"});
         };
       })},
      {"an architecture that is not known", "architecture \"hostile\"",
       changed([](TinyLlama& m) { m.architecture = "hostile"; })},
      {"more layers than tensors", "block_count 1000000",
       changed([](TinyLlama& m) { m.layer_key = 1000000; })},
      {"hyper-parameters that disagree with shapes", "the hyper-parameters say",
       changed([](TinyLlama& m) {
         m.layer_key = 1;
         m.ffn_key = 96;
       })},
      {"a size of zero", "key_length: 0 is not in",
       with([](GgufBuilder& f) { f.key_u32("llama.attention.key_length", 0); })},
      {"a tensor that is not there", "blk.1.attn_norm.weight [32] is missing",
       changed([](TinyLlama& m) { m.layer_key = 2; })},
      {"more tokens than rows", "10 tokens, but token_embd.weight has 9 rows",
       changed([](TinyLlama& m) {
         m.row_count = 9;
         m.tokens.push_back("c");
         m.types.push_back(1);
         m.scores.push_back(-1.0F);
       })},
      {"part of a model in several files", "part 2 of 3", with([](GgufBuilder& f) {
         f.key_u32("split.no", 1);
         f.key_u32("split.count", 3);
         f.key_u32("split.tensors.count", 30);
       })},
      {"a count of parts that is none", "split.count: 0", with([](GgufBuilder& f) {
         f.key_u32("split.no", 0);
         f.key_u32("split.count", 0);
         f.key_u32("split.tensors.count", 30);
       })},
  };
}

}  // namespace

TEST_CASE("Every hostile file is refused with a message of its own", "[gguf][hostile]") {
  const pxos::test::TempFolder folder;
  std::vector<Hostile> all = header_lines();
  for (const Hostile& line : tensor_lines()) all.push_back(line);
  for (const Hostile& line : model_lines()) all.push_back(line);
  CHECK(all.size() >= 27);
  ImportOptions options;
  options.output = folder / "out.pxa";
  options.find_program = pxos::test::fake_program;
  const auto before = pxos::memory_report();
  std::set<std::string> messages;
  for (const Hostile& hostile : all) {
    INFO("line: " << hostile.line);
    const auto path = folder.write("hostile.gguf", hostile.make());
    const auto report = import_model(path, options);
    REQUIRE_FALSE(report.has_value());
    const std::string& message = report.error().message;
    CHECK_THAT(message, Contains(hostile.message));
    CHECK_THAT(message, Contains("hostile.gguf: "));
    CHECK(message.find('\n') == std::string::npos);
    CHECK(messages.insert(message).second);
    CHECK_FALSE(std::filesystem::exists(options.output));
  }
  const auto after = pxos::memory_report();
  // Claims of 2^60 were never believed, not even for a moment.
  if (before && after)
    CHECK(after->peak_resident < before->peak_resident + (std::uint64_t{128} << 20U));
}

TEST_CASE("The good file behind the hostile ones imports", "[gguf][hostile]") {
  const pxos::test::TempFolder folder;
  ImportOptions options;
  options.output = folder / "out.pxa";
  options.find_program = pxos::test::fake_program;
  CHECK(import_model(folder.write("good.gguf", TinyLlama{}.build()), options).has_value());
}
