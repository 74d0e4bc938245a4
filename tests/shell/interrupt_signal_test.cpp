#include "shell/interrupt_signal.hpp"

#include <catch2/catch.hpp>

using pxos::shell::InterruptSignal;

TEST_CASE("SIGINT is taken once, and only while somebody listens", "[shell]") {
  struct sigaction before {};
  sigaction(SIGINT, nullptr, &before);
  {
    InterruptSignal signal;
    CHECK_FALSE(signal.take());
    std::raise(SIGINT);
    std::raise(SIGINT);
    CHECK(signal.take());
    CHECK_FALSE(signal.take());
    std::raise(SIGINT);
  }
  struct sigaction after {};
  sigaction(SIGINT, nullptr, &after);
  CHECK(after.sa_handler == before.sa_handler);
  CHECK_FALSE(InterruptSignal().take());  // what came before is not ours
}
