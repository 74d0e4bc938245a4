#include "assembler/printer.hpp"

#include "assembler/assembly.hpp"
#include "assembler/parser.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

using isa::Field;
using isa::OperandKind;
using Op = isa::Expression::Op;

/// Binding strength of an operator's text; a number or name binds tightest.
enum Strength : int {
  kSumStrength = 1,
  kProductStrength = 2,
  kUnaryStrength = 3,
  kAtomStrength = 4
};

struct Piece {
  std::string text;
  int strength = kAtomStrength;
  bool literal = false;
};

/// A piece as operand of an operator that binds with `needed`.
std::string inside(const Piece& piece, int needed) {
  return piece.strength >= needed ? piece.text : fmt::format("({})", piece.text);
}

/// The parser groups to the left, so the right side needs parentheses already at equal strength.
Piece binary(Op op, const Piece& left, const Piece& right) {
  const bool sum = op == Op::kAdd || op == Op::kSub;
  const int strength = sum ? kSumStrength : kProductStrength;
  const char* sign = op == Op::kAdd ? " + " : op == Op::kSub ? " - " : op == Op::kMul ? "*" : " / ";
  return {inside(left, strength) + sign + inside(right, strength + 1), strength, false};
}

/// `-5` is a literal, so the negation of the literal 5 is `-(5)`.
Piece negate(const Piece& value) {
  const bool bare = value.strength >= kUnaryStrength && !value.literal;
  return {bare ? "-" + value.text : fmt::format("-({})", value.text), kUnaryStrength, false};
}

/// The same bits as the instruction would have if only the operands in its row were set.
isa::Instruction from_operands(const isa::Instruction& original, const isa::OpInfo& info) {
  isa::Instruction out;
  out.family = original.family;
  out.op = original.op;
  for (const isa::Operand& operand : info.operand_list()) {
    switch (operand.field) {
      case Field::kD:
        out.d = original.d;
        break;
      case Field::kA:
        out.a = original.a;
        break;
      case Field::kB:
        out.b = original.b;
        break;
      case Field::kC:
        out.c = original.c;
        break;
      case Field::kE:
      case Field::kI:
        out.imm = original.imm;
        break;
    }
  }
  return out;
}

/// A prefix that, followed by a number, is none of `taken`.
std::string free_prefix(std::string prefix, const std::vector<std::string>& taken) {
  const auto clashes = [&](const std::string& name) { return name.starts_with(prefix); };
  while (std::any_of(taken.begin(), taken.end(), clashes)) prefix += '_';
  return prefix;
}

}  // namespace

Printer::Printer(const isa::Program& program) : program_(program) {
  std::vector<std::string> values;
  for (const isa::Symbol& symbol : program.symbols) values.push_back(symbol.name);
  for (const isa::ScalarConst& constant : program.consts) values.push_back(constant.name);
  for (const std::string& value : values) ++value_names_[value];
  std::vector<std::string> entries;
  for (const isa::Entry& entry : program.entries) entries.push_back(entry.name);
  string_prefix_ = free_prefix("str", values);
  label_prefix_ = free_prefix("L", entries);
  for (const isa::TensorDecl& decl : program.tensors) {
    const bool plain = is_identifier(decl.name) && name(decl.name) == decl.name;
    if (decl.home && plain) homes_.emplace(*decl.home, decl.name);
  }
}

std::string Printer::name(std::string_view text) {
  const bool quoted =
      as_register(text) || text == "sqrt" || text.find("..") != std::string_view::npos;
  return quoted ? fmt::format("`{}`", text) : std::string(text);
}

