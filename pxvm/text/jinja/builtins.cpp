#include "pxvm/text/jinja/builtins.hpp"

#include "pxvm/text/jinja/strings.hpp"
#include "pxvm/text/utf8.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace pxos::text::jinja {
namespace {

constexpr std::size_t kMaxRange = 100000;
constexpr std::size_t kMaxReasonBytes = 300;
constexpr std::size_t kUnlimited = std::numeric_limits<std::size_t>::max();

/// What every builtin gets: the value left of the dot or bar, and the arguments.
struct Call {
  const Value& self;
  const Arguments& arguments;
  Budget& budget;
};
using Builtin = Result<Value> (*)(const Call& call);

struct Entry {
  std::string_view name;
  Builtin function;
};

// Charges for reading the text once; functions that read it more often charge the rest.
Result<std::string_view> self_text(const Call& call) {
  if (call.self.as_text() == nullptr)
    return fail(Errc::kInvalid, "expected a string, found {}", call.self.kind());
  PX_CHECK(call.budget.spend_bytes(call.self.as_text()->size()));
  return std::string_view(*call.self.as_text());
}

/// A text argument; `otherwise` when it is absent or none.
Result<std::string_view> text_argument(const Call& call, std::size_t index, std::string_view name,
                                       std::string_view otherwise) {
  const Value* const value = call.arguments.find(index, name);
  if (value == nullptr || value->is_none()) return otherwise;
  if (value->as_text() == nullptr)
    return fail(Errc::kInvalid, "argument '{}' is {}, expected a string", name, value->kind());
  return std::string_view(*value->as_text());
}

// A count; absent and negative mean without limit, as in Python.
Result<std::size_t> count_argument(const Call& call, std::size_t index, std::string_view name) {
  const Value* const value = call.arguments.find(index, name);
  if (value == nullptr) return kUnlimited;
  if (value->as_integer() == nullptr)
    return fail(Errc::kInvalid, "argument '{}' is {}, expected an integer", name, value->kind());
  return *value->as_integer() < 0 ? kUnlimited : static_cast<std::size_t>(*value->as_integer());
}

// Texts: the same functions serve as methods and as filters.

template <Sides kSides>
Result<Value> strip_text(const Call& call) {
  PX_TRY(const std::string_view text, self_text(call));
  PX_TRY(const std::string_view chars, text_argument(call, 0, "chars", ""));
  // Each character at the ends is looked up in `chars`.
  PX_CHECK(call.budget.spend(chars.size() * text.size() / 64));
  return Value::text(std::string(strip(text, chars, kSides)));
}

/// Filters print their operand first: 3 | trim is "3".
template <Builtin kMethod>
Result<Value> printed(const Call& call) {
  PX_TRY(std::string text, print(call.self, call.budget));
  const Value value = Value::text(std::move(text));
  return kMethod({value, call.arguments, call.budget});
}

template <std::string (*kMap)(std::string_view)>
Result<Value> map_text(const Call& call) {
  PX_TRY(const std::string_view text, self_text(call));
  return Value::text(kMap(text));
}

template <bool kFront>
// startswith and endswith take one text or a list of alternatives.
Result<Value> has_affix(const Call& call) {
  PX_TRY(const std::string_view text, self_text(call));
  const Value* const given = call.arguments.positional(0);
  if (given == nullptr) return fail(Errc::kInvalid, "expected one argument");
  std::vector<Value> affixes = {*given};
  if (given->as_list() != nullptr) affixes = given->as_list()->items;
  PX_CHECK(call.budget.spend(affixes.size()));
  for (const Value& affix : affixes) {
    if (affix.as_text() == nullptr)
      return fail(Errc::kInvalid, "expected a string, found {}", affix.kind());
    if (kFront ? text.starts_with(*affix.as_text()) : text.ends_with(*affix.as_text()))
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

// Charged by the byte, not by 64: each byte may become a part of its own.
Result<Value> split_text(const Call& call) {
  PX_TRY(const std::string_view text, self_text(call));
  PX_TRY(const std::string_view separator, text_argument(call, 0, "sep", ""));
  PX_TRY(const std::size_t most, count_argument(call, 1, "maxsplit"));
  PX_CHECK(call.budget.spend(1 + text.size()));
  PX_CHECK(call.budget.spend_search(text.size(), separator.size()));
  std::vector<Value> parts;
  for (std::string& part : split(text, separator, most))
    parts.push_back(Value::text(std::move(part)));
  return make_list(std::move(parts));
}

Result<Value> replace_text(const Call& call) {
  PX_TRY(const std::string_view text, self_text(call));
  PX_TRY(const std::string_view from, text_argument(call, 0, "old", ""));
  PX_TRY(const std::string_view to, text_argument(call, 1, "new", ""));
  PX_TRY(const std::size_t most, count_argument(call, 2, "count"));
  // Paid before it is made: every place of `from` may grow to `to`.
  const std::size_t places = from.empty() ? 0 : text.size() / from.size();
  if (places > 0 && to.size() > std::numeric_limits<std::uint32_t>::max() / places)
    return fail(Errc::kLimit, "replace makes too long a text");
  PX_CHECK(call.budget.spend_bytes(places * to.size()));
  PX_CHECK(call.budget.spend_search(text.size(), from.size()));
  return Value::text(replace(text, from, to, most));
}

// Items print as {{ }} would print them.
Result<Value> join_items(const Value& items, std::string_view separator, Budget& budget) {
  PX_TRY(const std::vector<Value> all, items_of(items, budget));
  std::string out;
  for (const Value& item : all) {
    if (&item != all.data()) out += separator;
    PX_TRY(const std::string text, print(item, budget));
    out += text;
    PX_CHECK(budget.spend_bytes(separator.size()));
  }
  return Value::text(std::move(out));
}

Result<Value> join_method(const Call& call) {
  PX_TRY(const std::string_view separator, self_text(call));
  const Value* const items = call.arguments.positional(0);
  if (items == nullptr) return fail(Errc::kInvalid, "expected one argument");
  return join_items(*items, separator, call.budget);
}

Result<Value> join_filter(const Call& call) {
  PX_TRY(const std::string_view separator, text_argument(call, 0, "d", ""));
  return join_items(call.self, separator, call.budget);
}

// Mappings.

Result<const Dict*> self_dict(const Call& call) {
  if (call.self.as_dict() == nullptr)
    return fail(Errc::kInvalid, "expected a mapping, found {}", call.self.kind());
  PX_CHECK(call.budget.spend(1 + call.self.as_dict()->items.size()));
  return call.self.as_dict();
}

// Pairs are lists of two: there are no tuples here.
Result<Value> dict_items(const Call& call) {
  PX_TRY(const Dict* const dict, self_dict(call));
  std::vector<Value> pairs;
  for (const auto& [key, value] : dict->items) {
    PX_TRY(Value pair, make_list({Value::text(key), value}));
    pairs.push_back(std::move(pair));
  }
  return make_list(std::move(pairs));
}

Result<Value> dict_keys(const Call& call) {
  PX_TRY(const Dict* const dict, self_dict(call));
  std::vector<Value> keys;
  for (const auto& item : dict->items) keys.push_back(Value::text(item.first));
  return make_list(std::move(keys));
}

Result<Value> dict_values(const Call& call) {
  PX_TRY(const Dict* const dict, self_dict(call));
  std::vector<Value> values;
  for (const auto& item : dict->items) values.push_back(item.second);
  return make_list(std::move(values));
}

Result<Value> dict_get(const Call& call) {
  PX_TRY(const Dict* const dict, self_dict(call));
  PX_TRY(const std::string_view key, text_argument(call, 0, "key", ""));
  PX_CHECK(call.budget.spend_lookup(dict->items.size(), key.size()));
  if (const Value* const found = dict->find(key)) return *found;
  const Value* const otherwise = call.arguments.positional(1);
  return otherwise == nullptr ? Value::none() : *otherwise;
}

// Filters.

// Characters of a text; an undefined value has length 0.
Result<Value> length_of(const Call& call) {
  std::size_t size = 0;
  if (const std::string* const text = call.self.as_text()) {
    PX_CHECK(call.budget.spend_bytes(text->size()));
    size = count_characters(*text);
  } else if (call.self.as_list() != nullptr) {
    size = call.self.as_list()->items.size();
  } else if (call.self.as_dict() != nullptr) {
    size = call.self.as_dict()->items.size();
  } else if (!call.self.is_undefined()) {
    return fail(Errc::kInvalid, "{} has no length", call.self.kind());
  }
  return Value::integer(static_cast<std::int64_t>(size));
}

Result<Value> json_of(const Call& call) {
  if (call.arguments.find(0, "indent") != nullptr)
    return fail(Errc::kUnsupported, "tojson with an indent is not supported");
  PX_TRY(std::string json, to_json(call.self, call.budget));
  return Value::text(std::move(json));
}

// d(value, boolean=false): replaces undefined, and with boolean anything that is not true.
Result<Value> default_value(const Call& call) {
  const Value* const otherwise = call.arguments.find(0, "default_value");
  const Value* const boolean = call.arguments.find(1, "boolean");
  const bool missing =
      call.self.is_undefined() || (boolean != nullptr && boolean->truthy() && !call.self.truthy());
  if (!missing) return call.self;
  return otherwise == nullptr ? Value::text("") : *otherwise;
}

Result<Value> to_text(const Call& call) {
  PX_TRY(std::string text, print(call.self, call.budget));
  return Value::text(std::move(text));
}

// As Jinja's int filter: 0 where there is no number.
Result<Value> to_integer(const Call& call) {
  std::int64_t value = 0;
  if (const std::string* const text = call.self.as_text()) {
    const std::string_view digits = strip(*text, "", Sides::kBoth);
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
  } else if (const auto number = as_number(call.self)) {
    // Outside of this range the conversion would be undefined.
    if (*number > -9e18 && *number < 9e18) value = static_cast<std::int64_t>(*number);
  }
  return Value::integer(value);
}

Result<Value> to_list(const Call& call) {
  PX_TRY(std::vector<Value> items, items_of(call.self, call.budget));
  return make_list(std::move(items));
}

Result<Value> reverse_items(const Call& call) {
  return slice(call.self, {Value(), Value(), Value::integer(-1)}, call.budget);
}

template <bool kFirst>
Result<Value> end_item(const Call& call) {
  PX_TRY(const std::vector<Value> items, items_of(call.self, call.budget));
  if (items.empty()) return Value();
  return kFirst ? items.front() : items.back();
}

/// items whose attribute passes (or, to reject, fails) a test; no test means truth.
template <bool kKeep>
Result<Value> select_attribute(const Call& call) {
  PX_TRY(const std::string_view attribute, text_argument(call, 0, "attribute", ""));
  PX_TRY(const std::string_view test, text_argument(call, 1, "test", "truthy"));
  Arguments rest = call.arguments;
  rest.values = rest.values.subspan(std::min<std::size_t>(2, rest.values.size()));
  rest.keywords = rest.keywords.subspan(std::min<std::size_t>(2, rest.keywords.size()));
  if (!call.self.truthy()) return make_list({});  // none, too
  PX_TRY(const std::vector<Value> items, items_of(call.self, call.budget));
  const Value key = Value::text(std::string(attribute));
  std::vector<Value> out;
  for (const Value& item : items) {
    PX_TRY(const Value value, subscript(item, key, call.budget));
    bool passes = value.truthy();
    if (test != "truthy") {
      PX_TRY(passes, apply_test(test, value, rest, call.budget));
    }
    if (passes == kKeep) out.push_back(item);
  }
  return make_list(std::move(out));
}

// map(attribute=name) reads an attribute, map(filter) applies a filter without arguments.
Result<Value> map_items(const Call& call) {
  if (!call.self.truthy()) return make_list({});
  PX_TRY(const std::vector<Value> items, items_of(call.self, call.budget));
  const Value* const attribute = call.arguments.keyword("attribute");
  PX_TRY(const std::string_view filter, text_argument(call, 0, "filter", ""));
  std::vector<Value> out;
  for (const Value& item : items) {
    Value mapped;
    if (attribute != nullptr) {
      PX_TRY(mapped, subscript(item, *attribute, call.budget));
    } else {
      PX_TRY(mapped, apply_filter(filter, item, {}, call.budget));
    }
    out.push_back(std::move(mapped));
  }
  return make_list(std::move(out));
}

/// The value a replacement field names: "" counts on, "0" is a place, anything else a keyword.
Result<const Value*> format_field(const Call& call, std::string_view field, std::size_t& next) {
  const Value* value = nullptr;
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), index);
  const bool number = error == std::errc{} && end == field.data() + field.size();
  if (field.empty()) {
    value = call.arguments.positional(next++);
  } else {
    value = number ? call.arguments.positional(index) : call.arguments.keyword(field);
  }
  if (value == nullptr)
    return fail(Errc::kInvalid, "no argument for '{{{}}}'", field.substr(0, 40));
  return value;
}

/// Python's str.format with fields {}, {0} and {name}; no conversions, no widths.
Result<Value> format_method(const Call& call) {
  PX_TRY(const std::string_view text, self_text(call));
  std::string out;
  std::size_t next = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if ((c == '{' || c == '}') && at + 1 < text.size() && text[at + 1] == c) {
      out.push_back(text[at++]);
      continue;
    }
    if (c != '{') {
      out.push_back(c);
      continue;
    }
    const std::size_t close = text.find('}', at);
    if (close == std::string_view::npos) return fail(Errc::kInvalid, "a brace is not closed");
    PX_TRY(const Value* const value, format_field(call, text.substr(at + 1, close - at - 1), next));
    PX_TRY(const std::string printed, print(*value, call.budget));
    out += printed;
    at = close;
  }
  PX_CHECK(call.budget.spend_bytes(out.size()));
  return Value::text(std::move(out));
}

