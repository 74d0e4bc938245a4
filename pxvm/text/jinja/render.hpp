#pragma once
// Walks a parsed template with variables and collects what it prints.

#include "pxvm/text/jinja/ast.hpp"

#include <string>
#include <utility>
#include <vector>

namespace pxos::text::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

struct RenderLimits {
  std::int64_t steps = 1000000;
  std::size_t output_bytes = std::size_t{16} << 20U;
};

/// Errors: kInvalid or kUnsupported "line:column: what"; kLimit when a limit is reached.
Result<std::string> render_block(const Block& block, Variables variables,
                                 const RenderLimits& limits = {});

}  // namespace pxos::text::jinja
