#include "cartridges/manifest.hpp"

#include "cartridges/entry_name.hpp"
#include "cartridges/json.hpp"
#include "cartridges/json_guard.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace pxos::cartridges {
namespace {

constexpr std::size_t kMaxEntries = 65536;
constexpr std::size_t kMaxNameBytes = 128;

struct KindName {
  EntryKind kind;
  std::string_view text;
};
constexpr std::array<KindName, 7> kKinds{{{EntryKind::kSheet, "sheet"},
                                          {EntryKind::kProgram, "program"},
                                          {EntryKind::kSource, "source"},
                                          {EntryKind::kTokenizer, "tokenizer"},
                                          {EntryKind::kScript, "script"},
                                          {EntryKind::kText, "text"},
                                          {EntryKind::kOther, "other"}}};

// The plain text keys of the top level and where they live.
struct TextKey {
  std::string_view key;
  std::string Manifest::*member;
};
constexpr std::array<TextKey, 11> kTextKeys{{{"architecture", &Manifest::architecture},
                                             {"author", &Manifest::author},
                                             {"chat_template", &Manifest::chat_template},
                                             {"created", &Manifest::created},
                                             {"genesis_version", &Manifest::genesis_version},
                                             {"kind", &Manifest::manifest_kind},
                                             {"licence", &Manifest::licence},
                                             {"notes", &Manifest::notes},
                                             {"parent", &Manifest::parent},
                                             {"title", &Manifest::title},
                                             {"version", &Manifest::version}}};
constexpr std::array<std::string_view, 12> kOtherKeys{
    "capabilities", "creator", "entries",  "integers",   "name",         "parameter_count",
    "pxa_version",  "reals",   "sampling", "self_tests", "stop_strings", "stop_tokens"};

struct RealKey {
  std::string_view key;
  double SamplingDefaults::*member;
};
constexpr std::array<RealKey, 4> kSamplingReals{
    {{"min_p", &SamplingDefaults::min_p},
     {"repeat_penalty", &SamplingDefaults::repeat_penalty},
     {"temperature", &SamplingDefaults::temperature},
     {"top_p", &SamplingDefaults::top_p}}};

// ---- reading

/// First of all: a newer major version may give any other key another meaning.
Result<void> read_version(const JsonObject& top, Manifest& out) {
  PX_TRY(const Json* version, top.array_or_null("pxa_version"));
  if (version == nullptr || version->size() != 2)
    return fail(Errc::kInvalid, "{}: expected [major, minor]", top.at("pxa_version"));
  PX_TRY(const std::int64_t major, JsonObject::as_integer((*version)[0], top.at("pxa_version[0]")));
  PX_TRY(const std::int64_t minor, JsonObject::as_integer((*version)[1], top.at("pxa_version[1]")));
  if (major < 1 || minor < 0 || minor > 0xFFFF)
    return fail(Errc::kInvalid, "{}: {}.{} is not a version", top.at("pxa_version"), major, minor);
  if (major > std::int64_t{kManifestMajor})
    return fail(Errc::kUnsupported, "cartridge format version {}; this build reads up to {}", major,
                kManifestMajor);
  out.major = static_cast<std::uint32_t>(major);
  out.minor = static_cast<std::uint32_t>(minor);
  return {};
}

/// Strings of an array; empty when the key is missing.
Result<std::vector<std::string>> read_texts(const JsonObject& object, std::string_view key) {
  std::vector<std::string> out;
  PX_TRY(const Json* array, object.array_or_null(key));
  if (array == nullptr) return out;
  for (const Json& value : *array) {
    PX_TRY(auto text, JsonObject::as_text(value, object.at(key)));
    out.push_back(std::move(text));
  }
  return out;
}

/// Token ids of an array: integers in [0, 2^31); empty when the key is missing.
Result<std::vector<std::int32_t>> read_ids(const JsonObject& object, std::string_view key) {
  std::vector<std::int32_t> out;
  PX_TRY(const Json* array, object.array_or_null(key));
  if (array == nullptr) return out;
  for (const Json& value : *array) {
    PX_TRY(const std::int64_t id, JsonObject::as_integer(value, object.at(key)));
    const auto narrowed = checked_cast<std::int32_t>(id);
    if (!narrowed || *narrowed < 0)
      return fail(Errc::kInvalid, "{}: {} is not a token id", object.at(key), id);
    out.push_back(*narrowed);
  }
  return out;
}

/// Who made it is part of the record: people and models are told apart.
Result<void> read_creator(const JsonObject& top, Manifest& out) {
  const Json* value = top.find("creator");
  if (value == nullptr) return {};
  PX_TRY(const JsonObject creator, JsonObject::of(*value, top.at("creator")));
  PX_TRY(out.creator_kind, creator.text_or("kind", ""));
  PX_TRY(out.creator_name, creator.text_or("name", ""));
  const auto& kind = out.creator_kind;
  if (!kind.empty() && kind != "human" && kind != "llm" && kind != "hybrid")
    return fail(Errc::kInvalid, "{}: \"{}\" is none of human, llm, hybrid", creator.at("kind"),
                kind);
  return {};
}

/// The program's .params are typed, so a name belongs to exactly one of the two maps and 1.0 is no
/// integer.
Result<void> read_hyper_parameters(const JsonObject& top, Manifest& out) {
  if (const Json* value = top.find("integers"); value != nullptr) {
    PX_TRY(const JsonObject integers, JsonObject::of(*value, top.at("integers")));
    for (const auto& [key, number] : integers.json().items()) {
      PX_TRY(out.integers[key], JsonObject::as_integer(number, integers.at(key)));
    }
  }
  if (const Json* value = top.find("reals"); value != nullptr) {
    PX_TRY(const JsonObject reals, JsonObject::of(*value, top.at("reals")));
    for (const auto& [key, number] : reals.json().items()) {
      if (out.integers.contains(key))
        return fail(Errc::kInvalid, "{} is also an integer", reals.at(key));
      PX_TRY(out.reals[key], JsonObject::as_real(number, reals.at(key)));
    }
  }
  return {};
}

/// Absent values keep the defaults of the struct.
Result<void> read_sampling(const JsonObject& top, Manifest& out) {
  const Json* value = top.find("sampling");
  if (value == nullptr) return {};
  PX_TRY(const JsonObject sampling, JsonObject::of(*value, top.at("sampling")));
  for (const RealKey& row : kSamplingReals) {
    double& member = out.sampling.*row.member;
    PX_TRY(member, sampling.real_or(row.key, member));
    if (member < 0) return fail(Errc::kInvalid, "{}: {} is negative", sampling.at(row.key), member);
  }
  PX_TRY(out.sampling.top_k, sampling.integer_or("top_k", 0));
  if (out.sampling.top_k < 0) return fail(Errc::kInvalid, "{} is negative", sampling.at("top_k"));
  return {};
}

Result<void> read_self_tests(const JsonObject& top, Manifest& out) {
  PX_TRY(const Json* array, top.array_or_null("self_tests"));
  if (array == nullptr) return {};
  for (const Json& value : *array) {
    PX_TRY(const JsonObject object, JsonObject::of(value, top.at("self_tests[]")));
    SelfTest test;
    PX_TRY(test.name, object.text("name"));
    PX_TRY(test.prompt, read_ids(object, "prompt"));
    PX_TRY(test.expect, read_ids(object, "expect"));
    out.self_tests.push_back(std::move(test));
  }
  return {};
}

/// One entry; its place in the file is checked by Cartridge, which knows the file.
Result<ManifestEntry> read_entry(const JsonObject& object, ManifestForm form) {
  ManifestEntry entry;
  PX_TRY(entry.name, object.text("name"));
  PX_CHECK(check_entry_name(entry.name));
  PX_TRY(entry.kind_text, object.text("kind"));
  entry.kind = entry_kind(entry.kind_text);
  if (form == ManifestForm::kDraft) return entry;
  PX_TRY(entry.offset, object.count("offset"));
  PX_TRY(entry.size, object.count("size"));
  PX_TRY(const std::string xxh3, object.text("xxh3"));
  PX_TRY(const std::string blake3, object.text("blake3"));
  auto fast = parse_xxh128(xxh3);
  if (!fast) return in_context(object.at("xxh3"), std::move(fast).error());
  auto strong = parse_blake3(blake3);
  if (!strong) return in_context(object.at("blake3"), std::move(strong).error());
  entry.xxh3 = *fast;
  entry.blake3 = *strong;
  return entry;
}

/// Entries in file order. Names are unique so that unpacking and lookups have one answer.
Result<void> read_entries(const JsonObject& top, ManifestForm form, Manifest& out) {
  PX_TRY(const Json* array, top.array_or_null("entries"));
  if (array == nullptr) {
    if (form == ManifestForm::kDraft) return {};
    return fail(Errc::kInvalid, "{} is missing", top.at("entries"));
  }
  if (array->size() > kMaxEntries)
    return fail(Errc::kLimit, "{}: {} entries, at most {}", top.at("entries"), array->size(),
                kMaxEntries);
  std::set<std::string> names;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string path = fmt::format("{}[{}]", top.at("entries"), i);
    PX_TRY(const JsonObject object, JsonObject::of((*array)[i], path));
    auto entry = read_entry(object, form);
    if (!entry) return in_context(path, std::move(entry).error());
    if (!names.insert(entry->name).second)
      return fail(Errc::kInvalid, "{}: entry name {} appears twice", path, entry->name);
    out.entries.push_back(*std::move(entry));
  }
  return {};
}

