#pragma once
// The programs that ship inside the binary: assembled at build time from programs/*.pxasm by
// build_programs, and the welcome cartridge made from one of them. Constant data, safe from any
// thread.

#include "pxvm/base/bytes.hpp"
#include "pxvm/base/result.hpp"

#include <span>
#include <string>
#include <string_view>

namespace pxos::programs {

struct EmbeddedProgram {
  std::string_view name;    ///< "llama"
  Bytes png;                ///< the program image, a PNG
  std::string_view source;  ///< the text it was assembled from
  bool is_demo = false;     ///< needs no weights: for `pxos exec`, not for importers
};

/// A text that programs include, under the name they call it by.
struct EmbeddedText {
  std::string_view name;  ///< "decoder.pxasm"
  std::string_view text;
};

[[nodiscard]] std::span<const EmbeddedProgram> all();
/// Null when there is no such program.
[[nodiscard]] const EmbeddedProgram* find(std::string_view name);

[[nodiscard]] std::span<const EmbeddedText> includes();
/// The text behind `.include "name"`, as the assembler asks for it. Errors: kNotFound.
Result<std::string> read_include(std::string_view name);

/// welcome.pxa: what boots when there is no model.
[[nodiscard]] Bytes welcome_cartridge();

}  // namespace pxos::programs
