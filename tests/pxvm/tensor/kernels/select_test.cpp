#include "pxvm/tensor/kernels/select.hpp"

#include <cstdlib>
#include <string>

#include <catch2/catch.hpp>

namespace pxos::tensor {
namespace {

/// Sets a variable for one scope.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    const char* old = std::getenv(name);
    if (old != nullptr) old_ = old;
    had_ = old != nullptr;
    setenv(name, value, 1);
  }
  ~ScopedVariable() {
    if (had_) {
      setenv(name_, old_.c_str(), 1);
    } else {
      unsetenv(name_);
    }
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

}  // namespace

TEST_CASE("the scalar set is always there and the last set is the default", "[tensor][select]") {
  const auto sets = available_kernels();
  REQUIRE_FALSE(sets.empty());
  CHECK(std::string_view(sets.front()->name) == "scalar");
  CHECK(select_kernels("").value() == sets.back());
  for (const KernelTable* set : sets) CHECK(select_kernels(set->name).value() == set);
}

TEST_CASE("an unknown set is refused with the sets there are", "[tensor][select]") {
  const auto refused = select_kernels("neon");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kUnsupported);
  CHECK(refused.error().message.find("scalar") != std::string::npos);
}

TEST_CASE("PXOS_KERNELS forces a set", "[tensor][select]") {
  {
    const ScopedVariable variable("PXOS_KERNELS", "scalar");
    CHECK(std::string_view(select_kernels_from_environment().value()->name) == "scalar");
  }
  {
    const ScopedVariable variable("PXOS_KERNELS", "");
    CHECK(select_kernels_from_environment().value() == available_kernels().back());
  }
  const ScopedVariable variable("PXOS_KERNELS", "bogus");
  const auto refused = select_kernels_from_environment();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("PXOS_KERNELS") == 0);
}

}  // namespace pxos::tensor
