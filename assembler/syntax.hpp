#pragma once
// The shape of parsed text. Names are views into the line they come from; nothing is resolved yet.

#include "assembler/source_map.hpp"
#include "pxvm/isa/program.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pxos::assembler {

/// A name and where it stands. Quoted names (`r5`) are never registers.
struct Name {
  std::string_view text;
  Span span;
  bool quoted = false;
};

/// An expression in postfix form, as isa::Expression, with names still to be looked up.
struct Expr {
  using Op = isa::Expression::Op;
  /// Operators that are computed while the text is read (fold.hpp).
  enum class Fold : std::uint8_t { kNone, kRem, kShl, kShr, kAnd, kXor, kOr };
  struct Step {
    Op op = Op::kInteger;
    std::int64_t integer = 0;
    double real = 0;
    Name name;  ///< kSymbol
    Span span;
    Fold fold = Fold::kNone;  ///< then `op` means nothing
  };
  std::vector<Step> steps;
  Span span;

  /// The name when the expression is nothing else.
  [[nodiscard]] const Name* as_name() const {
    return steps.size() == 1 && steps[0].op == Op::kSymbol ? &steps[0].name : nullptr;
  }
};

/// One operand of an instruction.
struct Operand {
  enum class Kind : std::uint8_t {
    kExpr,        ///< name, register, number, expression
    kIndexed,     ///< name[expr]
    kString,      ///< "text"
    kTableIndex,  ///< #3
    kLocal,       ///< .label
  };
  Kind kind = Kind::kExpr;
  Expr expr;                ///< kExpr: the value; kIndexed: the index
  Name name;                ///< kIndexed: the array; kLocal: the label
  std::string text;         ///< kString, decoded
  std::int64_t number = 0;  ///< kTableIndex
  Span span;
};

struct Label {
  Name name;
  bool local = false;
};

struct InstructionText {
  Name mnemonic;
  std::vector<Operand> operands;
};

// Directives. `.program`, `.file`, ... are spelled as in docs/reference/pxasm.md.

struct ProgramName {
  std::string name;
};

struct ParamText {
  Name name;
  bool real = false;
  std::optional<Expr> value;
};

struct DimText {
  Name name;
  Expr lowest, highest;
};

struct ArgumentSymbolText {
  Name name;
};

struct ConstText {
  std::optional<Name> name;  ///< none: `.const # : i64 = ..`
  isa::ScalarConst::Type type = isa::ScalarConst::Type::kF32;
  Expr value;
};

struct StringText {
  Name name;
  std::string bytes;
  std::optional<std::string> path{};  ///< `.incbin`: the file that holds the bytes
  Span path_span{};
};

struct AttrText {
  struct Field {
    Name name;
    Expr value;
  };
  Name name;
  isa::AttrRecord::Kind kind = isa::AttrRecord::Kind::kRope;
  std::vector<Field> fields;
  Span kind_span;
};

/// The `@t5`, `@none` after a declaration.
struct Home {
  std::optional<std::uint8_t> reg;
  Span span;
};

struct TensorText {
  Name name;
  isa::TensorDecl::Kind kind = isa::TensorDecl::Kind::kTemp;
  isa::TensorDecl::Element element = isa::TensorDecl::Element::kF32;
  std::optional<Expr> count;  ///< arrays
  std::vector<Expr> dims;
  std::vector<std::string> patterns;
  std::vector<Span> pattern_spans;
  std::optional<Home> home;
  Span type_span;
};

struct EntryText {
  /// `name` alone refers to a tensor of an earlier `.input` or `.output`.
  struct Item {
    Name name;
    std::optional<TensorText> tensor;
    std::optional<isa::Entry::ArgKind> scalar;
    std::optional<std::uint8_t> reg;
  };
  Name name;
  std::vector<Item> arguments;
  std::vector<Item> results;
  std::optional<Label> start;  ///< `at label`
};

/// `.func fib(n, depth)`: the arguments are r0, r1, ..
struct FuncText {
  Name name;
  std::vector<Name> arguments;
};

struct RequireText {
  Expr lhs, rhs;
  std::string text;
  Span span;
};

struct AssertText {
  std::string_view relation;
  Expr lhs, rhs;
  std::string message;
  Span span;
};

struct RegText {
  struct Item {
    Name name;
    std::optional<std::uint8_t> reg;
  };
  std::vector<Item> items;
};

struct HomeText {
  Name name;
  Home home;
};

struct DebugFileText {
  std::string path;
};
struct DebugLineText {
  std::uint32_t line = 0;
  std::optional<std::uint16_t> file;
};
struct DebugOffText {};

/// `.word family, op, d, a, b, c, imm`: an instruction by its fields.
struct WordText {
  isa::Instruction instruction;
};

struct Directive {
  Name head;
  std::variant<ProgramName, ParamText, DimText, ArgumentSymbolText, ConstText, StringText, AttrText,
               TensorText, EntryText, FuncText, RequireText, AssertText, RegText, HomeText,
               DebugFileText, DebugLineText, DebugOffText, WordText>
      body;
};

/// One line: labels, then at most one instruction or directive.
struct Statement {
  std::vector<Label> labels;
  std::size_t token_count = 0;  ///< of the line; bounds what is kept of it
  bool failed = false;          ///< reported; `body` is empty
  bool broken_entry = false;    ///< failed, and it was an `.entry`
  std::vector<Name>
      broken_names;  ///< names on a directive that failed: uses of them say nothing more
  std::variant<std::monostate, InstructionText, Directive> body;
};

}  // namespace pxos::assembler