Result<Value> unchanged(const Call& call) {
  return call.self;
}

// The whole surface of the language outside of its grammar: adding a builtin is a row here.
constexpr Entry kFilters[] = {
    {"capitalize", printed<map_text<capitalize>>},
    {"count", length_of},
    {"d", default_value},
    {"default", default_value},
    {"first", end_item<true>},
    {"int", to_integer},
    {"items", dict_items},
    {"join", join_filter},
    {"last", end_item<false>},
    {"length", length_of},
    {"list", to_list},
    {"lower", printed<map_text<lower>>},
    {"map", map_items},
    {"rejectattr", select_attribute<false>},
    {"replace", printed<replace_text>},
    {"reverse", reverse_items},
    {"safe", unchanged},
    {"selectattr", select_attribute<true>},
    {"string", to_text},
    {"title", printed<map_text<title>>},
    {"tojson", json_of},
    {"trim", printed<strip_text<Sides::kBoth>>},
    {"upper", printed<map_text<upper>>},
};

constexpr Entry kMethods[] = {
    {"capitalize", map_text<capitalize>},
    {"endswith", has_affix<false>},
    {"format", format_method},
    {"get", dict_get},
    {"items", dict_items},
    {"join", join_method},
    {"keys", dict_keys},
    {"lower", map_text<lower>},
    {"lstrip", strip_text<Sides::kLeft>},
    {"replace", replace_text},
    {"rstrip", strip_text<Sides::kRight>},
    {"split", split_text},
    {"startswith", has_affix<true>},
    {"strip", strip_text<Sides::kBoth>},
    {"title", map_text<title>},
    {"upper", map_text<upper>},
    {"values", dict_values},
};

