#include "pxvm/isa/polynomial.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include <fmt/format.h>

namespace pxos::isa {
namespace {

/// The order of terms in normal form: by degree, then by symbols.
bool comes_before(const Polynomial::Term& a, const Polynomial::Term& b) {
  return a.symbols.size() != b.symbols.size() ? a.symbols.size() < b.symbols.size()
                                              : a.symbols < b.symbols;
}

std::string symbol_text(SymbolId id, std::span<const std::string> names) {
  return id < names.size() ? names[id] : fmt::format("?{}", id);
}

/// "3*n*d" for magnitude 3; a factor of 1 is left out.
std::string term_text(std::uint64_t magnitude, const Polynomial::Term& term,
                      std::span<const std::string> names) {
  std::string out;
  if (magnitude != 1 || term.symbols.empty()) out = std::to_string(magnitude);
  for (const SymbolId id : term.symbols) {
    if (!out.empty()) out += '*';
    out += symbol_text(id, names);
  }
  return out;
}

std::uint64_t magnitude_of(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  return value < 0 ? 0 - bits : bits;
}

}  // namespace

Polynomial Polynomial::constant(std::int64_t value) {
  Polynomial out;
  if (value != 0) out.terms_.push_back({value, {}});
  return out;
}

Polynomial Polynomial::symbol(SymbolId id) {
  Polynomial out;
  out.terms_.push_back({1, {id}});
  return out;
}

// Binary search keeps normal form at every step, so no operation has to sort or merge afterwards.
bool Polynomial::insert(Term term) {
  const auto it = std::lower_bound(terms_.begin(), terms_.end(), term, comes_before);
  if (it == terms_.end() || it->symbols != term.symbols) {
    if (term.coefficient != 0) terms_.insert(it, std::move(term));
    return terms_.size() <= kMaxTerms;
  }
  const auto sum = checked_add(it->coefficient, term.coefficient);
  if (!sum) return false;
  it->coefficient = *sum;
  if (*sum == 0) terms_.erase(it);
  return true;
}

std::optional<Polynomial> Polynomial::add(const Polynomial& a, const Polynomial& b) {
  Polynomial out = a;
  for (const Term& term : b.terms_) {
    if (!out.insert(term)) return std::nullopt;
  }
  return out;
}

std::optional<Polynomial> Polynomial::subtract(const Polynomial& a, const Polynomial& b) {
  // Not a + (-1 * b): the lowest coefficient has no negative, but may still be subtracted from -1.
  Polynomial out = a;
  for (const Term& term : b.terms_) {
    Term negative = term;
    if (term.coefficient != std::numeric_limits<std::int64_t>::min()) {
      negative.coefficient = -term.coefficient;
      if (!out.insert(std::move(negative))) return std::nullopt;
      continue;
    }
    negative.coefficient = std::numeric_limits<std::int64_t>::max();
    Term one{1, term.symbols};
    if (!out.insert(std::move(negative)) || !out.insert(std::move(one))) return std::nullopt;
  }
  return out;
}

// At most kMaxTerms^2 products; intermediate terms count towards the cap even if later ones would
// cancel them, which only hostile shapes meet.
std::optional<Polynomial> Polynomial::multiply(const Polynomial& a, const Polynomial& b) {
  Polynomial out;
  for (const Term& x : a.terms_) {
    for (const Term& y : b.terms_) {
      const auto coefficient = checked_mul(x.coefficient, y.coefficient);
      if (!coefficient || x.symbols.size() + y.symbols.size() > kMaxDegree) return std::nullopt;
      Term product{*coefficient, {}};
      std::merge(x.symbols.begin(), x.symbols.end(), y.symbols.begin(), y.symbols.end(),
                 std::back_inserter(product.symbols));
      if (!out.insert(std::move(product))) return std::nullopt;
    }
  }
  return out;
}

std::optional<std::int64_t> Polynomial::as_constant() const {
  if (terms_.empty()) return 0;
  if (terms_.size() == 1 && terms_[0].symbols.empty()) return terms_[0].coefficient;
  return std::nullopt;
}

Result<std::int64_t> Polynomial::evaluate(std::span<const std::int64_t> symbols) const {
  std::int64_t sum = 0;
  for (const Term& term : terms_) {
    // After an overflow the loop goes on, so that an unknown symbol is always the error that is
    // named.
    std::optional<std::int64_t> product = term.coefficient;
    for (const SymbolId id : term.symbols) {
      if (id >= symbols.size()) {
        return fail(Errc::kInvalid, "symbol {} is used, {} are known", id, symbols.size());
      }
      if (product) product = checked_mul(*product, symbols[id]);
    }
    const auto next = product ? checked_add(sum, *product) : std::nullopt;
    if (!next) return fail(Errc::kLimit, "the value of a dimension exceeds 64 bits");
    sum = *next;
  }
  return sum;
}

std::string Polynomial::text(std::span<const std::string> names) const {
  if (terms_.empty()) return "0";
  // Highest degree first, as people write it; stable, so equal degrees keep the normal order.
  std::vector<const Term*> order;
  for (const Term& term : terms_) order.push_back(&term);
  std::stable_sort(order.begin(), order.end(), [](const Term* a, const Term* b) {
    return a->symbols.size() > b->symbols.size();
  });
  std::string out;
  for (const Term* term : order) {
    const bool negative = term->coefficient < 0;
    if (!out.empty()) {
      out += negative ? " - " : " + ";
    } else if (negative) {
      out += '-';
    }
    out += term_text(magnitude_of(term->coefficient), *term, names);
  }
  return out;
}

// Layout: u16 terms; per term i64 coefficient, u8 degree, u16 symbol per degree.
void Polynomial::write(ByteWriter& out) const {
  out.u16(static_cast<std::uint16_t>(terms_.size()));
  for (const Term& term : terms_) {
    out.i64(term.coefficient);
    out.u8(static_cast<std::uint8_t>(term.symbols.size()));
    for (const SymbolId id : term.symbols) out.u16(id);
  }
}

namespace {

Result<Polynomial::Term> read_term(ByteReader& in, std::size_t symbol_count) {
  Polynomial::Term term;
  PX_TRY(term.coefficient, in.i64("coefficient"));
  PX_TRY(const std::uint8_t degree, in.u8("degree"));
  if (degree > Polynomial::kMaxDegree) {
    return fail(Errc::kLimit, "byte {}: degree {} of a term, at most {}", in.position() - 1, degree,
                Polynomial::kMaxDegree);
  }
  for (std::uint8_t i = 0; i < degree; ++i) {
    PX_TRY(const std::uint16_t id, in.u16("symbol"));
    if (id >= symbol_count) {
      return fail(Errc::kInvalid, "byte {}: symbol {} of {}", in.position() - 2, id, symbol_count);
    }
    term.symbols.push_back(id);
  }
  return term;
}

}  // namespace

// Only normal form is accepted, or equality of shapes would depend on who wrote the picture.
Result<Polynomial> Polynomial::read(ByteReader& in, std::size_t symbol_count) {
  PX_TRY(const std::uint16_t count, in.u16("term count"));
  if (count > kMaxTerms) {
    return fail(Errc::kLimit, "byte {}: polynomial of {} terms, at most {}", in.position() - 2,
                count, kMaxTerms);
  }
  Polynomial out;
  for (std::uint16_t i = 0; i < count; ++i) {
    const std::uint64_t at = in.position();
    PX_TRY(Term term, read_term(in, symbol_count));
    const bool sorted = std::is_sorted(term.symbols.begin(), term.symbols.end()) &&
                        (out.terms_.empty() || comes_before(out.terms_.back(), term));
    if (!sorted || term.coefficient == 0) {
      return fail(Errc::kInvalid, "byte {}: polynomial is not in normal form", at);
    }
    out.terms_.push_back(std::move(term));
  }
  return out;
}

}  // namespace pxos::isa
