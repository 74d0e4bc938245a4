#include "pixelfs/png.hpp"
#include "pixelfs/sheet.hpp"
#include "tests/pixelfs/sheet_fixture.hpp"

#include <map>
#include <optional>

#include <catch2/catch.hpp>

using namespace pxos;
using pixelfs::SheetLayout;
using tensor::DType;

TEST_CASE("a geometry sweep: what is written opens in place, verifies and decodes as a plain PNG",
          "[pixelfs]") {
  const auto tensors = test::mixed_tensors();
  std::size_t sheets = 0;
  for (const std::uint32_t line_bytes : {544U, 1000U, 2048U, 3000U, 4097U, 9999U, 20000U, 48000U}) {
    for (const std::uint32_t lines : {20U, 33U, 16000U}) {
      const auto opened = test::write_and_open(tensors, {line_bytes, lines});
      INFO("line " << line_bytes << ", scanlines " << lines);
      REQUIRE(opened.set);
      REQUIRE(opened.set->verify());
      REQUIRE(opened.set->slow_note().empty());
      for (const auto& t : tensors)
        REQUIRE(test::canonical_of(*opened.set, t.input.name) == *t.bytes);
      for (const auto& sheet : opened.set->sheets()) REQUIRE(sheet.in_place());
      sheets += opened.files.size();
    }
  }
  REQUIRE(sheets > 150);
}

TEST_CASE("the same tensors give the same bytes", "[pixelfs]") {
  const auto a = test::write_all(test::mixed_tensors());
  const auto b = test::write_all(test::mixed_tensors());
  REQUIRE(a.size() == 17);
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) REQUIRE(a[i].bytes == b[i].bytes);
}

TEST_CASE("errors of a source and of the sink come through; progress can stop", "[pixelfs]") {
  auto tensors = test::mixed_tensors();
  pixelfs::MemorySheetSink sink;
  std::uint64_t last = 0;
  std::uint64_t total = 0;
  REQUIRE(pixelfs::write_sheets(test::inputs_of(tensors), sink,
                                [&](std::uint64_t done, std::uint64_t all) {
                                  REQUIRE(done >= last);
                                  last = done;
                                  total = all;
                                  return true;
                                }));
  REQUIRE(last == total);
  const auto stopped =
      pixelfs::write_sheets(test::inputs_of(tensors), sink, [](auto, auto) { return false; });
  REQUIRE(stopped.error().code == Errc::kInterrupted);
  tensors[3].input.read_canonical = [](std::uint64_t, MutBytes) -> Result<void> {
    return fail(Errc::kIo, "disk gone");
  };
  REQUIRE(pixelfs::write_sheets(test::inputs_of(tensors), sink).error().message == "disk gone");
}

TEST_CASE("a transposed tensor larger than one panel is written right", "[pixelfs]") {
  // 70 000 rows x 16 columns x 4 bytes x 16 > 64 MiB / 16: several panels of one group each.
  const auto t =
      test::make_tensor("t", DType::kF32, SheetLayout::kPacked16Transposed, {300000, 40});
  const auto opened = test::write_and_open({t});
  REQUIRE(opened.set);
  REQUIRE(opened.set->verify());
  REQUIRE(test::canonical_of(*opened.set, "t") == *t.bytes);
}

TEST_CASE("an interrupted writer goes on: known digests and whole sheets are not made again",
          "[pixelfs]") {
  /// Has the first `whole` sheets of an earlier run.
  struct Half final : pixelfs::SheetSink {
    Half(const std::vector<pixelfs::MemorySheetSink::File>& before, std::size_t count)
        : earlier(before), whole(count) {}
    Result<void> begin(const std::string& name, std::uint64_t size) override {
      return rest.begin(name, size);
    }
    Result<void> write(Bytes bytes) override { return rest.write(bytes); }
    Result<void> end() override { return rest.end(); }
    Result<bool> has(const std::string& name, std::uint64_t size) override {
      const bool is_there = seen < whole;
      if (is_there) CHECK((earlier[seen].name == name && earlier[seen].bytes.size() == size));
      ++seen;
      return is_there;
    }
    const std::vector<pixelfs::MemorySheetSink::File>& earlier;
    std::size_t whole;
    std::size_t seen = 0;
    pixelfs::MemorySheetSink rest;
  };
  const auto tensors = test::mixed_tensors();
  const auto inputs = test::inputs_of(tensors);
  pixelfs::SheetOptions options;
  std::map<std::size_t, Xxh128> digests;
  options.on_digest = [&](std::size_t tensor, const Xxh128& digest) -> Result<void> {
    digests[tensor] = digest;
    return {};
  };
  pixelfs::MemorySheetSink first;
  REQUIRE(pixelfs::write_sheets(inputs, first, {}, options));
  REQUIRE(digests.size() == inputs.size());
  std::size_t made = 0;
  options.on_digest = [&](std::size_t, const Xxh128&) -> Result<void> {
    ++made;
    return {};
  };
  options.known_digest = [&](std::size_t tensor) {
    return tensor % 2 == 0 ? std::optional(digests[tensor]) : std::nullopt;
  };
  for (const std::size_t whole : {std::size_t{0}, std::size_t{5}, first.files.size()}) {
    Half sink(first.files, whole);
    made = 0;
    std::uint64_t last = 0;
    std::uint64_t total = 1;
    const auto progress = [&](std::uint64_t done, std::uint64_t all) {
      last = done;
      total = all;
      return true;
    };
    REQUIRE(pixelfs::write_sheets(inputs, sink, progress, options));
    CHECK(last == total);
    CHECK(made == inputs.size() / 2);
    REQUIRE(sink.rest.files.size() == first.files.size() - whole);
    for (std::size_t i = whole; i < first.files.size(); ++i)
      CHECK(sink.rest.files[i - whole].bytes == first.files[i].bytes);
  }
}
