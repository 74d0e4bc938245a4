#include "cartridges/pixellm/model_v0.hpp"

#include "pixelfs/sheet.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/hash.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/temp_folder.hpp"

#include <cmath>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::as_bytes;
using pxos::ByteVector;
using pxos::cartridges::Cartridge;
using pxos::cartridges::EntryKind;
using pxos::cartridges::NpyArray;
namespace pixellm = pxos::cartridges::pixellm;

namespace {

/// A model of vocabulary 3 and width 2.
std::vector<NpyArray> small() {
  return {{"embed", {3, 2}, {-1, 0, 1, 2, 0.5F, 0.25F}},
          {"hidden", {2, 2}, {1, 2, 3, 4}},
          {"b_hidden", {2}, {0.5F, 0.5F}},
          {"out", {2, 3}, {6, 5, 4, 3, 2, 1}},
          {"b_out", {3}, {0, 0, 0}}};
}

pixellm::Encoded encoded() {
  return pixellm::encode(small()).value();
}

std::string encode_error(const std::vector<NpyArray>& weights) {
  const auto result = pixellm::encode(weights);
  REQUIRE_FALSE(result.has_value());
  return result.error().message;
}

pxos::cartridges::ImportOptions to(const std::filesystem::path& path) {
  pxos::cartridges::ImportOptions options;
  options.output = path;
  options.find_program =
      [](std::string_view name) -> pxos::Result<pxos::cartridges::ProgramSource> {
    return pxos::cartridges::ProgramSource{std::string(name), {1}, "; text", {}};
  };
  return options;
}

/// meta.json with one piece of text replaced.
std::string meta_error(std::string_view from, std::string_view with) {
  std::string json = pixellm::meta_json(encoded().meta);
  const std::size_t at = json.find(from);
  REQUIRE(at != std::string::npos);
  json.replace(at, from.size(), with);
  const auto parsed = pixellm::parse_meta(as_bytes(json));
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error().message;
}

}  // namespace

TEST_CASE("Fresh weights are the same on every machine and look normal", "[pixellm]") {
  const auto weights = pixellm::init_weights(1);
  REQUIRE(weights.size() == 5);
  CHECK(weights[2].name == "embed");
  double sum = 0;
  double squares = 0;
  for (const float value : weights[2].values) {
    sum += double{value};
    squares += double{value} * double{value};
  }
  const auto count = static_cast<double>(weights[2].values.size());
  // Standard errors of mean and variance over 131 072 values are 0.0028 and 0.0039 of sigma.
  const double sigma = std::sqrt(2.0 / 1024);
  CHECK(std::abs(sum / count) < 0.014 * sigma);
  CHECK(std::abs(squares / count / (sigma * sigma) - 1) < 0.02);
  CHECK(weights[0].values == std::vector<float>(128, 0.0F));
  CHECK(pixellm::init_weights(1)[2].values == weights[2].values);
  CHECK(pixellm::init_weights(2)[2].values != weights[2].values);
}

TEST_CASE("Encoding follows the format byte for byte", "[pixellm]") {
  const auto result = encoded();
  // 2 + 3 + 6 + 4 + 6 = 21 bytes = 7 pixels: 3 wide, 3 high, zeros behind.
  CHECK(result.image.width == 3);
  CHECK(result.image.height == 3);
  CHECK(result.meta.total_bytes == 21);
  CHECK(result.image.pixels.size() == 27);
  const auto* embed = result.meta.find("embed");
  REQUIRE(embed != nullptr);
  CHECK(embed->offset == 5);
  const ByteVector expected{0, 85, 170, 255, 128, 106};  // 127.5 rounds to even: 128
  CHECK(std::equal(expected.begin(), expected.end(), result.image.pixels.begin() + 5));
  CHECK(result.meta.find("b_hidden")->w_max == 0.5 + 1e-6);
  CHECK(result.meta.find("b_out")->w_max == 1e-6);
}

TEST_CASE("Decoding is within half a step, and compare says so", "[pixellm]") {
  const auto result = encoded();
  const auto errors = pixellm::compare(small(), result.image, result.meta);
  REQUIRE(errors.has_value());
  for (const auto& error : *errors) CHECK(error.within);
  auto changed = small();
  changed[1].values[2] += 0.1F;
  const auto found = pixellm::compare(changed, result.image, result.meta).value();
  CHECK(found[3].name == "hidden");
  CHECK_FALSE(found[3].within);
  changed[1].values[2] = std::nanf("");
  CHECK_FALSE(pixellm::compare(changed, result.image, result.meta).value()[3].within);
}

TEST_CASE("Encoding refuses missing, wrong and infinite tensors by name", "[pixellm]") {
  auto weights = small();
  weights[3].name = "outer";
  CHECK_THAT(encode_error(weights), Contains("out is missing"));
  weights = small();
  weights[1].shape = {4};
  CHECK_THAT(encode_error(weights), Contains("hidden: shape [4], expected [2, 2]"));
  weights = small();
  weights[4].values[0] = INFINITY;
  CHECK_THAT(encode_error(weights), Contains("b_out"));
  weights = small();
  weights.push_back({"extra", {1}, {1}});
  CHECK_THAT(encode_error(weights), Contains("6 tensors"));
  CHECK_THAT(encode_error({}), Contains("embed is missing"));
  weights = small();
  weights[3].values = {-3e38F, 3e38F, 0, 0, 0, 0};
  CHECK_THAT(encode_error(weights), Contains("too large"));
}

