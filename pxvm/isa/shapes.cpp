#include "pxvm/isa/shapes.hpp"

#include "pxvm/isa/declarations.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace pxos::isa {
namespace {

constexpr std::string_view kFieldLetters = "dabcei";

/// Cuts the text up to `separator` off the front.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view head = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return head;
}

std::string product_text(const std::vector<std::string>& factors) {
  std::string out;
  for (const std::string& factor : factors) {
    if (!out.empty()) out += '*';
    out += factor;
  }
  return out;
}

std::string pattern_text(const ShapePattern& pattern) {
  std::string out = "[";
  for (const auto& factors : pattern.dims) {
    if (out.size() > 1) out += ',';
    out += product_text(factors);
  }
  return out + "]";
}

/// A plain dimension name: bound by the first operand that has it.
bool is_name(const std::vector<std::string>& factors) {
  if (factors.size() != 1) return false;
  const char first = factors[0].empty() ? '@' : factors[0][0];
  return first != '@' && (first < '0' || first > '9');
}

class Unifier {
 public:
  Unifier(const Program& program, std::span<const ShapedOperand> operands, const AttrRecord* attr)
      : program_(program), operands_(operands), attr_(attr) {}

  // Names are bound in a first round over all operands and products compared in a second, so a
  // product may stand before the names it needs.
  std::optional<ShapeMismatch> run(std::span<const ShapePattern> patterns) {
    for (const bool names_first : {true, false}) {
      for (const ShapePattern& pattern : patterns) {
        if (pattern.any) continue;
        const ShapedOperand* operand = find(pattern.field);
        if (operand == nullptr) continue;
        if (auto found = match(pattern, *operand, names_first)) return found;
      }
    }
    return std::nullopt;
  }

 private:
  struct Binding {
    std::string_view name;
    const Polynomial* value;
    const ShapedOperand* where;
  };

  const ShapedOperand* find(Field field) const {
    const auto it = std::find_if(operands_.begin(), operands_.end(),
                                 [&](const ShapedOperand& o) { return o.field == field; });
    return it != operands_.end() ? &*it : nullptr;
  }

  std::string describe(const ShapedOperand& operand) const {
    return fmt::format("{} is {}", operand.decl->name, shape_text(program_, operand.decl->dims));
  }

  // Rank is exact: nothing broadcasts, and a vector is no matrix of one row. Implicit rules would
  // let a shape mistake through as another meaning.
  std::optional<ShapeMismatch> match(const ShapePattern& pattern, const ShapedOperand& operand,
                                     bool names_pass) {
    const std::vector<Polynomial>& dims = operand.decl->dims;
    if (dims.size() != pattern.dims.size()) {
      return ShapeMismatch{operand.field, fmt::format("{}, expected rank {} {}", describe(operand),
                                                      pattern.dims.size(), pattern_text(pattern))};
    }
    for (std::size_t i = 0; i < dims.size(); ++i) {
      if (is_name(pattern.dims[i]) != names_pass) continue;
      auto found = names_pass ? bind(pattern.dims[i][0], dims[i], operand)
                              : compare(pattern.dims[i], dims[i], operand);
      if (found) return found;
    }
    return std::nullopt;
  }

  // Equality of normal forms is equality for all parameter values; two names that happen to agree
  // in one model do not match, and a program that relies on it should use one name.
  std::optional<ShapeMismatch> bind(std::string_view name, const Polynomial& value,
                                    const ShapedOperand& operand) {
    const auto it = std::find_if(bindings_.begin(), bindings_.end(),
                                 [&](const Binding& b) { return b.name == name; });
    if (it == bindings_.end()) {
      bindings_.push_back({name, &value, &operand});
      return std::nullopt;
    }
    if (*it->value == value) return std::nullopt;
    const std::vector<std::string> names = program_.symbol_names();
    std::string both = describe(*it->where);
    if (it->where != &operand) both += ", " + describe(operand);
    return ShapeMismatch{operand.field,
                         fmt::format("{}: {} is {} in {}, {} in {}", both, name,
                                     it->value->text(names), field_letter(it->where->field),
                                     value.text(names), field_letter(operand.field))};
  }

  std::optional<ShapeMismatch> compare(const std::vector<std::string>& factors,
                                       const Polynomial& value, const ShapedOperand& operand) {
    const auto wanted = product(factors);
    if (wanted && *wanted == value) return std::nullopt;
    const std::vector<std::string> names = program_.symbol_names();
    return ShapeMismatch{
        operand.field, fmt::format("{}: {} is expected to be {}, found {}", describe(operand),
                                   product_text(factors),
                                   wanted ? wanted->text(names) : "computable", value.text(names))};
  }

  // nullopt when a name is not bound or the product leaves the caps of Polynomial: then nothing was
  // proved, and the caller reports it.
  std::optional<Polynomial> product(const std::vector<std::string>& factors) const {
    auto out = std::optional(Polynomial::constant(1));
    for (const std::string& factor : factors) {
      const auto value = factor_value(factor);
      if (!out || !value) return std::nullopt;
      out = Polynomial::multiply(*out, *value);
    }
    return out;
  }

  std::optional<Polynomial> factor_value(std::string_view factor) const {
    if (factor.empty()) return std::nullopt;
    if (factor[0] == '@') return attr_value(factor.substr(1));
    std::int64_t number = 0;
    const char* end = factor.data() + factor.size();
    const auto parsed = std::from_chars(factor.data(), end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) return Polynomial::constant(number);
    for (const Binding& binding : bindings_) {
      if (binding.name == factor) return *binding.value;
    }
    return std::nullopt;
  }

  std::optional<Polynomial> attr_value(std::string_view field) const {
    if (attr_ == nullptr) return std::nullopt;
    for (const AttrRecord::Field& candidate : attr_->fields) {
      if (candidate.name == field) return candidate.integer;
    }
    return std::nullopt;
  }

  const Program& program_;
  std::span<const ShapedOperand> operands_;
  const AttrRecord* attr_;
  std::vector<Binding> bindings_;
};

}  // namespace

char field_letter(Field field) {
  return kFieldLetters.at(static_cast<std::size_t>(field));
}

std::vector<ShapePattern> parse_shapes(std::string_view shapes) {
  std::vector<ShapePattern> out;
  while (!shapes.empty()) {
    std::string_view word = cut(shapes, ' ');
    if (word.empty()) continue;
    ShapePattern pattern;
    // The text is our own table's (opcodes.def), so a malformed word is our bug; a test parses
    // every row.
    const std::size_t letter = kFieldLetters.find(word[0]);
    PX_ASSERT(letter != std::string_view::npos && word.size() > 3 && word[1] == '[' &&
              word.back() == ']');
    pattern.field = static_cast<Field>(letter);
    word = word.substr(2, word.size() - 3);
    pattern.any = word == "...";
    while (!pattern.any && !word.empty()) {
      std::string_view dim = cut(word, ',');
      auto& factors = pattern.dims.emplace_back();
      while (!dim.empty()) factors.emplace_back(cut(dim, '*'));
    }
    out.push_back(std::move(pattern));
  }
  return out;
}

std::optional<ShapeMismatch> match_shapes(const Program& program,
                                          std::span<const ShapePattern> patterns,
                                          std::span<const ShapedOperand> operands,
                                          const AttrRecord* attr) {
  return Unifier(program, operands, attr).run(patterns);
}

}  // namespace pxos::isa
