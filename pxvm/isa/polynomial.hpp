#pragma once
// Symbolic dimensions as polynomials in normal form, so that equal shapes compare equal: 2*n*d + 3.
// Values; immutable in practice. Coefficients are checked 64-bit integers.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pxos::isa {

/// Index into Program::symbols.
using SymbolId = std::uint16_t;

class Polynomial {
 public:
  struct Term {
    std::int64_t coefficient = 0;
    std::vector<SymbolId> symbols;  ///< ascending; repeated for powers
    friend bool operator==(const Term&, const Term&) = default;
  };
  static constexpr std::size_t kMaxTerms = 64;
  static constexpr std::size_t kMaxDegree = 8;

  Polynomial() = default;  ///< zero
  [[nodiscard]] static Polynomial constant(std::int64_t value);
  [[nodiscard]] static Polynomial symbol(SymbolId id);

  /// nullopt when a coefficient overflows or the result exceeds kMaxTerms / kMaxDegree.
  [[nodiscard]] static std::optional<Polynomial> add(const Polynomial& a, const Polynomial& b);
  [[nodiscard]] static std::optional<Polynomial> subtract(const Polynomial& a, const Polynomial& b);
  [[nodiscard]] static std::optional<Polynomial> multiply(const Polynomial& a, const Polynomial& b);

  friend bool operator==(const Polynomial&, const Polynomial&) = default;

  [[nodiscard]] std::optional<std::int64_t> as_constant() const;
  [[nodiscard]] std::span<const Term> terms() const { return terms_; }
  /// Value with symbols[id] for each symbol. Errors: kLimit on overflow, kInvalid for an unknown
  /// symbol.
  [[nodiscard]] Result<std::int64_t> evaluate(std::span<const std::int64_t> symbols) const;
  /// As written in assembly, e.g. "n_head*head_dim".
  [[nodiscard]] std::string text(std::span<const std::string> names) const;

  void write(ByteWriter& out) const;
  /// Reads what write() wrote and checks that it is in normal form over `symbol_count` symbols.
  static Result<Polynomial> read(ByteReader& in, std::size_t symbol_count);

 private:
  /// Adds one term; false on overflow or beyond kMaxTerms.
  [[nodiscard]] bool insert(Term term);
  std::vector<Term> terms_;  ///< no zero coefficients; ascending by (degree, symbols)
};

}  // namespace pxos::isa
