#include "pixelfs/originals.hpp"

#include "pxvm/base/file.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <functional>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace pxos;
using nlohmann::json;
using pixelfs::parse_pxar;
using pixelfs::parse_pxfs;
using pixelfs::parse_pxif;
using pixelfs::verify_wrapped;
using pixelfs::WrappedFile;

namespace {

std::string hex(Bytes bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) out += fmt::format("{:02x}", byte);
  return out;
}

ByteVector load(const std::filesystem::path& path) {
  const auto bytes = read_file(path);
  REQUIRE(bytes);
  return *bytes;
}

json load_json(const std::filesystem::path& path) {
  const ByteVector bytes = load(path);
  return json::parse(as_text(bytes));
}

ByteVector pattern(std::size_t size) {
  ByteVector out(size);
  for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 37 + 11);
  return out;
}

/// Magic, version and sizes as bytes, then the hash, zeros up to `header_bytes`, the padded
/// content.
ByteVector wrap(ByteVector header, std::size_t header_bytes, const ByteVector& content,
                std::size_t row_bytes) {
  const Sha256 hash = sha256(content);
  header.insert(header.end(), hash.begin(), hash.end());
  header.resize(header_bytes);
  header.insert(header.end(), content.begin(), content.end());
  header.resize(header_bytes + (content.size() + row_bytes - 1) / row_bytes * row_bytes);
  return header;
}

/// 20 bytes in rows of 4 pixels: two rows.
ByteVector small_pxif() {
  return wrap({'P', 'X', 'I', 'F', 1, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 4, 0, 0, 0, 2, 0}, 64,
              pattern(20), 12);
}

ByteVector small_pxfs(const ByteVector& content) {
  ByteWriter w;
  w.bytes(as_bytes("SFXP"));
  w.u32(1);
  w.u64(content.size());
  w.u32(4);
  w.u32(static_cast<std::uint32_t>((content.size() + 11) / 12));
  return wrap(w.take(), 128, content, 12);
}

ByteVector small_pxar(const std::vector<std::string>& paths = {"a/b", "c"}) {
  ByteWriter index;
  std::uint64_t index_bytes = 0;
  for (const std::string& path : paths) index_bytes += 34 + path.size();
  std::uint64_t offset = 128 + index_bytes;
  for (const std::string& path : paths) {
    index.u16(static_cast<std::uint16_t>(path.size()));
    index.bytes(as_bytes(path));
    index.u64(offset);
    index.u64(5);
    index.u64(0);
    index.u64(0);
    offset += 5;
  }
  ByteWriter w;
  w.bytes(as_bytes("PXAR"));
  w.u32(1);
  w.u32(static_cast<std::uint32_t>(paths.size()));
  w.u64(128);
  w.u64(index_bytes);
  w.u64(offset);
  w.pad_to(128);
  w.bytes(index.view());
  w.bytes(pattern(5 * paths.size()));
  return w.take();
}

using Parser = std::function<bool(Bytes)>;

/// No truncated prefix and no longer file is accepted; no flipped bit is accepted and verified.
void check_strict(const ByteVector& file, const Parser& accepts) {
  REQUIRE(accepts(file));
  test::for_each_truncation(file, [&](Bytes prefix) { CHECK_FALSE(accepts(prefix)); });
  ByteVector longer = file;
  longer.push_back(0);
  CHECK_FALSE(accepts(longer));
  for (std::uint64_t n = 0; n < 3000; ++n) static_cast<void>(accepts(test::mutate(file, n)));
}

bool is_sound(const Result<WrappedFile>& file) {
  return file && verify_wrapped(*file);
}

}  // namespace

TEST_CASE("PXIF: the original files", "[pixelfs][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "storage");
  const json expected = load_json(folder / "expected.PXIF.json");
  for (const json& c : expected["cases"]) {
    const ByteVector bytes = load(folder / c["file"].get<std::string>());
    INFO(c["file"]);
    const auto file = parse_pxif(bytes);
    REQUIRE(file);
    CHECK(file->content.size() == c["data_len"]);
    CHECK(file->width == c["width"]);
    CHECK(file->height == c["height"]);
    CHECK(hex(file->sha256) == c["data_sha256"]);
    CHECK(verify_wrapped(*file));
    const ByteVector content(file->content.begin(), file->content.end());
    CHECK(content == pattern(content.size()));
    const auto part = file->content.subspan(std::min<std::size_t>(5, content.size()));
    if (part.size() >= 7) CHECK(hex(part.first(7)) == c["read_off5_len7"]);
  }
  const json& demo = expected["demo"];
  const ByteVector bytes = load(folder / demo["file"].get<std::string>());
  const auto file = parse_pxif(bytes);
  REQUIRE(is_sound(file));
  CHECK(file->content.size() == demo["size"]);
  CHECK(as_text(file->content).starts_with(demo["text_first60"].get<std::string>()));
  CHECK(as_text(file->content).ends_with(demo["text_last40"].get<std::string>()));
}

