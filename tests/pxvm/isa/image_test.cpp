#include "pxvm/isa/image.hpp"

#include "pxvm/base/hash.hpp"
#include "pxvm/isa/verify.hpp"
#include "tests/pxvm/isa/program_builder.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/mutate.hpp"

#include <fstream>
#include <regex>
#include <sstream>

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

using Catch::Matchers::Contains;

constexpr std::size_t kRowBytes = kProgramImageWidth * 3;
constexpr std::size_t kFirstSection = 12;  // in the header: after magic, versions and count
constexpr std::size_t kDigest = kFirstSection + 7 * 10;

Program sample() {
  Program program = test::small_transformer().program;
  program.debug.files = {"small.pxasm"};
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    program.debug.lines.push_back({0, static_cast<std::uint32_t>(10 + pc)});
  }
  return program;
}

RgbImage image_of(const Program& program) {
  return encode_program(program).value();
}

std::uint32_t u32_at(const RgbImage& image, std::size_t at) {
  return ByteReader(Bytes(image.rgb).subspan(at)).u32("test").value();
}

/// Makes the digest fit the pixels again, as an attacker would.
void fix_digest(RgbImage& image) {
  Xxh128Stream hash;
  for (std::size_t at = kFirstSection; at < kDigest; at += 10) {
    const std::size_t first = u32_at(image, at + 2) * kRowBytes;
    const std::size_t bytes = u32_at(image, at + 6);
    if (first > image.rgb.size() || bytes > image.rgb.size() - first) return;
    hash.update(Bytes(image.rgb).subspan(first, bytes));
  }
  ByteWriter out;
  out.u64(hash.digest().low);
  out.u64(hash.digest().high);
  std::copy(out.view().begin(), out.view().end(), image.rgb.begin() + kDigest);
}

TEST_CASE("image: decode gives back what was encoded", "[isa]") {
  for (const Program& program : {Program(), test::small_transformer().program, sample()}) {
    const RgbImage image = image_of(program);
    CHECK(image.width == kProgramImageWidth);
    CHECK(image.rgb.size() == image.height * kRowBytes);
    const auto decoded = decode_program(image);
    REQUIRE(decoded);
    CHECK(*decoded == program);
    CHECK(encode_program(*decoded) == image);
  }
}

TEST_CASE("image: negative immediates keep their sign", "[isa]") {
  Program program;
  for (const std::int32_t imm : {0, 1, -1, (1 << 23) - 1, -(1 << 23)}) {
    program.code.push_back({0x20, 0x42, 1, 0, 0, 0, imm});
  }
  CHECK(decode_program(image_of(program)).value() == program);
}

TEST_CASE("image: encode refuses what the format cannot hold", "[isa]") {
  const auto refused = [](auto change) {
    Program program = test::small_transformer().program;
    change(program);
    const auto image = encode_program(program);
    return !image && image.error().code == Errc::kLimit;
  };
  CHECK(refused([](Program& p) { p.code[0].imm = 1 << 23; }));
  CHECK(refused([](Program& p) { p.code[0].imm = -(1 << 23) - 1; }));
  CHECK(refused([](Program& p) { p.symbols.resize(Limits::kSymbols + 1); }));
  CHECK(refused([](Program& p) { p.tensors.resize(Limits::kTensors + 1); }));
  CHECK(refused([](Program& p) { p.consts.resize(Limits::kConsts + 1); }));
  CHECK(refused([](Program& p) { p.strings.resize(Limits::kStrings + 1); }));
  CHECK(refused([](Program& p) { p.attrs.resize(Limits::kAttrs + 1); }));
  CHECK(refused([](Program& p) { p.entries.resize(Limits::kEntries + 1); }));
  CHECK(refused([](Program& p) { p.code.resize(Limits::kCode + 1); }));
  CHECK(refused([](Program& p) { p.strings[0].assign(Limits::kStringBytes + 1, 'x'); }));
  CHECK(refused([](Program& p) { p.tensors[0].dims.resize(Limits::kRank + 1); }));
  CHECK(refused([](Program& p) { p.consts[0].value.steps.resize(Expression::kMaxSteps + 1); }));
}

TEST_CASE("image: every truncated picture is refused", "[isa]") {
  const RgbImage good = image_of(sample());
  test::for_each_truncation(good.rgb, [&](Bytes prefix) {
    // As stored, and with the height that fits the bytes that are left.
    const ByteVector bytes(prefix.begin(), prefix.end());
    CHECK_FALSE(decode_program({good.width, good.height, bytes}));
    const auto rows = static_cast<std::uint32_t>(bytes.size() / kRowBytes);
    if (bytes.size() % kRowBytes == 0) CHECK_FALSE(decode_program({good.width, rows, bytes}));
  });
}

TEST_CASE("image: every flipped byte is noticed by the digest or the header", "[isa]") {
  const RgbImage good = image_of(sample());
  for (std::size_t at = 0; at < good.rgb.size(); ++at) {
    RgbImage bad = good;
    bad.rgb[at] ^= 0x10;
    CHECK_FALSE(decode_program(bad));
  }
}

TEST_CASE("image: 10 000 damaged pictures are refused or mean what they say", "[isa]") {
  const RgbImage good = image_of(sample());
  std::size_t accepted = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    RgbImage bad = good;
    bad.rgb = test::mutate(good.rgb, i);
    bad.rgb.resize(good.rgb.size());
    fix_digest(bad);
    const auto program = decode_program(bad);
    if (!program) continue;
    ++accepted;
    CHECK(encode_program(*program) == bad);
    static_cast<void>(verify(*program));
    static_cast<void>(instruction_text(*program, i % (program->code.size() + 1)));
  }
  CHECK(accepted > 100);  // or the digest was not really fixed
}