/// Tests that look at the kind only.
std::optional<bool> test_kind(std::string_view name, const Value& v) {
  const bool text = v.as_text() != nullptr;
  const bool list = v.as_list() != nullptr;
  const bool dict = v.as_dict() != nullptr;
  const bool boolean = v.as<bool>() != nullptr;
  if (name == "defined") return !v.is_undefined();
  if (name == "undefined") return v.is_undefined();
  if (name == "none") return v.is_none();
  if (name == "string") return text;
  if (name == "mapping") return dict;
  if (name == "iterable" || name == "sequence") return text || list || dict || v.is_undefined();
  if (name == "boolean") return boolean;
  if (name == "true") return boolean && *v.as<bool>();
  if (name == "false") return boolean && !*v.as<bool>();
  if (name == "integer") return v.as_integer() != nullptr;
  if (name == "float") return v.as<double>() != nullptr;
  if (name == "number") return as_number(v).has_value();
  if (name == "callable") return v.is_callable();
  return std::nullopt;
}

/// operand modulo divisor, for the tests odd, even and divisibleby.
Result<std::int64_t> remainder(const Value& operand, const Value* divisor) {
  const Value number = operand.as<bool>() != nullptr ? Value::integer(operand.truthy()) : operand;
  const std::int64_t* const value = number.as_integer();
  const std::int64_t* const by = divisor == nullptr ? nullptr : divisor->as_integer();
  if (value == nullptr || by == nullptr || *by == 0)
    return fail(Errc::kInvalid, "expected integers and a divisor other than 0");
  return *by == -1 ? 0 : *value % *by;
}

