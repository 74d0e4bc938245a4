#include "shell/session.hpp"

#include "tests/shell/command_fixture.hpp"
#include "tests/support/wait_until.hpp"

#include <catch2/catch.hpp>

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
  /// Until the endless answer runs.
  void wait_for_answer() {
    REQUIRE(test::wait_until([&] { return system.running.load(); }));
  }
  /// As every loop over a session does it after an interrupt.
  void come_to_rest() {
    REQUIRE(test::wait_until([&] {
      session.keep_interrupting();
      return session.idle();
    }));
  }
  void mount_model() {
    store("small.pxa");
    session.submit("mount small", block, count());
    REQUIRE(session.wait_idle(test::kLongestWait));
    REQUIRE(failures == 0);
  }
};

}  // namespace

TEST_CASE_METHOD(Running, "Errors are written as one line and reported", "[shell]") {
  session.submit("mount nothing", block, count());
  REQUIRE(session.wait_idle(test::kLongestWait));
  CHECK(failures == 1);
  CHECK(block->all.find("no such cartridge") != std::string::npos);
}

TEST_CASE_METHOD(Running, "A quick command does not wait for the model", "[shell]") {
  mount_model();
  system.endless = true;
  session.submit("ask forever", std::make_shared<fake::RecordedOutput>());
  wait_for_answer();
  const auto quick = std::make_shared<fake::RecordedOutput>();
  std::atomic<bool> done{false};
  session.submit("mounts", quick, [&](const Result<void>&) { done = true; });
  REQUIRE(test::wait_until([&] { return done.load(); }));  // the model still runs
  CHECK(system.running);
  CHECK(quick->all.find("small") != std::string::npos);
  session.interrupt();
  come_to_rest();
  CHECK_FALSE(system.running);
}

TEST_CASE_METHOD(Running, "An interrupt stops the running line and drops the waiting ones",
                 "[shell]") {
  mount_model();
  system.endless = true;
  session.submit("ask forever", block, count());
  session.submit("ask again", block, count());
  wait_for_answer();
  session.interrupt();
  come_to_rest();
  CHECK(system.questions.size() == 1);
  CHECK(failures == 1);
}

TEST_CASE_METHOD(Running, "A session that ends while a model runs stops it", "[shell]") {
  mount_model();
  system.endless = true;
  {
    Session other(system, state, front);
    other.submit("ask forever", block);
    wait_for_answer();
  }
  CHECK_FALSE(system.running);
}