TEST_CASE("meta.json survives a round trip and is refused when it contradicts itself",
          "[pixellm]") {
  const std::string json = pixellm::meta_json(encoded().meta);
  const auto parsed = pixellm::parse_meta(as_bytes(json));
  REQUIRE(parsed.has_value());
  CHECK(pixellm::meta_json(*parsed) == json);
  CHECK_THAT(meta_error("\"offset\": 5", "\"offset\": 6"), Contains("offset"));
  CHECK_THAT(meta_error("\"length\": 6", "\"length\": 7"), Contains("length"));
  CHECK_THAT(meta_error("\"total_bytes\": 21", "\"total_bytes\": 24"), Contains("total_bytes"));
  CHECK_THAT(meta_error("\"image_width\": 3", "\"image_width\": 2"), Contains("does not hold"));
  CHECK_THAT(meta_error("\"float32\"", "\"float16\""), Contains("float16"));
  CHECK_THAT(meta_error("\"mlp\"", "\"rnn\""), Contains("rnn"));
  CHECK_THAT(meta_error("\"b_hidden\"", "\"z_hidden\""), Contains("does not ascend"));
  CHECK_THAT(meta_error("\"vocab_size\": 3", "\"vocab_size\": 4"), Contains("b_out"));
  CHECK_THAT(meta_error("uint8_per_tensor", "int4"), Contains("int4"));
}

TEST_CASE("parse_meta rejects every prefix and survives ten thousand mutations", "[pixellm]") {
  const auto result = encoded();
  const std::string json = pixellm::meta_json(result.meta);
  pxos::test::for_each_truncation(as_bytes(json), [](pxos::Bytes prefix) {
    REQUIRE_FALSE(pixellm::parse_meta(prefix).has_value());
  });
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const ByteVector damaged = pxos::test::mutate(as_bytes(json), i);
    const auto meta = pixellm::parse_meta(damaged);
    if (!meta) continue;
    // Whatever is accepted can be decoded or is refused; nothing is read outside the picture.
    const auto decoded = pixellm::decode(result.image, *meta);
    if (decoded) REQUIRE(decoded->size() == 5);
  }
}

TEST_CASE("A cartridge holds the picture's bytes unchanged", "[pixellm]") {
  const pxos::test::TempFolder folder;
  const auto result = encoded();
  const auto report = pixellm::to_cartridge(result.image, result.meta, to(folder / "m.pxa"));
  REQUIRE(report.has_value());
  const auto cartridge = Cartridge::open(folder / "m.pxa");
  REQUIRE(cartridge.has_value());
  CHECK(cartridge->verify().has_value());
  CHECK(cartridge->manifest().architecture == "pixellm_v0");
  CHECK(cartridge->manifest().integers ==
        std::map<std::string, std::int64_t>{{"dim", 2}, {"vocab", 3}});
  CHECK(cartridge->manifest().parameter_count == 21);
  std::vector<pxos::pixelfs::Sheet> sheets;
  for (const auto* entry : cartridge->of_kind(EntryKind::kSheet))
    sheets.push_back(pxos::pixelfs::Sheet::open(cartridge->bytes(*entry)).value());
  const auto weights = pxos::pixelfs::WeightSet::open(std::move(sheets)).value();
  for (const auto& tensor : result.meta.tensors) {
    CAPTURE(tensor.name);
    const auto* stored = weights.find(tensor.name);
    REQUIRE(stored != nullptr);
    CHECK(stored->meta.affine.min == static_cast<float>(tensor.w_min));
    ByteVector bytes(tensor.length);
    REQUIRE(weights.read_canonical(*stored, 0, bytes).has_value());
    CHECK(std::equal(bytes.begin(), bytes.end(),
                     result.image.pixels.begin() + static_cast<std::ptrdiff_t>(tensor.offset)));
  }
  CHECK(weights.find("out")->packed.rows == 3);  // rows are outputs: the vocabulary
  CHECK(weights.find("embed")->packed.rows == 3);
}

TEST_CASE("The original model's picture and meta.json come out pixel- and byte-exact",
          "[pixellm][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pixellm");
  for (const std::string set : {"untrained", "trained"}) {
    CAPTURE(set);
    const auto npz = pxos::read_file(folder / ("pixellm_v0." + set + ".npz")).value();
    const auto weights = pxos::cartridges::parse_npz(npz).value();
    const auto result = pixellm::encode(weights).value();
    const auto picture =
        pxos::pixelfs::decode_png(pxos::read_file(folder / ("pixellm_v0." + set + ".pxi")).value())
            .value();
    CHECK(result.image.width == picture.width);
    CHECK(result.image.height == picture.height);
    CHECK(result.image.pixels == picture.pixels);
    const auto json = pxos::read_file(folder / ("pixellm_v0." + set + ".meta.json")).value();
    CHECK(pixellm::meta_json(result.meta) == pxos::as_text(json));
    const auto meta = pixellm::parse_meta(json);
    REQUIRE(meta.has_value());
    const auto errors = pixellm::compare(weights, picture, *meta).value();
    for (const auto& error : errors) CHECK(error.within);
  }
}