Result<Value> call_range(const Arguments& arguments, Budget& budget) {
  std::int64_t bounds[3] = {0, 0, 1};
  const std::size_t count = arguments.values.size();
  if (count < 1 || count > 3) return fail(Errc::kInvalid, "range takes 1 to 3 arguments");
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t* const value = arguments.values[i].as_integer();
    if (value == nullptr || *value > INT32_MAX || *value < INT32_MIN)
      return fail(Errc::kInvalid, "range takes 32-bit integers");
    bounds[count == 1 ? 1 : i] = *value;
  }
  const auto [start, stop, step] = bounds;
  if (step == 0) return fail(Errc::kInvalid, "range with step 0");
  std::vector<Value> items;
  for (std::int64_t i = start; step > 0 ? i < stop : i > stop; i += step) {
    if (items.size() == kMaxRange) return fail(Errc::kLimit, "range above {} items", kMaxRange);
    items.push_back(Value::integer(i));
  }
  PX_CHECK(budget.spend(1 + items.size()));
  return make_list(std::move(items));
}

// namespace(a=1) and dict(a=1).
Result<Value> call_dict(const Arguments& arguments, bool is_namespace) {
  std::vector<std::pair<std::string, Value>> items;
  for (std::size_t i = 0; i < arguments.values.size(); ++i) {
    if (arguments.keywords[i].empty())
      return fail(Errc::kInvalid, "expected arguments of the form name=value");
    items.emplace_back(arguments.keywords[i], arguments.values[i]);
  }
  return make_dict(std::move(items), is_namespace);
}

