// Pixel assembly: any text gives a program or diagnostics, and the diagnostics can be shown. Any
// text is laid out, and laying it out again changes nothing.

#include "assembler/assembler.hpp"
#include "assembler/formatter.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pxos::assembler::AssembleOptions options;
  options.source = {.path = "input.pxasm",
                    .text = std::string(pxos::as_text(pxos::Bytes(data, size)))};
  const auto result = pxos::assembler::assemble(options);
  const std::string shown = pxos::assembler::render_all(result.diagnostics, result.sources);
  // A text without a program has at least one reason.
  PX_ASSERT(result.program || !shown.empty());
  const std::string laid = pxos::assembler::format(options.source.text);
  PX_ASSERT(pxos::assembler::format(laid) == laid);
  return 0;
}
