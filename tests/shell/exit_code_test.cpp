#include "shell/exit_code.hpp"

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::shell;

TEST_CASE("Every kind of error has the exit code the command line documents", "[shell]") {
  CHECK(exit_code(Errc::kInvalid) == 1);
  CHECK(exit_code(Errc::kUnsupported) == 1);
  CHECK(exit_code(Errc::kNotFound) == 1);
  CHECK(exit_code(Errc::kIo) == 1);
  CHECK(exit_code(Errc::kLimit) == 1);
  CHECK(exit_code(Errc::kUsage) == 2);
  CHECK(exit_code(Errc::kTrap) == 3);
  CHECK(exit_code(Errc::kDenied) == 4);
  CHECK(exit_code(Errc::kInterrupted) == 130);
}

TEST_CASE("An error is printed as one line that no terminal obeys", "[shell]") {
  CHECK(one_line({Errc::kInvalid, "a: b"}) == "a: b");
  CHECK(one_line({Errc::kInvalid, "first\nsecond\n"}) == "first; second");
  CHECK(one_line({Errc::kInvalid, "\n\nx\n\n\ny"}) == "x; y");
  CHECK(one_line({Errc::kInvalid, "evil \x1b[2J name"}) == "evil ?[2J name");
}
