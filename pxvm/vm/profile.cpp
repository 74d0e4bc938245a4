#include "pxvm/vm/profile.hpp"

#include "pxvm/isa/flow.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace pxos::vm {
namespace {

using isa::OperandKind;
using isa::OpInfo;

/// The operand that names an operation: its weights, else its vector, else the cache or tensor it
/// writes.
std::optional<isa::Operand> naming_operand(const OpInfo& info) {
  for (const OperandKind kind :
       {OperandKind::kWeightRead, OperandKind::kVectorRead, OperandKind::kF16Write,
        OperandKind::kViewSet, OperandKind::kF32Write, OperandKind::kI32Write}) {
    for (const isa::Operand& operand : info.operand_list()) {
      if (operand.kind == kind) return operand;
    }
  }
  return std::nullopt;
}

struct OperationName {
  std::string_view mnemonic;
  std::string_view tensor;
};

/// The members of a group in one line; equal mnemonics in a row are named once, binds not at all.
std::string joined(std::span<const OperationName> names) {
  std::string out;
  std::string_view last;
  for (const OperationName& name : names) {
    if (name.mnemonic == "bind" && names.size() > 1) continue;
    if (name.mnemonic != last) {
      if (!out.empty()) out += " + ";
      out += name.mnemonic;
    }
    if (!name.tensor.empty()) out += fmt::format(" {}", name.tensor);
    last = name.mnemonic;
  }
  return out;
}

std::vector<ProfileRow> sorted_rows(std::map<std::string, ProfileRow> rows) {
  std::vector<ProfileRow> out;
  for (auto& [name, row] : rows) {
    out.push_back(std::move(row));
    out.back().name = name;
  }
  // Equal times (scalar instructions have none) by calls, then by name: the order is the same on
  // every run.
  std::stable_sort(out.begin(), out.end(), [](const ProfileRow& a, const ProfileRow& b) {
    return a.seconds != b.seconds ? a.seconds > b.seconds : a.calls > b.calls;
  });
  return out;
}

ProfileRow row_of(const Profile::Entry& entry) {
  return {{}, entry.calls, entry.seconds, entry.cost};
}

}  // namespace

OpCost& OpCost::operator+=(const OpCost& other) {
  weight_bytes += other.weight_bytes;
  tensor_bytes += other.tensor_bytes;
  multiply_adds += other.multiply_adds;
  return *this;
}

ProfileRow& ProfileRow::operator+=(const ProfileRow& other) {
  calls += other.calls;
  seconds += other.seconds;
  cost += other.cost;
  return *this;
}

double Profile::overhead_seconds() const {
  double inside = 0;
  for (const Entry& entry : entries_) inside += entry.seconds;
  return call_seconds_ - inside;
}

void Profile::clear() {
  entries_.assign(entries_.size(), {});
  call_seconds_ = 0;
  calls_ = 0;
}

void Profile::prepare(std::size_t instructions, bool fused) {
  entries_.resize(instructions);
  fused_ = fused;
}

std::vector<std::string> operation_names(const LinkedProgram& linked, bool fused) {
  const isa::Program& program = linked.program();
  std::vector<OperationName> names(program.code.size());
  const std::vector<bool> sound(program.code.size(), true);  // it is verified
  isa::Flow flow(program, sound);
  if (!flow.run()) return std::vector<std::string>(program.code.size());
  flow.for_each([&](std::size_t pc, const isa::Flow::Registers& registers) {
    const isa::Instruction& instruction = program.code[pc];
    const OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
    names[pc].mnemonic = info->mnemonic;
    const auto operand = naming_operand(*info);
    if (!operand) return;
    const auto reg =
        static_cast<std::uint8_t>(isa::field_value(instruction, *info, operand->field));
    const isa::RegisterCell cell = registers(reg);
    if (cell.status == isa::RegisterCell::Status::kKnown && operand->kind != OperandKind::kViewSet)
      names[pc].tensor = program.tensors[cell.type].name;
  });
  std::vector<std::string> out;
  for (const OperationName& name : names) out.push_back(joined({&name, 1}));
  if (!fused) return out;
  for (const Group& group : linked.plan.groups)
    out[group.first] = joined({names.data() + group.first, group.end - group.first});
  return out;
}

std::vector<ProfileRow> profile_by_operation(const LinkedProgram& linked, const Profile& profile) {
  const std::vector<std::string> names = operation_names(linked, profile.fused());
  std::map<std::string, ProfileRow> rows;
  for (std::size_t pc = 0; pc < profile.entries().size(); ++pc) {
    const Profile::Entry& entry = profile.entries()[pc];
    if (entry.seconds > 0) rows[names[pc]] += row_of(entry);
  }
  return sorted_rows(std::move(rows));
}

std::vector<ProfileRow> profile_by_opcode(const LinkedProgram& linked, const Profile& profile) {
  const isa::Program& program = linked.program();
  const auto mnemonic = [&](std::size_t pc) {
    const isa::Instruction& instruction = program.code[pc];
    return OperationName{isa::find_opcode(instruction.family, instruction.op)->mnemonic, {}};
  };
  std::vector<OperationName> names;
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) names.push_back(mnemonic(pc));
  std::vector<std::size_t> length(program.code.size(), 1);
  if (profile.fused()) {
    for (const Group& group : linked.plan.groups) length[group.first] = group.end - group.first;
  }
  std::map<std::string, ProfileRow> rows;
  for (std::size_t pc = 0; pc < profile.entries().size(); ++pc) {
    const Profile::Entry& entry = profile.entries()[pc];
    if (entry.calls > 0) rows[joined({names.data() + pc, length[pc]})] += row_of(entry);
  }
  return sorted_rows(std::move(rows));
}

}  // namespace pxos::vm
