#include "pxvm/isa/image_sections.hpp"

#include "tests/pxvm/isa/program_builder.hpp"
#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using Catch::Matchers::Contains;

ByteVector section_of(std::size_t index, const Program& program) {
  ByteWriter out;
  write_section(index, program, out);
  return out.take();
}

/// Reads one section into a program whose earlier sections are those of `whole`.
Result<Program> read_into(std::size_t index, Bytes bytes, const Program& whole) {
  Program program;
  if (index > 0) program.symbols = whole.symbols;
  ByteReader in(bytes);
  PX_CHECK(read_section(index, in, program));
  if (in.remaining() != 0) return fail(Errc::kInvalid, "bytes left");
  return program;
}

Program sample() {
  Program program = test::small_transformer().program;
  program.debug = {{"a.pxasm", "b.pxasm"}, {}};
  program.debug.lines.resize(program.code.size(), {1, 77});
  return program;
}

TEST_CASE("sections: each is inverse to its writer", "[isa]") {
  const Program whole = sample();
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    INFO(section_name(i));
    const ByteVector bytes = section_of(i, whole);
    const auto read = read_into(i, bytes, whole);
    REQUIRE(read);
    CHECK(section_of(i, *read) == bytes);
    CHECK(section_code(i) == i + 1);
  }
}

TEST_CASE("sections: truncated prefixes are refused, or are shorter tables", "[isa]") {
  const Program whole = sample();
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    INFO(section_name(i));
    test::for_each_truncation(section_of(i, whole), [&](Bytes prefix) {
      const auto read = read_into(i, prefix, whole);
      // Code has no count (the header gives its length), and no debug table is a debug table.
      const bool may_be_shorter =
          (section_name(i) == "code" && prefix.size() % 9 == 0) || prefix.empty();
      if (!may_be_shorter) CHECK_FALSE(read);
    });
  }
}

TEST_CASE("sections: damaged ones are refused or mean what they say", "[isa]") {
  const Program whole = sample();
  for (std::size_t i = 0; i < kSectionCount; ++i) {
    INFO(section_name(i));
    const ByteVector good = section_of(i, whole);
    for (std::uint64_t number = 0; number < 2000; ++number) {
      const ByteVector bad = test::mutate(good, number);
      const auto read = read_into(i, bad, whole);
      if (read) CHECK(section_of(i, *read) == bad);
    }
  }
}

TEST_CASE("sections: counts are held against the bytes that are left before memory is taken",
          "[isa]") {
  // 4096 symbols claimed in a section of a few bytes, then more than there may be.
  ByteWriter out;
  out.string32("name");
  out.u32(4096);
  CHECK_THAT(read_into(0, out.view(), {}).error().message,
             Contains("symbol count") && Contains("4096") && Contains("0 bytes are left"));
  ByteWriter more;
  more.u32(0xFFFFFFFF);
  CHECK(read_into(1, more.view(), {}).error().code == Errc::kLimit);
}

TEST_CASE("sections: numbers and flags have one encoding", "[isa]") {
  Program program;
  program.symbols.push_back({"p", Symbol::Kind::kRealParam, Number::of(0.5), {}, {}});
  const ByteVector good = section_of(0, program);
  const std::size_t flag = 4 + 4 + 4 + 1 + 1;  // program name, count, "p", kind
  ByteVector two = good;
  two.at(flag) = 2;
  CHECK_THAT(read_into(0, two, {}).error().message, Contains("default flag is 2"));
  ByteVector nan = good;
  std::fill_n(nan.begin() + static_cast<std::ptrdiff_t>(flag) + 2, 8, std::uint8_t{0xFF});
  CHECK_THAT(read_into(0, nan, {}).error().message, Contains("not finite"));
}

}  // namespace
}  // namespace pxos::isa
