#include "shell/paths.hpp"

#include <cstdlib>
#include <optional>

#include <catch2/catch.hpp>

using namespace pxos::shell;

namespace {

/// Sets a variable for the life of the object.
class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    value == nullptr ? unsetenv(name) : setenv(name, value, 1);
  }
  ~Variable() { old_ ? setenv(name_, old_->c_str(), 1) : unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("State follows PXOS_HOME, then XDG, then HOME", "[shell]") {
  const Variable own("PXOS_HOME", nullptr);
  const Variable user("HOME", "/home/u");
  const Variable data("XDG_DATA_HOME", nullptr);
  const Variable state("XDG_STATE_HOME", nullptr);
  CHECK(paths_from_environment().home == "/home/u/.local/share/pxos");
  CHECK(paths_from_environment().history() == "/home/u/.local/state/pxos/history");
  const Variable xdg_data("XDG_DATA_HOME", "/d");
  const Variable xdg_state("XDG_STATE_HOME", "relative is ignored");
  CHECK(paths_from_environment().home == "/d/pxos");
  CHECK(paths_from_environment().state == "/home/u/.local/state/pxos");
  const Variable set("PXOS_HOME", "/p");
  CHECK(paths_from_environment().cartridges() == "/p/cartridges");
  CHECK(paths_from_environment().history() == "/p/history");
}

TEST_CASE("Without a home nothing is kept", "[shell]") {
  const Variable own("PXOS_HOME", nullptr);
  const Variable user("HOME", nullptr);
  const Variable data("XDG_DATA_HOME", nullptr);
  const Variable state("XDG_STATE_HOME", nullptr);
  CHECK(paths_from_environment().home.empty());
  CHECK(paths_from_environment().state.empty());
}

TEST_CASE("Paths below the home are shown with a tilde", "[shell]") {
  const Variable user("HOME", "/home/u");
  CHECK(display_path("/home/u/a b") == "~/a b");
  CHECK(display_path("/home/user2/x") == "/home/user2/x");
}
