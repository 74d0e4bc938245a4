#pragma once
// A Hugging Face config.json in GGUF's words. Pure functions of bytes.

#include "cartridges/import/hf_family.hpp"
#include "cartridges/import/metadata.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pxos::cartridges {

struct HfConfig {
  const HfFamily* family = nullptr;  ///< in hf_families()
  Metadata metadata;                 ///< general.architecture and <architecture>.*
  std::int64_t layers = 0, heads = 0, kv_heads = 0, head_dim = 0, width = 0;
  std::int64_t vocab = 0;  ///< rows of the embedding, as announced
  bool tied = false;       ///< one matrix is embedding and head
  std::vector<std::int32_t> stop_ids;

  /// Tensors GGUF has and the folder only implies: factors of rotation frequencies.
  struct Made {
    std::string name;
    std::vector<float> values;
  };
  std::vector<Made> made;
};

/// Errors: kInvalid names the key whose value is missing, of the wrong type or out of range;
/// kUnsupported names the model_type, activation or scaling that is not there.
Result<HfConfig> parse_hf_config(Bytes json);

/// The ids that end a text, from generation_config.json; empty when it names none.
Result<std::vector<std::int32_t>> parse_generation_config(Bytes json);

/// The chat template in tokenizer_config.json; of several named ones, "default". Empty when there
/// is none.
Result<std::string> parse_chat_template(Bytes tokenizer_config);

}  // namespace pxos::cartridges
