#include "shell/worker.hpp"

#include "tests/support/wait_until.hpp"

#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>

using pxos::shell::Worker;
using pxos::test::kLongestWait;
using pxos::test::wait_until;

TEST_CASE("A worker does its jobs in order", "[shell]") {
  std::vector<int> done;
  Worker worker;
  for (int i = 0; i < 20; ++i)
    worker.submit([&, i](const std::atomic<bool>&) { done.push_back(i); });
  REQUIRE(worker.wait_idle(kLongestWait));
  REQUIRE(done.size() == 20);
  CHECK(std::is_sorted(done.begin(), done.end()));
  CHECK_FALSE(worker.busy());
}

TEST_CASE("Cancelling raises the flag of the running job and drops the waiting ones", "[shell]") {
  std::atomic<bool> begun{false};
  std::atomic<bool> later{false};
  Worker worker;
  worker.submit([&](const std::atomic<bool>& cancelled) {
    begun = true;
    while (!cancelled) std::this_thread::yield();
  });
  worker.submit([&](const std::atomic<bool>&) { later = true; });
  REQUIRE(wait_until([&] { return begun.load(); }));
  CHECK_FALSE(worker.cancelling());
  worker.cancel();
  REQUIRE(worker.wait_idle(kLongestWait));
  CHECK_FALSE(worker.cancelling());
  CHECK_FALSE(later);
  worker.submit([&](const std::atomic<bool>& cancelled) { later = !cancelled; });
  REQUIRE(worker.wait_idle(kLongestWait));
  CHECK(later);
}

TEST_CASE("A worker that is destroyed ends its job first", "[shell]") {
  std::atomic<bool> ended{false};
  {
    std::atomic<bool> begun{false};
    Worker worker;
    worker.submit([&](const std::atomic<bool>& cancelled) {
      begun = true;
      while (!cancelled) std::this_thread::yield();
      ended = true;
    });
    REQUIRE(wait_until([&] { return begun.load(); }));
  }
  CHECK(ended);
}
