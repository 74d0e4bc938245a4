#include "cartridges/pixellm/protocol.hpp"

#include "pxvm/base/file.hpp"
#include "tests/support/conformance.hpp"

#include <cmath>
#include <fstream>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using Catch::Contains;
using pxos::ByteVector;
using pxos::Errc;
using pxos::pixelfs::Image;
using pxos::pixelfs::ImageView;
namespace pixellm = pxos::cartridges::pixellm;
using pixellm::Prediction;
using pixellm::ProtocolVersion;

namespace {

using Ids = std::vector<std::int32_t>;

Image row(ByteVector pixels) {
  const auto width = static_cast<std::uint32_t>(pixels.size() / 3);
  return {width, 1, 3, std::move(pixels)};
}

std::string input_error(const Image& image, std::uint64_t vocab = 1024) {
  const auto decoded = pixellm::decode_input(image, vocab);
  REQUIRE_FALSE(decoded.has_value());
  return decoded.error().message;
}

/// The five most likely tokens of a recorded case with their softmax over these five.
std::vector<Prediction> listed_softmax(const nlohmann::json& recorded) {
  const auto ids = recorded.at("top10").get<Ids>();
  const auto logits = recorded.at("top10_logits").get<std::vector<double>>();
  std::vector<Prediction> out;
  double sum = 0;
  for (std::size_t i = 0; i < pixellm::kDefaultTopK; ++i) {
    out.push_back({ids[i], std::exp(logits[i] - logits[0])});
    sum += out.back().confidence;
  }
  for (Prediction& prediction : out) prediction.confidence /= sum;
  return out;
}

}  // namespace

TEST_CASE("Input images of both versions have frozen pixels", "[protocol]") {
  const Ids ids{104, 1023, 258};
  const auto v1 = pixellm::encode_input(ids, ProtocolVersion::kV1).value();
  CHECK(v1.pixels == ByteVector{3, 0, 1, 104, 0, 0, 255, 3, 0, 2, 1, 0});
  CHECK(pixellm::decode_input(v1, 1024).value().ids == ids);
  const Ids large{0x123456, 7};
  const auto v2 = pixellm::encode_input(large, ProtocolVersion::kV2).value();
  CHECK(v2.pixels == ByteVector{2, 0, 2, 0x56, 0x34, 0x12, 7, 0, 0});
  const auto decoded = pixellm::decode_input(v2, 0x200000).value();
  CHECK(decoded.version == ProtocolVersion::kV2);
  CHECK(decoded.ids == large);
}

TEST_CASE("The longest prompt survives a round trip, one more token does not fit", "[protocol]") {
  Ids ids(65535, 9);
  const auto image = pixellm::encode_input(ids, ProtocolVersion::kV1).value();
  CHECK(image.width == 65536);
  CHECK(pixellm::decode_input(image, 10).value().ids.size() == 65535);
  ids.push_back(9);
  CHECK_THAT(pixellm::encode_input(ids, ProtocolVersion::kV1).error().message,
             Contains("65536 tokens"));
}

TEST_CASE("Encoding refuses an empty prompt and ids beyond the version", "[protocol]") {
  CHECK_THAT(pixellm::encode_input({}, ProtocolVersion::kV1).error().message, Contains("empty"));
  CHECK_FALSE(pixellm::encode_input(Ids{65536}, ProtocolVersion::kV1).has_value());
  CHECK_FALSE(pixellm::encode_input(Ids{-1}, ProtocolVersion::kV2).has_value());
  CHECK_FALSE(pixellm::encode_input(Ids{1 << 24}, ProtocolVersion::kV2).has_value());
  CHECK(pixellm::encode_input(Ids{(1 << 24) - 1}, ProtocolVersion::kV2).has_value());
}

TEST_CASE("Input images the original wrapped or crashed on are refused", "[protocol]") {
  CHECK_THAT(input_error(row({1, 0, 3, 5, 0, 0})), Contains("version 3"));
  CHECK_THAT(input_error(row({1, 0, 0, 5, 0, 0})), Contains("version 0"));
  CHECK_THAT(input_error(row({0, 0, 1, 5, 0, 0})), Contains("empty"));
  CHECK_THAT(input_error(row({2, 0, 1, 5, 0, 0})), Contains("2 tokens announced, 1 pixels follow"));
  CHECK_THAT(input_error(row({1, 0, 1, 0, 4, 0})), Contains("id 1024, the vocabulary has 1024"));
  CHECK_THAT(input_error(row({1, 0, 1, 5, 0, 1}), 65536), Contains("id 65541"));
  CHECK_THAT(input_error({2, 2, 3, ByteVector(12)}), Contains("expected RGB of height 1"));
  CHECK_THAT(input_error({2, 1, 4, ByteVector(8)}), Contains("4 channels"));
  CHECK_THAT(input_error({5, 1, 3, ByteVector(6)}), Contains("6 bytes of pixels"));
  // Pixels after the announced tokens are padding.
  CHECK(pixellm::decode_input(row({1, 0, 1, 5, 0, 0, 9, 9, 9}), 1024).value().ids == Ids{5});
}

