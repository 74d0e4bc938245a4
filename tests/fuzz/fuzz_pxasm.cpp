// Pixel assembly: any text gives a program or diagnostics, and the diagnostics can be shown.

#include "assembler/assembler.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pxos::assembler::AssembleOptions options;
  options.source = {.path = "input.pxasm",
                    .text = std::string(pxos::as_text(pxos::Bytes(data, size)))};
  const auto result = pxos::assembler::assemble(options);
  const std::string shown = pxos::assembler::render_all(result.diagnostics, result.sources);
  // A text without a program has at least one reason.
  PX_ASSERT(result.program || !shown.empty());
  return 0;
}
