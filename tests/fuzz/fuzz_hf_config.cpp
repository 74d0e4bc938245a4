// The JSON files of a Hugging Face folder that are translated into GGUF's words.

#include "cartridges/import/hf_config.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pxos::Bytes bytes(data, size);
  static_cast<void>(pxos::cartridges::parse_generation_config(bytes));
  static_cast<void>(pxos::cartridges::parse_chat_template(bytes));
  const auto config = pxos::cartridges::parse_hf_config(bytes);
  if (!config) return 0;
  // What is accepted is a model one can compute with.
  PX_ASSERT(config->family != nullptr && config->layers > 0 && config->width > 0);
  PX_ASSERT(config->metadata.text("general.architecture").has_value());
  for (const auto& made : config->made) PX_ASSERT(!made.values.empty());
  return 0;
}
