#include "pixelfs/canonical.hpp"

#include "tests/pixelfs/sheet_fixture.hpp"

#include <catch2/catch.hpp>

using namespace pxos;

TEST_CASE("any canonical byte range comes back bit-exact", "[pixelfs]") {
  const auto tensors = test::mixed_tensors();
  for (const pixelfs::SheetOptions& options :
       {pixelfs::SheetOptions{}, pixelfs::SheetOptions{2048, 12}}) {
    const auto opened = test::write_and_open(tensors, options);
    REQUIRE(opened.set);
    CounterRng rng(9);
    for (const auto& t : tensors) {
      const auto* found = opened.set->find(t.input.name);
      REQUIRE(found != nullptr);
      for (int i = 0; i < 60; ++i) {
        const std::uint64_t offset = rng.next_u32() % (t.bytes->size() + 1);
        ByteVector out(rng.next_u32() % (t.bytes->size() - offset + 1));
        REQUIRE(opened.set->read_canonical(*found, offset, out));
        INFO(t.input.name << " " << offset << " + " << out.size());
        REQUIRE(std::equal(out.begin(), out.end(),
                           t.bytes->begin() + static_cast<std::ptrdiff_t>(offset)));
      }
      ByteVector beyond(2);
      REQUIRE(opened.set->read_canonical(*found, t.bytes->size() - 1, beyond).error().code ==
              Errc::kUsage);
    }
  }
}

TEST_CASE("units are borrowed inside a scanline and joined across them", "[pixelfs]") {
  ByteVector lines(3 * 100);
  for (std::size_t i = 0; i < lines.size(); ++i) lines[i] = static_cast<std::uint8_t>(i);
  pixelfs::TensorMeta meta{"t", tensor::DType::kI32, pixelfs::SheetLayout::kLinear, {10}, {}};
  pixelfs::TensorExtent extent;
  extent.units_per_group = 4;
  const std::vector<tensor::UnitSegment> segments{{lines.data(), 100, 3, 1, 1}};
  const pixelfs::UnitSource source{meta, extent, segments, 10};
  ByteVector room;
  const Bytes borrowed = pixelfs::units_of(source, 0, 0, 2, room);
  REQUIRE(borrowed.data() == lines.data() + 10);
  const Bytes joined = pixelfs::units_of(source, 0, 0, 4, room);
  REQUIRE(joined.data() == room.data());
  REQUIRE(joined[0] == 10);
  REQUIRE(joined[19] == 29);
  REQUIRE(joined[20] == 100);
  REQUIRE(joined[39] == 119);
}
