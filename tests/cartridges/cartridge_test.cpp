#include "cartridges/cartridge.hpp"

#include "cartridges/index.hpp"
#include "tests/cartridges/sample.hpp"
#include "tests/support/mutate.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::Bytes;
using pxos::ByteVector;
using pxos::Errc;
using pxos::cartridges::Cartridge;
using pxos::cartridges::EntryKind;

namespace {

std::string error_of(Bytes bytes) {
  const auto opened = Cartridge::from_bytes(bytes, "c");
  REQUIRE_FALSE(opened.has_value());
  REQUIRE(opened.error().message.find('\n') == std::string::npos);
  return opened.error().message;
}

/// The label's PNG re-encoded, as an editor would save it: no private chunk, no payload.
ByteVector resaved_label(Bytes cartridge) {
  const auto length = pxos::pixelfs::png_length(cartridge).value();
  const auto image = pxos::pixelfs::decode_png(cartridge.first(length)).value();
  return pxos::pixelfs::encode_png(image).value();
}

}  // namespace

TEST_CASE("A cartridge opens with its entries in place and aligned", "[cartridge]") {
  const pxos::test::TempFolder folder;
  pxos::test::pack_sample(folder / "a.pxa");
  const auto cartridge = Cartridge::open(folder / "a.pxa");
  REQUIRE(cartridge.has_value());
  CHECK(cartridge->identity().has_value());
  CHECK_FALSE(cartridge->poisoned());
  CHECK(cartridge->manifest().title == "Sample");
  CHECK(cartridge->manifest().unknown.at("later") == "{\"x\":1}");
  const auto* text = cartridge->find("docs/readme.txt");
  REQUIRE(text != nullptr);
  CHECK(pxos::as_text(cartridge->bytes(*text)) == "hi");
  const auto* strange = cartridge->find("strange.bin");
  REQUIRE(strange != nullptr);
  CHECK(strange->kind_text == "npixel");
  CHECK(cartridge->find("absent") == nullptr);
  const auto sheets = cartridge->of_kind(EntryKind::kSheet);
  REQUIRE(sheets.size() == 1);
  CHECK(sheets[0]->offset % 4096 == 0);
  // The sheet inside the mapped cartridge is executed in place.
  const auto sheet = pxos::pixelfs::Sheet::open(cartridge->bytes(*sheets[0]));
  REQUIRE(sheet.has_value());
  CHECK(sheet->in_place());
  CHECK(cartridge->verify().has_value());
}

TEST_CASE("The label is a PNG whose strip names the manifest", "[cartridge]") {
  const pxos::test::TempFolder folder;
  const ByteVector bytes = pxos::test::pack_sample(folder / "a.pxa");
  const auto cartridge = Cartridge::from_bytes(bytes, "c");
  REQUIRE(cartridge.has_value());
  CHECK(pxos::pixelfs::decode_png(bytes).has_value());
  CHECK(cartridge->label().size() < pxos::cartridges::kLabelReserve);
  const ByteVector label = resaved_label(bytes);
  CHECK_THAT(error_of(label),
             Contains("stripped") && Contains(pxos::to_hex(cartridge->manifest_digest())));
}

TEST_CASE("A label that kept its index chunk but lost the payload is named too", "[cartridge]") {
  const pxos::test::TempFolder folder;
  const ByteVector bytes = pxos::test::pack_sample(folder / "a.pxa");
  const auto length = pxos::pixelfs::png_length(bytes).value();
  CHECK_THAT(error_of(Bytes(bytes).first(length)), Contains("stripped"));
}

TEST_CASE("Cut and lengthened cartridges say so", "[cartridge]") {
  const pxos::test::TempFolder folder;
  ByteVector bytes = pxos::test::pack_sample(folder / "a.pxa");
  CHECK_THAT(error_of(Bytes(bytes).first(bytes.size() - 1)), Contains("cut short"));
  bytes.push_back(0);
  CHECK_THAT(error_of(bytes), Contains("bytes were added"));
}

TEST_CASE("Files that are no cartridge say what is missing", "[cartridge]") {
  const pxos::pixelfs::Image image{2, 2, 3, ByteVector(12)};
  CHECK_THAT(error_of(pxos::pixelfs::encode_png(image).value()), Contains("without a paCk chunk"));
  CHECK_THAT(error_of(pxos::as_bytes("hello")), Contains("c: "));
  CHECK(Cartridge::open("/nonexistent/x.pxa").error().code == Errc::kNotFound);
}

TEST_CASE("Cartridge refuses every truncated prefix", "[cartridge]") {
  const pxos::test::TempFolder folder;
  const ByteVector bytes = pxos::test::pack_sample(folder / "a.pxa");
  const auto label = pxos::pixelfs::png_length(bytes).value();
  // Every length inside label and head, then steps: inside the payload only the size check can
  // answer.
  for (std::size_t length = 0; length < bytes.size(); length += length < label + 64 ? 1 : 997) {
    const ByteVector prefix(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
    REQUIRE_FALSE(Cartridge::from_bytes(prefix, "c").has_value());
  }
}

TEST_CASE("Every flipped bit after the label is found by open or verify", "[cartridge]") {
  const pxos::test::TempFolder folder;
  const ByteVector bytes = pxos::test::pack_sample(folder / "a.pxa");
  const auto label = pxos::pixelfs::png_length(bytes).value();
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const std::uint64_t bit = i * 0x9E3779B97F4A7C15ULL % (bytes.size() * 8);
    const ByteVector damaged = pxos::test::flip_bit(bytes, bit);
    const auto opened = Cartridge::from_bytes(damaged, "c");
    const bool accepted = opened && opened->verify();
    // A label's byte may change without changing a pixel (a spare bit of zlib's header).
    if (bit / 8 >= label) REQUIRE_FALSE(accepted);
  }
}

TEST_CASE("Cartridge survives ten thousand mutations of its manifest and head", "[cartridge]") {
  const pxos::test::TempFolder folder;
  const ByteVector bytes = pxos::test::pack_sample(folder / "a.pxa");
  for (std::uint64_t i = 0; i < 10000; ++i) {
    // The head is where lengths and offsets are: damage it, keep the rest.
    ByteVector damaged = pxos::test::mutate(Bytes(bytes).first(256), i);
    damaged.insert(damaged.end(), bytes.begin() + 256, bytes.end());
    const auto opened = Cartridge::from_bytes(damaged, "c");
    if (!opened) continue;
    for (const auto& entry : opened->manifest().entries)
      REQUIRE(opened->bytes(entry).size() == entry.size);
  }
}
