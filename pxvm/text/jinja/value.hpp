#pragma once
// What a template computes with. Values are immutable and share their storage, except namespaces.
// No value reaches itself: a namespace is never stored in another value, and nesting is limited, so
// that walking and destroying a value takes bounded stack.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pxos::text::jinja {

/// What a render may still do: a step for every node, iteration and 64 bytes of text made. It
/// bounds time and memory of any template.
class Budget {
 public:
  explicit Budget(std::int64_t steps) : steps_(steps) {}
  /// Errors: kLimit when nothing is left.
  Result<void> spend(std::uint64_t steps);
  Result<void> spend_bytes(std::uint64_t bytes) { return spend(1 + bytes / 64); }
  /// A search of `needle` bytes in `haystack` bytes, at its worst case.
  Result<void> spend_search(std::uint64_t haystack, std::uint64_t needle) {
    return spend(1 + haystack / 64 + haystack * needle / 4096);
  }
  /// Looking a name of `bytes` up among `entries`.
  Result<void> spend_lookup(std::uint64_t entries, std::uint64_t bytes) {
    return spend((1 + entries / 8) * (1 + bytes / 64));
  }

 private:
  std::int64_t steps_;
};

struct Undefined {
  friend bool operator==(const Undefined&, const Undefined&) = default;
};
struct None {
  friend bool operator==(const None&, const None&) = default;
};
enum class Function : std::uint8_t { kRaiseException, kNamespace, kRange, kDict, kStrftimeNow };

struct Statement;
/// A macro of the template that is rendered: its definition in the tree, which outlives every
/// value.
struct Macro {
  const Statement* definition = nullptr;
  friend bool operator==(const Macro&, const Macro&) = default;
};

class Value;
struct List;
struct Dict;

using Text = std::shared_ptr<const std::string>;
using ListPtr = std::shared_ptr<const List>;
using DictPtr = std::shared_ptr<Dict>;

class Value {
 public:
  using Data = std::variant<Undefined, None, bool, std::int64_t, double, Text, ListPtr, DictPtr,
                            Function, Macro>;
  Value() = default;
  explicit Value(Data data) : data_(std::move(data)) {}
  static Value none() { return Value(Data(None{})); }
  static Value boolean(bool value) { return Value(Data(value)); }
  static Value integer(std::int64_t value) { return Value(Data(value)); }
  static Value real(double value) { return Value(Data(value)); }
  static Value text(std::string value);

  template <class T>
  [[nodiscard]] const T* as() const {
    return std::get_if<T>(&data_);
  }
  /// Null when it is another kind.
  [[nodiscard]] const std::string* as_text() const;
  [[nodiscard]] const List* as_list() const;
  [[nodiscard]] const Dict* as_dict() const;
  [[nodiscard]] bool is_undefined() const { return as<Undefined>() != nullptr; }
  [[nodiscard]] bool is_none() const { return as<None>() != nullptr; }
  [[nodiscard]] bool is_callable() const {
    return as<Function>() != nullptr || as<Macro>() != nullptr;
  }
  /// int or bool as Python counts them: true is 1.
  [[nodiscard]] const std::int64_t* as_integer() const { return as<std::int64_t>(); }

  [[nodiscard]] bool truthy() const;
  /// "string", "list", ...: for messages.
  [[nodiscard]] std::string_view kind() const;

 private:
  Data data_;
};

struct List {
  std::vector<Value> items;
  unsigned depth = 1;
};

/// A mapping with text keys in insertion order; a namespace is one that `set` may change.
struct Dict {
  std::vector<std::pair<std::string, Value>> items;
  unsigned depth = 1;
  bool is_namespace = false;

  [[nodiscard]] const Value* find(std::string_view key) const;
  void assign(std::string_view key, Value value);
};

// Containers. Errors: kLimit when nested more than 32 deep; kInvalid for a namespace inside.
Result<Value> make_list(std::vector<Value> items);
Result<Value> make_dict(std::vector<std::pair<std::string, Value>> items, bool is_namespace);
/// The check both share, for a value about to be stored in another.
Result<unsigned> nested_depth(const Value& value);

/// As {{ }} prints it: text bare, undefined as nothing, the rest as Python does.
Result<std::string> print(const Value& value, Budget& budget);
/// As json.dumps(value, ensure_ascii=False).
Result<std::string> to_json(const Value& value, Budget& budget);
Result<bool> equal(const Value& a, const Value& b, Budget& budget);
/// a < b for two numbers or two texts. Errors: kInvalid for other kinds.
Result<bool> less(const Value& a, const Value& b, Budget& budget);

/// The number a value is (bool counts as 0 or 1), if it is one.
[[nodiscard]] std::optional<double> as_number(const Value& value);

}  // namespace pxos::text::jinja
