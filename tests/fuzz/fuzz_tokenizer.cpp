// The tokenizer entry of a cartridge, and text for what it gives. The entry ends in a hash that no
// mutation survives, so each input is also tried with the hash put right.

#include "pxvm/base/hash.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "tests/fuzz/target.hpp"

namespace {

namespace text = pxos::text;

void use(pxos::Bytes entry, pxos::Bytes raw_text) {
  auto vocabulary = text::parse_vocabulary(entry);
  if (!vocabulary) return;
  const auto again = text::serialize(*vocabulary);
  PX_ASSERT(again && text::parse_vocabulary(*again).value() == *vocabulary);
  const auto tokenizer = text::Tokenizer::create(std::move(*vocabulary));
  if (!tokenizer) return;
  for (const bool special : {false, true}) {
    const auto ids = tokenizer->encode(pxos::as_text(raw_text), {.parse_special = special});
    if (!ids) continue;
    for (const text::TokenId id : *ids) PX_ASSERT(id >= 0 && id < tokenizer->size());
    static_cast<void>(tokenizer->decode(*ids));
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kHashBytes = 8;
  const pxos::Bytes input(data, size);
  use(input, input);
  if (size < kHashBytes) return 0;
  const pxos::Bytes body = input.first(size - kHashBytes);
  pxos::ByteWriter entry;
  entry.bytes(body);
  entry.u64(pxos::xxh3_64(body));
  use(entry.view(), input);
  return 0;
}
