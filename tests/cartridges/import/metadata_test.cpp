#include "cartridges/import/metadata.hpp"

#include <array>
#include <utility>

#include <catch2/catch.hpp>

using Catch::Contains;
using pxos::Errc;
using pxos::cartridges::GgufType;
using pxos::cartridges::Metadata;

namespace {

Metadata sample() {
  Metadata out;
  out.set_integer("count", 7);
  out.set_real("eps", 0.5);
  out.set_real("fine", 0.1);
  out.set_flag("flag", true);
  out.set_text("name", "a model");
  out.set_integers("ids", std::array<std::int32_t, 3>{1, -2, 3});
  out.set_reals("scores", std::array<float, 2>{0.25F, -1.0F});
  out.set_flags("pattern", {true, false, true});
  return out;
}

}  // namespace

TEST_CASE("What is set is found with its type, and survives a move", "[metadata]") {
  Metadata first = sample();
  const Metadata data = std::move(first);
  CHECK(data.integer("count").value() == 7);
  CHECK(data.real("count").value() == 7.0);
  CHECK(data.real("eps").value() == 0.5);
  CHECK(data.find_flag("flag").value() == true);
  CHECK(data.text("name").value() == "a model");
  CHECK(data.integers("ids").value() == std::vector<std::int64_t>{1, -2, 3});
  CHECK(data.integers("pattern").value() == std::vector<std::int64_t>{1, 0, 1});
  CHECK(data.floats("scores").value() == std::vector<float>{0.25F, -1.0F});
  CHECK(data.size() == 8);
}

TEST_CASE("A real is f32 only when nothing is lost", "[metadata]") {
  const Metadata data = sample();
  CHECK(data.find("eps")->second.type == GgufType::kF32);
  CHECK(data.find("fine")->second.type == GgufType::kF64);
  CHECK(data.real("fine").value() == 0.1);
}

TEST_CASE("A missing key and a wrong type are told apart", "[metadata]") {
  const Metadata data = sample();
  CHECK(data.integer("none").error().code == Errc::kNotFound);
  CHECK_FALSE(data.find_integer("none").value().has_value());
  CHECK(data.strings("none").value().empty());
  CHECK(data.find_integer("name").error().code == Errc::kInvalid);
  CHECK_THAT(data.find_integer("name").error().message,
             Contains("name: expected an integer, found string"));
  CHECK_THAT(data.floats("ids").error().message, Contains("an array of f32"));
  CHECK_THAT(data.integers("scores").error().message, Contains("an array of integers"));
}

TEST_CASE("Insert keeps the first value, set replaces it, erase removes it", "[metadata]") {
  Metadata data = sample();
  CHECK_FALSE(data.insert("count", {GgufType::kU32, std::uint64_t{9}}));
  CHECK(data.integer("count").value() == 7);
  data.set_integer("count", 9);
  CHECK(data.integer("count").value() == 9);
  data.erase("count");
  CHECK_FALSE(data.has("count"));
  data.erase("count");
  CHECK(data.insert("count", {GgufType::kU64, std::uint64_t{1} << 63U}));
  CHECK(data.find_integer("count").error().code == Errc::kLimit);
}