bool is_known_key(std::string_view key) {
  const auto is_text = [&](const TextKey& row) { return row.key == key; };
  return std::any_of(kTextKeys.begin(), kTextKeys.end(), is_text) ||
         std::find(kOtherKeys.begin(), kOtherKeys.end(), key) != kOtherKeys.end();
}

Result<void> read_texts_of_top(const JsonObject& top, Manifest& out) {
  for (const TextKey& row : kTextKeys) {
    PX_TRY(out.*row.member, top.text_or(row.key, out.*row.member));
  }
  if (!out.parent.empty() && !parse_xxh128(out.parent) && !parse_blake3(out.parent))
    return fail(Errc::kInvalid, "{}: expected a digest of 32 or 64 hexadecimal digits",
                top.at("parent"));
  return {};
}

// ---- writing

Json to_json(const ManifestEntry& entry) {
  return Json{{"name", entry.name},
              {"kind", entry.kind == EntryKind::kOther && !entry.kind_text.empty()
                           ? entry.kind_text
                           : std::string(kind_text(entry.kind))},
              {"offset", entry.offset},
              {"size", entry.size},
              {"xxh3", to_hex(entry.xxh3)},
              {"blake3", to_hex(entry.blake3)}};
}

/// Everything that is not plain text.
Json lists_to_json(const Manifest& manifest) {
  Json out = Json::object();
  out["capabilities"] = manifest.capabilities;
  out["stop_strings"] = manifest.stop_strings;
  out["stop_tokens"] = manifest.stop_tokens;
  out["integers"] = manifest.integers;
  out["reals"] = manifest.reals;
  out["entries"] = Json::array();
  for (const ManifestEntry& entry : manifest.entries) out["entries"].push_back(to_json(entry));
  out["self_tests"] = Json::array();
  for (const SelfTest& test : manifest.self_tests)
    out["self_tests"].push_back(
        Json{{"name", test.name}, {"prompt", test.prompt}, {"expect", test.expect}});
  return out;
}

}  // namespace

