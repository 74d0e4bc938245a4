#include "pxvm/isa/flow.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

namespace pxos::isa {
namespace {

using Status = RegisterCell::Status;

/// Equal for tensors that are interchangeable as operands.
std::string type_key(const TensorDecl& decl) {
  ByteWriter key;
  key.u8(static_cast<std::uint8_t>(decl.element));
  for (const Polynomial& dim : decl.dims) dim.write(key);
  return std::string(as_text(key.view()));
}

}  // namespace

bool is_writable(const Program& program, std::uint16_t root) {
  if (root == RegisterCell::kManyWritable) return true;
  if (root >= program.tensors.size()) return false;
  const TensorDecl::Kind kind = program.tensors[root].kind;
  return kind == TensorDecl::Kind::kTemp || kind == TensorDecl::Kind::kOutput ||
         kind == TensorDecl::Kind::kRegion;
}

bool sets_view(const OpInfo& info) {
  const auto operand = info.operand_at(Field::kD);
  return operand && operand->kind == OperandKind::kViewSet;
}

std::optional<std::size_t> branch_target(const Program& program, std::size_t pc) {
  const std::int64_t target = static_cast<std::int64_t>(pc) + 1 + program.code[pc].imm;
  if (target < 0 || target >= static_cast<std::int64_t>(program.code.size())) return std::nullopt;
  return static_cast<std::size_t>(target);
}

Exits exits_of(const Instruction& instruction) {
  const OpInfo* info = find_opcode(instruction.family, instruction.op);
  if (info == nullptr) return {false, false};
  const bool ends = info->opcode == Opcode::kHalt || info->opcode == Opcode::kTrap ||
                    info->opcode == Opcode::kRet;
  const auto operand = info->operand_at(Field::kI);
  const bool branches = operand && operand->kind == OperandKind::kLabel;
  return {!ends && info->opcode != Opcode::kJump, branches};
}

Flow::Flow(const Program& program, const std::vector<bool>& sound)
    : program_(program), sound_(sound) {
  find_types();
  preset();
  find_slots();
  find_leaders();
}

// Comparing shapes at every join would cost a walk over polynomials; with one representative per
// type it is a comparison of two indices.
void Flow::find_types() {
  std::unordered_map<std::string, std::uint16_t> first;
  for (std::size_t i = 0; i < program_.tensors.size(); ++i) {
    const auto index = static_cast<std::uint16_t>(i);
    type_of_.push_back(first.emplace(type_key(program_.tensors[i]), index).first->second);
  }
}

// The same at every entry: homes belong to the program, not to a call.
void Flow::preset() {
  for (std::size_t i = 0; i < program_.tensors.size(); ++i) {
    const TensorDecl& decl = program_.tensors[i];
    if (!decl.home) continue;
    const auto index = static_cast<std::uint16_t>(i);
    home_decl_[*decl.home] = index;
    if (decl.kind == TensorDecl::Kind::kView) continue;
    at_entry_[*decl.home] = {Status::kKnown, index, index};
  }
}

// One slot per destination of a view instruction. Most programs have a dozen, so a state is small.
void Flow::find_slots() {
  slot_of_.fill(-1);
  for (const Instruction& instruction : program_.code) {
    const OpInfo* info = find_opcode(instruction.family, instruction.op);
    calls_ |= instruction.opcode() == Opcode::kCall;
    if (info == nullptr || !sets_view(*info) || slot_of_[instruction.d] >= 0) continue;
    // A home never changes: a view instruction that tries to is wrong and has no effect.
    if (at_entry_[instruction.d].status == Status::kKnown) continue;
    slot_of_[instruction.d] = static_cast<std::int16_t>(slots_++);
  }
}

// A block starts at an entry, at a branch target and behind a branch. Behind `halt`, `trap` and
// `br` nothing starts unless something jumps there: such code is never visited.
void Flow::find_leaders() {
  leader_.assign(program_.code.size(), false);
  for (const Entry& entry : program_.entries) leader_[entry.start] = true;
  for (std::size_t pc = 0; pc < program_.code.size(); ++pc) {
    if (!exits_of(program_.code[pc]).branches) continue;
    if (const auto target = branch_target(program_, pc)) leader_[*target] = true;
    if (pc + 1 < program_.code.size()) leader_[pc + 1] = true;
  }
  block_of_.resize(program_.code.size());
  std::uint32_t blocks = 0;
  for (std::size_t pc = 0; pc < leader_.size(); ++pc) {
    if (leader_[pc]) block_of_[pc] = blocks++;
  }
  states_.resize(blocks);
  queued_.resize(blocks, false);
}

// Two tensors may be meant. What counts later is only whether both may be written.
std::uint16_t Flow::join_roots(std::uint16_t a, std::uint16_t b) const {
  if (a == b) return a;
  return is_writable(program_, a) && is_writable(program_, b) ? RegisterCell::kManyWritable
                                                              : RegisterCell::kManyReadOnly;
}

// Monotone, and no chain of joins is longer than seven: known type -> the first of its kind ->
// unknown -> mixed -> partly, and root -> many writable -> many read-only. Unknown is below what is
// reported: a view that is set from one that is mixed or unset makes its own target unknown, and
// were that to spread over its cause around a loop, nobody would report any of it.
RegisterCell Flow::join(RegisterCell a, RegisterCell b) const {
  if (a == b) return a;
  const auto lacks = [](const RegisterCell& c) {
    return c.status == Status::kUnset || c.status == Status::kPartly;
  };
  // A register that one path leaves unset is the likelier mistake, so it is named before the type.
  if (lacks(a) || lacks(b)) return {Status::kPartly, 0, 0};
  if (a.status == Status::kMixed || b.status == Status::kMixed) return {Status::kMixed, 0, 0};
  if (a.status == Status::kUnknown || b.status == Status::kUnknown) return {Status::kUnknown, 0, 0};
  if (a.status != Status::kKnown || b.status != Status::kKnown ||
      type_of_[a.type] != type_of_[b.type]) {
    return {Status::kMixed, 0, 0};
  }
  const std::uint16_t type = a.type == b.type ? a.type : type_of_[a.type];
  return {Status::kKnown, type, join_roots(a.root, b.root)};
}

// Registers without a slot never change, so they are not part of a state.
RegisterCell Flow::cell(const State& state, std::uint8_t reg) const {
  const std::int16_t slot = slot_of_[reg];
  return slot >= 0 ? state[static_cast<std::size_t>(slot)] : at_entry_[reg];
}

void Flow::apply(std::size_t pc, State& state) const {
  const Instruction& instruction = program_.code[pc];
  const OpInfo* info = find_opcode(instruction.family, instruction.op);
  if (info == nullptr || !sets_view(*info) || slot_of_[instruction.d] < 0) return;
  RegisterCell& target = state[static_cast<std::size_t>(slot_of_[instruction.d])];
  target = {Status::kUnknown, 0, 0};
  if (!sound_[pc]) return;
  if (info->opcode == Opcode::kBind) {
    const auto decl = static_cast<std::uint16_t>(instruction.imm);
    target = {Status::kKnown, decl, decl};
    return;
  }
  // A sound tail or rows writes the home of a view.
  const RegisterCell source = cell(state, instruction.a);
  if (source.status != Status::kKnown) return;
  if (const auto view = home_decl_[instruction.d]) target = {Status::kKnown, *view, source.root};
}

// False when the work or the cells have run out: hostile code can be all branches, and every branch
// costs a state (256 slots x 2^20 instructions would be 1.5 GB).
bool Flow::joins(const State& state, std::size_t target) {
  const std::uint32_t block = block_of_[target];
  std::optional<State>& known = states_[block];
  bool changed = !known;
  work_ += slots_ + 1;
  if (!known) {
    cells_ += slots_;
    known = state;
  } else {
    for (std::size_t i = 0; i < slots_; ++i) {
      const RegisterCell joined = join((*known)[i], state[i]);
      changed |= joined != (*known)[i];
      (*known)[i] = joined;
    }
  }
  // Lowest pc first: a loop body is visited in order, and a reducible loop needs two or three
  // rounds.
  if (changed && !queued_[block]) {
    queued_[block] = true;
    queue_.push_back(target);
    std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
  }
  return work_ <= kMaxWork && cells_ <= kMaxCells;
}

std::size_t Flow::block_end(std::size_t leader) const {
  std::size_t pc = leader;
  while (true) {
    const Exits exits = exits_of(program_.code[pc]);
    const bool last = pc + 1 == program_.code.size() || leader_[pc + 1];
    if (last || !exits.falls_through) return pc;
    ++pc;
  }
}

// Bad targets and running off the end were reported by others; here they just lead nowhere.
bool Flow::leave(std::size_t pc, const State& state) {
  const Exits exits = exits_of(program_.code[pc]);
  if (exits.branches) {
    const auto target = branch_target(program_, pc);
    if (target && !joins(state, *target)) return false;
  }
  if (!exits.falls_through || pc + 1 == program_.code.size()) return true;
  // Tensor registers are the caller's to save: what a callee leaves in them is nothing to rely on.
  const bool called = program_.code[pc].opcode() == Opcode::kCall;
  return joins(called ? State(slots_) : state, pc + 1);
}

bool Flow::run() {
  const State start(slots_);
  for (const Entry& entry : program_.entries) {
    if (!joins(start, entry.start)) return false;
  }
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
    const std::size_t leader = queue_.back();
    queue_.pop_back();
    queued_[block_of_[leader]] = false;
    State state = *states_[block_of_[leader]];
    const std::size_t last = block_end(leader);
    work_ += last - leader + slots_;
    for (std::size_t pc = leader; pc <= last; ++pc) apply(pc, state);
    if (!leave(last, state)) return false;
  }
  return true;
}

void Flow::for_each(const std::function<void(std::size_t, const Registers&)>& visit) const {
  for (std::size_t leader = 0; leader < leader_.size(); ++leader) {
    if (!leader_[leader] || !states_[block_of_[leader]]) continue;
    State state = *states_[block_of_[leader]];
    const Registers registers = [&](std::uint8_t reg) { return cell(state, reg); };
    const std::size_t last = block_end(leader);
    for (std::size_t pc = leader; pc <= last; ++pc) {
      visit(pc, registers);
      apply(pc, state);
    }
  }
}

}  // namespace pxos::isa
