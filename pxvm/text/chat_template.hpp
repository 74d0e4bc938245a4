#pragma once
// Chat templates as model files carry them: a sandboxed subset of Jinja that can read the messages
// and nothing else. Immutable after parse; render may be called from any thread.
//
// Understood: text, {{ }}, {# #}, {% if elif else for set macro filter generation %} and their
// ends, whitespace control, literals (strings, integers, floats, booleans, none, lists, mappings),
// + - * / // % ~, comparisons, in, not, and, or, inline if, `is [not]` tests, attributes,
// subscripts, slices, namespace(), range(), raise_exception(), strftime_now(), loop.*, the string
// methods and filters that templates use. Not understood (a parse error names it): include, import,
// extends, call, with, raw. As Hugging Face configures it: trim_blocks and lstrip_blocks, undefined
// prints as nothing.

#include "pxvm/base/result.hpp"

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::text {

struct ChatMessage {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

/// What a template sees, under the same names.
struct ChatInput {
  std::vector<ChatMessage> messages = {};
  bool add_generation_prompt = true;
  std::string bos_token = {};
  std::string eos_token = {};
  std::optional<std::tm> now = {};  ///< for strftime_now(); none: the template falls back or fails
};

class ChatTemplate {
 public:
  /// Errors: kInvalid "line:column: what", kUnsupported for a construct outside the subset, kLimit
  /// above 1 MiB of source or 100 levels of nesting.
  static Result<ChatTemplate> parse(std::string_view source);
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  /// Errors: kInvalid "line:column: what" (raise_exception included), kLimit above 1 000 000 steps
  /// or 16 MiB of output.
  Result<std::string> render(const ChatInput& input) const;

 private:
  struct Impl;
  explicit ChatTemplate(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace pxos::text
