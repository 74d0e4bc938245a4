#include "cartridges/pack.hpp"

#include "tests/cartridges/sample.hpp"
#include "tests/support/temp_folder.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::as_bytes;
using pxos::ByteVector;
using pxos::Errc;
using pxos::cartridges::Cartridge;
using pxos::cartridges::EntryKind;
using pxos::cartridges::pack;
using pxos::cartridges::pack_folder;
using pxos::cartridges::unpack;

TEST_CASE("Packing is reproducible", "[pack]") {
  const pxos::test::TempFolder folder;
  CHECK(pxos::test::pack_sample(folder / "a.pxa") == pxos::test::pack_sample(folder / "b.pxa"));
}

TEST_CASE("Packing reports progress and failing sources leave nothing behind", "[pack]") {
  const pxos::test::TempFolder folder;
  std::uint64_t last = 0;
  pxos::cartridges::PackOptions options;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(done >= last);
    CHECK(total >= done);
    last = done;
  };
  auto entries = pxos::test::sample_entries();
  REQUIRE(pack(folder / "a.pxa", pxos::test::sample_manifest(), entries, options).has_value());
  CHECK(last > 5000);
  entries[1].write = [](const auto&) -> pxos::Result<void> {
    return pxos::fail(Errc::kIo, "disk on fire");
  };
  const auto failed = pack(folder / "b.pxa", pxos::test::sample_manifest(), entries);
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().message == "disk on fire");
  CHECK_FALSE(std::filesystem::exists(folder / "b.pxa"));
}

TEST_CASE("Unpack then pack_folder gives the same bytes", "[pack]") {
  const pxos::test::TempFolder folder;
  const ByteVector bytes = pxos::test::pack_sample(folder / "a.pxa");
  const auto cartridge = Cartridge::open(folder / "a.pxa");
  REQUIRE(cartridge.has_value());
  REQUIRE(unpack(*cartridge, folder / "out").has_value());
  CHECK(pxos::read_file(folder / "out/docs/readme.txt").value() == ByteVector{'h', 'i'});
  CHECK(pxos::pixelfs::decode_png(pxos::read_file(folder / "out/label.png").value()).has_value());
  CHECK(pxos::read_file(folder / "out/f32.0.pxi").value() == pxos::test::sample_sheet());
  REQUIRE(pack_folder(folder / "out", folder / "b.pxa").has_value());
  CHECK(pxos::read_file(folder / "b.pxa").value() == bytes);
}

TEST_CASE("Unpack overwrites nothing and follows no link", "[pack]") {
  const pxos::test::TempFolder folder;
  pxos::test::pack_sample(folder / "a.pxa");
  const auto cartridge = Cartridge::open(folder / "a.pxa");
  REQUIRE(cartridge.has_value());
  std::filesystem::create_directory(folder / "used");
  folder.write("used/empty.bin", std::string_view("mine"));
  CHECK(unpack(*cartridge, folder / "used").error().code == Errc::kUsage);
  CHECK(pxos::read_file(folder / "used/empty.bin").value().size() == 4);
  CHECK_FALSE(std::filesystem::exists(folder / "used/manifest.json"));
  std::filesystem::create_directory(folder / "linked");
  std::filesystem::create_directory(folder / "elsewhere");
  std::filesystem::create_directory_symlink(folder / "elsewhere", folder / "linked/docs");
  CHECK(unpack(*cartridge, folder / "linked").error().code == Errc::kDenied);
  CHECK(std::filesystem::is_empty(folder / "elsewhere"));
}

TEST_CASE("A folder an author made is packed with kinds told from the files", "[pack]") {
  const pxos::test::TempFolder folder;
  std::filesystem::create_directories(folder / "src/sub");
  folder.write("src/manifest.json", std::string_view(R"({"pxa_version":[1,0],"name":"mine"})"));
  folder.write("src/b.lua", std::string_view("return 1"));
  folder.write("src/sub/a.txt", std::string_view("text"));
  folder.write("src/w.pxi", pxos::test::sample_sheet());
  REQUIRE(pack_folder(folder / "src", folder / "a.pxa").has_value());
  const auto cartridge = Cartridge::open(folder / "a.pxa");
  REQUIRE(cartridge.has_value());
  const auto& entries = cartridge->manifest().entries;
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].kind == EntryKind::kScript);
  CHECK(entries[1].name == "sub/a.txt");
  CHECK(entries[1].kind == EntryKind::kText);
  CHECK(entries[2].kind == EntryKind::kSheet);
}

TEST_CASE("A folder's links, missing files and wrong manifests are refused", "[pack]") {
  const pxos::test::TempFolder folder;
  std::filesystem::create_directories(folder / "src");
  CHECK_FALSE(pack_folder(folder / "src", folder / "a.pxa").has_value());
  folder.write("src/manifest.json", std::string_view("{"));
  CHECK_THAT(pack_folder(folder / "src", folder / "a.pxa").error().message,
             Contains("manifest.json"));
  folder.write("src/manifest.json",
               std::string_view(
                   R"({"pxa_version":[1,0],"name":"m","entries":[{"name":"x","kind":"text"}]})"));
  CHECK(pack_folder(folder / "src", folder / "a.pxa").error().code == Errc::kNotFound);
  folder.write("secret", std::string_view("secret"));
  std::filesystem::create_symlink(folder / "secret", folder / "src/x");
  CHECK(pack_folder(folder / "src", folder / "a.pxa").error().code == Errc::kDenied);
  CHECK_FALSE(std::filesystem::exists(folder / "a.pxa"));
}
