// llama2.c's tokenizer.bin, for two sizes of vocabulary.

#include "cartridges/import/llama2c_tokenizer.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const std::int64_t tokens : {261, 512}) {
    auto vocabulary = pxos::cartridges::read_llama2c_tokenizer(pxos::Bytes(data, size), tokens);
    if (!vocabulary) continue;
    const auto tokenizer = pxos::text::Tokenizer::create(std::move(*vocabulary));
    PX_ASSERT(tokenizer);
    PX_ASSERT(tokenizer->encode("the text").has_value());
  }
  return 0;
}
