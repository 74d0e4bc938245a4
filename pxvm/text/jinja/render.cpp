#include "pxvm/text/jinja/render.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/text/jinja/builtins.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

namespace pxos::text::jinja {
namespace {

/// How a block ended.
enum class Flow : std::uint8_t { kNext, kBreak, kContinue };

// Positions go in front: "line:column: what".
tl::unexpected<Error> at(Position position, Error error) {
  return in_context(fmt::format("{}:{}", position.line, position.column), std::move(error));
}

/// `result`, with the position in front of its error.
template <class T>
Result<T> placed(Position position, Result<T> result) {
  if (!result) return at(position, std::move(result).error());
  return result;
}

// 64 bits where Python has any number: overflow is an error, never a wrong value.
Result<std::int64_t> integer_arithmetic(Operator op, std::int64_t a, std::int64_t b) {
  std::optional<std::int64_t> out;
  if (op == Operator::kMultiply) out = checked_mul(a, b);
  if (op == Operator::kAdd) out = checked_add(a, b);
  if (op == Operator::kSubtract) {
    std::int64_t difference = 0;
    if (!__builtin_sub_overflow(a, b, &difference)) out = difference;
  }
  if (op == Operator::kFloorDivide || op == Operator::kModulo) {
    if (b == 0) return fail(Errc::kInvalid, "division by zero");
    if (b == -1)
      return integer_arithmetic(Operator::kMultiply, op == Operator::kModulo ? 0 : a, -1);
    // Python rounds the quotient down; the remainder takes the divisor's sign.
    const std::int64_t rest = a % b;
    const bool down = rest != 0 && (rest < 0) != (b < 0);
    out = op == Operator::kModulo ? rest + (down ? b : 0) : a / b - (down ? 1 : 0);
  }
  if (!out) return fail(Errc::kInvalid, "integer overflow");
  return *out;
}

// Two integers stay integers except under "/"; with a float, everything is a float.
Result<Value> number_arithmetic(Operator op, const Value& a, const Value& b) {
  const std::optional<double> x = as_number(a);
  const std::optional<double> y = as_number(b);
  if (!x || !y)
    return fail(Errc::kInvalid, "the operator does not take {} and {}", a.kind(), b.kind());
  const bool real = a.as<double>() != nullptr || b.as<double>() != nullptr;
  if (op != Operator::kDivide && !real) {
    const auto whole = [](const Value& v) {
      return v.as_integer() != nullptr ? *v.as_integer() : std::int64_t{v.truthy()};
    };
    PX_TRY(const std::int64_t result, integer_arithmetic(op, whole(a), whole(b)));
    return Value::integer(result);
  }
  if (op == Operator::kAdd) return Value::real(*x + *y);
  if (op == Operator::kSubtract) return Value::real(*x - *y);
  if (op == Operator::kMultiply) return Value::real(*x * *y);
  if (*y == 0) return fail(Errc::kInvalid, "division by zero");
  if (op == Operator::kDivide) return Value::real(*x / *y);
  const double quotient = std::floor(*x / *y);
  return Value::real(op == Operator::kFloorDivide ? quotient : *x - quotient * *y);
}

/// Nested blocks and expressions from which on no macro is called: with kMaxTreeDepth for the body
/// of the last one it bounds the stack of a render.
constexpr unsigned kMaxLevels = 300;

class Level {
 public:
  explicit Level(unsigned& levels) : levels_(levels) { ++levels_; }
  ~Level() { --levels_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;

 private:
  unsigned& levels_;
};

/// One render. scopes_[0] holds the functions, scopes_[1] the variables given from outside; each
/// turn of a loop adds one, so what is set there is gone afterwards, as in Jinja. After an error
/// the scopes are not unwound: the renderer is not used again.
class Renderer {
 public:
  Renderer(Variables variables, const RenderOptions& options)
      : budget_(options.steps), output_bytes_(options.output_bytes), now_(options.now) {
    scopes_.push_back({{"raise_exception", Value(Value::Data(Function::kRaiseException))},
                       {"namespace", Value(Value::Data(Function::kNamespace))},
                       {"range", Value(Value::Data(Function::kRange))},
                       {"dict", Value(Value::Data(Function::kDict))}});
    if (now_)
      scopes_.back().emplace_back("strftime_now", Value(Value::Data(Function::kStrftimeNow)));
    scopes_.push_back(std::move(variables));
  }

