#include "pixelfs/volume.hpp"

#include "tests/pixelfs/volume_fixture.hpp"
#include "tests/support/mutate.hpp"

#include <thread>

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::Volume;
using test::StoredFile;

TEST_CASE("mixed files are found by name and read back", "[pixelfs]") {
  const auto files = test::mixed_files();
  const auto volume = test::open_volume(test::volume_of(files));
  REQUIRE(volume);
  test::check_files(*volume, files);
  CHECK(volume->find("nothing") == nullptr);
  CHECK(volume->content_bytes() == 3 + 1 + 500 + 1000 + 700 + 2);
  CHECK(volume->pixels().in_place());
}

TEST_CASE("any range of any entry is what the file has there", "[pixelfs]") {
  const auto files = test::mixed_files();
  const auto volume = test::open_volume(test::volume_of(files));
  for (const StoredFile& file : files) {
    const auto& entry = *volume->find(file.name);
    for (std::size_t begin = 0; begin <= file.content.size(); begin += 23) {
      for (std::size_t size = 0; begin + size <= file.content.size(); size += 31) {
        ByteVector out(size);
        REQUIRE(volume->read(entry, begin, out));
        REQUIRE(std::equal(out.begin(), out.end(),
                           file.content.begin() + static_cast<std::ptrdiff_t>(begin)));
      }
    }
    ByteVector two(2);
    CHECK(
        volume
            ->read(entry, file.content.size() - std::min<std::size_t>(1, file.content.size()), two)
            .error()
            .code == Errc::kUsage);
    CHECK(volume->read(entry, ~std::uint64_t{0}, two).error().code == Errc::kUsage);
  }
}

TEST_CASE("a partial read touches less than two scanlines beyond the range", "[pixelfs]") {
  constexpr std::uint32_t kLine = 6144;
  const std::vector<StoredFile> files{{"noise", test::random_bytes(300'000, 1)},
                                      {"prose", test::prose(300'000)},
                                      {"walk", test::walk(300'000, 2)}};
  const auto counter = std::make_shared<test::CountingReader>(test::volume_of(files, kLine));
  const auto volume = Volume::open(counter);
  REQUIRE(volume);
  CounterRng rng(7);
  for (const auto& entry : volume->entries()) {
    for (int i = 0; i < 200; ++i) {
      const std::uint64_t offset = rng.next_u32() % entry.size_bytes;
      ByteVector out(rng.next_u32() % std::min<std::uint64_t>(entry.size_bytes - offset, 40'000));
      counter->reads.clear();
      REQUIRE(volume->read(entry, offset, out));
      REQUIRE(counter->bytes_read() < out.size() + 2 * kLine);
      for (const auto& read : counter->reads) REQUIRE(read.size <= kLine);
    }
  }
}

TEST_CASE("stream gives a range in pieces within the budget", "[pixelfs]") {
  const auto files = test::mixed_files();
  const auto volume = test::open_volume(test::volume_of(files));
  for (const std::uint64_t budget : {1U, 66U, 100U, 500U, 100'000U}) {
    for (const auto& [offset, length] : {std::pair{0, 1000}, {10, 300}, {999, 1}, {1000, 0}}) {
      ByteVector got;
      const Volume::Range range{static_cast<std::uint64_t>(offset),
                                static_cast<std::uint64_t>(length), budget};
      REQUIRE(volume->stream(*volume->find("prose"), range, [&](Bytes piece) -> Result<void> {
        CHECK(piece.size() <= std::max<std::uint64_t>(budget, 66));
        got.insert(got.end(), piece.begin(), piece.end());
        return {};
      }));
      const ByteVector& content = files[4].content;
      CHECK(got == ByteVector(content.begin() + offset, content.begin() + offset + length));
    }
  }
  const auto stop = [](Bytes) -> Result<void> { return fail(Errc::kIo, "full"); };
  CHECK(volume->stream(*volume->find("prose"), {0, 1000}, stop).error().code == Errc::kIo);
  CHECK(volume->stream(*volume->find("prose"), {1, 1000}, stop).error().code == Errc::kUsage);
}

TEST_CASE("reading a damaged chunk names file, chunk and bytes; others are still read",
          "[pixelfs]") {
  const auto files = test::mixed_files();
  ByteVector bytes = test::volume_of(files);
  const auto sound = test::open_volume(bytes);
  const auto& chunk = sound->find("noise")->chunks[2];
  const auto& g = sound->pixels().geometry();
  bytes[g.first + chunk.offset / 66 * g.stride + chunk.offset % 66 + 5] ^= 4;
  const auto volume = test::open_volume(bytes);
  REQUIRE(volume);
  ByteVector out(1);
  const auto read = volume->read(*volume->find("noise"), 140, out);
  REQUIRE_FALSE(read);
  CHECK(read.error().message.find("'noise' chunk 2, bytes 132..198") != std::string::npos);
  CHECK(volume->read(*volume->find("noise"), 131, out));
  CHECK(volume->read(*volume->find("noise"), 198, out));
  CHECK(test::content_of(*volume, "prose") == files[4].content);
}

TEST_CASE("Volume::open rejects every truncated prefix", "[pixelfs]") {
  const ByteVector bytes = test::volume_of({{"x", test::random_bytes(200, 1)}});
  test::for_each_truncation(bytes, [](Bytes prefix) {
    CHECK_FALSE(test::open_volume(ByteVector(prefix.begin(), prefix.end())));
  });
  ByteVector longer = bytes;
  longer.push_back(0);  // decoders ignore what follows IEND, so the content is still sound
  const auto volume = test::open_volume(longer);
  REQUIRE(volume);
  CHECK_FALSE(volume->pixels().in_place());
  CHECK(volume->verify()->damage.empty());
}

TEST_CASE("a volume that an editor saved again is read all the same", "[pixelfs]") {
  const auto files = test::mixed_files();
  const ByteVector saved = *pixelfs::encode_png(*pixelfs::decode_png(test::volume_of(files)));
  const auto volume = test::open_volume(saved);
  REQUIRE(volume);
  CHECK_FALSE(volume->pixels().in_place());
  CHECK(volume->pixels().slow_reason().find("pxLD") != std::string::npos);
  test::check_files(*volume, files);
  CHECK(volume->verify()->damage.empty());
}

TEST_CASE("mutated volumes are survived, with and without the fast path", "[pixelfs]") {
  const ByteVector bytes = test::volume_of(test::mixed_files());
  for (std::uint64_t n = 0; n < 2000; ++n) {
    const auto volume = test::open_volume(test::mutate(bytes, n));
    if (volume) static_cast<void>(volume->verify());
  }
}

TEST_CASE("threads read one volume at the same time", "[pixelfs]") {
  const auto files = test::mixed_files();
  const auto volume = test::open_volume(test::volume_of(files));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int& count : wrong) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        for (const StoredFile& file : files) {
          ByteVector out(file.content.size());
          if (!volume->read(*volume->find(file.name), 0, out) || out != file.content) ++count;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4, 0));
}
