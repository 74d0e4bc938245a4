// Operands of instructions: what the text says against what the opcode table wants.
#include "assembler/emitter.hpp"
#include "assembler/suggest.hpp"

#include <algorithm>
#include <array>

#include <fmt/core.h>

namespace pxos::assembler {

using isa::Field;
using isa::OperandKind;

namespace {

constexpr std::int32_t kImmLowest = -(1 << 23);
constexpr std::int32_t kImmHighest = (1 << 23) - 1;

/// "an f32 tensor", "an i32 tensor", "an attention record"; all other kinds take "a".
std::string_view article(std::string_view noun) {
  return noun.starts_with("f") || noun.starts_with("i") || noun.starts_with("at") ? "an" : "a";
}

/// r256, t999: a letter and digits, but no register there is.
bool looks_like_register(std::string_view text) {
  const bool letter = text.size() > 1 && (text[0] == 'r' || text[0] == 't');
  return letter && text.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

bool fits_imm(std::int64_t value) {
  return value >= kImmLowest && value <= kImmHighest;
}

}  // namespace

/// What each kind is called in messages.
std::string_view kind_text(OperandKind kind) {
  switch (kind) {
    case OperandKind::kNone:
      return "nothing";
    case OperandKind::kScalarWrite:
      return "scalar register (written)";
    case OperandKind::kScalarRead:
      return "scalar register or constant";
    case OperandKind::kWindow:
      return "scalar register (the callee's r0)";
    case OperandKind::kF32Read:
      return "f32 tensor";
    case OperandKind::kF32Write:
      return "f32 tensor (written)";
    case OperandKind::kVectorRead:
      return "f32 vector";
    case OperandKind::kWeightRead:
      return "weight matrix";
    case OperandKind::kI32Read:
      return "i32 tensor";
    case OperandKind::kI32Write:
      return "i32 tensor (written)";
    case OperandKind::kU8Read:
      return "u8 tensor";
    case OperandKind::kU8Write:
      return "u8 tensor (written)";
    case OperandKind::kF16Read:
      return "f16 tensor";
    case OperandKind::kF16Write:
      return "f16 tensor (written)";
    case OperandKind::kAnyRead:
      return "tensor";
    case OperandKind::kViewSet:
      return "view (set)";
    case OperandKind::kDecl:
      return "tensor array";
    case OperandKind::kImmediate:
      return "number";
    case OperandKind::kConst:
      return "constant";
    case OperandKind::kString:
      return "string";
    case OperandKind::kLabel:
      return "label";
    case OperandKind::kHost:
      return "host call";
    case OperandKind::kRopeAttr:
      return "rope record";
    case OperandKind::kAttentionAttr:
      return "attention record";
    case OperandKind::kNormAttr:
      return "norm record";
  }
  return "?";
}

/// Made from the table's row, so it is right for every instruction there is.
std::string instruction_form(const isa::OpInfo& info) {
  static constexpr std::string_view kFieldLetters = "dabcei";
  std::string out(info.mnemonic);
  for (std::size_t i = 0; i < info.operand_count; ++i) {
    const isa::Operand& operand = info.operands[i];
    out += fmt::format("{} {}: {}", i == 0 ? "" : ",",
                       kFieldLetters[static_cast<std::size_t>(operand.field)],
                       kind_text(operand.kind));
  }
  return fmt::format("{}   ({})", out, info.meaning);
}

/// One case per kind of the table; the compiler sees to it that none is missing.
bool Emitter::operand(Draft& draft, const Operand& given, isa::Operand wanted) {
  switch (wanted.kind) {
    case OperandKind::kScalarWrite:
    case OperandKind::kWindow:
      return scalar_write(draft, given, wanted);
    case OperandKind::kScalarRead:
      return scalar_read(draft, given, wanted.field);
    case OperandKind::kF32Read:
    case OperandKind::kF32Write:
    case OperandKind::kVectorRead:
    case OperandKind::kWeightRead:
    case OperandKind::kI32Read:
    case OperandKind::kI32Write:
    case OperandKind::kU8Read:
    case OperandKind::kU8Write:
    case OperandKind::kF16Read:
    case OperandKind::kF16Write:
    case OperandKind::kAnyRead:
    case OperandKind::kViewSet:
      return tensor(draft, given, wanted);
    case OperandKind::kDecl:
      return array_name(draft, given, wanted.field);
    case OperandKind::kImmediate:
      return immediate(draft, given, wanted.field);
    case OperandKind::kConst:
      return constant(draft, given, wanted.field);
    case OperandKind::kString:
      return string(draft, given, wanted.field);
    case OperandKind::kLabel:
      return branch_target(draft, given);
    case OperandKind::kHost:
      return host_call(draft, given, wanted.field);
    case OperandKind::kRopeAttr:
    case OperandKind::kAttentionAttr:
    case OperandKind::kNormAttr:
      return attribute(draft, given, wanted);
    case OperandKind::kNone:
      break;
  }
  return false;
}

/// Fields d, a, b, c, e are bytes; i has 24 bits with sign, or 16 without where e takes the top
/// byte.
bool Emitter::set_field(Draft& draft, Field field, std::int64_t value, Span span) {
  const bool shared = draft.info->operand_at(Field::kE).has_value();
  const bool byte = field != Field::kI;
  const std::int64_t lowest = byte || shared ? 0 : kImmLowest;
  const std::int64_t highest = byte ? 255 : (shared ? 0xFFFF : kImmHighest);
  if (value < lowest || value > highest) {
    reporter_.error(
        span, fmt::format("{} does not fit the instruction: {} to {}", value, lowest, highest));
    return false;
  }
  const auto narrow = static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) & 0xFFU);
  switch (field) {
    case Field::kD:
      draft.out.d = narrow;
      break;
    case Field::kA:
      draft.out.a = narrow;
      break;
    case Field::kB:
      draft.out.b = narrow;
      break;
    case Field::kC:
      draft.out.c = narrow;
      break;
    case Field::kE: {
      // The immediate's top byte; the value is sign-extended from 24 bits.
      const std::uint32_t bits = (static_cast<std::uint32_t>(draft.out.imm) & 0xFFFFU) |
                                 static_cast<std::uint32_t>(narrow) << 16U;
      draft.out.imm = static_cast<std::int32_t>(bits << 8U) >> 8;
      break;
    }
    case Field::kI: {
      const auto low = static_cast<std::uint32_t>(value);
      const std::uint32_t bits =
          shared ? (static_cast<std::uint32_t>(draft.out.imm) & 0xFF0000U) | low : low & 0xFFFFFFU;
      draft.out.imm = static_cast<std::int32_t>(bits << 8U) >> 8;
      break;
    }
  }
  return true;
}

