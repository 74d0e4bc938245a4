#include "pixelfs/volume_directory.hpp"

#include "pxvm/base/file.hpp"
#include "tests/pixelfs/volume_fixture.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <sstream>

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::check_entry_name;
using pixelfs::ChunkCoding;
using pixelfs::decode_volume_directory;
using pixelfs::decode_volume_header;
using pixelfs::VolumeEntry;
using pixelfs::VolumeHeader;

namespace {

/// Two entries in a picture of ten scanlines of 66 bytes; the directory lies in scanlines 6 and up.
std::vector<VolumeEntry> entries() {
  VolumeEntry raw{"raw", ChunkCoding::kNone, 70, 70, 66, {1, 2}, {{66, 11, 66}, {132, 12, 4}}};
  VolumeEntry packed{
      "dir/packed", ChunkCoding::kZstd, 132, 50, 136, {3, 4}, {{136, 13, 20}, {156, 14, 30}}};
  return {raw, packed};
}

VolumeHeader header_for(Bytes directory, std::uint32_t count = 2) {
  return {66, 10, 396, directory.size(), count, xxh3_64(directory)};
}

/// True when `change` makes the directory wrong.
template <class Change>
bool refused(Change&& change) {
  std::vector<VolumeEntry> list = entries();
  change(list);
  const ByteVector bytes = encode_volume_directory(list);
  return !decode_volume_directory(bytes,
                                  header_for(bytes, static_cast<std::uint32_t>(list.size())));
}

}  // namespace

TEST_CASE("directory round trip", "[pixelfs]") {
  const ByteVector bytes = encode_volume_directory(entries());
  const auto back = decode_volume_directory(bytes, header_for(bytes));
  REQUIRE(back);
  REQUIRE(back->size() == 2);
  const VolumeEntry& packed = (*back)[1];
  CHECK(packed.name == "dir/packed");
  CHECK(packed.coding == ChunkCoding::kZstd);
  CHECK(packed.size_bytes == 132);
  CHECK(packed.stored_bytes == 50);
  CHECK(packed.offset == 136);
  CHECK(packed.digest == Xxh128{3, 4});
  REQUIRE(packed.chunks.size() == 2);
  CHECK(packed.chunks[1].offset == 156);
  CHECK(packed.chunks[1].hash == 14);
  CHECK(packed.chunks[1].stored_bytes == 30);
  CHECK((*back)[0].chunks[1].stored_bytes == 4);
}

TEST_CASE("header round trip, wrong magic, newer version, damage", "[pixelfs]") {
  const VolumeHeader header{66, 10, 396, 20, 2, 77};
  const ByteVector bytes = encode_volume_header(header);
  REQUIRE(bytes.size() == pixelfs::kVolumeHeaderBytes);
  const auto back = decode_volume_header(bytes);
  REQUIRE(back);
  CHECK(back->line_bytes == 66);
  CHECK(back->scanlines == 10);
  CHECK(back->directory_offset == 396);
  CHECK(back->directory_bytes == 20);
  CHECK(back->entries == 2);
  CHECK(back->directory_hash == 77);
  for (std::uint64_t bit = 0; bit < bytes.size() * 8; ++bit) {
    CHECK_FALSE(decode_volume_header(test::flip_bit(bytes, bit)));
  }
  ByteVector newer = bytes;
  newer[6] = 2;
  CHECK(decode_volume_header(newer).error().code == Errc::kUnsupported);
  test::for_each_truncation(bytes, [](Bytes cut) { CHECK_FALSE(decode_volume_header(cut)); });
}