TEST_CASE("image: single bytes of every section may be anything", "[isa]") {
  const RgbImage good = image_of(sample());
  for (std::size_t at = kRowBytes; at < good.rgb.size(); ++at) {
    for (const unsigned value : {0x00U, 0x01U, 0x7FU, 0x80U, 0xFFU}) {
      RgbImage bad = good;
      bad.rgb[at] = static_cast<std::uint8_t>(value);
      fix_digest(bad);
      const auto program = decode_program(bad);
      if (program) CHECK(encode_program(*program) == bad);
      if (program) static_cast<void>(verify(*program));
    }
  }
}

TEST_CASE("image: header mistakes are named", "[isa]") {
  const RgbImage good = image_of(sample());
  const auto refusal = [&](std::size_t at, std::uint8_t value) {
    RgbImage bad = good;
    bad.rgb.at(at) = value;
    return decode_program(bad).error();
  };
  CHECK_THAT(refusal(0, 'q').message, Contains("magic"));
  CHECK_THAT(refusal(6, 9).message, Contains("format version") && Contains("9") && Contains("1"));
  CHECK(refusal(6, 9).code == Errc::kUnsupported);
  CHECK_THAT(refusal(8, 7).message, Contains("ISA version") && Contains("7") && Contains("1"));
  CHECK(refusal(8, 7).code == Errc::kUnsupported);
  CHECK(refusal(6, 0).code == Errc::kInvalid);
  CHECK_THAT(refusal(10, 8).message, Contains("8 sections"));
  CHECK_THAT(refusal(kFirstSection, 2).message, Contains("symbols"));
  CHECK_THAT(refusal(kFirstSection + 2, 3).message, Contains("row 3"));
  CHECK_THAT(refusal(kFirstSection + 9, 0xFF).message, Contains("symbols") && Contains("row"));
  CHECK_THAT(refusal(kDigest, static_cast<std::uint8_t>(good.rgb[kDigest] ^ 1U)).message,
             Contains("digest") && Contains("re-encoded"));
  CHECK_THAT(refusal(kRowBytes - 1, 1).message, Contains("rest of row 0"));
}

TEST_CASE("image: another geometry is refused with the reason", "[isa]") {
  RgbImage image = image_of(sample());
  CHECK_THAT(decode_program({192, image.height / 2, image.rgb}).error().message,
             Contains("192 pixels wide"));
  CHECK_FALSE(decode_program({96, 0, {}}));
  CHECK_FALSE(decode_program({96, 0xFFFFFFFF, image.rgb}));
  image.height += 1;
  image.rgb.resize(image.rgb.size() + kRowBytes);
  CHECK_THAT(decode_program(image).error().message, Contains("the sections end at row"));
}

TEST_CASE("image: padding and left-over bytes of a section are refused", "[isa]") {
  RgbImage image = image_of(test::small_transformer().program);
  const std::size_t code = kFirstSection + 5 * 10;
  const std::size_t bytes = u32_at(image, code + 6);
  const std::size_t end = u32_at(image, code + 2) * kRowBytes + bytes;
  RgbImage padded = image;
  padded.rgb.at(end) = 1;
  CHECK_THAT(decode_program(padded).error().message, Contains("rest of its last row"));
  // One zero byte more belongs to the section, which is then no whole number of instructions.
  image.rgb.at(code + 6) = static_cast<std::uint8_t>(bytes + 1);
  fix_digest(image);
  CHECK_THAT(decode_program(image).error().message, Contains("section code"));
}

TEST_CASE("image: the worked example of the specification is what encode makes", "[isa]") {
  std::ifstream file(test::source_folder() / "docs/spec/program_image.md");
  REQUIRE(file);
  std::stringstream text;
  text << file.rdbuf();
  const std::string spec = text.str();
  // Lines "row offset: hex bytes"; everything that is not listed is zero.
  RgbImage image{kProgramImageWidth, 0, {}};
  const std::regex line(R"((\d+)\s+(\d+): ((?:[0-9a-f]{2} ?)+))");
  for (std::sregex_iterator it(spec.begin(), spec.end(), line), end; it != end; ++it) {
    const std::size_t row = std::stoul((*it)[1]);
    std::size_t at = row * kRowBytes + std::stoul((*it)[2]);
    image.height = static_cast<std::uint32_t>(row + 1);
    image.rgb.resize(image.height * kRowBytes);
    std::istringstream bytes((*it)[3]);
    for (std::string byte; bytes >> byte; ++at)
      image.rgb.at(at) = static_cast<std::uint8_t>(std::stoul(byte, nullptr, 16));
  }
  const auto program = decode_program(image);
  REQUIRE(program);
  CHECK(program->name == "count");
  REQUIRE(program->code.size() == 4);
  CHECK(instruction_text(*program, 0) == "i64.const r0, 10");
  CHECK(instruction_text(*program, 1) == "i64.addi r0, r0, -1");
  CHECK(instruction_text(*program, 2) == "br.ne r0, r1, L1");
  CHECK(instruction_text(*program, 3) == "halt");
  CHECK(verify(*program));
  CHECK(encode_program(*program) == image);
}

}  // namespace
}  // namespace pxos::isa
