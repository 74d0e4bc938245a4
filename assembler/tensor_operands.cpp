// Operands that are tensor registers, and the binds that put array elements into them.
#include "assembler/emitter.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {

using isa::Field;
using isa::OperandKind;

namespace {

/// Bound registers that no statement has used yet.
constexpr std::size_t kNoStatement = 0;

/// The declaration that is missing, as it would be written.
std::string declaration_hint(const Name& name, OperandKind wanted, bool array) {
  const std::string what = fmt::format("{}{}", name.text, array ? "[count]" : "");
  switch (wanted) {
    case OperandKind::kF16Read:
    case OperandKind::kF16Write:
      return fmt::format("declare it: .region {} : f16[rows, columns]", what);
    case OperandKind::kWeightRead:
      return fmt::format("declare it: .import {} : weight[rows, columns] = \"name{}\"", what,
                         array ? ".{}" : "");
    case OperandKind::kVectorRead:
    case OperandKind::kDecl:
      return fmt::format("declare it: .import {} : f32[length] = \"name{}\"", what,
                         array ? ".{}" : "");
    case OperandKind::kViewSet:
      return fmt::format("declare it: .view {} : f32[rows, columns]", what);
    case OperandKind::kI32Read:
    case OperandKind::kI32Write:
      return fmt::format("declare it: .temp {} : i32[length]", what);
    case OperandKind::kU8Read:
    case OperandKind::kU8Write:
      return fmt::format("declare it: .region {} : u8[height, width, channels]", what);
    default:
      return fmt::format("declare it: .temp {} : f32[rows, columns]", what);
  }
}

}  // namespace

/// A tensor by its declared name; reports what the name is instead.
const isa::TensorDecl* Emitter::find_tensor(const Name& name, OperandKind wanted, bool array,
                                            std::uint16_t& index) {
  const Known* known = assembly_.names.find(Space::kTensor, name.text);
  if (known == nullptr) {
    not_declared(name, Space::kTensor, declaration_hint(name, wanted, array));
    return nullptr;
  }
  index = static_cast<std::uint16_t>(known->index);
  assembly_.tensor_used[index] = true;
  return &program_.tensors[index];
}

/// A raw register counts as a use of the tensor that lives there.
void Emitter::mark_used(std::uint8_t reg) {
  if (marked_.test(reg)) return;
  marked_.set(reg);
  for (std::size_t i = 0; i < program_.tensors.size(); ++i) {
    if (program_.tensors[i].home == reg) assembly_.tensor_used[i] = true;
  }
}

/// A name, a register or an array element. Element type and shape are the verifier's business.
bool Emitter::tensor(Draft& draft, const Operand& given, isa::Operand wanted) {
  if (given.kind == Operand::Kind::kIndexed) {
    if (wanted.kind == OperandKind::kViewSet) return wrong_kind(draft, given, wanted.kind);
    return array_element(draft, given, wanted);
  }
  if (given.kind != Operand::Kind::kExpr || given.expr.as_name() == nullptr)
    return wrong_kind(draft, given, wanted.kind);
  return tensor_name(draft, given, wanted);
}

/// The home register of the declared tensor.
bool Emitter::tensor_name(Draft& draft, const Operand& given, isa::Operand wanted) {
  const Name& name = *given.expr.as_name();
  if (const auto reg = as_register(name)) {
    if (!reg->tensor) return wrong_kind(draft, given, wanted.kind);
    mark_used(reg->number);
    return set_field(draft, wanted.field, reg->number, given.span);
  }
  const bool tensor = assembly_.names.find(Space::kTensor, name.text) != nullptr;
  const bool other = find_scalar(name.text) != nullptr ||
                     assembly_.names.find(Space::kAttr, name.text) != nullptr ||
                     assembly_.names.find(Space::kValue, name.text) != nullptr;
  if (!tensor && other) return wrong_kind(draft, given, wanted.kind);
  std::uint16_t index = 0;
  const isa::TensorDecl* decl = find_tensor(name, wanted.kind, false, index);
  if (decl == nullptr) return false;
  if (decl->is_array) {
    Diagnostic& error = reporter_.error(
        given.span, fmt::format("'{}' is an array; which element?", decl->name),
        fmt::format("write {}[l] with l a scalar register or a number", decl->name));
    reporter_.note(error, assembly_.tensor_spans[index],
                   fmt::format("{} is declared here", decl->name));
    return false;
  }
  if (!decl->home) {
    reporter_.error(given.span,
                    fmt::format("'{}' has no register (declared with @none)", decl->name));
    return false;
  }
  return set_field(draft, wanted.field, *decl->home, given.span);
}

/// The register that holds this element at this point, if one does.
Emitter::Bound* Emitter::find_bound(const std::string& key) {
  const auto found = std::find_if(bound_.begin(), bound_.end(), [&](const Bound& bound) {
    return bound.valid && bound.key == key;
  });
  return found == bound_.end() ? nullptr : &*found;
}

