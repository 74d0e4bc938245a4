// tokenizer.json: any bytes become a vocabulary that can be stored and used, or are refused.

#include "cartridges/import/tokenizer_json.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace text = pxos::text;
  auto vocabulary = pxos::cartridges::read_tokenizer_json(pxos::Bytes(data, size));
  if (!vocabulary) return 0;
  const auto entry = text::serialize(*vocabulary);
  PX_ASSERT(entry && text::parse_vocabulary(*entry).value() == *vocabulary);
  const auto tokenizer = text::Tokenizer::create(std::move(*vocabulary));
  if (!tokenizer) return 0;
  const auto ids = tokenizer->encode("Hello  w\xC3\xB6rld 12", {.parse_special = true});
  if (ids) static_cast<void>(tokenizer->decode(*ids));
  return 0;
}