/// What an operand is, as far as its text and declarations tell.
std::string Emitter::describe(const Operand& given) const {
  switch (given.kind) {
    case Operand::Kind::kString:
      return "a string";
    case Operand::Kind::kTableIndex:
      return "a table index";
    case Operand::Kind::kLocal:
      return fmt::format("label '.{}'", given.name.text);
    case Operand::Kind::kIndexed:
      return fmt::format("an element of '{}'", given.name.text);
    case Operand::Kind::kExpr:
      break;
  }
  const Name* name = given.expr.as_name();
  if (name == nullptr) return given.expr.steps.size() == 1 ? "a number" : "an expression";
  if (const auto reg = as_register(*name))
    return fmt::format("{} register {}", reg->tensor ? "tensor" : "scalar", name->text);
  if (find_scalar(name->text) != nullptr) return fmt::format("scalar register '{}'", name->text);
  if (const Known* tensor = assembly_.names.find(Space::kTensor, name->text)) {
    const isa::TensorDecl& decl = program_.tensors[tensor->index];
    return fmt::format("{} {}'{}'", tensor_kind_text(decl.kind), decl.is_array ? "array " : "",
                       name->text);
  }
  if (assembly_.names.find(Space::kAttr, name->text) != nullptr)
    return fmt::format("attribute record '{}'", name->text);
  if (const Known* value = assembly_.names.find(Space::kValue, name->text)) {
    if (value->kind == Known::Kind::kConst) return fmt::format("constant '{}'", name->text);
    if (value->kind == Known::Kind::kString) return fmt::format("string '{}'", name->text);
    const bool param = program_.symbols[value->index].kind == isa::Symbol::Kind::kIntParam ||
                       program_.symbols[value->index].kind == isa::Symbol::Kind::kRealParam;
    return fmt::format("{} '{}'", param ? "parameter" : "dimension", name->text);
  }
  return fmt::format("'{}'", name->text);
}

/// Reported once per name; always false.
bool Emitter::not_declared(const Name& name, Space space, std::string_view hint) {
  if (assembly_.names.broken(name.text) || assembly_.entry_broken) return false;
  assembly_.names.add_broken(name);  // said once
  auto known = assembly_.names.all(space);
  if (space == Space::kValue) {
    for (const std::string_view reg : scalar_names()) known.push_back(reg);
  }
  const std::string near = did_you_mean(name.text, known);
  reporter_.error(name.span, fmt::format("'{}' is not declared", name.text),
                  near.empty() ? std::string(hint) : near);
  return false;
}