  Result<Flow> block(const Block& statements) {
    const Level level(levels_);
    for (const Statement& one : statements) {
      if (auto spent = budget_.spend(1); !spent) return at(one.at, spent.error());
      PX_TRY(const Flow flow, statement(one));
      if (flow != Flow::kNext) return flow;
    }
    return Flow::kNext;
  }

  std::string take() { return std::move(out_); }

 private:
  Result<Flow> statement(const Statement& s) {
    switch (s.kind) {
      case Statement::Kind::kText:
        return emit(s.at, s.text);
      case Statement::Kind::kOutput: {
        PX_TRY(const Value value, evaluate(*s.expr));
        PX_TRY(const std::string text, placed(s.expr->at, print(value, budget_)));
        return emit(s.at, text);
      }
      case Statement::Kind::kIf: {
        PX_TRY(const Value value, evaluate(*s.expr));
        return block(value.truthy() ? s.body : s.otherwise);
      }
      case Statement::Kind::kFor:
        return loop(s);
      case Statement::Kind::kSet:
        return assign(s);
      case Statement::Kind::kSetBlock:
        return assign_block(s);
      case Statement::Kind::kGroup:
        return block(s.body);
      case Statement::Kind::kMacro:
        PX_CHECK(placed(s.at, set(s.text, Value(Value::Data(Macro{&s})))));
        return Flow::kNext;
      case Statement::Kind::kFilter:
        return filter_block(s);
      case Statement::Kind::kBreak:
        return Flow::kBreak;
      case Statement::Kind::kContinue:
        return Flow::kContinue;
    }
    return Flow::kNext;
  }

  // The output cap is checked before the text is appended.
  Result<Flow> emit(Position position, std::string_view text) {
    if (auto spent = budget_.spend_bytes(text.size()); !spent) return at(position, spent.error());
    if (text.size() > output_bytes_ - out_.size())
      return at(position,
                {Errc::kLimit, fmt::format("more than {} bytes of output", output_bytes_)});
    out_ += text;
    return Flow::kNext;
  }

  // {% set name = value %} in the innermost scope, or {% set namespace.name = value %} where it
  // lives.
  Result<Flow> assign(const Statement& s) {
    PX_TRY(Value value, evaluate(*s.expr));
    if (s.text.empty()) {
      PX_CHECK(placed(s.at, set(s.targets[0], std::move(value))));
      return Flow::kNext;
    }
    PX_TRY(const Value object, placed(s.at, lookup(s.targets[0])));
    const DictPtr* const dict = object.as<DictPtr>();
    if (dict == nullptr || !(*dict)->is_namespace)
      return at(s.at, {Errc::kInvalid, fmt::format("'{}' is {}, expected a namespace", s.targets[0],
                                                   object.kind())});
    PX_CHECK(placed(s.at, nested_depth(value)));
    PX_CHECK(placed(s.at, budget_.spend(1 + (*dict)->items.size() / 8)));
    (*dict)->assign(s.text, std::move(value));
    return Flow::kNext;
  }

  Result<Flow> assign_block(const Statement& s) {
    std::string outer = std::exchange(out_, {});
    PX_TRY(const Flow flow, block(s.body));
    PX_CHECK(placed(s.at, set(s.targets[0], Value::text(std::exchange(out_, std::move(outer))))));
    return flow;
  }

