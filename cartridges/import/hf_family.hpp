#pragma once
// The architectures of Hugging Face folders that have a counterpart in GGUF: by config.json's
// model_type, with GGUF's name of each tensor and what GGUF does to its values. Pure tables.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pxos::cartridges {

/// How a tensor's values differ between the two.
enum class HfChange : std::uint8_t {
  kNone,
  kRotated,  ///< query or key: rows interleaved where the family asks for it
  kLinear,   ///< transposed where the file has it as [in, out]
  kGain,     ///< a norm's gain: plus one where the family stores w of (1 + w)
};

/// One tensor, without ".weight" or ".bias"; "{}" stands for the layer.
struct HfName {
  std::string_view theirs, ours;
  HfChange change = HfChange::kNone;
};

struct HfFamily {
  std::string_view model_type;    ///< in config.json
  std::string_view architecture;  ///< in GGUF
  std::span<const HfName> names;
  /// GGUF keeps the pairs a rotation turns as neighbours; Hugging Face as halves of a head.
  bool interleaved = false;
  bool gain_plus_one = false;
  bool tied_by_default = false;  ///< tie_word_embeddings when the config does not say
  double rope_base = 10000.0;    ///< rope_theta when the config does not say
};

[[nodiscard]] std::span<const HfFamily> hf_families();
/// Errors: kUnsupported names the type and those there are.
Result<const HfFamily*> find_hf_family(std::string_view model_type);

/// Where one of their tensors goes.
struct HfTarget {
  std::string name;  ///< GGUF's, with ".weight" or ".bias"
  HfChange change = HfChange::kNone;
  std::int64_t layer = -1;
};
/// Empty for a name the family does not have, also for a layer >= `layers`.
[[nodiscard]] std::optional<HfTarget> hf_target(const HfFamily& family, std::string_view name,
                                                std::int64_t layers);
/// Buffers that checkpoints carry although they are computed: masks and rotation frequencies.
[[nodiscard]] bool is_hf_buffer(std::string_view name);

}  // namespace pxos::cartridges
