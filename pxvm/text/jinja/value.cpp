#include "pxvm/text/jinja/value.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace pxos::text::jinja {
namespace {

constexpr unsigned kMaxDepth = 32;

std::string print_real(double value) {
  std::string out = fmt::format("{}", value);
  // Python marks a float by its point.
  if (std::isfinite(value) && out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

// RFC 8259: the quote, the backslash and the controls are escaped, everything else stays UTF-8.
void append_json_text(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (byte < 0x20) {
          out += fmt::format("\\u{:04x}", byte);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

/// repr() of a text inside a printed list.
void append_repr_text(std::string& out, std::string_view text) {
  constexpr std::string_view kControls = "\n\r\t";
  constexpr std::string_view kLetters = "nrt";
  const char quote = text.find('\'') != text.npos && text.find('"') == text.npos ? '"' : '\'';
  out.push_back(quote);
  for (const char c : text) {
    const std::size_t control = kControls.find(c);
    if (control != kControls.npos) {
      out.push_back('\\');
      out.push_back(kLetters[control]);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else {
      if (c == quote || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  out.push_back(quote);
}

/// Writes nested values; the two spellings differ in their atoms only.
class Writer {
 public:
  Writer(bool json, Budget& budget) : json_(json), budget_(budget) {}

  Result<void> write(const Value& value) {
    const std::size_t before = out.size();
    PX_CHECK(budget_.spend(1));
    if (const List* const list = value.as_list()) return write_list(*list);
    if (const Dict* const dict = value.as_dict()) return write_dict(*dict);
    if (const std::string* const text = value.as_text()) {
      write_text(*text);
    } else {
      out += atom(value);
    }
    return budget_.spend_bytes(out.size() - before);
  }

  std::string out;

 private:
  Result<void> write_list(const List& list) {
    out.push_back('[');
    for (const Value& item : list.items) {
      if (&item != list.items.data()) out += ", ";
      PX_CHECK(write(item));
    }
    out.push_back(']');
    return {};
  }

  Result<void> write_dict(const Dict& dict) {
    out.push_back('{');
    for (const auto& item : dict.items) {
      if (&item != dict.items.data()) out += ", ";
      write_text(item.first);
      out += ": ";
      PX_CHECK(write(item.second));
    }
    out.push_back('}');
    return {};
  }

  void write_text(std::string_view text) {
    if (json_) {
      append_json_text(out, text);
    } else {
      append_repr_text(out, text);
    }
  }

  [[nodiscard]] std::string atom(const Value& value) const {
    if (const bool* const flag = value.as<bool>())
      return json_ ? (*flag ? "true" : "false") : (*flag ? "True" : "False");
    if (const auto* const integer = value.as_integer()) return std::to_string(*integer);
    if (const auto* const real = value.as<double>()) return print_real(*real);
    if (value.is_none()) return json_ ? "null" : "None";
    return value.is_undefined() ? "Undefined" : "<function>";
  }

  bool json_;
  Budget& budget_;
};

// Element by element; the budget is charged in equal(), since shared parts can make a small value
// exponentially long to compare.
Result<bool> equal_lists(const List& a, const List& b, Budget& budget) {
  if (a.items.size() != b.items.size()) return false;
  for (std::size_t i = 0; i < a.items.size(); ++i) {
    PX_TRY(const bool same, equal(a.items[i], b.items[i], budget));
    if (!same) return false;
  }
  return true;
}

Result<bool> equal_dicts(const Dict& a, const Dict& b, Budget& budget) {
  if (a.items.size() != b.items.size()) return false;
  for (const auto& [key, value] : a.items) {
    PX_CHECK(budget.spend_lookup(b.items.size(), key.size()));
    const Value* const other = b.find(key);
    if (other == nullptr) return false;
    PX_TRY(const bool same, equal(value, *other, budget));
    if (!same) return false;
  }
  return true;
}

}  // namespace

// Once refused nothing is left, so an error cannot be outrun by cheaper steps.
Result<void> Budget::spend(std::uint64_t steps) {
  if (steps > static_cast<std::uint64_t>(steps_)) {
    steps_ = 0;
    return fail(Errc::kLimit, "the template does too much: step limit reached");
  }
  steps_ -= static_cast<std::int64_t>(steps);
  return {};
}

Value Value::text(std::string value) {
  return Value(Data(std::make_shared<const std::string>(std::move(value))));
}

const std::string* Value::as_text() const {
  const Text* const text = as<Text>();
  return text == nullptr ? nullptr : text->get();
}

const List* Value::as_list() const {
  const ListPtr* const list = as<ListPtr>();
  return list == nullptr ? nullptr : list->get();
}

const Dict* Value::as_dict() const {
  const DictPtr* const dict = as<DictPtr>();
  return dict == nullptr ? nullptr : dict->get();
}

// Python's truth: zero, the empty and the missing are false.
bool Value::truthy() const {
  if (const bool* const flag = as<bool>()) return *flag;
  if (const auto* const integer = as_integer()) return *integer != 0;
  if (const double* const number = as<double>()) return *number != 0;
  if (const std::string* const text = as_text()) return !text->empty();
  if (const List* const list = as_list()) return !list->items.empty();
  if (const Dict* const dict = as_dict()) return dict->is_namespace || !dict->items.empty();
  return is_callable();
}

std::string_view Value::kind() const {
  constexpr std::string_view kNames[] = {"undefined", "none", "boolean", "integer",  "float",
                                         "string",    "list", "mapping", "function", "macro"};
  return kNames[data_.index()];
}

const Value* Dict::find(std::string_view key) const {
  const auto found = std::find_if(items.begin(), items.end(),
                                  [key](const auto& item) { return item.first == key; });
  return found == items.end() ? nullptr : &found->second;
}

void Dict::assign(std::string_view key, Value value) {
  for (auto& item : items) {
    if (item.first == key) {
      item.second = std::move(value);
      return;
    }
  }
  items.emplace_back(key, std::move(value));
}

// A namespace is the one value that changes; if it could be stored it could be made to hold itself,
// and reference counts would never free it.
Result<unsigned> nested_depth(const Value& value) {
  unsigned depth = 0;
  if (const List* const list = value.as_list()) depth = list->depth;
  if (const Dict* const dict = value.as_dict()) {
    if (dict->is_namespace) return fail(Errc::kInvalid, "a namespace cannot be stored in a value");
    depth = dict->depth;
  }
  if (depth >= kMaxDepth) return fail(Errc::kLimit, "values nested more than {} deep", kMaxDepth);
  return depth;
}

Result<Value> make_list(std::vector<Value> items) {
  unsigned depth = 0;
  for (const Value& item : items) {
    PX_TRY(const unsigned inner, nested_depth(item));
    depth = std::max(depth, inner);
  }
  return Value(Value::Data(std::make_shared<const List>(List{std::move(items), depth + 1})));
}

Result<Value> make_dict(std::vector<std::pair<std::string, Value>> items, bool is_namespace) {
  unsigned depth = 0;
  for (const auto& item : items) {
    PX_TRY(const unsigned inner, nested_depth(item.second));
    depth = std::max(depth, inner);
  }
  return Value(
      Value::Data(std::make_shared<Dict>(Dict{std::move(items), depth + 1, is_namespace})));
}

Result<std::string> print(const Value& value, Budget& budget) {
  if (value.is_undefined()) return std::string();
  if (const std::string* const text = value.as_text()) {
    PX_CHECK(budget.spend_bytes(text->size()));
    return *text;
  }
  Writer writer(false, budget);
  PX_CHECK(writer.write(value));
  return std::move(writer.out);
}

Result<std::string> to_json(const Value& value, Budget& budget) {
  if (value.is_undefined() || value.is_callable())
    return fail(Errc::kInvalid, "{} has no JSON form", value.kind());
  Writer writer(true, budget);
  PX_CHECK(writer.write(value));
  return std::move(writer.out);
}

std::optional<double> as_number(const Value& value) {
  if (const bool* const flag = value.as<bool>()) return *flag ? 1.0 : 0.0;
  if (const auto* const integer = value.as_integer()) return static_cast<double>(*integer);
  if (const double* const number = value.as<double>()) return *number;
  return std::nullopt;
}

// Integers compare exactly; an integer and a float compare as floats, booleans as 0 and 1.
Result<bool> equal(const Value& a, const Value& b, Budget& budget) {
  PX_CHECK(budget.spend(1));
  if (a.as_integer() != nullptr && b.as_integer() != nullptr)
    return *a.as_integer() == *b.as_integer();
  const std::optional<double> x = as_number(a);
  const std::optional<double> y = as_number(b);
  if (x && y) return *x == *y;
  if (a.kind() != b.kind()) return false;
  if (a.as_text() != nullptr) {
    PX_CHECK(budget.spend_bytes(std::min(a.as_text()->size(), b.as_text()->size())));
    return *a.as_text() == *b.as_text();
  }
  if (a.as_list() != nullptr) return equal_lists(*a.as_list(), *b.as_list(), budget);
  if (a.as_dict() != nullptr) return equal_dicts(*a.as_dict(), *b.as_dict(), budget);
  if (const Function* const function = a.as<Function>()) return *function == *b.as<Function>();
  if (const Macro* const macro = a.as<Macro>()) return *macro == *b.as<Macro>();
  return true;  // undefined or none
}

Result<bool> less(const Value& a, const Value& b, Budget& budget) {
  if (a.as_text() != nullptr && b.as_text() != nullptr) {
    PX_CHECK(budget.spend_bytes(std::min(a.as_text()->size(), b.as_text()->size())));
    return *a.as_text() < *b.as_text();
  }
  if (a.as_integer() != nullptr && b.as_integer() != nullptr)
    return *a.as_integer() < *b.as_integer();
  const std::optional<double> x = as_number(a);
  const std::optional<double> y = as_number(b);
  if (x && y) return *x < *y;
  return fail(Errc::kInvalid, "cannot order {} and {}", a.kind(), b.kind());
}

}  // namespace pxos::text::jinja
