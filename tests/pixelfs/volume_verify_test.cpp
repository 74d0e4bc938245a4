#include "pixelfs/volume_directory.hpp"
#include "tests/pixelfs/volume_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::Volume;
using pixelfs::VolumeDamage;
using Part = VolumeDamage::Part;

namespace {

constexpr std::uint32_t kLine = 66;

/// Which chunk's stored bytes hold the pixel byte; null when none.
struct Owner {
  const pixelfs::VolumeEntry* entry = nullptr;
  std::size_t chunk = 0;
};

Owner owner_of(const Volume& volume, std::uint64_t offset) {
  for (const auto& entry : volume.entries()) {
    for (std::size_t i = 0; i < entry.chunks.size(); ++i) {
      const auto& chunk = entry.chunks[i];
      if (offset >= chunk.offset && offset < chunk.offset + chunk.stored_bytes) return {&entry, i};
    }
  }
  return {};
}

/// The pixel byte at a file offset, if it is one.
std::optional<std::uint64_t> pixel_at(const pixelfs::SheetGeometry& g, std::uint64_t file_offset) {
  if (file_offset < g.first) return std::nullopt;
  const std::uint64_t line = (file_offset - g.first) / g.stride;
  const std::uint64_t column = (file_offset - g.first) % g.stride;
  if (line >= g.scanlines || column >= g.payload) return std::nullopt;
  return line * g.payload + column;
}

/// Scanline whose frame, payload or CRC holds the file offset.
std::uint32_t line_at(const pixelfs::SheetGeometry& g, std::uint64_t file_offset) {
  std::uint32_t line = 0;
  while (line + 1 < g.scanlines && pixelfs::line_span(g, line).end <= file_offset) ++line;
  return line;
}

/// The whole report of one flipped bit is one damage in the right place.
void check_located(const Volume& sound, const pixelfs::VolumeReport& report,
                   std::uint64_t file_offset) {
  INFO("file offset " << file_offset);
  REQUIRE(report.damage.size() == 1);
  const VolumeDamage& damage = report.damage[0];
  const auto pixel = pixel_at(sound.pixels().geometry(), file_offset);
  const Owner owner = pixel ? owner_of(sound, *pixel) : Owner{};
  if (owner.entry != nullptr) {
    CHECK(damage.part == Part::kChunk);
    CHECK(damage.entry == owner.entry->name);
    CHECK(damage.chunk == owner.chunk);
    CHECK(damage.begin == owner.chunk * kLine);
    CHECK(damage.end ==
          damage.begin + pixelfs::chunk_content_bytes(*owner.entry, owner.chunk, kLine));
  } else if (pixel) {
    CHECK(damage.part == Part::kPadding);
    CHECK(damage.scanline == *pixel / kLine);
  } else {
    CHECK((damage.part == Part::kFrame || damage.part == Part::kEnd));
    CHECK(damage.scanline == line_at(sound.pixels().geometry(), file_offset));
  }
}

}  // namespace

TEST_CASE("a sound volume verifies, with progress to the end", "[pixelfs]") {
  const auto volume = test::open_volume(test::volume_of(test::mixed_files()));
  std::uint64_t last = 0;
  std::uint64_t all = 0;
  const auto report = volume->verify([&](std::uint64_t done, std::uint64_t total) {
    CHECK(done >= last);
    last = done;
    all = total;
    return true;
  });
  REQUIRE(report);
  CHECK(report->damage.empty());
  CHECK(last == all);
  CHECK(report->content_bytes == volume->content_bytes());
  const auto stopped = volume->verify([](std::uint64_t, std::uint64_t) { return false; });
  CHECK(stopped.error().code == Errc::kInterrupted);
}

TEST_CASE("a flipped bit anywhere in the file is found and located", "[pixelfs]") {
  const ByteVector bytes = test::volume_of(test::mixed_files());
  const auto sound = test::open_volume(bytes);
  const auto& g = sound->pixels().geometry();
  std::size_t refused = 0;
  for (std::uint64_t at = 0; at < bytes.size(); ++at) {
    const auto volume = test::open_volume(test::flip_bit(bytes, at * 8 + at % 8));
    if (!volume) {  // signature, IHDR, header or directory: said so, before anything is read
      ++refused;
      const auto pixel = pixel_at(g, at);
      if (pixel) {
        const std::string part = *pixel < 64 ? "header" : "directory";
        CHECK(volume.error().message.find(part) != std::string::npos);
      } else {
        CHECK(at < g.first);
      }
    } else if (volume->pixels().in_place()) {
      check_located(*sound, *volume->verify(), at);
    } else {  // pxLD is what was hit; the picture was decoded and is sound
      CHECK(at < g.first);
      CHECK(volume->pixels().slow_reason().find("pxLD") != std::string::npos);
    }
  }
  CHECK(refused > 64);
  CHECK(refused < bytes.size() / 4);
}

TEST_CASE("zeroed, swapped and torn scanlines are all reported", "[pixelfs]") {
  const std::vector<test::StoredFile> files{{"noise", test::random_bytes(3000, 1)}};
  const ByteVector bytes = test::volume_of(files);
  const auto sound = test::open_volume(bytes);
  const auto& g = sound->pixels().geometry();
  const std::uint64_t first_line = sound->find("noise")->offset / kLine;
  const auto payload = [&](ByteVector& file, std::uint64_t line) {
    return file.begin() + static_cast<std::ptrdiff_t>(g.first + line * g.stride);
  };
  ByteVector zeroed = bytes;
  for (std::uint64_t line = first_line + 3; line < first_line + 10; ++line) {
    std::fill_n(payload(zeroed, line), kLine, std::uint8_t{0});
  }
  CHECK(test::open_volume(zeroed)->verify()->damage.size() == 7);
  ByteVector swapped = bytes;
  std::swap_ranges(payload(swapped, first_line), payload(swapped, first_line) + kLine,
                   payload(swapped, first_line + 1));
  const auto report = test::open_volume(swapped)->verify();
  REQUIRE(report->damage.size() == 2);
  CHECK(report->damage[1].chunk == 1);
}

TEST_CASE("content that its chunks do not give is reported", "[pixelfs]") {
  // Good chunks and a wrong digest: what a broken or hostile writer leaves.
  const ByteVector content = test::random_bytes(100, 1);
  pixelfs::VolumeEntry entry;
  entry.name = "x";
  entry.size_bytes = entry.stored_bytes = content.size();
  entry.offset = 300;
  entry.digest = {1, 2};
  entry.chunks = {{300, xxh3_64(content), 100}};
  const ByteVector directory = pixelfs::encode_volume_directory({&entry, 1});
  ByteVector first = pixelfs::encode_volume_header(
      {300, 2, pixelfs::kVolumeHeaderBytes, directory.size(), 1, xxh3_64(directory)});
  first.insert(first.end(), directory.begin(), directory.end());
  pixelfs::MemoryStore store;
  const auto blob = store.create("v");
  auto writer = pixelfs::PixelWriter::create(**blob, 300);
  REQUIRE(writer->write(content));
  REQUIRE(writer->finish(first));
  REQUIRE((*blob)->publish());
  const auto report = Volume::open(*store.open("v"))->verify();
  REQUIRE(report);
  REQUIRE(report->damage.size() == 1);
  CHECK(report->damage[0].part == Part::kContent);
  CHECK(report->damage[0].entry == "x");
}
