#include "assembler/resolve.hpp"

#include "assembler/fold.hpp"
#include "assembler/parser.hpp"
#include "assembler/suggest.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

using Op = isa::Expression::Op;
using SymbolKind = isa::Symbol::Kind;

/// The narrowest scope that knows a symbol of this kind.
Scope scope_of(SymbolKind kind) {
  switch (kind) {
    case SymbolKind::kIntParam:
    case SymbolKind::kRealParam:
      return Scope::kParams;
    case SymbolKind::kDim:
      return Scope::kDims;
    case SymbolKind::kArgument:
      return Scope::kArguments;
  }
  return Scope::kArguments;
}

/// Why a symbol cannot be used in a narrower scope; {} is its name.
std::string_view why_not(SymbolKind kind) {
  switch (kind) {
    case SymbolKind::kIntParam:
    case SymbolKind::kRealParam:
      return "parameter '{}' is known only when the program is linked; a number is needed here";
    case SymbolKind::kDim:
      return "'{}' is a run-time extent; only parameters are known here";
    case SymbolKind::kArgument:
      return "'{}' is an argument of an entry, known only in '.require'";
  }
  return "'{}' cannot be used here";
}

}  // namespace

/// A constant may bring many steps, so the cap is checked here again.
bool Resolver::push(const isa::Expression::Step& step, Span span, Resolved& out) {
  if (out.value.steps.size() >= isa::Expression::kMaxSteps) {
    assembly_.reporter.error(
        span,
        fmt::format(
            "this expression has more than {} terms and operators once its constants are put in",
            isa::Expression::kMaxSteps));
    return false;
  }
  out.value.steps.push_back(step);
  out.spans.push_back(span);
  return true;
}

/// A constant or string of this name that a directive further down declares.
const Name* Resolver::declared_later(std::string_view name) const {
  for (const Directive& directive : assembly_.directives) {
    const auto* constant = std::get_if<ConstText>(&directive.body);
    const auto* string = std::get_if<StringText>(&directive.body);
    if (constant != nullptr && constant->name && constant->name->text == name)
      return &*constant->name;
    if (string != nullptr && string->name.text == name) return &string->name;
  }
  return nullptr;
}

/// Says what a name that is no value is instead. A name is reported once; always false.
bool Resolver::unknown(const Expr::Step& step) {
  const std::string_view name = step.name.text;
  if (assembly_.names.broken(name)) return false;
  if (as_register(step.name)) {
    assembly_.reporter.error(step.span,
                             fmt::format("a register cannot be part of an expression: '{}'", name),
                             "compute it with instructions such as i64.add");
    return false;
  }
  if (const Known* tensor = assembly_.names.find(Space::kTensor, name)) {
    Diagnostic& error = assembly_.reporter.error(
        step.span, fmt::format("'{}' is a tensor; a number or parameter is needed here", name));
    assembly_.reporter.note(error, tensor->declared, fmt::format("{} is declared here", name));
    return false;
  }
  if (arguments_ != nullptr && arguments_->contains(name)) {
    assembly_.reporter.error(
        step.span, fmt::format("'{}' is a scalar register; its value is not known here", name));
    return false;
  }
  if (const Name* later = declared_later(name)) {
    assembly_.names.add_broken(step.name);  // said once
    Diagnostic& error = assembly_.reporter.error(
        step.span, fmt::format("'{}' is used above its declaration", name), "move it further up");
    assembly_.reporter.note(error, later->span, fmt::format("{} is declared here", name));
    return false;
  }
  auto known = assembly_.names.all(Space::kValue);
  if (arguments_ != nullptr) {
    for (const auto& [argument, scalar] : *arguments_) known.push_back(argument);
    std::sort(known.begin(), known.end());
  }
  assembly_.names.add_broken(step.name);  // said once
  assembly_.reporter.error(step.span, fmt::format("'{}' is not declared", name),
                           did_you_mean(name, known));
  return false;
}

