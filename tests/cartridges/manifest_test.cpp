#include "cartridges/manifest.hpp"

#include "tests/support/mutate.hpp"

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::as_bytes;
using pxos::Bytes;
using pxos::Errc;
using pxos::cartridges::EntryKind;
using pxos::cartridges::Manifest;
using pxos::cartridges::manifest_json;
using pxos::cartridges::ManifestForm;
using pxos::cartridges::parse_manifest;

namespace {

/// Every field set to something that is not its default.
Manifest full() {
  Manifest m;
  m.name = "tiny-1";
  m.version = "1.2.3";
  m.title = "Tiny \"one\" \xC3\xA9";
  m.author = "An Author";
  m.licence = "MIT";
  m.notes = "line one\nline two";
  m.creator_kind = "hybrid";
  m.creator_name = "somebody";
  m.created = "2025-01-02T03:04:05Z";
  m.parent = std::string(32, 'a');
  m.genesis_version = "1";
  m.manifest_kind = "program";
  m.capabilities = {"console", "screen"};
  m.architecture = "llama";
  m.integers = {{"dim", 64}, {"negative", -3}};
  m.reals = {{"eps", 9.999999747378752e-06}, {"whole", 10000.0}};
  m.parameter_count = 18'000'000'000'000ULL;
  m.chat_template = "{% for m in messages %}";
  m.stop_tokens = {2, 7};
  m.stop_strings = {"</s>"};
  m.sampling = {0.7, 40, 0.9, 0.05, 1.1};
  m.self_tests = {{"greedy", {1, 2}, {3}}};
  m.entries = {{"a/b.pxi", "sheet", EntryKind::kSheet, 65536, 100, {1, 2}, {}},
               {"x.bin", "strange", EntryKind::kOther, 69632, 0, {3, 4}, {}}};
  m.unknown = {{"later", "[1,{\"a\":null}]"}};
  return m;
}

std::string error_of(std::string_view json, ManifestForm form = ManifestForm::kPacked) {
  const auto parsed = parse_manifest(as_bytes(json), form);
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error().message;
}

constexpr std::string_view kLeast = R"({"pxa_version":[1,0],"name":"a","entries":[]})";

/// The least manifest with one more member.
std::string with(std::string_view member) {
  return R"({"pxa_version":[1,0],"name":"a","entries":[],)" + std::string(member) + "}";
}

}  // namespace

TEST_CASE("A manifest survives a round trip in every field", "[manifest]") {
  const Manifest before = full();
  const std::string json = manifest_json(before);
  const auto after = parse_manifest(as_bytes(json));
  REQUIRE(after.has_value());
  CHECK(manifest_json(*after) == json);
  CHECK(after->title == before.title);
  CHECK(after->integers == before.integers);
  CHECK(after->reals == before.reals);
  CHECK(after->parameter_count == before.parameter_count);
  CHECK(after->sampling.top_k == 40);
  CHECK(after->self_tests.at(0).expect == std::vector<std::int32_t>{3});
  CHECK(after->entries.at(0).xxh3 == pxos::Xxh128{1, 2});
  CHECK(after->entries.at(1).kind == EntryKind::kOther);
  CHECK(after->entries.at(1).kind_text == "strange");
  CHECK(after->unknown == before.unknown);
}

TEST_CASE("The canonical form of the least manifest is frozen", "[manifest]") {
  Manifest least;
  least.name = "a";
  least.reals = {{"x", 3.0}};
  CHECK(manifest_json(least) ==
        R"({"architecture":"","author":"","capabilities":[],"chat_template":"","created":"",)"
        R"("creator":{"kind":"","name":""},"entries":[],"genesis_version":"","integers":{},)"
        R"("kind":"model","licence":"","name":"a","notes":"","parameter_count":0,"parent":"",)"
        R"("pxa_version":[1,0],"reals":{"x":3.0},"sampling":{"min_p":0.0,"repeat_penalty":1.0,)"
        R"("temperature":0.0,"top_k":0,"top_p":1.0},"self_tests":[],"stop_strings":[],)"
        R"("stop_tokens":[],"title":"","version":""})");
}

TEST_CASE("A newer major version is refused with both numbers", "[manifest]") {
  const std::string message = error_of(R"({"pxa_version":[2,0],"name":"a","entries":[]})");
  CHECK_THAT(message, Contains("2") && Contains("up to 1"));
  CHECK(parse_manifest(as_bytes(R"({"pxa_version":[1,9],"name":"a","entries":[]})")).has_value());
}

