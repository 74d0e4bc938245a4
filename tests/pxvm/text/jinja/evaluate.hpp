#pragma once
// Renders a template without chat messages, for tests of what expressions and statements mean.

#include "pxvm/text/jinja/parser.hpp"
#include "pxvm/text/jinja/render.hpp"

namespace pxos::test {

/// The output, or "error: " and the message.
inline std::string evaluate(const std::string& source) {
  const auto block = text::jinja::parse_template(source);
  if (!block) return "error: " + block.error().message;
  const auto out = text::jinja::render_block(*block, {});
  return out ? *out : "error: " + out.error().message;
}

/// The same for one expression.
inline std::string value_of(const std::string& expression) {
  return evaluate("{{ " + expression + " }}");
}

}  // namespace pxos::test
