#pragma once
// Waiting for another thread, with an end: a test that waits for what never comes fails, it does
// not hang.

#include <chrono>
#include <thread>

namespace pxos::test {

/// Far beyond what an overloaded machine under a sanitizer needs; nobody waits so long for what
/// works.
constexpr std::chrono::seconds kLongestWait{60};

/// Calls `done` until it is true; false when that takes longer than kLongestWait. Between two calls
/// other threads may run.
template <typename Done>
[[nodiscard]] bool wait_until(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + kLongestWait;
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace pxos::test
