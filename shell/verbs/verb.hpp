#pragma once
// The verbs of the command line: `pxos VERB ...`. One file per verb, shell/verbs/<verb>.cpp, that
// defines setup_<verb>; one row in verbs.def registers it, one line in shell/CMakeLists.txt builds
// it. main() parses, runs the chosen action and maps its error to an exit code.

#include "pxvm/base/result.hpp"
#include "shell/verbs/syntax.hpp"

#include <functional>
#include <span>
#include <string_view>

namespace pxos::shell {

/// What a verb does once its options are parsed. The value is the exit code of a run that did its
/// work (nearly always 0); an error is printed as one line on stderr, see exit_code.hpp.
using VerbAction = std::function<Result<int>()>;

struct VerbInfo {
  std::string_view name;     ///< as typed
  std::string_view summary;  ///< one line for `pxos --help`
  /// Declares the options on `syntax`, bound to storage that the returned action owns (a shared_ptr
  /// captured by value): the action runs after setup has returned.
  VerbAction (*setup)(VerbSyntax& syntax);
};

#define PX_VERB(name, summary) VerbAction setup_##name(VerbSyntax& syntax);
#include "shell/verbs/verbs.def"
#undef PX_VERB

/// All verbs, in the order of verbs.def.
[[nodiscard]] std::span<const VerbInfo> verbs();

}  // namespace pxos::shell
