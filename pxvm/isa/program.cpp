#include "pxvm/isa/program.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace pxos::isa {
namespace {

constexpr std::array<AttrFieldInfo, 10> kRopeFields = {{
    {"heads", true, std::nullopt},
    {"head_dim", true, std::nullopt},
    {"dims", true, std::nullopt},
    {"base", false, std::nullopt},
    {"pairing", true, 0.0},
    {"factor", false, 1.0, false},
    {"original", false, 0.0, false},
    {"beta_fast", false, 32.0, false},
    {"beta_slow", false, 1.0, false},
    {"magnitude", false, 1.0, false},
}};

constexpr std::array<AttrFieldInfo, 6> kAttentionFields = {{
    {"heads", true, std::nullopt},
    {"kv_heads", true, std::nullopt},
    {"head_dim", true, std::nullopt},
    {"scale", false, std::nullopt},
    {"window", true, 0.0},
    {"softcap", false, 0.0},
}};

constexpr std::array<AttrFieldInfo, 3> kNormFields = {{
    {"heads", true, std::nullopt},
    {"head_dim", true, std::nullopt},
    {"eps", false, std::nullopt},
}};

/// Strings in messages are cut: a trap's text may be 64 KiB, a message is one line.
constexpr std::size_t kShownStringBytes = 60;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kShownStringBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + (text.size() > kShownStringBytes ? "\"..." : "\"");
}

// A linear search: texts are made for messages and listings, never while a program runs.
std::string tensor_text(const Program& program, std::int32_t reg) {
  const auto it =
      std::find_if(program.tensors.begin(), program.tensors.end(),
                   [&](const TensorDecl& decl) { return decl.home && *decl.home == reg; });
  return it != program.tensors.end() ? it->name : fmt::format("t{}", reg);
}

/// The name of element `index` of a table, or "#index".
template <class Table>
std::string name_in(const Table& table, std::int32_t index) {
  const auto at = static_cast<std::size_t>(index);
  const bool named = index >= 0 && at < table.size() && !table[at].name.empty();
  return named ? table[at].name : fmt::format("#{}", index);
}

std::string string_text(const Program& program, std::int32_t index) {
  const auto at = static_cast<std::size_t>(index);
  if (index < 0 || at >= program.strings.size()) return fmt::format("#{}", index);
  return quoted(program.strings[at]);
}

std::string host_text(std::int32_t number) {
  const HostCallInfo* info =
      number < 0 ? nullptr : find_host_call(static_cast<std::uint32_t>(number));
  return info != nullptr ? std::string(info->text) : fmt::format("#{}", number);
}

// Indices are shown as they are when a table does not have them: this text is needed most when a
// program is wrong.
std::string operand_text(const Program& program, std::size_t pc, const OpInfo& info,
                         const Operand& operand) {
  const std::int32_t value = field_value(program.code[pc], info, operand.field);
  switch (operand.kind) {
    case OperandKind::kScalarWrite:
    case OperandKind::kScalarRead:
    case OperandKind::kWindow:
      return fmt::format("r{}", value);
    case OperandKind::kDecl:
      return name_in(program.tensors, value);
    case OperandKind::kConst:
      return name_in(program.consts, value);
    case OperandKind::kRopeAttr:
    case OperandKind::kAttentionAttr:
    case OperandKind::kNormAttr:
      return name_in(program.attrs, value);
    case OperandKind::kString:
      return string_text(program, value);
    case OperandKind::kHost:
      return host_text(value);
    case OperandKind::kLabel:
      return fmt::format("L{}", static_cast<std::int64_t>(pc) + 1 + value);
    case OperandKind::kImmediate:
    case OperandKind::kNone:
      return std::to_string(value);
    default:
      return tensor_text(program, value);
  }
}

}  // namespace

std::int32_t field_value(const Instruction& instruction, const OpInfo& info, Field field) {
  const auto bits = static_cast<std::uint32_t>(instruction.imm);
  switch (field) {
    case Field::kD:
      return instruction.d;
    case Field::kA:
      return instruction.a;
    case Field::kB:
      return instruction.b;
    case Field::kC:
      return instruction.c;
    case Field::kE:
      return static_cast<std::int32_t>(bits >> 16U & 0xFFU);
    case Field::kI:
      break;
  }
  return info.operand_at(Field::kE) ? static_cast<std::int32_t>(bits & 0xFFFFU) : instruction.imm;
}

std::span<const AttrFieldInfo> attr_fields(AttrRecord::Kind kind) {
  switch (kind) {
    case AttrRecord::Kind::kRope:
      return kRopeFields;
    case AttrRecord::Kind::kAttention:
      return kAttentionFields;
    case AttrRecord::Kind::kNorm:
      return kNormFields;
  }
  return {};
}

std::string_view attr_kind_name(AttrRecord::Kind kind) {
  switch (kind) {
    case AttrRecord::Kind::kRope:
      return "rope";
    case AttrRecord::Kind::kAttention:
      return "attention";
    case AttrRecord::Kind::kNorm:
      return "norm";
  }
  return "?";
}

std::string_view scalar_type_name(ScalarConst::Type type) {
  switch (type) {
    case ScalarConst::Type::kI64:
      return "i64";
    case ScalarConst::Type::kF32:
      return "f32";
    case ScalarConst::Type::kF64:
      return "f64";
  }
  return "?";
}

const Entry* Program::find_entry(std::string_view entry_name) const {
  const auto it = std::find_if(entries.begin(), entries.end(),
                               [&](const Entry& entry) { return entry.name == entry_name; });
  return it != entries.end() ? &*it : nullptr;
}

std::optional<std::uint16_t> Program::find_tensor(std::string_view tensor_name) const {
  const auto it = std::find_if(tensors.begin(), tensors.end(),
                               [&](const TensorDecl& decl) { return decl.name == tensor_name; });
  if (it == tensors.end()) return std::nullopt;
  return static_cast<std::uint16_t>(it - tensors.begin());
}

std::vector<std::string> Program::symbol_names() const {
  std::vector<std::string> names;
  names.reserve(symbols.size());
  for (const Symbol& symbol : symbols) names.push_back(symbol.name);
  return names;
}

std::string instruction_text(const Program& program, std::size_t pc) {
  if (pc >= program.code.size()) return "(no instruction)";
  const Instruction& instruction = program.code[pc];
  const OpInfo* info = find_opcode(instruction.family, instruction.op);
  if (info == nullptr) {
    return fmt::format("unknown instruction 0x{:02x} 0x{:02x}", instruction.family, instruction.op);
  }
  std::string out(info->mnemonic);
  std::string_view separator = " ";
  for (const Operand& operand : info->operand_list()) {
    out += separator;
    out += operand_text(program, pc, *info, operand);
    separator = ", ";
  }
  return out;
}

std::string location_text(const Program& program, std::size_t pc) {
  if (pc < program.debug.lines.size()) {
    const DebugInfo::Line& line = program.debug.lines[pc];
    if (line.file < program.debug.files.size())
      return fmt::format("{}:{}", program.debug.files[line.file], line.line);
  }
  return fmt::format("pc {}", pc);
}

}  // namespace pxos::isa
