#include "pxvm/base/result.hpp"

#include <memory>
#include <string>

#include <catch2/catch.hpp>

using pxos::Errc;
using pxos::fail;
using pxos::Result;

namespace {

Result<int> half(int value) {
  if (value % 2 != 0) return fail(Errc::kInvalid, "{} is odd", value);
  return value / 2;
}

Result<void> expect_even(int value) {
  PX_CHECK(half(value));
  return {};
}

Result<std::string> quarter(int value) {
  PX_TRY(const int once, half(value));
  PX_CHECK(expect_even(once));
  PX_TRY(const int twice, half(once));
  return std::to_string(twice);
}

Result<std::unique_ptr<int>> pass_on(Result<std::unique_ptr<int>> input) {
  PX_TRY(std::unique_ptr<int> value, std::move(input));
  return value;
}

}  // namespace

TEST_CASE("PX_TRY and PX_CHECK bind values and return the first error", "[base]") {
  CHECK(quarter(12).value() == "3");
  CHECK(quarter(3).error().message == "3 is odd");
  CHECK(quarter(6).error().message == "3 is odd");
  CHECK(quarter(6).error().code == Errc::kInvalid);
}

TEST_CASE("PX_TRY moves values that cannot be copied", "[base]") {
  CHECK(**pass_on(std::make_unique<int>(7)) == 7);
  CHECK_FALSE(pass_on(fail(Errc::kIo, "gone")));
}

TEST_CASE("in_context puts the place in front and keeps the kind", "[base]") {
  const Result<void> wrapped = pxos::in_context("a.pxi", pxos::Error{Errc::kLimit, "too wide"});
  CHECK(wrapped.error().message == "a.pxi: too wide");
  CHECK(wrapped.error().code == Errc::kLimit);
}

TEST_CASE("fail formats hostile text as text", "[base]") {
  const Result<void> failed = fail(Errc::kInvalid, "name '{}'", "{} {0} %s");
  CHECK(failed.error().message == "name '{} {0} %s'");
}