TEST_CASE("PXFS: the original files", "[pixelfs][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "storage");
  const json expected = load_json(folder / "expected.PXFS.json");
  for (const json& c : expected["cases"]) {
    const ByteVector bytes = load(folder / c["file"].get<std::string>());
    INFO(c["file"]);
    const auto file = parse_pxfs(bytes);
    REQUIRE(is_sound(file));
    CHECK(file->width == c["width"]);
    CHECK(file->height == c["height"]);
    CHECK(ByteVector(file->content.begin(), file->content.end()) == pattern(c["data_len"]));
  }
  const ByteVector hello = load(folder / "pixelfs/hello_world.PXFS-v1.pxi");
  CHECK(is_sound(parse_pxfs(hello)));
}

TEST_CASE("PXAR: the original archive, raw and wrapped", "[pixelfs][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "storage");
  const json expected = load_json(folder / "expected.PXAR.json");
  for (const char* which : {"raw", "wrapped"}) {
    const ByteVector bytes = load(folder / expected[which].get<std::string>());
    const auto archive = parse_pxar(bytes);
    REQUIRE(archive);
    CHECK(archive->wrapped == (std::string_view(which) == "wrapped"));
    if (archive->wrapped) CHECK(verify_wrapped(archive->wrapper));
    REQUIRE(archive->files.size() == expected["num_files"]);
    for (std::size_t i = 0; i < archive->files.size(); ++i) {
      const json& file = expected["files"][i];
      CHECK(archive->files[i].path == file["path"]);
      CHECK(archive->files[i].content.size() == file["size"]);
      CHECK(hex(sha256(archive->files[i].content)) == file["sha256"]);
    }
  }
}

TEST_CASE("PXIF and PXFS: strict about every byte", "[pixelfs]") {
  const ByteVector pxif = small_pxif();
  const ByteVector pxfs = small_pxfs(pattern(20));
  const Parser accepts_pxif = [](Bytes b) { return is_sound(parse_pxif(b)); };
  const Parser accepts_pxfs = [](Bytes b) { return is_sound(parse_pxfs(b)); };
  check_strict(pxif, accepts_pxif);
  check_strict(pxfs, accepts_pxfs);
  // Each bit means something: sizes must agree, unused bytes are zero, the hash covers the rest.
  // What is left is a width that gives the same number of rows.
  for (std::uint64_t bit = 0; bit < pxif.size() * 8; ++bit) {
    CHECK_FALSE(accepts_pxif(test::flip_bit(pxif, bit)));
  }
  for (std::uint64_t bit = 0; bit < pxfs.size() * 8; ++bit) {
    CHECK_FALSE(accepts_pxfs(test::flip_bit(pxfs, bit)));
  }
  ByteVector version = pxif;
  version[4] = 2;
  CHECK(parse_pxif(version).error().code == Errc::kUnsupported);
  ByteVector compressed = pxif;
  compressed[22] = 1;
  CHECK(parse_pxif(compressed).error().code == Errc::kUnsupported);
}

TEST_CASE("PXAR: strict about structure", "[pixelfs]") {
  const Parser accepts = [](Bytes b) { return parse_pxar(b).has_value(); };
  check_strict(small_pxar(), accepts);
  const ByteVector wrapped = small_pxfs(small_pxar());
  const auto archive = parse_pxar(wrapped);
  REQUIRE(archive);
  CHECK(archive->wrapped);
  CHECK(archive->files[1].path == "c");
  CHECK(archive->files[0].content.size() == 5);
  CHECK(accepts(small_pxar({})));
  CHECK_FALSE(accepts(small_pxar({"a", "a"})));
  CHECK_FALSE(accepts(small_pxar({"../a"})));
  CHECK_FALSE(accepts(small_pxar({"/a"})));
  ByteVector into_index = small_pxar({"a"});
  into_index[128 + 3] = 128;  // content offset: the index itself
  CHECK_FALSE(accepts(into_index));
  ByteVector many = small_pxar();
  many[8] = 200;
  CHECK_FALSE(accepts(many));
}
