#include "pxvm/text/chat_template.hpp"

#include "pxvm/text/jinja/parser.hpp"
#include "pxvm/text/jinja/render.hpp"

namespace pxos::text {
namespace {

constexpr std::size_t kMaxSourceBytes = std::size_t{1} << 20U;

}  // namespace

struct ChatTemplate::Impl {
  jinja::Block block;
};

ChatTemplate::ChatTemplate(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;
ChatTemplate::~ChatTemplate() = default;

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kMaxSourceBytes)
    return fail(Errc::kLimit, "chat template of {} bytes, at most {}", source.size(),
                kMaxSourceBytes);
  auto block = jinja::parse_template(source);
  if (!block) return in_context("chat template", std::move(block).error());
  return ChatTemplate(std::make_unique<const Impl>(Impl{std::move(*block)}));
}

Result<std::string> ChatTemplate::render(const ChatInput& input) const {
  using jinja::Value;
  std::vector<Value> messages;
  for (const ChatMessage& message : input.messages) {
    PX_TRY(Value one, jinja::make_dict({{"role", Value::text(message.role)},
                                        {"content", Value::text(message.content)}},
                                       false));
    messages.push_back(std::move(one));
  }
  PX_TRY(Value list, jinja::make_list(std::move(messages)));
  auto text =
      jinja::render_block(impl_->block,
                          {{"messages", std::move(list)},
                           {"add_generation_prompt", Value::boolean(input.add_generation_prompt)},
                           {"bos_token", Value::text(input.bos_token)},
                           {"eos_token", Value::text(input.eos_token)}},
                          {.now = input.now});
  if (!text) return in_context("chat template", std::move(text).error());
  return text;
}

}  // namespace pxos::text