/// "matmul needs a weight matrix as operand 2, 'x' is ..." with the declaration as a note.
bool Emitter::wrong_kind(const Draft& draft, const Operand& given, OperandKind wanted) {
  const Name* name = given.kind == Operand::Kind::kIndexed ? &given.name : given.expr.as_name();
  if (name != nullptr && assembly_.names.broken(name->text)) return false;
  if (assembly_.map.line(draft.line).use && name != nullptr) {
    const Span use = assembly_.map.origin({draft.line, 0, 0});
    if (!wrong_in_macro_.emplace(use.line, name->text).second) return false;
  }
  Diagnostic& error =
      reporter_.error(given.span,
                      fmt::format("operand {} of {} must be {} {}, found {}", draft.operand + 1,
                                  draft.info->mnemonic, article(kind_text(wanted)),
                                  kind_text(wanted), describe(given)),
                      fmt::format("expected {}", instruction_form(*draft.info)));
  const Known* known = nullptr;
  if (name != nullptr) {
    for (const Space space : {Space::kTensor, Space::kAttr, Space::kValue}) {
      if (known == nullptr) known = assembly_.names.find(space, name->text);
    }
  }
  const ScalarName* scalar = name != nullptr ? find_scalar(name->text) : nullptr;
  if (scalar != nullptr) {
    reporter_.note(error, scalar->declared, fmt::format("{} is declared here", name->text));
  } else if (known != nullptr) {
    reporter_.note(error, known->declared, fmt::format("{} is declared here", name->text));
  }
  return false;
}

/// Names of the entry before those of the whole program.
const ScalarName* Emitter::find_scalar(std::string_view name) const {
  const auto in = [&](const ScalarNames& names) -> const ScalarName* {
    const auto found = names.find(name);
    return found == names.end() ? nullptr : &found->second;
  };
  if (const ScalarName* local = in(local_scalars_)) return local;
  if (const ScalarName* argument = entry_ ? in(assembly_.entry_scalars[*entry_]) : nullptr)
    return argument;
  return function_ ? nullptr : in(global_scalars_);
}

const std::bitset<256>& Emitter::scalars_taken() const {
  return function_ ? assembly_.function_scalars[function_->number] : assembly_.scalars_taken;
}