std::string Printer::real(double value) {
  if (!std::isfinite(value)) return fmt::format("0r{:016x}", std::bit_cast<std::uint64_t>(value));
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string Printer::number(const isa::Number& value) {
  return value.is_integer ? fmt::format("{}", value.integer) : real(value.real);
}

std::string Printer::symbol(isa::SymbolId id) const {
  return id < program_.symbols.size() ? name(program_.symbols[id].name)
                                      : fmt::format("symbol{}", id);
}

/// Rebuilds infix text from postfix steps with the fewest parentheses that parse back to them.
std::string Printer::expression(const isa::Expression& value) const {
  std::vector<Piece> stack;
  const auto pop = [&] {
    if (stack.empty()) return Piece{"0", kAtomStrength, true};  // malformed; verify refuses it
    Piece top = std::move(stack.back());
    stack.pop_back();
    return top;
  };
  for (const isa::Expression::Step& step : value.steps) {
    switch (step.op) {
      case Op::kInteger:
        stack.push_back({fmt::format("{}", step.integer), kAtomStrength, true});
        break;
      case Op::kReal:
        stack.push_back({real(step.real), kAtomStrength, true});
        break;
      case Op::kSymbol:
        stack.push_back({symbol(step.symbol), kAtomStrength, false});
        break;
      case Op::kSqrt:
        stack.push_back({fmt::format("sqrt({})", pop().text), kAtomStrength, false});
        break;
      case Op::kNegate:
        stack.push_back(negate(pop()));
        break;
      case Op::kAdd:
      case Op::kSub:
      case Op::kMul:
      case Op::kDiv: {
        const Piece right = pop();
        const Piece left = pop();
        stack.push_back(binary(step.op, left, right));
        break;
      }
    }
  }
  return pop().text;
}

/// Highest degree first: "2*n*d - 3".
std::string Printer::polynomial(const isa::Polynomial& value) const {
  const auto terms = value.terms();
  std::string out;
  for (std::size_t i = terms.size(); i-- > 0;) {
    const isa::Polynomial::Term& term = terms[i];
    std::int64_t coefficient = term.coefficient;
    const bool minus =
        !out.empty() && coefficient < 0 && coefficient != std::numeric_limits<std::int64_t>::min();
    if (minus) coefficient = -coefficient;
    if (!out.empty()) out += minus ? " - " : " + ";
    const bool one = coefficient == 1 && !term.symbols.empty();
    if (!one) out += fmt::format("{}", coefficient);
    for (std::size_t s = 0; s < term.symbols.size(); ++s) {
      out += (s == 0 && one ? "" : "*") + symbol(term.symbols[s]);
    }
  }
  return out.empty() ? "0" : out;
}

std::string Printer::tensor_type(const isa::TensorDecl& decl) const {
  std::string out(element_text(decl.element));
  for (std::size_t i = 0; i < decl.dims.size(); ++i) {
    out += (i == 0 ? "[" : ", ") + polynomial(decl.dims[i]);
  }
  return out + "]";
}

std::string Printer::string_name(std::size_t index) const {
  return fmt::format("{}{}", string_prefix_, index);
}
std::string Printer::label(std::size_t target) const {
  return fmt::format("{}{}", label_prefix_, target);
}

/// The tensor whose home the register is; after a bind it may hold another, but the bits are the
/// same.
std::string Printer::tensor(std::uint8_t reg) const {
  const auto home = homes_.find(reg);
  return home != homes_.end() ? home->second : fmt::format("t{}", reg);
}

/// By name where the name is the constant's alone, else by its place in the table.
std::string Printer::constant(std::size_t index) const {
  if (index < program_.consts.size()) {
    const std::string& text = program_.consts[index].name;
    const auto uses = value_names_.find(text);
    if (is_identifier(text) && uses != value_names_.end() && uses->second == 1) return name(text);
  }
  return fmt::format("#{}", index);
}

std::optional<std::string> Printer::attribute(std::size_t index, isa::AttrRecord::Kind kind) const {
  const bool known = index < program_.attrs.size() && program_.attrs[index].kind == kind;
  return known ? name(program_.attrs[index].name) : fmt::format("#{}", index);
}

/// Branches out of the code have no label; they are printed as words.
std::optional<std::size_t> Printer::target(std::size_t pc) const {
  const isa::Instruction& instruction = program_.code[pc];
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  if (info == nullptr) return std::nullopt;
  const auto operand = info->operand_at(Field::kI);
  if (!operand || operand->kind != OperandKind::kLabel) return std::nullopt;
  const std::int64_t to = static_cast<std::int64_t>(pc) + 1 + instruction.imm;
  const bool in_code = to >= 0 && to < static_cast<std::int64_t>(program_.code.size());
  return in_code ? std::optional(static_cast<std::size_t>(to)) : std::nullopt;
}

/// nullopt when no text would give this value back.
std::optional<std::string> Printer::operand(std::size_t pc, isa::Operand operand) const {
  const isa::Instruction& instruction = program_.code[pc];
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  const std::int32_t value = isa::field_value(instruction, *info, operand.field);
  const auto index = static_cast<std::size_t>(value);
  if (isa::is_tensor(operand.kind)) return tensor(static_cast<std::uint8_t>(value));
  switch (operand.kind) {
    case OperandKind::kScalarWrite:
    case OperandKind::kScalarRead:
    case OperandKind::kWindow:
      return fmt::format("r{}", value);
    case OperandKind::kImmediate:
      return fmt::format("{}", value);
    case OperandKind::kLabel: {
      const auto to = target(pc);
      return to ? std::optional(label(*to)) : std::nullopt;
    }
    case OperandKind::kHost: {
      const isa::HostCallInfo* call =
          value < 0 ? nullptr : isa::find_host_call(static_cast<std::uint32_t>(value));
      return call != nullptr ? std::optional(std::string(call->text)) : std::nullopt;
    }
    default:
      break;
  }
  if (value < 0) return std::nullopt;  // what follows are table indices
  switch (operand.kind) {
    case OperandKind::kDecl:
      if (index >= program_.tensors.size() || !program_.tensors[index].is_array)
        return std::nullopt;
      return name(program_.tensors[index].name);
    case OperandKind::kConst:
      return constant(index);
    case OperandKind::kString:
      return index < program_.strings.size() ? string_name(index) : fmt::format("#{}", index);
    case OperandKind::kRopeAttr:
    case OperandKind::kAttentionAttr:
    case OperandKind::kNormAttr:
      return attribute(index, isa::attr_kind_of(operand.kind));
    default:
      return std::nullopt;
  }
}

std::string Printer::word(const isa::Instruction& instruction) {
  return fmt::format(".word {}, {}, {}, {}, {}, {}, {}", instruction.family, instruction.op,
                     instruction.d, instruction.a, instruction.b, instruction.c, instruction.imm);
}

std::string Printer::instruction(std::size_t pc) const {
  const isa::Instruction& instruction = program_.code[pc];
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  if (info == nullptr || from_operands(instruction, *info) != instruction) return word(instruction);
  std::string out(info->mnemonic);
  for (std::size_t i = 0; i < info->operand_count; ++i) {
    const auto text = operand(pc, info->operands[i]);
    if (!text) return word(instruction);
    out += (i == 0 ? " " : ", ") + *text;
  }
  return out;
}

}  // namespace pxos::assembler
