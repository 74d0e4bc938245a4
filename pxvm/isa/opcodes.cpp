#include "pxvm/isa/opcodes.hpp"

#include <algorithm>

namespace pxos::isa {
namespace {

struct KindName {
  std::string_view text;
  OperandKind kind;
};

constexpr KindName kKindNames[] = {
    {"rd", OperandKind::kScalarWrite},     {"rs", OperandKind::kScalarRead},
    {"rw", OperandKind::kWindow},          {"tf", OperandKind::kF32Read},
    {"tF", OperandKind::kF32Write},        {"tv", OperandKind::kVectorRead},
    {"tw", OperandKind::kWeightRead},      {"ti", OperandKind::kI32Read},
    {"tI", OperandKind::kI32Write},        {"tu", OperandKind::kU8Read},
    {"tU", OperandKind::kU8Write},         {"th", OperandKind::kF16Read},
    {"tH", OperandKind::kF16Write},        {"ta", OperandKind::kAnyRead},
    {"tS", OperandKind::kViewSet},         {"decl", OperandKind::kDecl},
    {"imm", OperandKind::kImmediate},      {"const", OperandKind::kConst},
    {"str", OperandKind::kString},         {"label", OperandKind::kLabel},
    {"host", OperandKind::kHost},          {"rope", OperandKind::kRopeAttr},
    {"attn", OperandKind::kAttentionAttr}, {"norm", OperandKind::kNormAttr},
};

// A mistake in the table stops the build: these throw inside consteval.
consteval OperandKind kind_of(std::string_view text) {
  for (const KindName& entry : kKindNames) {
    if (entry.text == text) return entry.kind;
  }
  throw "opcodes.def: unknown operand kind";
}

consteval Field field_of(char letter) {
  constexpr std::string_view kLetters = "dabcei";
  const std::size_t at = kLetters.find(letter);
  if (at == std::string_view::npos) throw "opcodes.def: unknown operand field";
  return static_cast<Field>(at);
}

consteval OpInfo make_info(Opcode opcode, std::string_view name, std::string_view mnemonic,
                           std::string_view operands, std::string_view shapes,
                           std::string_view meaning) {
  OpInfo info{opcode, name, mnemonic, {}, 0, shapes, meaning};
  while (!operands.empty()) {
    const std::size_t end = std::min(operands.find(' '), operands.size());
    const std::string_view word = operands.substr(0, end);
    operands.remove_prefix(std::min(end + 1, operands.size()));
    if (word.size() < 3 || word[1] != ':') throw "opcodes.def: operand is not field:kind";
    info.operands[info.operand_count++] = {field_of(word[0]), kind_of(word.substr(2))};
  }
  return info;
}

constexpr OpInfo kOpcodes[] = {
// clang-format off
#define PX_OP(family, op, Name, mnemonic, operands, shapes, meaning) \
  make_info(Opcode::k##Name, #Name, mnemonic, operands, shapes, meaning),
#include "pxvm/isa/opcodes.def"
#undef PX_OP
    // clang-format on
};

constexpr HostCallInfo kHostCalls[] = {
// clang-format off
#define PX_HOST(number, Name, text, capability, meaning) {HostCall::k##Name, text, capability, meaning},
#include "pxvm/isa/host_calls.def"
#undef PX_HOST
    // clang-format on
};

consteval bool ascending() {
  for (std::size_t i = 1; i < std::size(kOpcodes); ++i) {
    if (kOpcodes[i - 1].opcode >= kOpcodes[i].opcode) return false;
  }
  for (std::size_t i = 1; i < std::size(kHostCalls); ++i) {
    if (kHostCalls[i - 1].call >= kHostCalls[i].call) return false;
  }
  return true;
}
/// Where each family begins in kOpcodes; the last element is its end.
constexpr std::array<std::uint16_t, 257> kFirstOf = [] {
  std::array<std::uint16_t, 257> first{};
  for (const OpInfo& info : kOpcodes) ++first[(static_cast<std::size_t>(info.opcode) >> 8) + 1];
  for (std::size_t family = 1; family < first.size(); ++family)
    first[family] = static_cast<std::uint16_t>(first[family] + first[family - 1]);
  return first;
}();

static_assert(ascending(), "codes in opcodes.def and host_calls.def are unique and ascending");

}  // namespace

std::span<const OpInfo> all_opcodes() {
  return kOpcodes;
}
std::span<const HostCallInfo> all_host_calls() {
  return kHostCalls;
}

const OpInfo* find_opcode(std::uint8_t family, std::uint8_t op) {
  const OpInfo* it = std::begin(kOpcodes) + kFirstOf[family];
  const OpInfo* const end = std::begin(kOpcodes) + kFirstOf[family + std::size_t{1}];
  const auto code = static_cast<Opcode>(family << 8 | op);
  it = std::lower_bound(it, end, code,
                        [](const OpInfo& info, Opcode wanted) { return info.opcode < wanted; });
  return it != end && it->opcode == code ? it : nullptr;
}

const OpInfo* find_mnemonic(std::string_view mnemonic) {
  const auto* it = std::find_if(std::begin(kOpcodes), std::end(kOpcodes),
                                [&](const OpInfo& info) { return info.mnemonic == mnemonic; });
  return it != std::end(kOpcodes) ? it : nullptr;
}

const HostCallInfo* find_host_call(std::uint32_t number) {
  const auto* it = std::find_if(
      std::begin(kHostCalls), std::end(kHostCalls),
      [&](const HostCallInfo& info) { return static_cast<std::uint32_t>(info.call) == number; });
  return it != std::end(kHostCalls) ? it : nullptr;
}

const HostCallInfo* find_host_call(std::string_view text) {
  const auto* it = std::find_if(std::begin(kHostCalls), std::end(kHostCalls),
                                [&](const HostCallInfo& info) { return info.text == text; });
  return it != std::end(kHostCalls) ? it : nullptr;
}

}  // namespace pxos::isa
