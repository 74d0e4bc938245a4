// Chat templates: any text parses or is refused, and whatever parses renders within its step and
// output caps.

#include "pxvm/base/bytes.hpp"
#include "pxvm/text/chat_template.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace text = pxos::text;
  const auto chat = text::ChatTemplate::parse(pxos::as_text(pxos::Bytes(data, size)));
  if (!chat) return 0;
  const text::ChatInput input{.messages = {{"system", "Be brief."}, {"user", " hi {{ x }} "}},
                              .add_generation_prompt = true,
                              .bos_token = "<s>",
                              .eos_token = "</s>",
                              .now = std::tm{}};
  constexpr std::size_t kOutputCap = std::size_t{16} << 20U;
  const auto rendered = chat->render(input);
  PX_ASSERT(!rendered || rendered->size() <= kOutputCap);
  return 0;
}
