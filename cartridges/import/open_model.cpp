#include "cartridges/import/open_model.hpp"

#include "cartridges/import/gguf_model.hpp"
#include "cartridges/import/hf_folder.hpp"
#include "cartridges/import/llama2c.hpp"
#include "pixelfs/kind.hpp"

#include <system_error>

namespace pxos::cartridges {
namespace {

namespace fs = std::filesystem;

/// What a file is that no importer takes, and what would help.
tl::unexpected<Error> refuse(const fs::path& path, pixelfs::FileKind kind) {
  std::string_view hint;
  if (kind == pixelfs::FileKind::kNpz || kind == pixelfs::FileKind::kPixelLlmV0)
    hint = "; Pixel-LLM v0 weights: pxos encode makes a picture of them, which runs as it is";
  if (kind == pixelfs::FileKind::kCartridge) hint = "; it can be run as it is";
  return fail(
      Errc::kUnsupported,
      "{}: expected a GGUF file, a Hugging Face folder or a llama2.c checkpoint, found {}{}",
      path.string(), pixelfs::kind_name(kind), hint);
}

Result<ModelFile> open_any(const fs::path& path, const OpenModelOptions& options) {
  std::error_code error;
  if (fs::is_directory(path, error)) return open_hf_folder(path);
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  if (path.filename() == "model.safetensors.index.json" || path.filename() == "config.json")
    return open_hf_folder(folder);
  pixelfs::FileKind kind{};
  bool checkpoint = false;
  {
    PX_TRY(const MappedFile mapped, MappedFile::open(path));
    kind = pixelfs::identify(mapped.bytes()).kind;
    checkpoint = kind == pixelfs::FileKind::kUnknown && is_llama2c(mapped.bytes());
  }
  if (kind == pixelfs::FileKind::kGguf) return open_gguf_model(path, options.pre);
  if (kind == pixelfs::FileKind::kSafetensors) {
    // Weights alone do not say what they belong to.
    if (!fs::exists(folder / "config.json", error))
      return fail(Errc::kNotFound, "{}: needs the config.json of its model beside it",
                  path.string());
    return open_hf_folder(folder);
  }
  if (checkpoint) return open_llama2c_model(path, options.tokenizer);
  return refuse(path, kind);
}

}  // namespace

Result<ModelFile> open_model(const fs::path& path, const OpenModelOptions& options) {
  PX_TRY(ModelFile model, open_any(path, options));
  if (!options.pre.empty() && !model.format.starts_with("GGUF"))
    return fail(Errc::kUsage, "{}: --pre is for GGUF files, this is {}", path.string(),
                model.format);
  return model;
}

}  // namespace pxos::cartridges
