#pragma once
// One layout for pixel assembly. Pure and total: any text is laid out, whether it assembles or not,
// and what it means does not change: only blanks between words and empty lines do.
//   - labels, `.entry`, `.macro` and what stands outside code begin in column 1; code, `.reg` and
//     `.require` are indented by 4, the body of a `.repeat` by 4 more
//   - operands begin 10 columns behind their instruction, words are parted by one blank, commas
//     followed by one; the inside of expressions and strings is left as it is
//   - comments behind code stand in one column for lines that follow each other; a column that the
//     author chose is kept
//   - no blanks at the end of a line, one empty line where there were several, LF line ends
// Idempotent: format(format(x)) == format(x).

#include <string>
#include <string_view>

namespace pxos::assembler {

[[nodiscard]] std::string format(std::string_view text);

}  // namespace pxos::assembler