/// Parameters, dimensions and arguments, each where it is known.
bool Resolver::symbol(const Expr::Step& step, isa::SymbolId id, Scope scope, Resolved& out) {
  const isa::Symbol& symbol = assembly_.program.symbols[id];
  const bool foreign = symbol.kind == SymbolKind::kArgument && arguments_ != nullptr &&
                       !arguments_->contains(symbol.name);
  if (foreign) {
    assembly_.reporter.error(step.span,
                             fmt::format("'{}' is an argument of another entry", symbol.name));
    return false;
  }
  assembly_.symbol_used.set(id);
  if (scope_of(symbol.kind) <= scope) return push({Op::kSymbol, 0, 0, id}, step.span, out);
  Diagnostic& error = assembly_.reporter.error(
      step.span, fmt::format(fmt::runtime(why_not(symbol.kind)), step.name.text));
  const Known* known = assembly_.names.find(Space::kValue, step.name.text);
  if (known != nullptr)
    assembly_.reporter.note(error, known->declared,
                            fmt::format("{} is declared here", symbol.name));
  return false;
}

/// A constant in an expression is its value, put in place.
bool Resolver::constant(const Expr::Step& step, std::uint32_t index, Resolved& out) {
  assembly_.const_used.set(index);
  const isa::Expression& value = assembly_.program.consts[index].value;
  if (value.steps.empty()) {
    if (assembly_.names.broken(step.name.text)) return false;
    assembly_.reporter.error(
        step.span, fmt::format("constant '{}' is used before its value is known", step.name.text),
        "declare it further up");
    return false;
  }
  for (const isa::Expression::Step& part : value.steps) {
    if (!push(part, step.span, out)) return false;
  }
  return true;
}

/// Arguments become symbols when a requirement first names them.
bool Resolver::argument(const Expr::Step& step, const ScalarName& argument, Resolved& out) {
  if (argument.argument != isa::Entry::ArgKind::kI64) {
    assembly_.reporter.error(
        step.span,
        fmt::format("argument '{}' is f32; a requirement is about integers", step.name.text));
    return false;
  }
  auto& symbols = assembly_.program.symbols;
  const auto id = static_cast<isa::SymbolId>(symbols.size());
  Known known{Known::Kind::kSymbol, id, {}};
  if (symbols.size() >= isa::Limits::kSymbols) {
    assembly_.reporter.error(step.span, fmt::format("more than {} symbols", isa::Limits::kSymbols));
    return false;
  }
  if (!assembly_.names.add(Space::kValue, step.name, known, assembly_.reporter)) return false;
  symbols.push_back({std::string(step.name.text), SymbolKind::kArgument, std::nullopt, {}, {}});
  return push({Op::kSymbol, 0, 0, id}, step.span, out);
}

/// Values first; then, in requirements, the arguments of the entry.
bool Resolver::name(const Expr::Step& step, Scope scope, Resolved& out) {
  const Known* known = assembly_.names.find(Space::kValue, step.name.text);
  if (known == nullptr || as_register(step.name)) {
    if (scope == Scope::kArguments && arguments_ != nullptr) {
      const auto found = arguments_->find(step.name.text);
      if (found != arguments_->end() && found->second.argument)
        return argument(step, found->second, out);
    }
    return unknown(step);
  }
  switch (known->kind) {
    case Known::Kind::kSymbol:
      return symbol(step, static_cast<isa::SymbolId>(known->index), scope, out);
    case Known::Kind::kConst:
      return constant(step, known->index, out);
    case Known::Kind::kString:
      assembly_.string_used.set(known->index);
      return push({Op::kInteger, known->index, 0, 0}, step.span, out);
    case Known::Kind::kTensor:
    case Known::Kind::kAttr:
    case Known::Kind::kBroken:
      break;
  }
  return false;
}

bool Resolver::step(const Expr::Step& step, Scope scope, Resolved& out) {
  if (step.op == Op::kSymbol) return name(step, scope, out);
  return push({step.op, step.integer, step.real, 0}, step.span, out);
}

/// An integer operator over what is known now: numbers, and constants made of numbers.
bool Resolver::fold(const Expr::Step& step, Resolved& out, OperandStarts& starts) {
  if (const auto problem = fold_last(out.value, starts, step.fold)) {
    assembly_.reporter.error(step.span, std::string(*problem));
    return false;
  }
  out.spans.resize(out.value.steps.size());
  out.spans.back() = step.span;
  return true;
}

