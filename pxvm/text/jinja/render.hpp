#pragma once
// Walks a parsed template with variables and collects what it prints.

#include "pxvm/text/jinja/ast.hpp"

#include <ctime>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pxos::text::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

struct RenderOptions {
  std::int64_t steps = 1000000;
  std::size_t output_bytes = std::size_t{16} << 20U;
  std::optional<std::tm> now =
      {};  ///< what strftime_now(format) tells; none: there is no such function
};

/// Errors: kInvalid or kUnsupported "line:column: what"; kLimit when a limit is reached.
Result<std::string> render_block(const Block& block, Variables variables,
                                 const RenderOptions& options = {});

}  // namespace pxos::text::jinja
