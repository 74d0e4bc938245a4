#include "cartridges/json_schema.hpp"

#include "cartridges/json_guard.hpp"
#include "cartridges/schema_text.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pxos::cartridges {
namespace {

// Properties keep the order of the document.
using Schema = nlohmann::ordered_json;

constexpr std::size_t kMaxRules = 20000;
constexpr int kMaxDepth = 100;
constexpr std::int64_t kMaxCount = 4096;

constexpr std::array<std::string_view, 12> kAnnotations = {
    "title", "description", "default",  "examples", "$schema",   "$id",
    "$defs", "definitions", "$comment", "readOnly", "writeOnly", "deprecated"};

/// What every grammar begins with. Numbers are bounded so that a model cannot write digits for
/// ever.
constexpr std::string_view kPrelude = R"(ws ::= "" | " " | "\n" [ \t]{0,20}
char ::= [^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})
string ::= "\"" char* "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,15})
number ::= integer ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?
boolean ::= "true" | "false"
null ::= "null"
value ::= object | array | string | number | boolean | null
object ::= "{" ws (string ws ":" ws value (ws "," ws string ws ":" ws value)*)? ws "}"
array ::= "[" ws (value (ws "," ws value)*)? ws "]"
)";

class Writer {
 public:
  explicit Writer(const Schema& document) : document_(document) {}

  Result<std::string> write() {
    PX_TRY(const std::string root, rule_of(document_, "schema", 0));
    std::string out(kPrelude);
    for (const std::string& line : lines_) out += line;
    out += "root ::= ws " + root + " ws\n";
    return out;
  }

 private:
  std::string add(std::string_view definition) {
    const std::string name = fmt::format("r{}", lines_.size());
    lines_.push_back(fmt::format("{} ::= {}\n", name, definition));
    return name;
  }

  /// The name of a rule (or an expression in parentheses) for `schema`.
  Result<std::string> rule_of(const Schema& schema, const std::string& path, int depth) {
    if (depth > kMaxDepth || lines_.size() > kMaxRules)
      return fail(Errc::kLimit, "{}: the schema is too large or nests too deeply", path);
    if (schema.is_boolean() && schema.get<bool>()) return std::string("value");
    if (!schema.is_object())
      return fail(Errc::kInvalid, "{}: expected an object, found {}", path, schema.type_name());
    if (schema.contains("$ref")) return reference(schema, path, depth);
    if (schema.contains("const")) {
      PX_CHECK(check_keys(schema, path, {"const", "type"}));
      return add(quote_gbnf(schema["const"].dump()));
    }
    if (schema.contains("enum")) return enumeration(schema, path);
    for (const char* key : {"anyOf", "oneOf"}) {
      if (schema.contains(key)) return choice(schema, key, path, depth);
    }
    return typed(schema, path, depth);
  }

  static Result<void> check_keys(const Schema& schema, const std::string& path,
                                 const std::set<std::string_view>& known) {
    for (const auto& [key, value] : schema.items()) {
      const bool annotates =
          std::find(kAnnotations.begin(), kAnnotations.end(), key) != kAnnotations.end();
      if (!annotates && known.count(key) == 0)
        return fail(Errc::kUnsupported, "{}.{}: this keyword is not understood here", path, key);
    }
    return {};
  }

  // A rule is made once for each place referred to; a reference to one in the making is recursion.
  Result<std::string> reference(const Schema& schema, const std::string& path, int depth) {
    PX_CHECK(check_keys(schema, path, {"$ref"}));
    if (!schema["$ref"].is_string())
      return fail(Errc::kInvalid, "{}.$ref: expected a string", path);
    const auto target = schema["$ref"].get<std::string>();
    if (const auto known = references_.find(target); known != references_.end())
      return known->second;
    if (!target.starts_with('#'))
      return fail(Errc::kUnsupported, "{}.$ref: '{}' is outside this document", path, target);
    const std::string name = fmt::format("ref{}", references_.size());
    references_.emplace(target, name);
    PX_TRY(const Schema* found, look_up(target, path));
    PX_TRY(const std::string rule, rule_of(*found, target, depth + 1));
    lines_.push_back(fmt::format("{} ::= {}\n", name, rule));
    return name;
  }

