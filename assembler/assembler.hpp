#pragma once
// Pixel assembly: text in, a verified program out. Pure: files come from the caller, the picture is
// written by the caller. The language is described in docs/reference/pxasm.md. Any byte string is
// answered with diagnostics within the caps below; nothing here crashes or hangs on input.
// Thread-safe: no state outlives a call.

#include "assembler/diagnostic.hpp"
#include "assembler/symbols.hpp"
#include "assembler/warnings.hpp"
#include "pxvm/isa/verify.hpp"

#include <functional>
#include <optional>
#include <string_view>

namespace pxos::assembler {

/// Gives the bytes behind `.include "path"` and `.incbin`; the path is as written in the source.
using IncludeReader = std::function<Result<std::string>(std::string_view path)>;

struct AssembleOptions {
  SourceFile source;
  IncludeReader include;   ///< may be empty: then `.include` is an error
  bool debug_info = true;  ///< keep file and line of every instruction in the program
  WarningSet warnings{};
  bool warnings_are_errors = false;
};

struct AssembleResult {
  std::optional<isa::VerifiedProgram> program;  ///< set exactly when no diagnostic is an error
  std::vector<Diagnostic> diagnostics;  ///< at most Caps::kDiagnostics errors and warnings each
  std::vector<SourceFile> sources;      ///< every text that was read, for render()
  std::vector<std::string> read;        ///< what the include reader was asked for, once each
  std::vector<SymbolRow> symbols;       ///< of a program that is set
};

struct Caps {
  static constexpr std::size_t kSourceBytes = std::size_t{16} << 20U;  ///< one file
  static constexpr std::size_t kExpandedBytes = std::size_t{64}
                                                << 20U;  ///< all files, macros and repeats expanded
  static constexpr std::size_t kExpandedLines = std::size_t{1} << 21U;
  static constexpr std::size_t kMacroDepth = 64;
  static constexpr std::size_t kIncludeDepth = 32;
  static constexpr std::size_t kDiagnostics = 100;
};

[[nodiscard]] AssembleResult assemble(const AssembleOptions& options);

/// For callers that only want the program: all diagnostics rendered into the error's message.
Result<isa::VerifiedProgram> assemble_or_error(const AssembleOptions& options);

}  // namespace pxos::assembler
