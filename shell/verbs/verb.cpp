#include "shell/verbs/verb.hpp"

#include <array>

namespace pxos::shell {

std::span<const VerbInfo> verbs() {
  static constexpr std::array kVerbs{
#define PX_VERB(name, summary) VerbInfo{#name, summary, setup_##name},
#include "shell/verbs/verbs.def"
#undef PX_VERB
  };
  return kVerbs;
}

}  // namespace pxos::shell
