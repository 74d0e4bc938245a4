#include "shell/verbs/token_source.hpp"

#include "cartridges/import/gguf_vocabulary.hpp"
#include "cartridges/import/tokenizer_json.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "shell/verbs/support.hpp"

namespace pxos::shell {
namespace {

namespace fs = std::filesystem;

Result<text::Vocabulary> from_json(const fs::path& path) {
  PX_TRY(const ByteVector json, read_file(path));
  const fs::path beside = path.parent_path() / "tokenizer_config.json";
  std::error_code error;
  ByteVector config;
  if (fs::exists(beside, error)) {
    PX_TRY(config, read_file(beside));
  }
  return cartridges::read_tokenizer_json(json, config);
}

Result<text::Vocabulary> from_gguf(const fs::path& path, std::string_view pre) {
  PX_TRY(const MappedFile map, MappedFile::open(path));
  PX_TRY(const cartridges::GgufFile file, cartridges::GgufFile::parse(map.bytes()));
  return cartridges::gguf_vocabulary(file, pre);
}

Result<text::Vocabulary> from_cartridge(const std::string& given) {
  PX_TRY(const fs::path path, find_cartridge(given));
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  const auto entries = cartridge.of_kind(cartridges::EntryKind::kTokenizer);
  if (entries.empty()) return fail(Errc::kUnsupported, "{}: no tokenizer in it", path.string());
  return text::parse_vocabulary(cartridge.bytes(*entries.front()));
}

Result<text::Vocabulary> vocabulary_of(const std::string& given, std::string_view pre) {
  const fs::path path = given;
  std::error_code error;
  const bool folder = fs::is_directory(path, error);
  if (!folder && path.extension() == ".gguf") return from_gguf(path, pre);
  if (!pre.empty()) return fail(Errc::kUsage, "--pre is for GGUF files");
  if (folder) return from_json(path / "tokenizer.json");
  if (path.extension() == ".json") return from_json(path);
  return from_cartridge(given);
}

}  // namespace

Result<text::Tokenizer> open_tokenizer(const std::string& given, std::string_view pre) {
  auto vocabulary = vocabulary_of(given, pre);
  if (!vocabulary) return in_context(given, std::move(vocabulary).error());
  auto tokenizer = text::Tokenizer::create(std::move(*vocabulary));
  if (!tokenizer) return in_context(given, std::move(tokenizer).error());
  return tokenizer;
}

}  // namespace pxos::shell
