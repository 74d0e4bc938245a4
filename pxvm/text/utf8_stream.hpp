#pragma once
// Joins token bytes into text that can be shown at once: only whole characters come out. One
// producer; not thread-safe.

#include <string>
#include <string_view>

namespace pxos::text {

class Utf8Stream {
 public:
  /// The characters that are complete after `bytes`; a started character is kept back (at most
  /// 3 bytes). Bytes that can start or continue no character become U+FFFD at once.
  std::string feed(std::string_view bytes);

  /// What was kept back, as one U+FFFD, or nothing. The stream is then as new.
  std::string flush();

  [[nodiscard]] bool pending() const { return !pending_.empty(); }

 private:
  std::string pending_;
};

}  // namespace pxos::text
