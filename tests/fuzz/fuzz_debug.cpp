// What a person types at the debugger, a line each, as a condition and as a subject. Whatever is
// accepted is looked at: it must stay inside the guest's tensors.

#include "pxvm/base/bytes.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/pxvm/debug/debug_guest.hpp"

namespace {

constexpr std::size_t kMostLines = 64;

void try_line(const pxos::test::DebugGuest& guest, std::string_view line) {
  const pxos::debug::Names names{{}, {{"l", std::uint8_t{1}}}};
  const auto condition = pxos::debug::parse_condition(line, guest.program(), names);
  if (condition)
    static_cast<void>(pxos::debug::holds(*condition, guest.machine(), guest.timeline->last_pc()));
  const auto subject = pxos::debug::parse_subject(line, guest.program(), names);
  if (!subject) return;
  static_cast<void>(pxos::debug::watched_value(*subject, guest.machine()));
  if (subject->kind != pxos::debug::Subject::Kind::kTensor) return;
  const auto looked = pxos::debug::look_at(*subject, guest.machine());
  if (!looked) return;
  const pxos::debug::TensorNumbers numbers(looked->view);
  static_cast<void>(pxos::debug::summarize(numbers, looked->rows));
  static_cast<void>(pxos::debug::heat_map(numbers, 16));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pxos::test::DebugGuest guest;
  static const bool paused = guest.timeline->seek(12).has_value();
  PX_ASSERT(paused);
  std::string_view text = pxos::as_text(pxos::Bytes(data, size));
  for (std::size_t i = 0; i < kMostLines && !text.empty(); ++i) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    try_line(guest, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}
