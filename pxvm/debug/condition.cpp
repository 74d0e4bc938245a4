#include "pxvm/debug/condition.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

namespace pxos::debug {
namespace {

using Kind = Condition::Kind;
using Relation = Condition::Relation;

constexpr std::array<std::pair<std::string_view, Relation>, 6> kRelations{{
    {"==", Relation::kEqual},
    {"!=", Relation::kNotEqual},
    {"<", Relation::kLess},
    {"<=", Relation::kLessEqual},
    {">", Relation::kGreater},
    {">=", Relation::kGreaterEqual},
}};

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) return words;
    const std::size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Result<double> parse_number(const std::string& text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end != '\0') return fail(Errc::kUsage, "'{}' is no number", text);
  return value;
}

tl::unexpected<Error> not_a_condition(std::string_view text) {
  return fail(
      Errc::kUsage,
      "'{}' is not a condition: nan [TENSOR], inf [TENSOR], bad [TENSOR], abs [TENSOR] > V, "
      "or WHAT == != < <= > >= V, with spaces between",
      text);
}

Result<Condition> parse_comparison(const std::vector<std::string>& words, Condition condition,
                                   const isa::Program& program, const Names& names) {
  const auto relation =
      words.size() != 3 ? kRelations.end()
                        : std::find_if(kRelations.begin(), kRelations.end(),
                                       [&](const auto& pair) { return pair.first == words[1]; });
  if (relation == kRelations.end()) return not_a_condition(condition.text);
  condition.kind = Kind::kCompare;
  condition.relation = relation->second;
  PX_TRY(condition.subject, parse_subject(words[0], program, names));
  PX_TRY(condition.limit, parse_number(words[2]));
  const bool is_scalar = condition.subject->kind == Subject::Kind::kScalar;
  if (!is_scalar && condition.subject->element.empty())
    return fail(Errc::kUsage, "'{}' is a whole tensor: compare an element of it, or use abs",
                condition.subject->text);
  std::int64_t integer = 0;
  const char* const end = words[2].data() + words[2].size();
  const auto parsed = std::from_chars(words[2].data(), end, integer);
  if (is_scalar && parsed.ec == std::errc() && parsed.ptr == end) condition.integer = integer;
  return condition;
}

template <class T>
bool compare(T a, Relation relation, T b) {
  switch (relation) {
    case Relation::kEqual:
      return a == b;
    case Relation::kNotEqual:
      return a != b;
    case Relation::kLess:
      return a < b;
    case Relation::kLessEqual:
      return a <= b;
    case Relation::kGreater:
      return a > b;
    case Relation::kGreaterEqual:
      return a >= b;
  }
  return false;
}

/// Elements of some rows that the condition means, and the first of them.
struct Found {
  std::int64_t count = 0;
  std::int64_t all = 0;
  std::pair<std::int64_t, std::int64_t> first{};
  double value = 0;
};

bool is_meant(const Condition& condition, double value) {
  switch (condition.kind) {
    case Kind::kNan:
      return std::isnan(value);
    case Kind::kInfinite:
      return std::isinf(value);
    case Kind::kBad:
      return !std::isfinite(value);
    case Kind::kAbove:
      return std::abs(value) > condition.limit;
    case Kind::kCompare:
      return compare(value, condition.relation, condition.limit);
  }
  return false;
}

std::optional<std::string> search(const Condition& condition, const std::string& name,
                                  const Looked& looked) {
  const TensorNumbers numbers(looked.view);
  Found found;
  std::vector<double> row(static_cast<std::size_t>(numbers.cols()));
  const std::int64_t end = std::min(looked.rows.first + looked.rows.count, numbers.rows());
  for (std::int64_t y = std::max<std::int64_t>(looked.rows.first, 0); y < end; ++y) {
    numbers.read_row(y, row);
    for (std::size_t x = 0; x < row.size(); ++x) {
      const auto column = static_cast<std::int64_t>(x);
      if (looked.element && looked.element->second != column) continue;
      ++found.all;
      if (!is_meant(condition, row[x])) continue;
      if (found.count++ == 0) {
        found.first = {y, column};
        found.value = row[x];
      }
    }
  }
  if (found.count == 0) return std::nullopt;
  if (looked.element) return fmt::format("{} is {}", name, found.value);
  return fmt::format("{} {}: {} of {} elements, the first {} at [{}, {}]", name,
                     looked.view.shape_text(), found.count, found.all, found.value,
                     found.first.first, found.first.second);
}

}  // namespace

Result<Condition> parse_condition(std::string_view text, const isa::Program& program,
                                  const Names& names) {
  std::vector<std::string> words = words_of(text);
  Condition condition;
  condition.text = text;
  if (words.empty()) return not_a_condition(text);
  constexpr std::array<std::pair<std::string_view, Kind>, 4> kKinds{
      {{"nan", Kind::kNan}, {"inf", Kind::kInfinite}, {"bad", Kind::kBad}, {"abs", Kind::kAbove}}};
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(),
                                 [&](const auto& pair) { return pair.first == words[0]; });
  if (kind == kKinds.end()) return parse_comparison(words, std::move(condition), program, names);
  condition.kind = kind->second;
  if (condition.kind == Kind::kAbove) {
    if (words.size() < 3 || words[words.size() - 2] != ">") return not_a_condition(text);
    PX_TRY(condition.limit, parse_number(words.back()));
    words.resize(words.size() - 2);
  }
  if (words.size() > 2) return not_a_condition(text);
  if (words.size() == 1) return condition;
  PX_TRY(condition.subject, parse_subject(words[1], program, names));
  if (condition.subject->kind != Subject::Kind::kTensor)
    return fail(Errc::kUsage, "'{}' is a scalar register: compare it", words[1]);
  return condition;
}

std::optional<std::string> holds(const Condition& condition, vm::Machine& machine,
                                 std::optional<std::size_t> last_pc) {
  if (!condition.subject) {
    if (!last_pc) return std::nullopt;
    for (const Written& written : written_by(machine, *last_pc)) {
      const auto found = search(condition, written.name, {written.view, written.rows, {}});
      if (found) return found;
    }
    return std::nullopt;
  }
  const Subject& subject = *condition.subject;
  if (subject.kind == Subject::Kind::kScalar) {
    const std::uint64_t bits = machine.scalar(subject.reg);
    const auto integer = static_cast<std::int64_t>(bits);
    const float real = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    const bool meant =
        condition.integer ? compare(integer, condition.relation, *condition.integer)
                          : compare(static_cast<double>(real), condition.relation, condition.limit);
    if (!meant) return std::nullopt;
    return condition.integer ? fmt::format("{} is {}", subject.text, integer)
                             : fmt::format("{} is {}", subject.text, real);
  }
  const auto looked = look_at(subject, machine);
  if (!looked) return std::nullopt;
  return search(condition, subject.text, *looked);
}

}  // namespace pxos::debug