std::optional<Resolved> Resolver::expression(const Expr& expr, Scope scope) {
  Resolved out;
  out.span = expr.span;
  OperandStarts starts;
  for (const Expr::Step& part : expr.steps) {
    const std::size_t before = out.value.steps.size();
    const bool folds = part.fold != Expr::Fold::kNone;
    if (!(folds ? fold(part, out, starts) : step(part, scope, out))) return std::nullopt;
    if (!folds) note_step(starts, part.op, before);
  }
  if (!is_literal(out.value)) return out;
  // Without symbols the value is known now, and so is a division by zero.
  const auto value = out.value.evaluate({});
  if (value) return out;
  assembly_.reporter.error(expr.span,
                           fmt::format("this expression has no value: {}", value.error().message));
  return std::nullopt;
}

std::optional<isa::Polynomial> Resolver::polynomial(const Expr& expr, Scope scope) {
  const auto resolved = expression(expr, scope);
  return resolved ? polynomial(*resolved) : std::nullopt;
}

namespace {

/// Applies one operator to the top of the stack; a text says why it cannot.
std::optional<std::string_view> apply(Op op, std::vector<isa::Polynomial>& stack) {
  const isa::Polynomial right = stack.back();
  stack.pop_back();
  std::optional<isa::Polynomial> made;
  if (op == Op::kNegate) {
    made = isa::Polynomial::subtract({}, right);
  } else {
    const isa::Polynomial left = stack.back();
    stack.pop_back();
    if (op == Op::kAdd) made = isa::Polynomial::add(left, right);
    if (op == Op::kSub) made = isa::Polynomial::subtract(left, right);
    if (op == Op::kMul) made = isa::Polynomial::multiply(left, right);
  }
  if (!made) return "this does not fit a polynomial with 64-bit coefficients";
  stack.push_back(*std::move(made));
  return std::nullopt;
}

}  // namespace

/// Runs the postfix form over polynomials; the step that has no polynomial is where the caret goes.
std::optional<isa::Polynomial> Resolver::polynomial(const Resolved& resolved) {
  std::vector<isa::Polynomial> stack;
  for (std::size_t i = 0; i < resolved.value.steps.size(); ++i) {
    const isa::Expression::Step& step = resolved.value.steps[i];
    std::optional<std::string_view> problem;
    switch (step.op) {
      case Op::kInteger:
        stack.push_back(isa::Polynomial::constant(step.integer));
        break;
      case Op::kSymbol:
        if (assembly_.program.symbols[step.symbol].kind == SymbolKind::kRealParam)
          problem = "a real parameter cannot be part of a shape";
        stack.push_back(isa::Polynomial::symbol(step.symbol));
        break;
      case Op::kAdd:
      case Op::kSub:
      case Op::kMul:
      case Op::kNegate:
        problem = apply(step.op, stack);
        break;
      case Op::kDiv:
        problem = "a shape is a polynomial: + - * only; make the quotient a '.param' of its own";
        break;
      case Op::kReal:
        problem = "a shape is a whole number";
        break;
      case Op::kSqrt:
        problem = "a shape is a polynomial: + - * only";
        break;
    }
    if (!problem) continue;
    assembly_.reporter.error(resolved.spans[i], std::string(*problem));
    return std::nullopt;
  }
  return stack.back();
}

std::optional<isa::Number> Resolver::number(const Expr& expr) {
  const auto resolved = expression(expr, Scope::kNothing);
  if (!resolved) return std::nullopt;
  const auto value = resolved->value.evaluate({});
  return value ? std::optional(*value) : std::nullopt;
}

bool Resolver::is_integer(const isa::Expression& value) const {
  return std::all_of(
      value.steps.begin(), value.steps.end(), [&](const isa::Expression::Step& step) {
        if (step.op == Op::kSymbol)
          return assembly_.program.symbols[step.symbol].kind != SymbolKind::kRealParam;
        return step.op != Op::kReal && step.op != Op::kDiv && step.op != Op::kSqrt;
      });
}

bool Resolver::is_literal(const isa::Expression& value) {
  return std::none_of(value.steps.begin(), value.steps.end(),
                      [](const isa::Expression::Step& step) { return step.op == Op::kSymbol; });
}

}  // namespace pxos::assembler