TEST_CASE("entries must lie in the picture, apart, with chunks that add up", "[pixelfs]") {
  using List = std::vector<VolumeEntry>;
  CHECK_FALSE(refused([](List&) {}));
  CHECK(refused([](List& l) { l[1].name = "raw"; }));
  CHECK(refused([](List& l) { l[1].name = "../raw"; }));
  CHECK(refused([](List& l) { l[1].offset = 135; }));                    // overlaps the first
  CHECK(refused([](List& l) { l[0].offset = 63; }));                     // overlaps the header
  CHECK(refused([](List& l) { l[1].offset = 380; }));                    // overlaps the directory
  CHECK(refused([](List& l) { l[1].offset = 640; }));                    // leaves the picture
  CHECK(refused([](List& l) { l[1].offset = ~std::uint64_t{0} - 3; }));  // wraps
  CHECK(refused([](List& l) { l[1].stored_bytes = 51; }));
  CHECK(refused([](List& l) { l[1].stored_bytes = 49; }));
  CHECK(refused([](List& l) { l[1].size_bytes = 66; }));  // one chunk too many
  CHECK(refused([](List& l) { l[1].size_bytes = ~std::uint64_t{0}; }));
  CHECK(refused([](List& l) { l[1].chunks[0].stored_bytes = 0; }));
  CHECK(refused([](List& l) { l[1].chunks[0].stored_bytes = 67; }));
  CHECK(refused([](List& l) { l[0].size_bytes = 71; }));   // raw: stored is the content
  CHECK(refused([](List& l) { std::swap(l[0], l[1]); }));  // not ascending
}

TEST_CASE("a directory is refused at every truncation, with extra bytes, by unknown codings",
          "[pixelfs]") {
  ByteVector bytes = encode_volume_directory(entries());
  test::for_each_truncation(
      bytes, [](Bytes cut) { CHECK_FALSE(decode_volume_directory(cut, header_for(cut))); });
  for (std::uint64_t n = 0; n < 2000; ++n) {  // any outcome but a crash
    const ByteVector other = test::mutate(bytes, n);
    static_cast<void>(decode_volume_directory(other, header_for(other)));
  }
  CHECK_FALSE(decode_volume_directory(bytes, header_for(bytes, 1)));
  CHECK_FALSE(decode_volume_directory(bytes, header_for(bytes, 0xFFFFFFFF)));
  ByteVector coding = bytes;
  coding[2 + 3] = 3;  // after the name "raw"
  CHECK(decode_volume_directory(coding, header_for(coding)).error().code == Errc::kUnsupported);
  VolumeHeader outside = header_for(bytes);
  outside.directory_offset = 600;
  CHECK_FALSE(decode_volume_directory(bytes, outside));
  outside.directory_offset = 3;
  CHECK_FALSE(decode_volume_directory(bytes, outside));
}

TEST_CASE("entry names stay below the folder they are written to", "[pixelfs]") {
  for (const char* good : {"a", "a/b", "a.b", "..a", "a b", "\xce\xbb"})
    CHECK(check_entry_name(good));
  for (const char* bad : {"", "/a", "a/", "a//b", ".", "..", "a/..", "./a", "a\nb", "a\\b"}) {
    CHECK(check_entry_name(bad).error().code == Errc::kUsage);
  }
  CHECK_FALSE(check_entry_name(std::string("a\0b", 3)));
  CHECK_FALSE(check_entry_name(std::string(5000, 'a')));
}

TEST_CASE("the worked example of the specification", "[pixelfs]") {
  const auto page = read_file(test::source_folder() / "docs/spec/pixelfs.md");
  REQUIRE(page);
  const std::string text(as_text(*page));
  const std::size_t begin = text.find("```hex\n") + 7;
  const std::string block = text.substr(begin, text.find("```", begin) - begin);
  ByteVector bytes;
  std::istringstream words(block);
  for (std::string word; words >> word;) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoul(word, nullptr, 16)));
  }
  const auto volume = test::open_volume(test::volume_of({{"x", {'h', 'e', 'l', 'l', 'o'}}}, 300));
  ByteVector written(bytes.size());
  REQUIRE(volume->pixels().read(0, written));
  CHECK(written == bytes);
  const auto header = decode_volume_header(Bytes(bytes).first(pixelfs::kVolumeHeaderBytes));
  REQUIRE(header);
  const Bytes directory = Bytes(bytes).subspan(pixelfs::kVolumeHeaderBytes);
  CHECK(header->directory_bytes == directory.size());
  const auto list = decode_volume_directory(directory, *header);
  REQUIRE(list);
  CHECK((*list)[0].name == "x");
  CHECK((*list)[0].offset == 300);
}