TEST_CASE("Integers and reals are kept apart", "[manifest]") {
  CHECK_THAT(error_of(with(R"("integers":{"n":1.0})")),
             Contains("manifest.integers.n") && Contains("a real"));
  CHECK_THAT(error_of(with(R"("integers":{"n":9223372036854775808})")), Contains("too large"));
  CHECK_THAT(error_of(with(R"("integers":{"n":"1"})")), Contains("found string"));
  CHECK_THAT(error_of(with(R"("integers":{"n":1},"reals":{"n":1.5})")),
             Contains("also an integer"));
  CHECK_THAT(error_of(with(R"("reals":{"n":1e999})")), Contains("manifest"));
}

TEST_CASE("Wrong values are named by their path", "[manifest]") {
  CHECK_THAT(error_of(with(R"("title":3)")), Contains("manifest.title"));
  CHECK_THAT(error_of(with(R"("parent":"../x")")), Contains("manifest.parent"));
  CHECK_THAT(error_of(with(R"("creator":{"kind":"robot"})")), Contains("robot"));
  CHECK_THAT(error_of(with(R"("stop_tokens":[-1])")), Contains("-1 is not a token id"));
  CHECK_THAT(error_of(with(R"("stop_tokens":[4294967296])")), Contains("stop_tokens"));
  CHECK_THAT(error_of(with(R"("sampling":{"top_p":-1})")), Contains("top_p"));
  CHECK_THAT(error_of(with(R"("capabilities":{})")), Contains("expected an array"));
  CHECK_THAT(error_of(R"({"pxa_version":[1],"name":"a","entries":[]})"), Contains("pxa_version"));
  CHECK_THAT(error_of(R"({"pxa_version":[1,0],"entries":[]})"),
             Contains("manifest.name is missing"));
  CHECK_THAT(error_of(R"({"pxa_version":[1,0],"name":"A b","entries":[]})"),
             Contains("cartridge name"));
  CHECK_THAT(error_of(R"({"pxa_version":[1,0],"name":"a"})"),
             Contains("manifest.entries is missing"));
  CHECK_THAT(error_of("[]"), Contains("expected an object"));
}

TEST_CASE("Entries must be plain, unique and complete", "[manifest]") {
  const auto entry = [](std::string_view name) {
    return R"({"pxa_version":[1,0],"name":"a","entries":[{"name":")" + std::string(name) +
           R"(","kind":"text"}]})";
  };
  CHECK_THAT(error_of(entry("/etc/passwd")), Contains("not a plain relative name"));
  CHECK_THAT(error_of(entry("a/../b")), Contains("not a plain relative name"));
  CHECK_THAT(error_of(entry("a")), Contains("entries[0].offset is missing"));
  const auto draft = parse_manifest(as_bytes(entry("a")), ManifestForm::kDraft);
  REQUIRE(draft.has_value());
  CHECK(draft->entries.at(0).kind == EntryKind::kText);
  const std::string twice =
      R"({"pxa_version":[1,0],"name":"a","entries":[{"name":"x","kind":"text"},{"name":"x","kind":"text"}]})";
  CHECK_THAT(error_of(twice, ManifestForm::kDraft), Contains("x appears twice"));
}

TEST_CASE("parse_manifest rejects every truncated prefix", "[manifest]") {
  const std::string json = manifest_json(full());
  pxos::test::for_each_truncation(
      as_bytes(json), [](Bytes prefix) { REQUIRE_FALSE(parse_manifest(prefix).has_value()); });
}

TEST_CASE("parse_manifest survives ten thousand mutations", "[manifest]") {
  const std::string json = manifest_json(full());
  std::size_t refused = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const pxos::ByteVector damaged = pxos::test::mutate(as_bytes(json), i);
    const auto parsed = parse_manifest(damaged);
    if (!parsed) {
      ++refused;
      continue;
    }
    // Whatever is accepted has a canonical form that is accepted too, and is its own.
    const std::string canonical = manifest_json(*parsed);
    const auto again = parse_manifest(as_bytes(canonical));
    REQUIRE(again.has_value());
    REQUIRE(manifest_json(*again) == canonical);
  }
  CHECK(refused > 5000);
}

TEST_CASE("Cartridge names are made from any text", "[manifest]") {
  using pxos::cartridges::make_cartridge_name;
  CHECK(make_cartridge_name("SmolLM2 135M (Instruct)") == "smollm2-135m-instruct");
  CHECK(make_cartridge_name("...") == "model");
  CHECK(make_cartridge_name("") == "model");
  CHECK(make_cartridge_name("\xC3\xA9t\xC3\xA9") == "t");
  for (const std::string_view text : {"..a", "-x", "A/B/../C", "\n\t"})
    CHECK(pxos::cartridges::check_cartridge_name(make_cartridge_name(text)).has_value());
}

TEST_CASE("The least manifest is accepted", "[manifest]") {
  CHECK(parse_manifest(as_bytes(kLeast)).has_value());
}