template <std::size_t kCount>
Builtin find(const Entry (&table)[kCount], std::string_view name) {
  const auto* const found = std::find_if(std::begin(table), std::end(table),
                                         [name](const Entry& e) { return e.name == name; });
  return found == std::end(table) ? nullptr : found->function;
}

}  // namespace

const Value* Arguments::positional(std::size_t index) const {
  if (index >= values.size() || !keywords[index].empty()) return nullptr;
  return &values[index];
}

const Value* Arguments::keyword(std::string_view name) const {
  const auto found = std::find(keywords.begin(), keywords.end(), name);
  if (found == keywords.end()) return nullptr;
  return &values[static_cast<std::size_t>(found - keywords.begin())];
}

const Value* Arguments::find(std::size_t index, std::string_view name) const {
  const Value* const by_position = positional(index);
  return by_position != nullptr ? by_position : keyword(name);
}

Result<Value> apply_filter(std::string_view name, const Value& operand, const Arguments& arguments,
                           Budget& budget) {
  PX_CHECK(budget.spend(1));
  const Builtin filter = find(kFilters, name);
  if (filter == nullptr) return fail(Errc::kUnsupported, "there is no filter '{}'", name);
  auto done = filter({operand, arguments, budget});
  if (!done) return in_context(std::string("filter '").append(name).append("'"), done.error());
  return done;
}

Result<bool> apply_test(std::string_view name, const Value& operand, const Arguments& arguments,
                        Budget& budget) {
  PX_CHECK(budget.spend(1));
  if (const std::optional<bool> kind = test_kind(name, operand)) return *kind;
  const Value* const other = arguments.positional(0);
  if (name == "odd" || name == "even") {
    const Value two = Value::integer(2);
    PX_TRY(const std::int64_t rest, remainder(operand, &two));
    return (rest != 0) == (name == "odd");
  }
  if (name == "divisibleby") {
    PX_TRY(const std::int64_t rest, remainder(operand, other));
    return rest == 0;
  }
  const bool equality = name == "equalto" || name == "eq" || name == "==";
  const bool inequality = name == "ne" || name == "!=";
  if (!equality && !inequality && name != "in")
    return fail(Errc::kUnsupported, "there is no test '{}'", name);
  if (other == nullptr) return fail(Errc::kInvalid, "test '{}' takes an argument", name);
  if (name == "in") return contains(*other, operand, budget);
  PX_TRY(const bool same, equal(operand, *other, budget));
  return same == equality;
}

Result<Value> call_method(std::string_view name, const Value& object, const Arguments& arguments,
                          Budget& budget) {
  PX_CHECK(budget.spend(1));
  const Builtin method = find(kMethods, name);
  if (method == nullptr)
    return fail(Errc::kUnsupported, "{} has no method '{}'", object.kind(), name);
  auto done = method({object, arguments, budget});
  if (!done) return in_context(std::string("method '").append(name).append("'"), done.error());
  return done;
}

Result<Value> call_function(Function function, const Arguments& arguments, Budget& budget) {
  PX_CHECK(budget.spend(1));
  switch (function) {
    case Function::kNamespace:
      return call_dict(arguments, true);
    case Function::kDict:
      return call_dict(arguments, false);
    case Function::kRange:
      return call_range(arguments, budget);
    case Function::kStrftimeNow:  // the renderer's own: it knows the time
    case Function::kRaiseException:
      break;
  }
  const Value* const reason = arguments.positional(0);
  std::string text = "no reason given";
  if (reason != nullptr && reason->as_text() != nullptr)
    text = to_valid_utf8(std::string_view(*reason->as_text()).substr(0, kMaxReasonBytes));
  std::replace(text.begin(), text.end(), '\n', ' ');
  return fail(Errc::kInvalid, "the template refuses the messages: {}", text);
}

}  // namespace pxos::text::jinja
