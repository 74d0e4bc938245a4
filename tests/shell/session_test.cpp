#include "shell/session.hpp"

#include "tests/shell/command_fixture.hpp"

#include <catch2/catch.hpp>

using namespace std::chrono_literals;
using namespace pxos;
using namespace pxos::shell;

namespace {

struct Running : fake::CommandFixture {
  Session session{system, state, front};
  std::shared_ptr<fake::RecordedOutput> block = std::make_shared<fake::RecordedOutput>();
  std::atomic<int> failures{0};

  Session::Done count() {
    return [this](const Result<void>& result) { failures += result ? 0 : 1; };
  }
  void mount_model() {
    store("small.pxa");
    session.submit("mount small", block, count());
    REQUIRE(session.wait_idle(5s));
    REQUIRE(failures == 0);
  }
};

}  // namespace

TEST_CASE_METHOD(Running, "Errors are written as one line and reported", "[shell]") {
  session.submit("mount nothing", block, count());
  REQUIRE(session.wait_idle(5s));
  CHECK(failures == 1);
  CHECK(block->all.find("no such cartridge") != std::string::npos);
}

TEST_CASE_METHOD(Running, "A quick command does not wait for the model", "[shell]") {
  mount_model();
  system.endless = true;
  session.submit("ask forever", std::make_shared<fake::RecordedOutput>());
  while (!system.running) std::this_thread::yield();
  const auto quick = std::make_shared<fake::RecordedOutput>();
  std::atomic<bool> done{false};
  session.submit("mounts", quick, [&](const Result<void>&) { done = true; });
  while (!done) std::this_thread::yield();  // the model still runs
  CHECK(system.running);
  CHECK(quick->all.find("small") != std::string::npos);
  session.interrupt();
  while (!session.wait_idle(20ms)) session.keep_interrupting();
  CHECK_FALSE(system.running);
}

TEST_CASE_METHOD(Running, "An interrupt stops the running line and drops the waiting ones",
                 "[shell]") {
  mount_model();
  system.endless = true;
  session.submit("ask forever", block, count());
  session.submit("ask again", block, count());
  while (!system.running) std::this_thread::yield();
  const auto begin = std::chrono::steady_clock::now();
  session.interrupt();
  while (!session.wait_idle(20ms)) session.keep_interrupting();
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  CHECK(system.questions.size() == 1);
  CHECK(failures == 1);
}

TEST_CASE_METHOD(Running, "A session that ends while a model runs stops it", "[shell]") {
  mount_model();
  system.endless = true;
  {
    Session other(system, state, front);
    other.submit("ask forever", block);
    while (!system.running) std::this_thread::yield();
  }
  CHECK_FALSE(system.running);
}
