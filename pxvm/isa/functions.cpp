#include "pxvm/isa/functions.hpp"

#include "pxvm/isa/flow.hpp"

#include <fmt/format.h>

namespace pxos::isa {

Functions::Functions(const Program& program, const std::vector<bool>& sound)
    : program_(program), sound_(sound), owner_(program.code.size(), kNobody) {
  for (const Entry& entry : program.entries) claim(entry.start, kEntry);
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    if (is_frame(pc)) claim(pc, owner_of_frame(pc));
  }
}

bool Functions::is_frame(std::size_t pc) const {
  return program_.code[pc].opcode() == Opcode::kFrame;
}

std::string Functions::name_of(std::uint32_t owner) const {
  if (owner == kEntry) return "an entry";
  return fmt::format("the function at {}", location_text(program_, owner - 2));
}

void Functions::add(std::size_t pc, std::optional<Field> field, std::string message) {
  if (problems_.size() < FindingList::kMost) problems_.push_back({pc, field, std::move(message)});
}

/// Every instruction is claimed once, so this is linear in the program however tangled it is.
void Functions::claim(std::size_t start, std::uint32_t owner) {
  if (owner == kEntry && is_frame(start)) {
    add(start, std::nullopt, "an entry begins at a function: a function is called");
    return;
  }
  if (owner_[start] != kNobody) return;
  std::vector<std::size_t> pending = {start};
  owner_[start] = owner;
  while (!pending.empty()) {
    const std::size_t pc = pending.back();
    pending.pop_back();
    if (sound_[pc]) visit(pc, owner, pending);
  }
}

void Functions::visit(std::size_t pc, std::uint32_t owner, std::vector<std::size_t>& pending) {
  check(pc, owner);
  const Exits exits = exits_of(program_.code[pc]);
  // A sound branch lands inside the code.
  const std::size_t target = exits.branches ? branch_target(program_, pc).value_or(pc) : pc;
  const bool calls = program_.code[pc].opcode() == Opcode::kCall;
  if (calls && !is_frame(target))
    add(pc, Field::kI, "call needs a function: a label with `frame` behind it, or a `.func`");
  if (exits.branches && !calls) go_on(pc, target, owner, pending);
  if (exits.falls_through && pc + 1 < program_.code.size()) go_on(pc, pc + 1, owner, pending);
}

/// Control goes from one instruction to another without a call.
void Functions::go_on(std::size_t from, std::size_t to, std::uint32_t owner,
                      std::vector<std::size_t>& pending) {
  if (is_frame(to)) {
    std::string_view hint = to == from + 1 ? "; is a ret or halt missing?" : "; call it";
    if (to == owner - 2) hint = "; branch behind its frame";
    add(from, std::nullopt,
        fmt::format("control runs into {} without a call{}", name_of(owner_of_frame(to)), hint));
    return;
  }
  if (owner_[to] == owner) return;
  if (owner_[to] != kNobody) {
    add(from, std::nullopt,
        fmt::format("control goes from {} into code of {}", name_of(owner), name_of(owner_[to])));
    return;
  }
  owner_[to] = owner;
  pending.push_back(to);
}

/// Entries have all registers, a function those of its frame.
void Functions::check(std::size_t pc, std::uint32_t owner) {
  const Instruction& instruction = program_.code[pc];
  if (owner == kEntry) {
    if (instruction.opcode() == Opcode::kRet)
      add(pc, std::nullopt, "this stands outside of a function; an entry ends with halt");
    return;
  }
  const std::int32_t frame = program_.code[owner - 2].imm;
  const OpInfo& info = *find_opcode(instruction.family, instruction.op);
  for (const Operand& operand : info.operand_list()) {
    if (operand.kind != OperandKind::kScalarRead && operand.kind != OperandKind::kScalarWrite)
      continue;
    const std::int32_t reg = field_value(instruction, info, operand.field);
    if (reg < frame) continue;
    add(pc, operand.field,
        fmt::format("r{} is outside of the frame, which has {} registers", reg, frame));
    return;
  }
}

void Functions::report(FindingList& findings) const {
  for (const Problem& problem : problems_) {
    findings.add(problem.pc, problem.field,
                 fmt::format("{}: {}", instruction_text(program_, problem.pc), problem.message));
  }
}

}  // namespace pxos::isa