  Result<const Schema*> look_up(std::string_view target, const std::string& path) const {
    const Schema* at = &document_;
    std::string_view rest = target.substr(1);
    while (!rest.empty()) {
      if (rest.front() != '/') break;
      rest.remove_prefix(1);
      const std::string key(rest.substr(0, rest.find('/')));
      rest.remove_prefix(key.size());
      if (!at->is_object() || !at->contains(key))
        return fail(Errc::kInvalid, "{}.$ref: '{}' is not in this document", path, target);
      at = &(*at)[key];
    }
    if (!rest.empty()) return fail(Errc::kUnsupported, "{}.$ref: '{}' is no path", path, target);
    return at;
  }

  Result<std::string> enumeration(const Schema& schema, const std::string& path) {
    PX_CHECK(check_keys(schema, path, {"enum", "type"}));
    const Schema& values = schema["enum"];
    if (!values.is_array() || values.empty())
      return fail(Errc::kInvalid, "{}.enum: expected a list of values", path);
    std::vector<std::string> texts;
    for (const Schema& value : values) texts.push_back(quote_gbnf(value.dump()));
    return add(fmt::format("{}", fmt::join(texts, " | ")));
  }

  Result<std::string> choice(const Schema& schema, const char* key, const std::string& path,
                             int depth) {
    PX_CHECK(check_keys(schema, path, {key}));
    const Schema& all = schema[key];
    if (!all.is_array() || all.empty())
      return fail(Errc::kInvalid, "{}.{}: expected a list of schemas", path, key);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < all.size(); ++i) {
      PX_TRY(std::string name, rule_of(all[i], fmt::format("{}.{}[{}]", path, key, i), depth + 1));
      names.push_back(std::move(name));
    }
    return add(fmt::format("{}", fmt::join(names, " | ")));
  }

  /// By `type`, or by the keyword that only one type has.
  Result<std::string> typed(const Schema& schema, const std::string& path, int depth) {
    if (!schema.contains("type")) {
      if (schema.contains("properties") || schema.contains("additionalProperties"))
        return object(schema, path, depth);
      if (schema.contains("items") || schema.contains("prefixItems"))
        return array(schema, path, depth);
      if (schema.contains("pattern")) return string(schema, path);
      PX_CHECK(check_keys(schema, path, {}));
      return std::string("value");
    }
    const Schema& type = schema["type"];
    if (type.is_string()) return of_type(type.get<std::string>(), schema, path, depth);
    if (!type.is_array() || type.empty())
      return fail(Errc::kInvalid, "{}.type: expected a name or a list of names", path);
    std::vector<std::string> names;
    for (const Schema& one : type) {
      if (!one.is_string()) return fail(Errc::kInvalid, "{}.type: expected names", path);
      PX_TRY(std::string name, of_type(one.get<std::string>(), schema, path, depth));
      names.push_back(std::move(name));
    }
    return add(fmt::format("{}", fmt::join(names, " | ")));
  }

  Result<std::string> of_type(const std::string& type, const Schema& schema,
                              const std::string& path, int depth) {
    const bool alone = schema["type"].is_string();
    if (type == "object") return object(schema, path, depth);
    if (type == "array") return array(schema, path, depth);
    if (type == "string") return string(schema, path);
    if (type == "integer") return integer(schema, path);
    if (type == "number" || type == "boolean" || type == "null") {
      if (alone) PX_CHECK(check_keys(schema, path, {"type"}));
      return type;
    }
    return fail(Errc::kInvalid, "{}.type: '{}' is no type", path, type);
  }

  /// How often: "{least,most}". `most` empty = without end.
  static Result<std::int64_t> count(const Schema& schema, const char* key, const std::string& path,
                                    std::int64_t fallback) {
    if (!schema.contains(key)) return fallback;
    const Schema& value = schema[key];
    if (!value.is_number_integer() || value.get<std::int64_t>() < 0 ||
        value.get<std::int64_t>() > kMaxCount)
      return fail(Errc::kInvalid, "{}.{}: expected an integer from 0 to {}", path, key, kMaxCount);
    return value.get<std::int64_t>();
  }

  Result<std::string> string(const Schema& schema, const std::string& path) {
    PX_CHECK(check_keys(schema, path, {"type", "minLength", "maxLength", "pattern", "format"}));
    if (schema.contains("pattern") || schema.contains("format")) {
      const char* key = schema.contains("pattern") ? "pattern" : "format";
      if (!schema[key].is_string())
        return fail(Errc::kInvalid, "{}.{}: expected a string", path, key);
      const auto text = schema[key].get<std::string>();
      auto inside = schema.contains("pattern") ? pattern_gbnf(text) : format_gbnf(text);
      if (!inside) return in_context(fmt::format("{}.{}", path, key), std::move(inside).error());
      return add(fmt::format(R"("\"" ({}) "\"")", *inside));
    }
    PX_TRY(const std::int64_t least, count(schema, "minLength", path, 0));
    PX_TRY(const std::int64_t most, count(schema, "maxLength", path, -1));
    if (least == 0 && most < 0) return std::string("string");
    if (most >= 0 && most < least)
      return fail(Errc::kInvalid, "{}: maxLength {} is below minLength {}", path, most, least);
    return add(fmt::format(R"("\"" char{} "\"")", repeat_gbnf(least, most)));
  }

  Result<std::optional<std::int64_t>> bound(const Schema& schema, const char* key,
                                            const char* exclusive, std::int64_t step,
                                            const std::string& path) const {
    for (const char* name : {key, exclusive}) {
      if (!schema.contains(name)) continue;
      const Schema& value = schema[name];
      constexpr std::int64_t kLargest = 1'000'000'000'000'000;
      if (!value.is_number_integer() || value.get<std::int64_t>() > kLargest ||
          value.get<std::int64_t>() < -kLargest)
        return fail(Errc::kUnsupported, "{}.{}: expected an integer of at most 15 digits", path,
                    name);
      return std::optional(value.get<std::int64_t>() + (name == exclusive ? step : 0));
    }
    return std::optional<std::int64_t>();
  }

  Result<std::string> integer(const Schema& schema, const std::string& path) {
    PX_CHECK(check_keys(schema, path,
                        {"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}));
    PX_TRY(const auto least, bound(schema, "minimum", "exclusiveMinimum", 1, path));
    PX_TRY(const auto most, bound(schema, "maximum", "exclusiveMaximum", -1, path));
    if (!least && !most) return std::string("integer");
    if (least && most && *most < *least)
      return fail(Errc::kInvalid, "{}: no integer from {} to {}", path, *least, *most);
    return add(integer_range_gbnf(least, most));
  }

  Result<std::string> array(const Schema& schema, const std::string& path, int depth) {
    PX_CHECK(check_keys(schema, path, {"type", "items", "prefixItems", "minItems", "maxItems"}));
    if (schema.contains("prefixItems")) return tuple(schema, path, depth);
    PX_TRY(const std::int64_t least, count(schema, "minItems", path, 0));
    PX_TRY(const std::int64_t most, count(schema, "maxItems", path, -1));
    if (most >= 0 && most < least)
      return fail(Errc::kInvalid, "{}: maxItems {} is below minItems {}", path, most, least);
    std::string item = "value";
    if (schema.contains("items")) {
      PX_TRY(item, rule_of(schema["items"], path + ".items", depth + 1));
    }
    if (most == 0) return add(R"("[" ws "]")");
    const std::string more =
        fmt::format(R"({} (ws "," ws {}){})", item, item,
                    repeat_gbnf(std::max<std::int64_t>(least - 1, 0), most < 0 ? -1 : most - 1));
    return add(fmt::format(R"("[" ws {} ws "]")", least == 0 ? fmt::format("({})?", more) : more));
  }

  Result<std::string> tuple(const Schema& schema, const std::string& path, int depth) {
    PX_CHECK(check_keys(schema, path, {"type", "prefixItems", "items"}));
    if (schema.contains("items") && schema["items"] != false)
      return fail(Errc::kUnsupported, "{}.items: only false beside prefixItems", path);
    const Schema& items = schema["prefixItems"];
    if (!items.is_array() || items.empty())
      return fail(Errc::kInvalid, "{}.prefixItems: expected a list of schemas", path);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < items.size(); ++i) {
      PX_TRY(std::string name,
             rule_of(items[i], fmt::format("{}.prefixItems[{}]", path, i), depth + 1));
      names.push_back(std::move(name));
    }
    return add(fmt::format(R"("[" ws {} ws "]")", fmt::join(names, R"( ws "," ws )")));
  }

  struct Property {
    std::string pair;  ///< rule for key and value
    bool required = false;
  };

  Result<std::string> object(const Schema& schema, const std::string& path, int depth) {
    PX_CHECK(check_keys(schema, path, {"type", "properties", "required", "additionalProperties"}));
    PX_TRY(const std::vector<Property> properties, properties_of(schema, path, depth));
    PX_TRY(const std::string extra, extra_pair(schema, path, depth));
    // From the back: what may follow property i, with and without one before it.
    const std::string more = extra.empty() ? "" : fmt::format(R"((ws "," ws {})*)", extra);
    std::string after = more.empty() ? R"("")" : add(more);
    std::string first = extra.empty() ? R"("")" : add(fmt::format("({} {})?", extra, more));
    for (auto p = properties.rbegin(); p != properties.rend(); ++p) {
      const std::string with = fmt::format("{} {}", p->pair, after);
      const std::string next = fmt::format(R"(ws "," ws {})", with);
      first = p->required ? add(with) : add(fmt::format("{} | {}", with, first));
      after = p->required ? add(next) : add(fmt::format("{} | {}", next, after));
    }
    return add(fmt::format(R"("{{" ws {} ws "}}")", first));
  }

  Result<std::vector<Property>> properties_of(const Schema& schema, const std::string& path,
                                              int depth) {
    std::set<std::string> required;
    if (schema.contains("required")) {
      if (!schema["required"].is_array())
        return fail(Errc::kInvalid, "{}.required: expected a list", path);
      for (const Schema& name : schema["required"]) {
        if (!name.is_string()) return fail(Errc::kInvalid, "{}.required: expected names", path);
        required.insert(name.get<std::string>());
      }
    }
    std::vector<Property> out;
    if (schema.contains("properties")) {
      if (!schema["properties"].is_object())
        return fail(Errc::kInvalid, "{}.properties: expected an object", path);
      for (const auto& [name, value] : schema["properties"].items()) {
        PX_TRY(const std::string rule,
               rule_of(value, fmt::format("{}.properties.{}", path, name), depth + 1));
        const std::string key = quote_gbnf(Schema(name).dump());
        out.push_back(
            {add(fmt::format(R"({} ws ":" ws {})", key, rule)), required.erase(name) > 0});
      }
    }
    if (!required.empty())
      return fail(Errc::kInvalid, "{}.required: '{}' is no property", path, *required.begin());
    return out;
  }

  /// The pair other keys make; empty = none are taken.
  Result<std::string> extra_pair(const Schema& schema, const std::string& path, int depth) {
    const bool given = schema.contains("additionalProperties");
    if (!given && schema.contains("properties")) return std::string();
    if (given && schema["additionalProperties"] == false) return std::string();
    std::string value = "value";
    if (given) {
      PX_TRY(value,
             rule_of(schema["additionalProperties"], path + ".additionalProperties", depth + 1));
    }
    return add(fmt::format(R"(string ws ":" ws {})", value));
  }

  const Schema& document_;
  std::vector<std::string> lines_;
  std::map<std::string, std::string> references_;
};

}  // namespace

Result<std::string> json_schema_grammar(Bytes schema) {
  PX_CHECK(check_json(schema, "schema", {.max_bytes = 1U << 20U, .max_depth = 64}));
  const Schema document = Schema::parse(schema.begin(), schema.end(), nullptr, false);
  if (document.is_discarded()) return fail(Errc::kInvalid, "schema: not JSON");
  return Writer(document).write();
}

}  // namespace pxos::cartridges
