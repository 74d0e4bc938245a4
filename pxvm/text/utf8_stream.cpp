#include "pxvm/text/utf8_stream.hpp"

#include "pxvm/text/utf8.hpp"

#include <utility>

namespace pxos::text {

// What is kept back is always a proper prefix of one character, hence at most three bytes.
std::string Utf8Stream::feed(std::string_view bytes) {
  const std::string joined = std::exchange(pending_, {}).append(bytes);
  std::string_view rest = joined;
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const Utf8Step step = utf8_step(rest);
    if (step.kind == Utf8Step::Kind::kIncomplete) {
      pending_ = rest;
      break;
    }
    if (step.kind == Utf8Step::Kind::kCharacter) {
      out.append(rest.substr(0, step.length));
    } else {
      append_utf8(out, kReplacement);
    }
    rest.remove_prefix(step.length);
  }
  return out;
}

std::string Utf8Stream::flush() {
  std::string out;
  if (!pending_.empty()) append_utf8(out, kReplacement);
  pending_.clear();
  return out;
}

}  // namespace pxos::text