  Result<Flow> filter_block(const Statement& s) {
    std::string outer = std::exchange(out_, {});
    PX_TRY(const Flow flow, block(s.body));
    scopes_.push_back(
        {{std::string(kFilterBody), Value::text(std::exchange(out_, std::move(outer)))}});
    PX_TRY(const Value value, evaluate(*s.expr));
    scopes_.pop_back();
    PX_TRY(const std::string text, placed(s.at, print(value, budget_)));
    PX_CHECK(emit(s.at, text));
    return flow;
  }

  // The items are copied first (they share their storage), so a body that sets the iterated
  // variable does not change the loop.
  Result<Flow> loop(const Statement& s) {
    PX_TRY(const Value iterable, evaluate(*s.expr));
    PX_TRY(std::vector<Value> items, placed(s.expr->at, items_of(iterable, budget_)));
    if (s.condition != nullptr) PX_CHECK(keep_matching(s, items));
    if (items.empty()) return block(s.otherwise);
    for (std::size_t i = 0; i < items.size(); ++i) {
      scopes_.emplace_back();
      PX_CHECK(placed(s.at, budget_.spend(8)));
      PX_TRY(Value state, placed(s.at, loop_state(items, i)));
      PX_CHECK(placed(s.at, set("loop", std::move(state))));
      PX_CHECK(bind(s, items[i]));
      PX_TRY(const Flow flow, block(s.body));
      scopes_.pop_back();
      if (flow == Flow::kBreak) break;
    }
    return Flow::kNext;
  }

  /// {% for x in items if condition %}
  Result<void> keep_matching(const Statement& s, std::vector<Value>& items) {
    std::vector<Value> kept;
    for (Value& item : items) {
      scopes_.emplace_back();
      PX_CHECK(bind(s, item));
      PX_TRY(const Value passes, evaluate(*s.condition));
      scopes_.pop_back();
      if (passes.truthy()) kept.push_back(std::move(item));
    }
    items = std::move(kept);
    return {};
  }

  Result<void> bind(const Statement& s, const Value& item) {
    if (s.targets.size() == 1) {
      return placed(s.at, set(s.targets[0], item));
    }
    PX_TRY(const std::vector<Value> parts, placed(s.at, items_of(item, budget_)));
    if (parts.size() != s.targets.size())
      return at(s.at, {Errc::kInvalid, fmt::format("{} loop variables for {} values",
                                                   s.targets.size(), parts.size())});
    for (std::size_t i = 0; i < parts.size(); ++i)
      PX_CHECK(placed(s.at, set(s.targets[i], parts[i])));
    return {};
  }

  // A fresh mapping for each turn: a template cannot keep the loop's state by keeping the value.
  static Result<Value> loop_state(const std::vector<Value>& items, std::size_t i) {
    const auto number = [](std::size_t n) { return Value::integer(static_cast<std::int64_t>(n)); };
    const std::size_t n = items.size();
    return make_dict({{"index", number(i + 1)},
                      {"index0", number(i)},
                      {"revindex", number(n - i)},
                      {"revindex0", number(n - i - 1)},
                      {"first", Value::boolean(i == 0)},
                      {"last", Value::boolean(i + 1 == n)},
                      {"length", number(n)},
                      {"previtem", i == 0 ? Value() : items[i - 1]},
                      {"nextitem", i + 1 == n ? Value() : items[i + 1]}},
                     false);
  }

  Result<void> set(std::string_view name, Value value) {
    PX_CHECK(budget_.spend(scopes_.back().size() / 8));
    for (auto& variable : scopes_.back()) {
      if (variable.first == name) {
        variable.second = std::move(value);
        return {};
      }
    }
    scopes_.back().emplace_back(name, std::move(value));
    return {};
  }

  // Undefined when no scope has it. Paid by what is searched: a template can make many variables.
  Result<Value> lookup(std::string_view name) {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      PX_CHECK(budget_.spend(scope->size() / 8));
      for (const auto& variable : *scope) {
        if (variable.first == name) return variable.second;
      }
    }
    return Value();
  }

