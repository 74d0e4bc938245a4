#pragma once
// What the assembler has to say to a person: positions, one message, one hint, notes. Plain values.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pxos::assembler {

/// A text as the caller named it. `path` is what diagnostics and the debug table print.
struct SourceFile {
  std::string path;
  std::string text;
};

enum class Severity : std::uint8_t { kError, kWarning, kNote };

/// Lines and columns count from 1; columns and lengths are bytes of the line. line 0 = the whole
/// file.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t length = 0;
  std::string message;
  std::string hint;               ///< may be empty: "did you mean 'matmul'?"
  std::vector<Diagnostic> notes;  ///< severity kNote, no notes of their own
  std::string category{};         ///< the name of a warning, see warnings.def; also of one that is
                                  ///< an error by wish
  std::string expanded{};  ///< the line as a macro made it, shown instead of the file's; columns
                           ///< count in it
};

/// "file:line:col: error: message", the source line, a caret line, the hint, then the notes in the
/// same form. Every line ends in a newline. Bytes that a terminal would act on are shown as '?'.
[[nodiscard]] std::string render(const Diagnostic& diagnostic, std::span<const SourceFile> sources);

/// All of them, with a last line "2 errors, 1 warning"; empty when there are none.
[[nodiscard]] std::string render_all(std::span<const Diagnostic> diagnostics,
                                     std::span<const SourceFile> sources);

}  // namespace pxos::assembler
