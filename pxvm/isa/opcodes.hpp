#pragma once
// Instructions and host calls, expanded from opcodes.def and host_calls.def. Everything is
// constexpr data.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pxos::isa {

/// family << 8 | op.
enum class Opcode : std::uint16_t {
// clang-format off
#define PX_OP(family, op, Name, mnemonic, operands, shapes, meaning) k##Name = (family) << 8 | (op),
#include "pxvm/isa/opcodes.def"
#undef PX_OP
  // clang-format on
};

/// What an operand field means; the comments name the spelling in opcodes.def.
enum class OperandKind : std::uint8_t {
  kNone,
  kScalarWrite,    ///< rd
  kScalarRead,     ///< rs
  kWindow,         ///< rw
  kF32Read,        ///< tf
  kF32Write,       ///< tF
  kVectorRead,     ///< tv
  kWeightRead,     ///< tw
  kI32Read,        ///< ti
  kI32Write,       ///< tI
  kU8Read,         ///< tu
  kU8Write,        ///< tU
  kF16Read,        ///< th
  kF16Write,       ///< tH
  kAnyRead,        ///< ta
  kViewSet,        ///< tS
  kDecl,           ///< decl
  kImmediate,      ///< imm
  kConst,          ///< const
  kString,         ///< str
  kLabel,          ///< label
  kHost,           ///< host
  kRopeAttr,       ///< rope
  kAttentionAttr,  ///< attn
  kNormAttr,       ///< norm
};

enum class Field : std::uint8_t { kD, kA, kB, kC, kE, kI };

struct Operand {
  Field field = Field::kD;
  OperandKind kind = OperandKind::kNone;
};

inline constexpr std::size_t kMaxOperands = 6;

struct OpInfo {
  Opcode opcode;
  std::string_view name;      ///< CamelCase
  std::string_view mnemonic;  ///< as written in assembly
  std::array<Operand, kMaxOperands> operands;
  std::uint8_t operand_count;
  std::string_view shapes;
  std::string_view meaning;

  [[nodiscard]] std::span<const Operand> operand_list() const {
    return {operands.data(), operand_count};
  }
  [[nodiscard]] constexpr std::optional<Operand> operand_at(Field field) const {
    for (std::size_t i = 0; i < operand_count; ++i) {
      if (operands[i].field == field) return operands[i];
    }
    return std::nullopt;
  }
};

/// All instructions in ascending code.
[[nodiscard]] std::span<const OpInfo> all_opcodes();
/// nullptr when there is no such code / mnemonic.
[[nodiscard]] const OpInfo* find_opcode(std::uint8_t family, std::uint8_t op);
[[nodiscard]] const OpInfo* find_mnemonic(std::string_view mnemonic);

/// True for the kinds that name a tensor register (tf tF tv tw ti tI tu tU th tH ta tS).
[[nodiscard]] constexpr bool is_tensor(OperandKind kind) {
  return kind >= OperandKind::kF32Read && kind <= OperandKind::kViewSet;
}
/// True for the kinds that write tensor elements (tF tI tU tH).
[[nodiscard]] constexpr bool writes_elements(OperandKind kind) {
  return kind == OperandKind::kF32Write || kind == OperandKind::kI32Write ||
         kind == OperandKind::kU8Write || kind == OperandKind::kF16Write;
}

/// True for the kinds that name an attribute record (rope attn norm).
[[nodiscard]] constexpr bool is_attr(OperandKind kind) {
  return kind >= OperandKind::kRopeAttr && kind <= OperandKind::kNormAttr;
}

enum class HostCall : std::uint16_t {
// clang-format off
#define PX_HOST(number, Name, text, capability, meaning) k##Name = number,
#include "pxvm/isa/host_calls.def"
#undef PX_HOST
  // clang-format on
};

struct HostCallInfo {
  HostCall call;
  std::string_view text;        ///< as written in assembly
  std::string_view capability;  ///< what the manifest must ask for
  std::string_view meaning;
};

[[nodiscard]] std::span<const HostCallInfo> all_host_calls();
[[nodiscard]] const HostCallInfo* find_host_call(std::uint32_t number);
[[nodiscard]] const HostCallInfo* find_host_call(std::string_view text);

}  // namespace pxos::isa
