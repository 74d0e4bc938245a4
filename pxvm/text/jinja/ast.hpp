#pragma once
// A parsed template: plain trees whose depth the parser limits, so that they can be walked and
// destroyed recursively.

#include "pxvm/text/jinja/value.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::text::jinja {

/// Both count from 1; the column counts bytes.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

enum class Operator : std::uint8_t {
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kFloorDivide,
  kModulo,
  kConcat,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
  kAnd,
  kOr,
  kNot,
  kNegate,
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Expr {
  enum class Kind : std::uint8_t {
    kLiteral,    ///< value
    kName,       ///< text
    kList,       ///< children
    kDict,       ///< children: key, value, key, value, ...
    kAttribute,  ///< children[0] . text
    kSubscript,  ///< children[0] [ children[1] ]
    kSlice,      ///< children[0] [ children[1] : children[2] : children[3] ]; absent ones are null
    kCall,       ///< children[0] ( children[1...] )
    kFilter,     ///< children[0] | text ( children[1...] )
    kTest,       ///< children[0] is text ( children[1...] )
    kUnary,      ///< op children[0]
    kBinary,     ///< children[0] op children[1]
    kConditional,  ///< children[0] if children[1] else children[2]; absent else is null
  };
  Kind kind = Kind::kLiteral;
  Operator op = Operator::kAdd;
  Position at;
  unsigned depth = 1;
  std::string text;
  Value value;
  std::vector<ExprPtr> children;
  std::vector<std::string> keywords;  ///< per argument of a call, filter or test; "" = positional
};

/// The variable a filter block's expression reads. No template can spell it.
inline constexpr std::string_view kFilterBody = "%body";

struct Statement;
using Block = std::vector<Statement>;

struct Statement {
  enum class Kind : std::uint8_t {
    kText,      ///< text
    kOutput,    ///< {{ expr }}
    kIf,        ///< expr, body, otherwise
    kFor,       ///< targets in expr if condition: body, else otherwise
    kSet,       ///< targets[0] = expr, or targets[0].text = expr
    kSetBlock,  ///< targets[0] = what body prints
    kGroup,     ///< body
    kMacro,     ///< text names it; targets are its parameters, defaults theirs; body
    kFilter,    ///< expr with kFilterBody as what body prints
    kBreak,
    kContinue,
  };
  Kind kind = Kind::kText;
  Position at;
  std::string text;
  ExprPtr expr;
  ExprPtr condition;
  std::vector<std::string> targets;
  std::vector<ExprPtr> defaults;  ///< one per parameter of a macro; null = none
  Block body;
  Block otherwise;
};

}  // namespace pxos::text::jinja