Result<Manifest> parse_manifest(Bytes json, ManifestForm form) {
  PX_CHECK(check_json(json, "manifest"));
  const Json document = Json::parse(json.begin(), json.end(), nullptr, false);
  PX_TRY(const JsonObject top, JsonObject::of(document, "manifest"));
  Manifest out;
  PX_CHECK(read_version(top, out));
  PX_TRY(out.name, top.text("name"));
  PX_CHECK(check_cartridge_name(out.name));
  PX_CHECK(read_texts_of_top(top, out));
  PX_CHECK(read_creator(top, out));
  PX_TRY(out.capabilities, read_texts(top, "capabilities"));
  PX_CHECK(read_hyper_parameters(top, out));
  if (top.find("parameter_count") != nullptr) {
    PX_TRY(out.parameter_count, top.count("parameter_count"));
  }
  PX_TRY(out.stop_tokens, read_ids(top, "stop_tokens"));
  PX_TRY(out.stop_strings, read_texts(top, "stop_strings"));
  PX_CHECK(read_sampling(top, out));
  PX_CHECK(read_self_tests(top, out));
  PX_CHECK(read_entries(top, form, out));
  // Keys of later minor versions travel along unread.
  for (const auto& [key, value] : document.items())
    if (!is_known_key(key)) out.unknown[key] = value.dump();
  return out;
}

std::string manifest_json(const Manifest& manifest) {
  Json out = lists_to_json(manifest);
  for (const TextKey& row : kTextKeys) out[std::string(row.key)] = manifest.*row.member;
  out["name"] = manifest.name;
  out["pxa_version"] = {manifest.major, manifest.minor};
  out["creator"] = Json{{"kind", manifest.creator_kind}, {"name", manifest.creator_name}};
  out["parameter_count"] = manifest.parameter_count;
  Json sampling{{"top_k", manifest.sampling.top_k}};
  for (const RealKey& row : kSamplingReals)
    sampling[std::string(row.key)] = manifest.sampling.*row.member;
  out["sampling"] = std::move(sampling);
  for (const auto& [key, text] : manifest.unknown) {
    Json value = Json::parse(text, nullptr, false);
    if (!value.is_discarded() && !is_known_key(key)) out[key] = std::move(value);
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view kind_text(EntryKind kind) {
  for (const KindName& row : kKinds)
    if (row.kind == kind) return row.text;
  return "other";
}

EntryKind entry_kind(std::string_view text) {
  for (const KindName& row : kKinds)
    if (row.text == text) return row.kind;
  return EntryKind::kOther;
}

namespace {
bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}
}  // namespace

Result<void> check_cartridge_name(std::string_view name) {
  const bool valid = !name.empty() && name.size() <= kMaxNameBytes &&
                     std::all_of(name.begin(), name.end(), is_name_character) && name[0] != '.';
  if (!valid)
    return fail(Errc::kInvalid,
                "cartridge name \"{}\": expected 1 to {} of a-z 0-9 . _ - and no dot in front",
                std::string(name.substr(0, kMaxNameBytes)), kMaxNameBytes);
  return {};
}

std::string make_cartridge_name(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kMaxNameBytes)) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (is_name_character(lower))
      out += lower;
    else if (!out.empty() && out.back() != '-')
      out += '-';
  }
  while (!out.empty() && (out.back() == '-' || out.back() == '.')) out.pop_back();
  const std::size_t start = out.find_first_not_of(".-");
  return start == std::string::npos ? "model" : out.substr(start);
}

}  // namespace pxos::cartridges
