// JSON schemas: any text becomes a grammar that is read (or is too large), or is refused.

#include "cartridges/json_schema.hpp"
#include "pxvm/text/grammar/grammar.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto gbnf = pxos::cartridges::json_schema_grammar(pxos::Bytes(data, size));
  if (!gbnf) return 0;
  static_cast<void>(pxos::text::Grammar::parse(*gbnf));
  return 0;
}
