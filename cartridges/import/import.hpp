#pragma once
// Makes a cartridge from a model file of another system. The source is mapped and streamed: memory
// use does not grow with the model. The cartridge appears atomically or not at all.

#include "cartridges/pack.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

/// A text that a program includes.
struct IncludedText {
  std::string name;  ///< as the program calls it, e.g. "decoder.pxasm"
  std::string text;
};

/// A forward program as a cartridge carries it.
struct ProgramSource {
  std::string name;                    ///< without suffix, e.g. "llama"
  ByteVector png;                      ///< the program image
  std::string source;                  ///< the assembly text it was made from
  std::vector<IncludedText> includes;  ///< what `source` includes
};

/// Finds a program by its name ("llama", "pixellm_v0"). Errors: kNotFound names what
/// there is.
using FindProgram = std::function<Result<ProgramSource>(std::string_view name)>;

struct ImportOptions {
  std::filesystem::path output;
  std::filesystem::path tokenizer;        ///< of a llama2.c model, when it is not beside it
  std::string pre;                        ///< of a GGUF whose BPE tokenizer names none
  std::string name;                       ///< of the cartridge; empty = from the model's own name
  std::optional<tensor::DType> as_dtype;  ///< what every matrix becomes (can_quantize)
  /// How the mount keeps keys and values: 8, 16 or 32 bits; none = 32 with f32 weights, else 16.
  std::optional<int> kv_bits;
  FindProgram find_program;  ///< required
  std::string created;       ///< RFC 3339, for the manifest; empty is allowed
  bool overwrite = false;    ///< else an existing output is an error
  bool restart = false;      ///< a partial import that was left behind is thrown away
  /// From this size on an import that dies leaves "<output>.part" and its journal behind, and the
  /// next one of the same source goes on with them.
  std::uint64_t resumable_bytes = std::uint64_t{256} << 20U;
  Progress progress;
};

struct ImportReport {
  Manifest manifest;
  std::uint64_t source_bytes = 0;
  std::uint64_t cartridge_bytes = 0;
  std::uint64_t tensors = 0;
  bool has_text = true;             ///< false: no tokenizer, the model runs on ids only
  std::uint64_t resumed_bytes = 0;  ///< of the cartridge, taken over from an earlier run
  double seconds = 0;
};

/// Imports what open_model() opens, of one of the architectures of architecture.hpp.
/// Errors: kUnsupported names the architecture, tensor type, tokenizer or rope scaling that is not
/// there yet; kInvalid names the hyper-parameter and the tensor that disagree; kUsage when the
/// output exists.
Result<ImportReport> import_model(const std::filesystem::path& path, const ImportOptions& options);

}  // namespace pxos::cartridges