  /// The value of `e`; errors carry the innermost position.
  Result<Value> evaluate(const Expr& e) {
    if (auto spent = budget_.spend(1); !spent) return at(e.at, spent.error());
    const Level level(levels_);
    switch (e.kind) {
      case Expr::Kind::kLiteral:
        return e.value;
      case Expr::Kind::kName:
        return placed(e.at, lookup(e.text));
      case Expr::Kind::kList: {
        PX_TRY(std::vector<Value> items, evaluate_from(e, 0));
        return placed(e.at, make_list(std::move(items)));
      }
      case Expr::Kind::kDict:
        return dict(e);
      case Expr::Kind::kAttribute: {
        PX_TRY(const Value object, evaluate(*e.children[0]));
        return placed(e.at, subscript(object, Value::text(e.text), budget_));
      }
      case Expr::Kind::kSubscript: {
        PX_TRY(const std::vector<Value> both, evaluate_from(e, 0));
        return placed(e.at, subscript(both[0], both[1], budget_));
      }
      case Expr::Kind::kSlice: {
        PX_TRY(const std::vector<Value> parts, evaluate_from(e, 0));
        return placed(e.at, slice(parts[0], {parts[1], parts[2], parts[3]}, budget_));
      }
      default:
        return operation(e);
    }
  }

  // The second half of evaluate(): what applies an operator or a builtin to values.
  Result<Value> operation(const Expr& e) {
    switch (e.kind) {
      case Expr::Kind::kCall:
        return call(e);
      case Expr::Kind::kFilter: {
        PX_TRY(const std::vector<Value> values, evaluate_from(e, 0));
        return placed(e.at, apply_filter(e.text, values[0], arguments(values, e), budget_));
      }
      case Expr::Kind::kTest: {
        PX_TRY(const std::vector<Value> values, evaluate_from(e, 0));
        PX_TRY(const bool passes,
               placed(e.at, apply_test(e.text, values[0], arguments(values, e), budget_)));
        return Value::boolean(passes);
      }
      case Expr::Kind::kUnary:
        return unary(e);
      case Expr::Kind::kBinary:
        return binary(e);
      case Expr::Kind::kConditional: {
        PX_TRY(const Value condition, evaluate(*e.children[1]));
        const ExprPtr& chosen = e.children[condition.truthy() ? 0 : 2];
        if (chosen == nullptr) return Value();
        return evaluate(*chosen);
      }
      default:
        return Value();
    }
  }

  /// The children from `first` on; absent ones are undefined.
  Result<std::vector<Value>> evaluate_from(const Expr& e, std::size_t first) {
    std::vector<Value> values;
    for (std::size_t i = first; i < e.children.size(); ++i) {
      values.emplace_back();
      if (e.children[i] == nullptr) continue;
      PX_TRY(values.back(), evaluate(*e.children[i]));
    }
    return values;
  }

  /// The arguments behind an operand in values[0].
  static Arguments arguments(const std::vector<Value>& values, const Expr& e) {
    return {std::span(values).subspan(1), e.keywords};
  }

  // A later value for the same key replaces the earlier, which keeps its place.
  Result<Value> dict(const Expr& e) {
    PX_TRY(const std::vector<Value> values, evaluate_from(e, 0));
    Dict out;
    for (std::size_t i = 0; i + 1 < values.size(); i += 2) {
      if (values[i].as_text() == nullptr)
        return at(e.at, {Errc::kInvalid, "a mapping's key is not a string"});
      PX_CHECK(placed(e.at, budget_.spend(1 + out.items.size() / 8)));
      out.assign(*values[i].as_text(), values[i + 1]);
    }
    return placed(e.at, make_dict(std::move(out.items), false));
  }

