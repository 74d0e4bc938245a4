#include "pixelfs/kind.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"
#include "tests/pixelfs/volume_fixture.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::ChunkCoding;
using pixelfs::MemoryStore;
using pixelfs::write_volume;
using test::Fault;
using test::StoredFile;

TEST_CASE("files of every size around a chunk come back bit-exact", "[pixelfs]") {
  for (const std::size_t size : {0U, 1U, 65U, 66U, 67U, 131U, 132U, 133U, 5000U}) {
    const std::vector<StoredFile> files{{"x", test::random_bytes(size, size)},
                                        {"y", test::prose(size)}};
    const auto volume = test::open_volume(test::volume_of(files));
    REQUIRE(volume);
    test::check_files(*volume, files);
  }
}

TEST_CASE("a volume is a PNG, says what it is, and is the same every time", "[pixelfs]") {
  const ByteVector bytes = test::volume_of(test::mixed_files());
  CHECK(pixelfs::identify(bytes).kind == pixelfs::FileKind::kVolume);
  CHECK(pixelfs::decode_png(bytes));
  CHECK(test::volume_of(test::mixed_files()) == bytes);
  CHECK(test::open_volume(test::volume_of({}))->entries().empty());
}

TEST_CASE("the coding of an entry is what gains most, and recorded", "[pixelfs]") {
  const std::vector<StoredFile> files{{"noise", test::random_bytes(200'000, 1)},
                                      {"prose", test::prose(200'000)},
                                      {"walk", test::walk(200'000, 2)},
                                      {"sheet", test::write_all(test::mixed_tensors())[0].bytes}};
  const auto volume = test::open_volume(test::volume_of(files, 6144));
  REQUIRE(volume);
  test::check_files(*volume, files);
  CHECK(volume->find("noise")->coding == ChunkCoding::kNone);
  CHECK(volume->find("prose")->coding == ChunkCoding::kZstd);
  CHECK(volume->find("prose")->stored_bytes < 20'000);
  CHECK(volume->find("walk")->coding == ChunkCoding::kPaletteDelta);
  CHECK(volume->find("walk")->stored_bytes < 80'000);
  CHECK(volume->find("sheet")->coding == ChunkCoding::kNone);
}

TEST_CASE("a forced coding is used, and dropped where no chunk gets shorter", "[pixelfs]") {
  const std::vector<StoredFile> files{{"noise", test::random_bytes(5000, 1)},
                                      {"prose", test::prose(5000)}};
  auto inputs = test::inputs_of(files);
  inputs[0].coding = ChunkCoding::kZstd;
  inputs[1].coding = ChunkCoding::kNone;
  MemoryStore store;
  REQUIRE(write_volume(inputs, store, "v"));
  const auto volume = pixelfs::Volume::open(*store.open("v"));
  REQUIRE(volume);
  CHECK(volume->find("noise")->coding == ChunkCoding::kNone);
  CHECK(volume->find("prose")->coding == ChunkCoding::kNone);
  test::check_files(*volume, files);
}

TEST_CASE("small files share a scanline; a large raw file has one chunk per scanline",
          "[pixelfs]") {
  const std::vector<StoredFile> files{{"a", test::random_bytes(20, 1)},
                                      {"b", test::random_bytes(20, 2)},
                                      {"c", test::random_bytes(40, 3)},
                                      {"d", test::random_bytes(200, 4)}};
  const auto volume = test::open_volume(test::volume_of(files));
  REQUIRE(volume);
  CHECK(volume->find("a")->offset / 66 == volume->find("b")->offset / 66);
  CHECK(volume->find("c")->offset % 66 == 0);  // would have crossed into the next scanline
  for (const auto& chunk : volume->find("d")->chunks) CHECK(chunk.offset % 66 == 0);
}

TEST_CASE("bad and double names, failing sources and a cancelled write publish nothing",
          "[pixelfs]") {
  MemoryStore store;
  const std::vector<StoredFile> files{{"x", test::random_bytes(5000, 1)}};
  auto inputs = test::inputs_of(files);
  pixelfs::VolumeWrite stop;
  stop.progress = [](std::uint64_t, std::uint64_t) { return false; };
  CHECK(write_volume(inputs, store, "v", stop).error().code == Errc::kInterrupted);
  inputs.push_back(inputs[0]);
  CHECK(write_volume(inputs, store, "v").error().code == Errc::kUsage);
  inputs[1].name = "../x";
  CHECK(write_volume(inputs, store, "v").error().code == Errc::kUsage);
  inputs[1].name = "y";
  inputs[1].read = [](std::uint64_t, MutBytes) -> Result<void> { return fail(Errc::kIo, "gone"); };
  CHECK(write_volume(inputs, store, "v").error().code == Errc::kIo);
  inputs[1].size_bytes = ~std::uint64_t{0};
  CHECK(write_volume(inputs, store, "v").error().code == Errc::kLimit);
  inputs.pop_back();
  pixelfs::VolumeWrite narrow;
  narrow.line_bytes = 5;
  CHECK(write_volume(inputs, store, "v", narrow).error().code == Errc::kUsage);
  CHECK(store.list()->empty());
}

TEST_CASE("whatever call of a write fails, the store has the old volume or a sound new one",
          "[pixelfs]") {
  const std::vector<StoredFile> before{{"x", test::random_bytes(1000, 1)}};
  const std::vector<StoredFile> after{{"x", test::random_bytes(3'000'000, 2)},
                                      {"y", test::prose(9000)}};
  const auto run = [&](Fault fault) {
    MemoryStore disk;
    REQUIRE(write_volume(test::inputs_of(before), disk, "v"));
    test::FaultyStore store(disk, fault);
    const auto written = write_volume(test::inputs_of(after), store, "v");
    const auto volume = pixelfs::Volume::open(*disk.open("v"));
    if (!written) {
      REQUIRE(volume);
      test::check_files(*volume, before);
    } else if (store.calls <= fault.at_call) {
      REQUIRE(volume);
      test::check_files(*volume, after);
    } else if (volume) {  // the disk lied: only detection is left
      CHECK_FALSE(volume->verify()->damage.empty());
    }
    return store.calls;
  };
  const std::size_t calls = run({Fault::Kind::kNoSpace, 1000});
  REQUIRE(calls > 4);
  for (const auto kind :
       {Fault::Kind::kNoSpace, Fault::Kind::kShortWrite, Fault::Kind::kTornWrite}) {
    for (std::size_t at = 0; at < calls; ++at) run({kind, at});
  }
  run({Fault::Kind::kDroppedSync, calls - 1});
}
