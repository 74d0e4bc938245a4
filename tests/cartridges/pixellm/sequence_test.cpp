#include "cartridges/pixellm/sequence.hpp"

#include "pxvm/base/file.hpp"
#include "tests/support/temp_folder.hpp"

#include <cmath>
#include <limits>

#include <catch2/catch.hpp>

namespace pxos::cartridges::pixellm {
namespace {

Sequence example(ProtocolVersion version, std::size_t length, bool finished) {
  Sequence out{version, {}, finished};
  const bool is_v1 = version == ProtocolVersion::kV1;
  for (std::size_t i = 0; i < length; ++i) {
    const auto step = static_cast<std::int32_t>(i);
    out.tokens.push_back({is_v1 ? 65534 - step : 151935 - step,
                          is_v1 ? static_cast<double>(i % 256) / 255.0
                                : static_cast<double>(i * 911 % 65536) / 65535.0});
  }
  return out;
}

pixelfs::ImageView view(const pixelfs::Image& image) {
  return {image.width, image.height, image.channels, image.pixels};
}

void check_same(const Sequence& a, const Sequence& b) {
  CHECK(a.version == b.version);
  CHECK(a.tokens == b.tokens);
  CHECK(a.finished == b.finished);
}

}  // namespace

TEST_CASE("sequences keep their bytes", "[pixellm][protocol]") {
  Sequence v1{ProtocolVersion::kV1, {{104, 1.0}, {1023, 0.5}, {65534, 0.0}}, true};
  CHECK(encode_sequence(v1).value().pixels ==
        ByteVector{0x68, 0, 0xff, 0xff, 0x03, 0x7f, 0xfe, 0xff, 0, 0xff, 0xff, 0xff});
  Sequence v2{ProtocolVersion::kV2, {{151935, 1.0}, {7, 0.25}}, false};
  CHECK(encode_sequence(v2).value().pixels ==
        ByteVector{0x7f, 0x51, 0x02, 7, 0, 0, 0xff, 0xff, 0, 0xff, 0x3f, 0});
}

TEST_CASE("sequences come back", "[pixellm][protocol]") {
  for (const auto version : {ProtocolVersion::kV1, ProtocolVersion::kV2}) {
    for (const bool finished : {false, true}) {
      for (const std::size_t length : {0U, 1U, 2U, 300U}) {
        const Sequence in = example(version, length, finished);
        const auto image = encode_sequence(in);
        if (length == 0 && !finished) {
          CHECK_FALSE(image);
          continue;
        }
        check_same(decode_sequence(view(*image)).value(), in);
      }
    }
  }
}

TEST_CASE("beams come back, each as long as it was", "[pixellm][protocol]") {
  for (const auto version : {ProtocolVersion::kV1, ProtocolVersion::kV2}) {
    const std::vector<Sequence> beams{example(version, 5, true), example(version, 3, true),
                                      example(version, 1, true)};
    const auto image = encode_beams(beams).value();
    CHECK(image.width == 6);
    CHECK(image.height == (version == ProtocolVersion::kV1 ? 3 : 6));
    const auto back = decode_beams(view(image), version).value();
    REQUIRE(back.size() == 3);
    for (std::size_t b = 0; b < 3; ++b) check_same(back[b], beams[b]);
  }
  CHECK_FALSE(encode_beams({}));
  CHECK_FALSE(encode_beams(std::vector<Sequence>(256, example(ProtocolVersion::kV1, 1, true))));
}

TEST_CASE("what a sequence cannot carry is refused", "[pixellm][protocol]") {
  for (const SequenceToken bad :
       {SequenceToken{-1, 0.5}, SequenceToken{65535, 0.5}, SequenceToken{1, -0.1},
        SequenceToken{1, 1.1}, SequenceToken{1, std::numeric_limits<double>::quiet_NaN()}}) {
    CHECK_FALSE(encode_sequence({ProtocolVersion::kV1, {{0, 1}, bad}, false}));
  }
  CHECK(encode_sequence({ProtocolVersion::kV2, {{65535, 0.5}}, false}));
  CHECK_FALSE(encode_sequence({ProtocolVersion::kV2, {{0xFFFFFF, 0.5}}, false}));
  CHECK_FALSE(encode_sequence(example(ProtocolVersion::kV2, 65535, true)));
  CHECK(sequence_version_for(65535) == ProtocolVersion::kV1);
  CHECK(sequence_version_for(65536) == ProtocolVersion::kV2);
}

TEST_CASE("pictures that are no sequence are refused", "[pixellm][protocol]") {
  pixelfs::Image image = encode_sequence(example(ProtocolVersion::kV2, 4, true)).value();
  pixelfs::Image disagreeing = image;
  disagreeing.pixels[0] = disagreeing.pixels[1] = disagreeing.pixels[2] = 255;
  CHECK_FALSE(decode_sequence(view(disagreeing)));
  pixelfs::Image third = image;
  third.pixels[static_cast<std::size_t>(image.width) * 3 + 2] = 1;
  CHECK_FALSE(decode_sequence(view(third)));
  pixelfs::Image behind = encode_sequence(example(ProtocolVersion::kV1, 4, true)).value();
  std::fill_n(behind.pixels.begin(), 3, std::uint8_t{255});
  CHECK_FALSE(decode_sequence(view(behind)));
  pixelfs::Image short_of_bytes = image;
  short_of_bytes.pixels.pop_back();
  CHECK_FALSE(decode_sequence(view(short_of_bytes)));
  CHECK_FALSE(decode_sequence({4, 1, 4, ByteVector(16)}));
  CHECK_FALSE(decode_sequence({4, 3, 3, ByteVector(36)}));
  CHECK_FALSE(decode_beams({4, 3, 3, ByteVector(36)}, ProtocolVersion::kV2));
}

TEST_CASE("a sequence file is whole at any time and written 20 times a second at most",
          "[pixellm][protocol]") {
  const test::TempFolder folder;
  const auto path = folder / kOutputSequenceFile;
  SequenceFile::Clock::time_point now{};
  SequenceFile file(path, ProtocolVersion::kV1, [&] { return now; });
  const auto on_disk = [&] {
    const ByteVector png = read_file(path).value();
    return decode_sequence(view(pixelfs::decode_png(png).value())).value();
  };
  std::size_t writes = 0;
  std::size_t seen = 0;
  for (std::int32_t i = 0; i < 100; ++i) {
    REQUIRE(file.add({i, 0.5}));
    now += std::chrono::milliseconds(10);
    const std::size_t length = on_disk().tokens.size();
    if (length != seen) ++writes;
    seen = length;
  }
  CHECK(writes == 20);  // one second of tokens
  CHECK_FALSE(on_disk().finished);
  REQUIRE(file.finish());
  CHECK(on_disk().finished);
  CHECK(on_disk().tokens.size() == 100);
}

}  // namespace pxos::cartridges::pixellm
