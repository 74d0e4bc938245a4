#pragma once
// Names in expressions to symbols: text expressions become isa::Expression and isa::Polynomial.

#include "assembler/assembly.hpp"

namespace pxos::assembler {

/// Which symbols an expression may use.
enum class Scope : std::uint8_t {
  kNothing,    ///< literals only
  kParams,     ///< known at link
  kDims,       ///< and run-time extents
  kArguments,  ///< and the integer arguments of the entry (`.require`)
};

/// An expression with the text position of each step, for diagnostics.
struct Resolved {
  isa::Expression value;
  std::vector<Span> spans;
  Span span;
};

class Resolver {
 public:
  explicit Resolver(Assembly& assembly) : assembly_(assembly) {}

  /// The arguments that Scope::kArguments may use; borrowed.
  void set_arguments(const ScalarNames* arguments) { arguments_ = arguments; }

  // Each reports and gives nullopt on failure.
  std::optional<Resolved> expression(const Expr& expr, Scope scope);
  std::optional<isa::Polynomial> polynomial(const Expr& expr, Scope scope);
  std::optional<isa::Polynomial> polynomial(const Resolved& resolved);
  /// Value of an expression over no symbols.
  std::optional<isa::Number> number(const Expr& expr);

  /// True when the value is an integer whatever the parameters are: no division, sqrt, real literal
  /// or real parameter.
  [[nodiscard]] bool is_integer(const isa::Expression& value) const;
  [[nodiscard]] static bool is_literal(const isa::Expression& value);

 private:
  bool step(const Expr::Step& step, Scope scope, Resolved& out);
  bool name(const Expr::Step& step, Scope scope, Resolved& out);
  bool symbol(const Expr::Step& step, isa::SymbolId id, Scope scope, Resolved& out);
  bool constant(const Expr::Step& step, std::uint32_t index, Resolved& out);
  bool argument(const Expr::Step& step, const ScalarName& argument, Resolved& out);
  bool unknown(const Expr::Step& step);
  [[nodiscard]] const Name* declared_later(std::string_view name) const;
  bool push(const isa::Expression::Step& step, Span span, Resolved& out);
  bool fold(const Expr::Step& step, Resolved& out, std::vector<std::size_t>& starts);

  Assembly& assembly_;
  const ScalarNames* arguments_ = nullptr;
};

}  // namespace pxos::assembler