/// Candidates for "did you mean", sorted so that messages do not depend on hashing.
std::vector<std::string_view> Emitter::scalar_names() const {
  std::vector<std::string_view> out;
  for (const auto& [name, reg] : local_scalars_) out.push_back(name);
  if (!function_) {
    for (const auto& [name, reg] : global_scalars_) out.push_back(name);
  }
  if (entry_) {
    for (const auto& [name, reg] : assembly_.entry_scalars[*entry_]) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// By number or by name; nullopt for everything else.
std::optional<std::uint8_t> Emitter::scalar_register(const Name& name) const {
  if (const auto reg = as_register(name))
    return reg->tensor ? std::nullopt : std::optional(reg->number);
  const ScalarName* named = find_scalar(name.text);
  if (named == nullptr) return std::nullopt;
  if (named->named) assembly_.registers[*named->named].used = true;
  return named->reg;
}

/// Only a register can be written; constants cannot be made into one here.
bool Emitter::scalar_write(Draft& draft, const Operand& given, isa::Operand wanted) {
  const Name* name = given.kind == Operand::Kind::kExpr ? given.expr.as_name() : nullptr;
  if (name == nullptr) return wrong_kind(draft, given, wanted.kind);
  if (const auto reg = scalar_register(*name))
    return set_field(draft, wanted.field, *reg, given.span);
  bool known = as_register(*name).has_value();
  for (const Space space : {Space::kValue, Space::kTensor, Space::kAttr})
    known = known || assembly_.names.find(space, name->text) != nullptr;
  if (known) return wrong_kind(draft, given, wanted.kind);
  if (assembly_.names.broken(name->text) || assembly_.entry_broken) return false;
  assembly_.names.add_broken(*name);
  const auto names = scalar_names();
  std::string near = did_you_mean(name->text, names);
  if (looks_like_register(name->text)) near = "registers are r0 to r255 and t0 to t255";
  reporter_.error(
      given.span, fmt::format("'{}' is no scalar register", name->text),
      near.empty() ? fmt::format("name one with '.reg {}', or use r0 to r255", name->text) : near);
  return false;
}

/// Instructions are named for what they read: f64.add, br.f32.lt; conversions for it second:
/// i64.trunc_f32_s.
Emitter::ScalarType Emitter::type_in_name(std::string_view mnemonic) {
  if (mnemonic.starts_with("br.")) mnemonic.remove_prefix(3);
  const std::size_t from = mnemonic.find_first_of('_');
  const std::string_view source = from == mnemonic.npos ? "" : mnemonic.substr(from + 1);
  for (const std::string_view text :
       {source, source.substr(std::min<std::size_t>(source.size(), 4)),
        source.empty() ? mnemonic : ""}) {
    if (text.starts_with("f32")) return ScalarType::kF32;
    if (text.starts_with("f64")) return ScalarType::kF64;
  }
  return ScalarType::kI64;
}

/// The type that an operation reads a scalar operand as; a constant is made in that type.
Emitter::ScalarType Emitter::scalar_type(const isa::OpInfo& info, Field field) {
  switch (info.opcode) {
    case isa::Opcode::kMov:
    case isa::Opcode::kSelect:
    case isa::Opcode::kHost:
      return ScalarType::kAny;
    case isa::Opcode::kScale:
    case isa::Opcode::kSoftCap:
    case isa::Opcode::kFill:
      return ScalarType::kF32;
    case isa::Opcode::kStF32At:
      return field == Field::kD ? ScalarType::kF32 : ScalarType::kI64;
    case isa::Opcode::kStF32:
      return field == Field::kC ? ScalarType::kF32 : ScalarType::kI64;
    default:
      return type_in_name(info.mnemonic);
  }
}

/// A register as it is; a constant through a scratch register.
bool Emitter::scalar_read(Draft& draft, const Operand& given, Field field) {
  if (given.kind == Operand::Kind::kString) {
    const auto index = intern_string(assembly_, given.text, given.span);
    const auto reg = index ? load_literal(draft, *index, given.span) : std::nullopt;
    return reg && set_field(draft, field, *reg, given.span);
  }
  if (given.kind != Operand::Kind::kExpr) return wrong_kind(draft, given, OperandKind::kScalarRead);
  const Name* name = given.expr.as_name();
  if (name != nullptr) {
    if (const auto reg = scalar_register(*name)) return set_field(draft, field, *reg, given.span);
    const bool value =
        assembly_.names.find(Space::kValue, name->text) != nullptr && !as_register(*name);
    const bool other = as_register(*name) ||
                       assembly_.names.find(Space::kTensor, name->text) != nullptr ||
                       assembly_.names.find(Space::kAttr, name->text) != nullptr;
    if (!value && other) return wrong_kind(draft, given, OperandKind::kScalarRead);
    if (!value)
      return not_declared(*name, Space::kValue,
                          "name a register with '.reg', a number with '.param' or '.const'");
  }
  const auto reg = made_scalar(draft, given.expr, scalar_type(*draft.info, field));
  return reg && set_field(draft, field, *reg, given.span);
}

/// A scratch register for this instruction, from r255 down.
std::optional<std::uint8_t> Emitter::scratch(Draft& draft, Span span) {
  for (std::size_t reg = 256; reg-- > 0;) {
    if (scalars_taken().test(reg) || local_taken_.test(reg) || draft.scratch.test(reg)) continue;
    draft.scratch.set(reg);
    if (function_) function_->scratch.set(reg);
    return static_cast<std::uint8_t>(reg);
  }
  reporter_.error(span, "no scalar register is left for this constant");
  return std::nullopt;
}

/// Puts `imm` through `opcode` (i64.const or const) into a scratch register.
std::optional<std::uint8_t> Emitter::load(Draft& draft, isa::Opcode opcode, std::int64_t imm,
                                          Span span) {
  const auto reg = scratch(draft, span);
  if (!reg) return std::nullopt;
  isa::Instruction out = blank(opcode);
  out.d = *reg;
  out.imm = static_cast<std::int32_t>(imm);
  append(out, {draft.line, static_cast<std::uint8_t>(draft.operand)});
  return reg;
}

std::optional<std::uint8_t> Emitter::load_literal(Draft& draft, std::int64_t value, Span span) {
  return load(draft, isa::Opcode::kI64Const, value, span);
}

std::optional<std::uint8_t> Emitter::load_const(Draft& draft, std::uint32_t index, Span span) {
  return load(draft, isa::Opcode::kConstLd, index, span);
}

/// Requires: not kAny.
isa::ScalarConst::Type Emitter::const_type(ScalarType type) {
  if (type == ScalarType::kF32) return isa::ScalarConst::Type::kF32;
  return type == ScalarType::kF64 ? isa::ScalarConst::Type::kF64 : isa::ScalarConst::Type::kI64;
}

/// The table index of a value in the type that is read; a real is refused where an i64 is.
std::optional<std::uint32_t> Emitter::pool_const(const Resolved& value, ScalarType type) {
  const bool whole = resolver_.is_integer(value.value);
  if (type == ScalarType::kI64 && !whole) {
    reporter_.error(value.span, "an i64 is needed here: no division, square root or real number");
    return std::nullopt;
  }
  if (type == ScalarType::kAny) type = whole ? ScalarType::kI64 : ScalarType::kF32;
  return intern_const(assembly_, const_type(type), value.value, value.span);
}

/// Emits the instruction that makes the value of `expr` in a scratch register.
std::optional<std::uint8_t> Emitter::made_scalar(Draft& draft, const Expr& expr, ScalarType type) {
  const Name* name = expr.as_name();
  const Known* known = name != nullptr ? assembly_.names.find(Space::kValue, name->text) : nullptr;
  if (known != nullptr && known->kind == Known::Kind::kConst) {
    assembly_.const_used.set(known->index);
    const auto found = program_.consts[known->index].type;
    if (type == ScalarType::kAny || found == const_type(type))
      return load_const(draft, known->index, expr.span);
    Diagnostic& error = reporter_.error(
        expr.span, fmt::format("constant '{}' is {}, {} reads an {} here", name->text,
                               isa::scalar_type_name(found), draft.info->mnemonic,
                               isa::scalar_type_name(const_type(type))));
    reporter_.note(error, known->declared, fmt::format("{} is declared here", name->text));
    return std::nullopt;
  }
  const auto value = resolver_.expression(expr, Scope::kParams);
  if (!value) return std::nullopt;
  const bool real = type == ScalarType::kF32 || type == ScalarType::kF64;
  if (!real && Resolver::is_literal(value->value)) {
    const auto number = value->value.evaluate({});
    if (number && number->is_integer && fits_imm(number->integer))
      return load_literal(draft, number->integer, expr.span);
  }
  const auto index = pool_const(*value, type);
  return index ? load_const(draft, *index, expr.span) : std::nullopt;
}

/// The array itself, as `bind` takes it.
bool Emitter::array_name(Draft& draft, const Operand& given, Field field) {
  const Name* name = given.kind == Operand::Kind::kExpr ? given.expr.as_name() : nullptr;
  if (name == nullptr) return wrong_kind(draft, given, OperandKind::kDecl);
  std::uint16_t index = 0;
  const isa::TensorDecl* decl = find_tensor(*name, OperandKind::kDecl, true, index);
  if (decl == nullptr) return false;
  if (!decl->is_array) return wrong_kind(draft, given, OperandKind::kDecl);
  return set_field(draft, field, index, given.span);
}

/// Immediates are part of the picture, so their value must be known now.
bool Emitter::immediate(Draft& draft, const Operand& given, Field field) {
  if (given.kind != Operand::Kind::kExpr) return wrong_kind(draft, given, OperandKind::kImmediate);
  const Name* name = given.expr.as_name();
  if (name != nullptr && scalar_register(*name))
    return wrong_kind(draft, given, OperandKind::kImmediate);
  const auto number = resolver_.number(given.expr);
  if (!number) return false;
  if (!number->is_integer) return wrong_kind(draft, given, OperandKind::kImmediate);
  return set_field(draft, field, number->integer, given.span);
}

/// A named constant, a place in the table, or a value that gets an unnamed place.
bool Emitter::constant(Draft& draft, const Operand& given, Field field) {
  if (given.kind == Operand::Kind::kTableIndex) {
    // An index beyond the table is the verifier's to refuse; the marks need not grow for it.
    if (given.number < static_cast<std::int64_t>(program_.consts.size()))
      assembly_.const_used.set(static_cast<std::size_t>(given.number));
    return set_field(draft, field, given.number, given.span);
  }
  if (given.kind != Operand::Kind::kExpr) return wrong_kind(draft, given, OperandKind::kConst);
  const Name* name = given.expr.as_name();
  const Known* known = name != nullptr ? assembly_.names.find(Space::kValue, name->text) : nullptr;
  if (known != nullptr && known->kind == Known::Kind::kConst) {
    assembly_.const_used.set(known->index);
    return set_field(draft, field, known->index, given.span);
  }
  if (name != nullptr && known == nullptr) {
    const bool other = as_register(*name) || find_scalar(name->text) != nullptr ||
                       assembly_.names.find(Space::kTensor, name->text) != nullptr;
    return other ? wrong_kind(draft, given, OperandKind::kConst)
                 : not_declared(*name, Space::kValue);
  }
  const auto value = resolver_.expression(given.expr, Scope::kParams);
  // `const` takes the constant's own type; everything else that has one in it computes in f32.
  ScalarType type = ScalarType::kF32;
  if (draft.info->opcode == isa::Opcode::kConstLd) type = ScalarType::kAny;
  if (draft.info->opcode == isa::Opcode::kF64Const) type = ScalarType::kF64;
  const auto index = value ? pool_const(*value, type) : std::nullopt;
  return index && set_field(draft, field, *index, given.span);
}

bool Emitter::string(Draft& draft, const Operand& given, Field field) {
  if (given.kind == Operand::Kind::kTableIndex)
    return set_field(draft, field, given.number, given.span);
  if (given.kind == Operand::Kind::kString) {
    const auto index = intern_string(assembly_, given.text, given.span);
    return index && set_field(draft, field, *index, given.span);
  }
  const Name* name = given.kind == Operand::Kind::kExpr ? given.expr.as_name() : nullptr;
  const Known* known = name != nullptr ? assembly_.names.find(Space::kValue, name->text) : nullptr;
  if (known != nullptr && known->kind == Known::Kind::kString) {
    assembly_.string_used.set(known->index);
    return set_field(draft, field, known->index, given.span);
  }
  if (name != nullptr && known == nullptr && !as_register(*name))
    return not_declared(*name, Space::kValue,
                        fmt::format("declare it: .string {} = \"text\"", name->text));
  return wrong_kind(draft, given, OperandKind::kString);
}

bool Emitter::host_call(Draft& draft, const Operand& given, Field field) {
  const Name* name = given.kind == Operand::Kind::kExpr ? given.expr.as_name() : nullptr;
  if (name == nullptr) return wrong_kind(draft, given, OperandKind::kHost);
  const isa::HostCallInfo* call = isa::find_host_call(name->text);
  if (call != nullptr)
    return set_field(draft, field, static_cast<std::int64_t>(call->call), given.span);
  std::vector<std::string_view> known;
  for (const isa::HostCallInfo& info : isa::all_host_calls()) known.push_back(info.text);
  reporter_.error(given.span, fmt::format("unknown host call '{}'", name->text),
                  did_you_mean(name->text, known));
  return false;
}

/// The record must be of the kind that the instruction computes with.
bool Emitter::attribute(Draft& draft, const Operand& given, isa::Operand wanted) {
  if (given.kind == Operand::Kind::kTableIndex)
    return set_field(draft, wanted.field, given.number, given.span);
  const Name* name = given.kind == Operand::Kind::kExpr ? given.expr.as_name() : nullptr;
  if (name == nullptr) return wrong_kind(draft, given, wanted.kind);
  const Known* known = assembly_.names.find(Space::kAttr, name->text);
  if (known == nullptr) {
    const bool other = as_register(*name) || find_scalar(name->text) != nullptr ||
                       assembly_.names.find(Space::kTensor, name->text) != nullptr;
    if (other) return wrong_kind(draft, given, wanted.kind);
    const std::string_view noun = kind_text(wanted.kind);  // "rope record"
    return not_declared(
        *name, Space::kAttr,
        fmt::format("declare it: .attr {} = {}(..)", name->text, noun.substr(0, noun.find(' '))));
  }
  assembly_.attr_used.set(known->index);
  if (program_.attrs[known->index].kind != isa::attr_kind_of(wanted.kind))
    return wrong_kind(draft, given, wanted.kind);
  return set_field(draft, wanted.field, known->index, given.span);
}

/// Resolved when all labels are known.
bool Emitter::branch_target(Draft& draft, const Operand& given) {
  if (given.kind == Operand::Kind::kLocal) {
    draft.target = Label{given.name, true};
    return true;
  }
  const Name* name = given.kind == Operand::Kind::kExpr ? given.expr.as_name() : nullptr;
  if (name == nullptr) return wrong_kind(draft, given, OperandKind::kLabel);
  draft.target = Label{*name, false};
  return true;
}

}  // namespace pxos::assembler
