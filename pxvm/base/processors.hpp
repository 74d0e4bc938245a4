#pragma once
// How many processors this process may really use.

#include <cstddef>

namespace pxos {

/// Processors this process may use: min(affinity mask, cgroup cpu quota rounded up), at least 1.
[[nodiscard]] std::size_t usable_processors();

}  // namespace pxos
