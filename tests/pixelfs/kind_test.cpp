#include "pixelfs/kind.hpp"

#include "pixelfs/png.hpp"
#include "pxvm/base/file.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <filesystem>

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::FileKind;
using pixelfs::identify;

namespace {

ByteVector picture(std::uint32_t width, std::uint32_t height, std::uint32_t channels,
                   ByteVector first) {
  first.resize(std::size_t{width} * height * channels);
  return *pixelfs::encode_png({width, height, channels, first});
}

ByteVector magic_picture(std::string_view magic, std::uint32_t channels) {
  ByteVector first;
  for (std::size_t i = 0; i < magic.size(); ++i) {
    first.push_back(static_cast<std::uint8_t>(magic[i]));
    if (channels == 4 && i % 3 == 2) first.push_back(255);
  }
  return picture(40, 3, channels, first);
}

FileKind kind_of(std::string_view text) {
  return identify(as_bytes(text)).kind;
}

}  // namespace

TEST_CASE("our files are known by their first pixels, also with alpha added", "[pixelfs]") {
  for (const std::uint32_t channels : {3U, 4U}) {
    REQUIRE(identify(magic_picture("pxSHET", channels)).kind == FileKind::kSheet);
    REQUIRE(identify(magic_picture("pxPROG", channels)).kind == FileKind::kProgram);
    REQUIRE(identify(magic_picture("pxSESS", channels)).kind == FileKind::kSession);
    REQUIRE(identify(magic_picture("pxVOLU", channels)).kind == FileKind::kVolume);
  }
  const auto files = test::write_all(test::mixed_tensors());
  for (const auto& file : files) REQUIRE(identify(file.bytes).kind == FileKind::kSheet);
}

TEST_CASE("a cartridge is a PNG with an index chunk", "[pixelfs]") {
  pixelfs::PngChunk chunk{{'p', 'a', 'C', 'k'}, {1, 2}};
  const ByteVector label = picture(9, 9, 3, {1, 2, 3});
  REQUIRE(identify(*pixelfs::insert_png_chunk(label, chunk)).kind == FileKind::kCartridge);
  REQUIRE(identify(label).kind == FileKind::kPixelLlmV0);
}

TEST_CASE("token images, program images and pictures are told apart", "[pixelfs]") {
  REQUIRE(identify(picture(5, 1, 3, {4, 0, 1})).kind == FileKind::kProtocolInput);
  REQUIRE(identify(picture(5, 1, 3, {4, 0, 2})).kind == FileKind::kProtocolInput);
  REQUIRE(identify(picture(5, 1, 3, {3, 0, 1})).kind == FileKind::kProtocolOutput);
  REQUIRE(identify(picture(5, 4, 4, {1, 0, 0, 1})).kind == FileKind::kPxvmV0);
  REQUIRE(identify(picture(5, 4, 4, {'M', 0, 0, 1})).kind == FileKind::kPxvmV0);
  REQUIRE(identify(picture(5, 4, 4, {200, 0, 0, 1})).kind == FileKind::kPicture);
  REQUIRE(identify(picture(5, 4, 1, {0})).kind == FileKind::kPicture);
}

TEST_CASE("foreign files are known by their magic", "[pixelfs]") {
  REQUIRE(kind_of("GGUF....") == FileKind::kGguf);
  REQUIRE(kind_of("PXIF\x01") == FileKind::kPxif);
  REQUIRE(kind_of("SFXP") == FileKind::kPxfs);
  REQUIRE(kind_of("PXAR") == FileKind::kPxar);
  REQUIRE(kind_of("PK\x03\x04") == FileKind::kNpz);
  REQUIRE(identify(ByteVector{2, 0, 0, 0, 0, 0, 0, 0, '{', '}'}).kind == FileKind::kSafetensors);
  REQUIRE(identify(ByteVector{9, 0, 0, 0, 0, 0, 0, 0, '{', '}'}).kind == FileKind::kUnknown);
  REQUIRE(identify({}).reason == "empty file");
}

TEST_CASE("identify survives truncation and mutation and always says why", "[pixelfs]") {
  const ByteVector file = magic_picture("pxPROG", 3);
  test::for_each_truncation(file,
                            [](Bytes prefix) { REQUIRE_FALSE(identify(prefix).reason.empty()); });
  for (std::uint64_t n = 0; n < 2000; ++n)
    REQUIRE_FALSE(identify(test::mutate(file, n)).reason.empty());
}

TEST_CASE("the original systems' files are identified", "[pixelfs]") {
  const auto root = test::conformance("storage");
  if (!root) return test::skip("no conformance data (storage, pxvm, pixellm)");
  const auto kind = [](const char* path) {
    return identify(*read_file(*test::conformance(path))).kind;
  };
  REQUIRE(kind("storage/archives/sample.PXAR-raw.bin") == FileKind::kPxar);
  REQUIRE(kind("storage/archives/sample.PXFS-wrapped.pxa") == FileKind::kPxar);
  REQUIRE(kind("storage/pixelfs/demo.PXIF-v1.pxi") == FileKind::kPxif);
  REQUIRE(kind("storage/pixelfs/hello_world.PXFS-v1.pxi") == FileKind::kPxfs);
  REQUIRE(kind("pixellm/pixellm_v0.trained.pxi") == FileKind::kPixelLlmV0);
  REQUIRE(kind("pixellm/pixellm_v0.trained.npz") == FileKind::kNpz);
  for (const auto& entry :
       std::filesystem::directory_iterator(*test::conformance("pxvm/programs"))) {
    if (entry.path().extension() != ".pxi") continue;
    INFO(entry.path().string() << ": " << identify(*read_file(entry.path())).reason);
    CHECK(identify(*read_file(entry.path())).kind == FileKind::kPxvmV0);
  }
}
