#include "cartridges/writer.hpp"

#include "cartridges/cartridge.hpp"
#include "pxvm/base/file.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using pxos::as_bytes;
using pxos::cartridges::Cartridge;
using pxos::cartridges::CartridgeWriter;
using pxos::cartridges::EntryKind;
using pxos::cartridges::Manifest;

namespace {

Manifest named(std::string name) {
  Manifest manifest;
  manifest.name = std::move(name);
  return manifest;
}

}  // namespace

TEST_CASE("Nothing is visible before finish", "[writer]") {
  const pxos::test::TempFolder folder;
  {
    auto writer = CartridgeWriter::create(folder / "a.pxa");
    REQUIRE(writer.has_value());
    REQUIRE(writer->add({"x.txt", EntryKind::kText, "", 0}, as_bytes("hello")).has_value());
    CHECK_FALSE(std::filesystem::exists(folder / "a.pxa"));
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("finish refuses a manifest that could not be read back", "[writer]") {
  const pxos::test::TempFolder folder;
  for (const std::string name : {"", "Not Allowed", "../up"}) {
    auto writer = CartridgeWriter::create(folder / "a.pxa");
    REQUIRE(writer.has_value());
    CHECK_FALSE(writer->finish(named(name)).has_value());
  }
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("begin refuses names that are used or unusable", "[writer]") {
  const pxos::test::TempFolder folder;
  auto writer = CartridgeWriter::create(folder / "a.pxa");
  REQUIRE(writer.has_value());
  REQUIRE(writer->add({"x", EntryKind::kText, "", 0}, as_bytes("1")).has_value());
  CHECK_FALSE(writer->begin({"x", EntryKind::kText, "", 0}).has_value());
  CHECK_FALSE(writer->begin({"../x", EntryKind::kText, "", 0}).has_value());
  CHECK_FALSE(writer->begin({"manifest.json", EntryKind::kText, "", 0}).has_value());
}

TEST_CASE("A label of incompressible thumbnails still fits its place", "[writer]") {
  const pxos::test::TempFolder folder;
  auto writer = CartridgeWriter::create(folder / "a.pxa");
  REQUIRE(writer.has_value());
  std::uint64_t state = 1;
  for (int sheet = 0; sheet < 20; ++sheet) {
    pxos::ByteVector noise(40000);
    for (auto& byte : noise)
      byte = static_cast<std::uint8_t>((state = state * 6364136223846793005U + 1) >> 56U);
    const auto name = "s" + std::to_string(sheet) + ".pxi";
    REQUIRE(writer->add({name, EntryKind::kSheet, "", 0}, noise).has_value());
  }
  REQUIRE(writer->finish(named("noise")).has_value());
  const auto cartridge = Cartridge::open(folder / "a.pxa");
  REQUIRE(cartridge.has_value());
  CHECK(cartridge->verify().has_value());
  CHECK(cartridge->manifest().entries.size() == 20);
}

TEST_CASE("A writer goes on with the entries an earlier one left", "[writer]") {
  const pxos::test::TempFolder folder;
  const pxos::ByteVector big(10000, 7);
  const auto partial = folder / "a.pxa.part";
  // What an uninterrupted writer makes.
  const auto fill = [&](CartridgeWriter& writer, bool with_second) {
    REQUIRE(writer.add({"x.txt", EntryKind::kText, "", 0}, as_bytes("hello")).has_value());
    const auto reused = writer.reuse({"big", EntryKind::kOther, "blob", big.size()});
    REQUIRE(reused.has_value());
    if (!*reused) REQUIRE(writer.add({"big", EntryKind::kOther, "blob", 0}, big).has_value());
    if (with_second)
      REQUIRE(writer.add({"y", EntryKind::kText, "", 0}, as_bytes("bye")).has_value());
    return *reused;
  };
  {
    auto whole = CartridgeWriter::create(folder / "whole.pxa");
    CHECK_FALSE(fill(*whole, true));
    REQUIRE(whole->finish(named("a")).has_value());
  }
  std::uint64_t kept = 0;
  {
    auto first = CartridgeWriter::resume(folder / "a.pxa", partial, 0);
    REQUIRE(first.has_value());
    CHECK_FALSE(fill(*first, false));
    kept = first->checkpoint().value();
    // Nobody else may write it meanwhile.
    CHECK(CartridgeWriter::resume(folder / "a.pxa", partial, 0).error().code == pxos::Errc::kUsage);
  }
  REQUIRE(std::filesystem::exists(partial));
  for (const bool torn : {true, false}) {
    // Kept less than the entry: it is written again.
    auto second = CartridgeWriter::resume(folder / "a.pxa", partial, torn ? kept - 1 : kept);
    REQUIRE(second.has_value());
    CHECK(fill(*second, !torn) == !torn);
    if (torn) continue;
    REQUIRE(second->finish(named("a")).has_value());
  }
  CHECK_FALSE(std::filesystem::exists(partial));
  CHECK(pxos::read_file(folder / "a.pxa").value() == pxos::read_file(folder / "whole.pxa").value());
}

TEST_CASE("A partial file that is longer than the cartridge is refused", "[writer]") {
  const pxos::test::TempFolder folder;
  const auto partial = folder.write("a.pxa.part", pxos::ByteVector(1U << 21U));
  auto writer = CartridgeWriter::resume(folder / "a.pxa", partial, 1U << 21U);
  REQUIRE(writer.has_value());
  CHECK(writer->finish(named("a")).error().code == pxos::Errc::kInvalid);
  CHECK_FALSE(std::filesystem::exists(folder / "a.pxa"));
}
