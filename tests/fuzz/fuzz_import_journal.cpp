// The journal of an interrupted import: whatever is in it, only sealed lines are believed.

#include "cartridges/import/import_journal.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto state = pxos::cartridges::parse_journal(pxos::Bytes(data, size));
  PX_ASSERT(!state.guard.empty() || (state.kept == 0 && state.digests.empty()));
  return 0;
}