TEST_CASE("Version 1 with a large vocabulary is refused with both numbers", "[protocol]") {
  const auto refused = pixellm::decode_input(row({1, 0, 1, 5, 0, 0}), 151936);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == Errc::kUnsupported);
  CHECK_THAT(refused.error().message, Contains("65536") && Contains("151936"));
  CHECK(pixellm::version_for(65536) == ProtocolVersion::kV1);
  CHECK(pixellm::version_for(65537) == ProtocolVersion::kV2);
}

TEST_CASE("Output images of both versions have frozen pixels", "[protocol]") {
  const std::vector<Prediction> predictions{{971, 0.5}, {2, 0.25}};
  const auto v1 = pixellm::encode_output(predictions, ProtocolVersion::kV1).value();
  CHECK(v1.pixels == ByteVector{203, 3, 127, 2, 0, 63});
  const auto read = pixellm::decode_output(v1).value();
  CHECK(read.predictions[0].id == 971);
  CHECK(read.predictions[0].confidence == 127 / 255.0);
  const auto v2 = pixellm::encode_output(predictions, ProtocolVersion::kV2).value();
  CHECK(v2.height == 2);
  CHECK(v2.pixels == ByteVector{203, 3, 0, 2, 0, 0, 255, 127, 0, 255, 63, 0});
  CHECK(pixellm::decode_output(v2).value().predictions[1].confidence == 16383 / 65535.0);
}

TEST_CASE("Predictions that make no sense are refused", "[protocol]") {
  const auto refused = [](std::vector<Prediction> predictions) {
    return !pixellm::encode_output(predictions, ProtocolVersion::kV1).has_value();
  };
  CHECK(refused({}));
  CHECK(refused({{65536, 0.5}}));
  CHECK(refused({{-1, 0.5}}));
  CHECK(refused({{1, 1.5}}));
  CHECK(refused({{1, std::nan("")}}));
  CHECK(refused({{1, 0.2}, {2, 0.3}}));
  CHECK_FALSE(pixellm::decode_output(Image{1, 3, 3, ByteVector(9)}).has_value());
  CHECK_FALSE(pixellm::decode_output(Image{1, 2, 3, ByteVector{1, 0, 0, 0, 0, 1}}).has_value());
}

TEST_CASE("The original's images are read and written pixel-exact", "[protocol][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pixellm");
  for (const std::string set : {"untrained", "trained"}) {
    std::ifstream file(folder / ("expected." + set + ".json"));
    const auto expected = nlohmann::json::parse(file);
    REQUIRE(expected.at("cases").size() == 16);
    for (const auto& recorded : expected.at("cases")) {
      const auto picture = [&](std::string_view name) {
        const auto file_name = fmt::format("{:02}.{}", recorded.at("index").get<int>(), name);
        const auto path = folder / "protocol" / set / file_name;
        return pxos::pixelfs::decode_png(pxos::read_file(path).value()).value();
      };
      const Image input = picture(pixellm::kInputTokensFile);
      const auto tokens = recorded.at("tokens").get<Ids>();
      CHECK(pixellm::decode_input(input, 1024).value().ids == tokens);
      CHECK(pixellm::encode_input(tokens, ProtocolVersion::kV1).value().pixels == input.pixels);
      const auto predictions = listed_softmax(recorded);
      CHECK(pixellm::encode_output(predictions, ProtocolVersion::kV1).value().pixels ==
            picture(pixellm::kOutputTokenFile).pixels);
    }
  }
}

TEST_CASE("a vocabulary of 152 k refuses version 1 with both numbers and round-trips version 2",
          "[pixellm][protocol]") {
  constexpr std::uint64_t kVocabulary = 151936;
  CHECK(pixellm::version_for(kVocabulary) == ProtocolVersion::kV2);
  const Image v1 = pixellm::encode_input(Ids{1, 2}, ProtocolVersion::kV1).value();
  CHECK_THAT(input_error(v1, kVocabulary), Contains("65536") && Contains("151936"));
  const Ids ids{151935, 7, 65536, 0};
  const Image v2 = pixellm::encode_input(ids, ProtocolVersion::kV2).value();
  CHECK(pixellm::decode_input(v2, kVocabulary).value().ids == ids);
  // The examples of docs/spec/pixel_protocol.md.
  CHECK(pixellm::encode_input(Ids{151935, 7}, ProtocolVersion::kV2).value().pixels ==
        ByteVector{2, 0, 2, 0x7f, 0x51, 2, 7, 0, 0});
  const std::vector<Prediction> predictions{{151935, 0.75}, {7, 0.25}};
  CHECK(pixellm::encode_output(predictions, ProtocolVersion::kV2).value().pixels ==
        ByteVector{0x7f, 0x51, 2, 7, 0, 0, 0xff, 0xbf, 0, 0xff, 0x3f, 0});
}