  // object.name(...) is a method call; any other callee must be one of the global functions. A
  // mapping's items cannot be called, so there is no doubt which is meant.
  Result<Value> call(const Expr& e) {
    const Expr& callee = *e.children[0];
    if (callee.kind == Expr::Kind::kAttribute) {
      PX_TRY(const Value object, evaluate(*callee.children[0]));
      PX_TRY(const std::vector<Value> values, evaluate_from(e, 1));
      return placed(callee.at, call_method(callee.text, object, {values, e.keywords}, budget_));
    }
    PX_TRY(const std::vector<Value> values, evaluate_from(e, 0));
    if (const Macro* const macro = values[0].as<Macro>())
      return placed(callee.at, call_macro(*macro->definition, arguments(values, e)));
    const Function* const function = values[0].as<Function>();
    if (function != nullptr && *function == Function::kStrftimeNow)
      return placed(callee.at, strftime_now(arguments(values, e)));
    if (function == nullptr)
      return at(callee.at, {Errc::kInvalid, fmt::format("'{}' is {}, not a function", callee.text,
                                                        values[0].kind())});
    return placed(callee.at, call_function(*function, arguments(values, e), budget_));
  }

  /// What the body prints. A macro sees the functions, the template's top level as it is now, and
  /// its parameters; not the scopes of its caller.
  Result<Value> call_macro(const Statement& macro, const Arguments& given) {
    if (levels_ > kMaxLevels)
      return fail(Errc::kLimit, "macros called more than {} levels deep", kMaxLevels);
    std::vector<Variables> callers(std::make_move_iterator(scopes_.begin() + 2),
                                   std::make_move_iterator(scopes_.end()));
    scopes_.resize(2);
    scopes_.emplace_back();
    PX_CHECK(bind_parameters(macro, given));
    std::string outer = std::exchange(out_, {});
    PX_CHECK(block(macro.body));
    scopes_.resize(2);
    std::move(callers.begin(), callers.end(), std::back_inserter(scopes_));
    return Value::text(std::exchange(out_, std::move(outer)));
  }

  Result<void> bind_parameters(const Statement& macro, const Arguments& given) {
    const std::size_t count = macro.targets.size();
    PX_CHECK(budget_.spend(1 + count));
    if (given.positional(count) != nullptr)
      return fail(Errc::kInvalid, "macro '{}' takes {} arguments, found more", macro.text, count);
    for (const std::string& name : given.keywords) {
      if (!name.empty() &&
          std::find(macro.targets.begin(), macro.targets.end(), name) == macro.targets.end())
        return fail(Errc::kInvalid, "macro '{}' has no parameter '{}'", macro.text, name);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const Value* const value = given.find(i, macro.targets[i]);
      Value chosen = value == nullptr ? Value() : *value;
      if (value == nullptr && macro.defaults[i] != nullptr) {
        PX_TRY(chosen, evaluate(*macro.defaults[i]));
      }
      PX_CHECK(set(macro.targets[i], std::move(chosen)));
    }
    return {};
  }

  /// strftime of the C library, in the time zone of the one who asked.
  Result<Value> strftime_now(const Arguments& given) {
    constexpr std::size_t kMaxFormat = 128;
    const Value* const format = given.positional(0);
    if (format == nullptr || format->as_text() == nullptr || format->as_text()->size() > kMaxFormat)
      return fail(Errc::kInvalid, "strftime_now takes a format of at most {} bytes", kMaxFormat);
    PX_CHECK(budget_.spend_bytes(16 * kMaxFormat));
    std::array<char, 16 * kMaxFormat> text{};
    // A text of its own: the format must end in a zero and hold none.
    const std::size_t length =
        std::strftime(text.data(), text.size(), format->as_text()->c_str(), &*now_);
    return Value::text(std::string(text.data(), length));
  }

  Result<Value> unary(const Expr& e) {
    PX_TRY(const Value value, evaluate(*e.children[0]));
    if (e.op == Operator::kNot) return Value::boolean(!value.truthy());
    return placed(e.at, number_arithmetic(Operator::kSubtract, Value::integer(0), value));
  }

