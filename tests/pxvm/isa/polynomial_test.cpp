#include "pxvm/isa/polynomial.hpp"

#include "tests/support/mutate.hpp"

#include <limits>

#include <catch2/catch.hpp>

namespace pxos::isa {
namespace {

constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

const std::vector<std::string> kNames = {"n", "d", "T"};
const Polynomial n = Polynomial::symbol(0);
const Polynomial d = Polynomial::symbol(1);
const Polynomial T = Polynomial::symbol(2);

Polynomial number(std::int64_t value) {
  return Polynomial::constant(value);
}
Polynomial sum(const Polynomial& a, const Polynomial& b) {
  return Polynomial::add(a, b).value();
}
Polynomial product(const Polynomial& a, const Polynomial& b) {
  return Polynomial::multiply(a, b).value();
}

ByteVector bytes_of(const Polynomial& value) {
  ByteWriter out;
  value.write(out);
  return out.take();
}

Result<Polynomial> read(Bytes bytes, std::size_t symbols = 3) {
  ByteReader in(bytes);
  auto value = Polynomial::read(in, symbols);
  if (value && in.remaining() != 0) return fail(Errc::kInvalid, "bytes left");
  return value;
}

TEST_CASE("polynomial: equal values have equal form however they were made", "[isa]") {
  CHECK(product(n, d) == product(d, n));
  CHECK(product(sum(n, d), T) == sum(product(T, d), product(n, T)));
  CHECK(sum(sum(n, d), T) == sum(T, sum(d, n)));
  // (n + d)^2 = n^2 + 2nd + d^2
  CHECK(product(sum(n, d), sum(d, n)) ==
        sum(product(n, n), sum(product(number(2), product(n, d)), product(d, d))));
}

TEST_CASE("polynomial: terms that cancel leave nothing behind", "[isa]") {
  CHECK(Polynomial::subtract(sum(n, d), n) == d);
  CHECK(Polynomial::subtract(n, n) == Polynomial());
  CHECK(product(n, number(0)) == Polynomial());
  CHECK(number(0).terms().empty());
}

TEST_CASE("polynomial: constants are known, others are not", "[isa]") {
  CHECK(number(-7).as_constant() == -7);
  CHECK(Polynomial().as_constant() == 0);
  CHECK_FALSE(n.as_constant());
  CHECK_FALSE(sum(n, number(1)).as_constant());
}

TEST_CASE("polynomial: text is what a person writes", "[isa]") {
  CHECK(Polynomial().text(kNames) == "0");
  CHECK(product(n, d).text(kNames) == "n*d");
  CHECK(sum(product(number(2), product(d, n)), number(3)).text(kNames) == "2*n*d + 3");
  CHECK(Polynomial::subtract(T, number(1))->text(kNames) == "T - 1");
  CHECK(product(number(-1), T).text(kNames) == "-T");
  CHECK(number(kMin).text(kNames) == "-9223372036854775808");
  CHECK(Polynomial::symbol(9).text(kNames) == "?9");
}

TEST_CASE("polynomial: evaluates to the value of its equation", "[isa]") {
  const std::int64_t values[] = {3, 5, 7};
  CHECK(sum(product(number(2), product(n, d)), number(3)).evaluate(values) == 33);
  CHECK(Polynomial::subtract(product(T, T), n)->evaluate(values) == 46);
  CHECK(Polynomial().evaluate(values) == 0);
}

TEST_CASE("polynomial: evaluation reports overflow and unknown symbols", "[isa]") {
  const std::int64_t large[] = {std::int64_t{1} << 32, std::int64_t{1} << 32, 0};
  CHECK(product(n, d).evaluate(large).error().code == Errc::kLimit);
  CHECK(sum(number(kMax), n).evaluate(large).error().code == Errc::kLimit);
  CHECK(Polynomial::symbol(3).evaluate(large).error().code == Errc::kInvalid);
  // An unknown symbol is named even behind a product that has overflowed.
  CHECK(product(product(n, d), Polynomial::symbol(8)).evaluate(large).error().code ==
        Errc::kInvalid);
}

TEST_CASE("polynomial: algebra gives nothing rather than a wrapped coefficient", "[isa]") {
  CHECK_FALSE(Polynomial::add(number(kMax), number(1)));
  CHECK_FALSE(Polynomial::multiply(number(kMax), number(2)));
  CHECK_FALSE(Polynomial::subtract(number(0), number(kMin)));
  CHECK(Polynomial::subtract(number(-1), number(kMin)) == number(kMax));
  CHECK(Polynomial::subtract(number(kMin), number(kMin)) == Polynomial());
}

TEST_CASE("polynomial: degree and terms are capped", "[isa]") {
  Polynomial power = n;
  for (std::size_t i = 1; i < Polynomial::kMaxDegree; ++i) power = product(power, n);
  CHECK_FALSE(Polynomial::multiply(power, n));

  Polynomial many;
  for (SymbolId id = 0; id < Polynomial::kMaxTerms; ++id) many = sum(many, Polynomial::symbol(id));
  CHECK_FALSE(Polynomial::add(many, number(1)));
  CHECK_FALSE(Polynomial::multiply(many, many));
}

TEST_CASE("polynomial: bytes give the same polynomial back", "[isa]") {
  for (const Polynomial& value :
       {Polynomial(), number(kMin), n, sum(product(number(-2), product(n, product(d, d))), T)}) {
    CHECK(read(bytes_of(value)) == value);
  }
}

TEST_CASE("polynomial: read refuses every truncated prefix", "[isa]") {
  test::for_each_truncation(bytes_of(sum(product(n, d), number(3))),
                            [](Bytes prefix) { CHECK_FALSE(read(prefix)); });
}

TEST_CASE("polynomial: read accepts only the normal form", "[isa]") {
  const auto encode = [](std::initializer_list<Polynomial::Term> terms) {
    ByteWriter out;
    out.u16(static_cast<std::uint16_t>(terms.size()));
    for (const auto& term : terms) {
      out.i64(term.coefficient);
      out.u8(static_cast<std::uint8_t>(term.symbols.size()));
      for (const SymbolId id : term.symbols) out.u16(id);
    }
    return out.take();
  };
  CHECK(read(encode({{1, {}}, {1, {0, 1}}})));
  CHECK_FALSE(read(encode({{0, {0}}})));                          // zero coefficient
  CHECK_FALSE(read(encode({{1, {1, 0}}})));                       // symbols not ascending
  CHECK_FALSE(read(encode({{1, {0}}, {1, {0}}})));                // the same term twice
  CHECK_FALSE(read(encode({{1, {0, 1}}, {1, {}}})));              // terms not ascending
  CHECK_FALSE(read(encode({{1, {3}}})));                          // unknown symbol
  CHECK_FALSE(read(encode({{1, {0, 0, 0, 0, 0, 0, 0, 0, 0}}})));  // degree 9
  const ByteVector many = {65, 0};
  CHECK(read(many).error().code == Errc::kLimit);
}

TEST_CASE("polynomial: a damaged copy is refused or reads as what it says", "[isa]") {
  const ByteVector good = bytes_of(sum(product(number(6), product(n, d)), sum(T, number(3))));
  for (std::uint64_t i = 0; i < 5000; ++i) {
    const ByteVector bad = test::mutate(good, i);
    const auto value = read(bad);
    if (value) CHECK(bytes_of(*value) == bad);
  }
}

}  // namespace
}  // namespace pxos::isa
