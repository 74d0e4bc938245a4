#pragma once
// Link-time scalar expressions ("1 / sqrt(head_dim)") in postfix form. Evaluated once per link with
// IEEE f64 (integers exactly while only + - * and integers occur), so every machine gets the same
// constant.

#include "pxvm/base/bytes.hpp"
#include "pxvm/isa/polynomial.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace pxos::isa {

struct Number {
  bool is_integer = true;
  std::int64_t integer = 0;
  double real = 0;

  [[nodiscard]] static Number of(std::int64_t value) { return {true, value, 0}; }
  [[nodiscard]] static Number of(double value) { return {false, 0, value}; }
  [[nodiscard]] double as_real() const { return is_integer ? static_cast<double>(integer) : real; }
  friend bool operator==(const Number&, const Number&) = default;
};

struct Expression {
  enum class Op : std::uint8_t { kInteger, kReal, kSymbol, kAdd, kSub, kMul, kDiv, kNegate, kSqrt };
  struct Step {
    Op op = Op::kInteger;
    std::int64_t integer = 0;  ///< kInteger
    double real = 0;           ///< kReal
    SymbolId symbol = 0;       ///< kSymbol
    friend bool operator==(const Step&, const Step&) = default;
  };
  static constexpr std::size_t kMaxSteps = 256;
  std::vector<Step> steps;
  friend bool operator==(const Expression&, const Expression&) = default;

  [[nodiscard]] static Expression integer(std::int64_t value);
  [[nodiscard]] static Expression real(double value);

  /// Checks what evaluate() needs of any values: one value remains, every symbol is below
  /// `symbol_count`, every literal is finite, at most kMaxSteps steps.
  [[nodiscard]] Result<void> check(std::size_t symbol_count) const;
  /// Division always gives a real. Errors: kInvalid for division by zero, overflow, unknown symbol,
  /// bad stack, a result that is not finite.
  [[nodiscard]] Result<Number> evaluate(std::span<const Number> symbols) const;
  /// The same value as a polynomial: nullopt with division, sqrt, a real literal, or past the caps
  /// of Polynomial. Requires: check() passed.
  [[nodiscard]] std::optional<Polynomial> as_polynomial() const;
  /// As written in assembly, fully parenthesised only where needed for the same postfix form.
  [[nodiscard]] std::string text(std::span<const std::string> names) const;

  void write(ByteWriter& out) const;
  /// Checks the stack discipline: exactly one value remains.
  static Result<Expression> read(ByteReader& in, std::size_t symbol_count);
};

}  // namespace pxos::isa