/// A free tensor register for an array element, or the one that was not used for longest.
Emitter::Bound* Emitter::make_bound(const std::string& key, Span span) {
  std::bitset<256> used = assembly_.tensors_taken;
  for (const Bound& bound : bound_) used.set(bound.reg);
  for (std::size_t reg = 0; reg < 256; ++reg) {
    if (used.test(reg)) continue;
    bound_.push_back({key, std::nullopt, static_cast<std::uint8_t>(reg), false, kNoStatement});
    return &bound_.back();
  }
  const auto oldest = std::min_element(
      bound_.begin(), bound_.end(),
      [](const Bound& a, const Bound& b) { return a.last_statement < b.last_statement; });
  if (oldest == bound_.end() || oldest->last_statement == statement_) {
    reporter_.error(span,
                    "no tensor register is left for this array element: all 256 have a tensor");
    return nullptr;
  }
  oldest->key = key;
  oldest->valid = false;
  return &*oldest;
}

/// The declared array that `given` takes an element of, or null (reported).
const isa::TensorDecl* Emitter::find_array(const Operand& given, OperandKind wanted,
                                           std::uint16_t& index) {
  const isa::TensorDecl* decl = find_tensor(given.name, wanted, true, index);
  if (decl == nullptr || decl->is_array) return decl;
  Diagnostic& error = reporter_.error(given.span, fmt::format("'{}' is no array", decl->name),
                                      fmt::format("write {} without an index", decl->name));
  reporter_.note(error, assembly_.tensor_spans[index],
                 fmt::format("{} is declared here", decl->name));
  return nullptr;
}

/// "<decl>:r<register>" or "<decl>:<encoded expression>"; nullopt when the index is neither
/// (reported).
std::optional<std::string> Emitter::element_key(const Operand& given, std::uint16_t decl) {
  const Name* name = given.expr.as_name();
  if (name != nullptr) {
    if (const auto reg = scalar_register(*name)) return fmt::format("{}:r{}", decl, *reg);
    if (assembly_.names.find(Space::kValue, name->text) == nullptr) {
      not_declared(*name, Space::kValue, "an index is a register, named with '.reg', or a number");
      return std::nullopt;
    }
  }
  const auto resolved = resolver_.expression(given.expr, Scope::kParams);
  if (!resolved) return std::nullopt;
  ByteWriter bytes;
  resolved->value.write(bytes);
  return fmt::format("{}:{}", decl, as_text(bytes.view()));
}

/// Bound before use, once per straight line while its index register is unchanged.
bool Emitter::array_element(Draft& draft, const Operand& given, isa::Operand wanted) {
  std::uint16_t decl = 0;
  if (find_array(given, wanted.kind, decl) == nullptr) return false;
  const auto key = element_key(given, decl);
  if (!key) return false;
  Bound* bound = find_bound(*key);
  if (bound == nullptr) bound = bind(draft, given, *key, decl);
  if (bound == nullptr) return false;
  bound->last_statement = statement_;
  return set_field(draft, wanted.field, bound->reg, given.span);
}

/// Emits the bind, after the constant for its index where that is no register.
Emitter::Bound* Emitter::bind(Draft& draft, const Operand& given, const std::string& key,
                              std::uint16_t decl) {
  const Name* name = given.expr.as_name();
  const auto index_reg = name != nullptr ? scalar_register(*name) : std::nullopt;
  const auto made = index_reg ? index_reg : made_scalar(draft, given.expr, ScalarType::kI64);
  Bound* bound = made ? make_bound(key, given.span) : nullptr;
  if (bound == nullptr) return nullptr;
  bound->index_reg = index_reg;
  bound->valid = true;
  isa::Instruction out = blank(isa::Opcode::kBind);
  out.d = bound->reg;
  out.a = made.value_or(0);
  out.imm = decl;
  append(out, {draft.line, static_cast<std::uint8_t>(draft.operand)});
  return bound;
}

/// What the instruction overwrote is no longer what a register holds.
void Emitter::forget_after(const Draft& draft) {
  if (draft.info->opcode == isa::Opcode::kCall) bound_.clear();  // tensor registers are not kept
  for (std::size_t i = 0; i < draft.info->operand_count; ++i) {
    const isa::Operand operand = draft.info->operands[i];
    if (operand.kind == OperandKind::kScalarWrite) {
      std::erase_if(bound_, [&](const Bound& bound) { return bound.index_reg == draft.out.d; });
    }
    if (operand.kind == OperandKind::kViewSet) {
      std::erase_if(bound_, [&](const Bound& bound) { return bound.reg == draft.out.d; });
    }
  }
}

}  // namespace pxos::assembler