  Result<Value> binary(const Expr& e) {
    PX_TRY(const Value left, evaluate(*e.children[0]));
    // Like Python's, `and` and `or` give one of their operands.
    if (e.op == Operator::kAnd && !left.truthy()) return left;
    if (e.op == Operator::kOr && left.truthy()) return left;
    PX_TRY(const Value right, evaluate(*e.children[1]));
    switch (e.op) {
      case Operator::kAnd:
      case Operator::kOr:
        return right;
      case Operator::kAdd:
        return placed(e.at, add(left, right));
      case Operator::kConcat:
        return placed(e.at, concatenate(left, right));
      case Operator::kMultiply:
        return placed(e.at, multiply(left, right));
      case Operator::kSubtract:
      case Operator::kDivide:
      case Operator::kFloorDivide:
      case Operator::kModulo:
        return placed(e.at, number_arithmetic(e.op, left, right));
      default: {
        PX_TRY(const bool holds, placed(e.at, compare(e.op, left, right)));
        return Value::boolean(holds);
      }
    }
  }

  // Each inverse is computed from its positive form; only for NaN does that differ from Python.
  Result<bool> compare(Operator op, const Value& a, const Value& b) {
    const bool inverted = op == Operator::kNotEqual || op == Operator::kNotIn ||
                          op == Operator::kLessEqual || op == Operator::kGreaterEqual;
    Result<bool> holds = false;
    if (op == Operator::kEqual || op == Operator::kNotEqual) {
      holds = equal(a, b, budget_);
    } else if (op == Operator::kIn || op == Operator::kNotIn) {
      holds = contains(b, a, budget_);
    } else if (op == Operator::kLess || op == Operator::kGreaterEqual) {
      holds = less(a, b, budget_);
    } else {
      holds = less(b, a, budget_);
    }
    if (holds) *holds = *holds != inverted;
    return holds;
  }

  Result<Value> add(const Value& a, const Value& b) {
    if (a.as_text() != nullptr && b.as_text() != nullptr) return concatenate(a, b);
    if (a.as_list() == nullptr || b.as_list() == nullptr)
      return number_arithmetic(Operator::kAdd, a, b);
    std::vector<Value> items = a.as_list()->items;
    items.insert(items.end(), b.as_list()->items.begin(), b.as_list()->items.end());
    PX_CHECK(budget_.spend(1 + items.size() / 2));
    return make_list(std::move(items));
  }

  /// text * count repeats the text.
  Result<Value> multiply(const Value& a, const Value& b) {
    const bool swapped = b.as_text() != nullptr;
    const std::string* const text = swapped ? b.as_text() : a.as_text();
    const std::int64_t* const count = swapped ? a.as_integer() : b.as_integer();
    if (text == nullptr || count == nullptr) return number_arithmetic(Operator::kMultiply, a, b);
    const auto times = static_cast<std::uint64_t>(std::max<std::int64_t>(*count, 0));
    const auto bytes = checked_mul<std::uint64_t>(text->size(), times);
    // Paid before it is made.
    PX_CHECK(budget_.spend_bytes(bytes.value_or(UINT64_MAX)));
    std::string out;
    out.reserve(*bytes);
    for (std::uint64_t i = 0; i < (text->empty() ? 0 : times); ++i) out += *text;
    return Value::text(std::move(out));
  }

  // Text of both, as {{ }} would print them; print() has charged for their bytes.
  Result<Value> concatenate(const Value& a, const Value& b) {
    PX_TRY(std::string text, print(a, budget_));
    PX_TRY(const std::string tail, print(b, budget_));
    text += tail;
    return Value::text(std::move(text));
  }

  Budget budget_;
  std::size_t output_bytes_;
  std::optional<std::tm> now_;
  unsigned levels_ = 0;
  std::vector<Variables> scopes_;
  std::string out_;
};

}  // namespace

Result<std::string> render_block(const Block& block, Variables variables,
                                 const RenderOptions& options) {
  Renderer renderer(std::move(variables), options);
  PX_CHECK(renderer.block(block));
  return renderer.take();
}

}  // namespace pxos::text::jinja
