#pragma once
// The manifest of a cartridge: a JSON entry in canonical form (keys sorted, no spaces), versioned.
// docs/spec/cartridge.md lists every key. Values; no JSON type appears here.

#include "pxvm/base/bytes.hpp"
#include "pxvm/base/hash.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

inline constexpr std::uint32_t kManifestMajor = 1;
inline constexpr std::uint32_t kManifestMinor = 0;

enum class EntryKind : std::uint8_t {
  kSheet,      ///< "sheet": a weight sheet, a PNG mapped in place
  kProgram,    ///< "program": a program image, a PNG
  kSource,     ///< "source": assembly text the program was made from
  kTokenizer,  ///< "tokenizer": text::Vocabulary, binary
  kScript,     ///< "script": Lua (later)
  kText,       ///< "text": readme, licence, compliance
  kOther,      ///< any kind this version does not know; kept on re-pack
};

struct ManifestEntry {
  std::string name;       ///< a plain relative file name, '/' separated
  std::string kind_text;  ///< as written in the manifest
  EntryKind kind = EntryKind::kOther;
  std::uint64_t offset = 0;  ///< from the start of the file, multiple of 4096
  std::uint64_t size = 0;
  Xxh128 xxh3;
  Blake3 blake3{};
};

/// What an author says a self-test is: token ids in, greedy ids out.
struct SelfTest {
  std::string name;
  std::vector<std::int32_t> prompt;
  std::vector<std::int32_t> expect;
};

/// Default sampling of this model.
struct SamplingDefaults {
  double temperature = 0.0;
  std::int64_t top_k = 0;
  double top_p = 1.0;
  double min_p = 0.0;
  double repeat_penalty = 1.0;
};

struct Manifest {
  std::uint32_t major = kManifestMajor;
  std::uint32_t minor = kManifestMinor;
  std::string name;     ///< [a-z0-9._-]+
  std::string version;  ///< of the cartridge, e.g. "1.0.0"
  std::string title;
  std::string author;
  std::string licence;
  std::string notes;
  std::string creator_kind;  ///< human | llm | hybrid
  std::string creator_name;
  std::string created;  ///< RFC 3339; given by the packer's caller so that packing is reproducible
  std::string parent;   ///< digest of the parent cartridge, hex; empty for none
  std::string genesis_version;
  std::string manifest_kind =
      "model";  ///< model | program | (reserved) backbone npixel adapter dictionary
  std::vector<std::string> capabilities;  ///< wanted: console screen clock random
  std::string architecture;               ///< "llama", "pixellm_v0", "" for plain programs
  /// Hyper-parameters by the names the program's `.param`s use; integers stay integers.
  std::map<std::string, std::int64_t> integers;
  std::map<std::string, double> reals;
  std::uint64_t parameter_count = 0;
  std::string chat_template;
  std::vector<std::int32_t> stop_tokens;
  std::vector<std::string> stop_strings;
  SamplingDefaults sampling;
  std::vector<SelfTest> self_tests;
  std::vector<ManifestEntry> entries;
  /// Keys of the JSON object this version does not know, as canonical JSON text; kept on re-pack.
  std::map<std::string, std::string> unknown;
};

/// kPacked: the manifest inside a cartridge; every entry has its place and digests.
/// kDraft: one an author wrote for packing; entries need only name and kind, or are absent.
enum class ManifestForm : std::uint8_t { kPacked, kDraft };

/// Errors: kInvalid (what and where in the JSON; a key twice, nesting above 16, not UTF-8), kLimit
/// above 16 MiB, kUnsupported for a newer major version (names both numbers).
Result<Manifest> parse_manifest(Bytes json, ManifestForm form = ManifestForm::kPacked);
/// Canonical: keys sorted, no spaces, numbers in their shortest form; equal manifests give equal
/// text. Requires: every real is finite. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string manifest_json(const Manifest& manifest);

[[nodiscard]] std::string_view kind_text(EntryKind kind);  ///< "other" for kOther
[[nodiscard]] EntryKind entry_kind(std::string_view text);

/// Errors: kInvalid unless name is 1 to 128 of [a-z0-9._-].
Result<void> check_cartridge_name(std::string_view name);
/// Any text as a cartridge name: lower case, other characters become '-'; "model" for nothing.
[[nodiscard]] std::string make_cartridge_name(std::string_view text);

}  // namespace pxos::cartridges
