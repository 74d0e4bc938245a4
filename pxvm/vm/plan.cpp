#include "pxvm/vm/plan.hpp"

#include "pxvm/isa/flow.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cstdlib>
#include <optional>

#include <fmt/format.h>

namespace pxos::vm {
namespace {

using isa::Flow;
using isa::Instruction;
using isa::Opcode;
using isa::Operand;
using isa::OperandKind;
using isa::OpInfo;
using isa::Program;
using isa::RegisterCell;
using isa::TensorDecl;

const OpInfo& info_of(const Instruction& instruction) {
  const OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  PX_ASSERT(info != nullptr);  // verified
  return *info;
}

/// Straight code runs without a look at the fuel or the stop flag. So going back costs a unit for
/// every so many instructions that are run again, and a call one for the most that it can run.
std::int32_t fuel_of_code(std::size_t instructions) {
  return static_cast<std::int32_t>(1 + instructions / 1024);
}

void decode_branch(const Program& program, std::size_t pc, Record& record) {
  const std::size_t target = isa::branch_target(program, pc).value_or(pc);
  record.jump =
      static_cast<std::int32_t>(static_cast<std::int64_t>(target) - static_cast<std::int64_t>(pc));
  record.imm = target <= pc ? fuel_of_code(pc - target) : 0;
  if (program.code[pc].opcode() != Opcode::kCall) return;
  record.imm = program.code[target].imm | fuel_of_code(program.code.size()) << 16;
  ++record.jump;  // behind the `frame`
}

Record decode(const Program& program, std::size_t pc) {
  const Instruction& i = program.code[pc];
  const OpInfo& info = info_of(i);
  Record record;
  record.action = static_cast<Action>(&info - isa::all_opcodes().data());
  record.d = i.d;
  record.a = i.a;
  record.b = i.b;
  record.c = i.c;
  record.e = static_cast<std::uint8_t>(isa::field_value(i, info, isa::Field::kE));
  record.imm = isa::field_value(i, info, isa::Field::kI);
  if (isa::exits_of(i).branches) decode_branch(program, pc, record);
  return record;
}

/// True for instructions that make row t of their result from row t of their operands.
bool is_row_operation(Opcode opcode) {
  switch (opcode) {
    case Opcode::kAdd:
    case Opcode::kMul:
    case Opcode::kAddRow:
    case Opcode::kScale:
    case Opcode::kRelu:
    case Opcode::kSiluMul:
    case Opcode::kGelu:
    case Opcode::kGeluMul:
    case Opcode::kGeluErf:
    case Opcode::kSoftCap:
    case Opcode::kCopy:
    case Opcode::kFill:
    case Opcode::kRmsNorm:
    case Opcode::kLayerNorm:
    case Opcode::kHeadNorm:
    case Opcode::kSoftmax:
    case Opcode::kRope:
    case Opcode::kRopeBy:
    case Opcode::kKvAppend:
      return true;
    default:
      return false;
  }
}

/// A tensor operand as the data flow knows it.
struct Access {
  OperandKind kind = OperandKind::kNone;
  std::uint8_t reg = 0;
  std::uint16_t type = 0;  ///< declaration of its shape
  std::uint16_t root = 0;  ///< declaration whose memory it is
  /// All of one tensor: row t of it is row t of every other access to it.
  [[nodiscard]] bool whole() const { return type == root; }
};

struct Accesses {
  std::array<Access, isa::kMaxOperands> list{};
  std::size_t count = 0;
  /// Every operand has a known shape and comes from one known tensor.
  bool known = true;

  [[nodiscard]] std::span<const Access> all() const { return {list.data(), count}; }
  [[nodiscard]] const Access* find(OperandKind kind) const {
    const auto it = std::find_if(all().begin(), all().end(),
                                 [kind](const Access& access) { return access.kind == kind; });
    return it != all().end() ? &*it : nullptr;
  }
};

/// The tensors of every instruction that may be part of a group; others have none.
std::vector<Accesses> find_accesses(const Program& program) {
  std::vector<Accesses> out(program.code.size());
  const std::vector<bool> sound(program.code.size(), true);
  Flow flow(program, sound);
  if (!flow.run()) return {};
  flow.for_each([&](std::size_t pc, const Flow::Registers& registers) {
    const OpInfo& info = info_of(program.code[pc]);
    if (!is_row_operation(info.opcode) && info.opcode != Opcode::kMatmul) return;
    Accesses& accesses = out[pc];
    for (const Operand& operand : info.operand_list()) {
      if (!isa::is_tensor(operand.kind)) continue;
      const auto reg =
          static_cast<std::uint8_t>(isa::field_value(program.code[pc], info, operand.field));
      const RegisterCell cell = registers(reg);
      accesses.known &=
          cell.status == RegisterCell::Status::kKnown && cell.root < program.tensors.size();
      accesses.list[accesses.count++] = {operand.kind, reg, cell.type, cell.root};
    }
  });
  return out;
}

/// Grows one group from its head; everything it took so far stays hazard-free.
class GroupBuilder {
 public:
  GroupBuilder(const Program& program, std::size_t head) : program_(program) {
    group_.first = group_.end = static_cast<std::uint32_t>(head);
  }

  /// False: the group ends before this instruction.
  bool take(std::size_t pc, const Accesses& accesses) {
    const Opcode opcode = program_.code[pc].opcode();
    // A group that is run one by one after all has its binds made already: a register that a member
    // uses means the same before and behind them.
    if (opcode == Opcode::kBind) return !used_[program_.code[pc].d];
    const bool taken = accesses.known && accesses.count > 0 &&
                       (opcode == Opcode::kMatmul ? take_product(accesses)
                                                  : table_is_free(pc) && take_row(accesses));
    if (!taken) return false;
    group_.end = static_cast<std::uint32_t>(pc + 1);
    for (const Access& access : accesses.all()) used_[access.reg] = true;
    return true;
  }

  [[nodiscard]] const Group& group() const { return group_; }
  [[nodiscard]] bool worth_it() const { return group_.rows + group_.products >= 2; }

 private:
  using Roots = std::vector<std::uint16_t>;

  static bool has(const Roots& roots, std::uint16_t root) {
    return std::find(roots.begin(), roots.end(), root) != roots.end();
  }

  /// The number of rows is the same polynomial for all, so it is the same number in every call.
  bool same_rows(const Access& access) {
    const isa::Polynomial& rows = program_.tensors[access.type].dims.front();
    if (!row_count_) row_count_ = &rows;
    return *row_count_ == rows;
  }

  /// Resolving a rotation may grow or remake the table of its record. So a group uses each once, or
  /// for the same positions, whose table is there by then.
  bool table_is_free(std::size_t pc) {
    const Instruction& i = program_.code[pc];
    if (i.opcode() != Opcode::kRope && i.opcode() != Opcode::kRopeBy) return true;
    for (const Instruction& other : rotations_) {
      const bool same_positions =
          i.opcode() == Opcode::kRope && other.opcode() == Opcode::kRope && i.a == other.a;
      if (other.imm == i.imm && !same_positions) return false;
    }
    rotations_.push_back(i);
    return true;
  }

  bool take_row(const Accesses& accesses) {
    if (group_.products > 0 || group_.rows == Group::kMaxRows) return false;
    const auto fits = [this](const Access& access) { return row_access_fits(access); };
    if (!std::all_of(accesses.all().begin(), accesses.all().end(), fits)) return false;
    for (const Access& access : accesses.all()) {
      if (isa::writes_elements(access.kind)) {
        (access.kind == OperandKind::kF16Write ? caches_ : written_).push_back(access.root);
      } else if (!access.whole() || access.kind == OperandKind::kVectorRead) {
        whole_readers_.push_back(access.root);
      }
    }
    ++group_.rows;
    return true;
  }

  bool row_access_fits(const Access& access) {
    switch (access.kind) {
      case OperandKind::kVectorRead:  // all of it for every row
        return !has(written_, access.root);
      case OperandKind::kF16Write:  // row pos + t, and another instruction may have another pos
        return access.whole() && !has(caches_, access.root);
      case OperandKind::kF32Write:
        return access.whole() && same_rows(access) && !has(whole_readers_, access.root);
      default:
        return same_rows(access) && (access.whole() || !has(written_, access.root));
    }
  }

  bool take_product(const Accesses& accesses) {
    const Access& x = *accesses.find(OperandKind::kF32Read);
    const Access& y = *accesses.find(OperandKind::kF32Write);
    if (group_.products == Group::kMaxProducts || !y.whole() || y.root == x.root) return false;
    if (group_.products > 0) {
      if (x.reg != x_.reg || has(results_, y.root)) return false;
    } else if (!same_rows(x) || (!x.whole() && has(written_, x.root))) {
      return false;
    }
    x_ = x;
    results_.push_back(y.root);
    ++group_.products;
    return true;
  }

  const Program& program_;
  Group group_;
  const isa::Polynomial* row_count_ = nullptr;
  Roots written_;        ///< by row operations, row by row
  Roots caches_;         ///< by kvappend
  Roots whole_readers_;  ///< read as a vector or through a view: other rows than t
  Roots results_;        ///< of products
  std::vector<Instruction> rotations_;
  Access x_;
  std::bitset<256> used_;  ///< registers of members
};

std::vector<bool> find_leaders(const Program& program) {
  std::vector<bool> leader(program.code.size(), false);
  for (const isa::Entry& entry : program.entries) leader[entry.start] = true;
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    if (!isa::exits_of(program.code[pc]).branches) continue;
    if (const auto target = isa::branch_target(program, pc)) leader[*target] = true;
  }
  return leader;
}

std::string group_text(const Group& group) {
  if (group.products == 0) return fmt::format("{} operations, one section over rows", group.rows);
  if (group.rows == 0)
    return fmt::format("{} products of one x: one quantisation, one section", group.products);
  return fmt::format("rows of x made and quantised together, then {} product{}", group.products,
                     group.products == 1 ? "" : "s in one section");
}

/// Only the action changes: the records of both are read, and a branch to the second finds it.
std::vector<Record> pair_up(std::vector<Record> records) {
  struct Pair {
    Action first, second, both;
  };
  static constexpr Pair kPairs[] = {
#define PX_PAIR(First, Second) {Action::k##First, Action::k##Second, Action::k##First##Second},
#include "pxvm/vm/pairs.def"
#undef PX_PAIR
  };
  for (std::size_t pc = 0; pc + 1 < records.size(); ++pc) {
    for (const Pair& pair : kPairs) {
      if (records[pc].action != pair.first || records[pc + 1].action != pair.second) continue;
      records[pc].action = pair.both;
      break;
    }
  }
  return records;
}

void find_groups(const Program& program, Plan& plan) {
  const std::vector<Accesses> accesses = find_accesses(program);
  if (accesses.empty()) return;
  const std::vector<bool> leader = find_leaders(program);
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    if (accesses[pc].count == 0) continue;
    GroupBuilder builder(program, pc);
    std::size_t at = pc;
    while (at < program.code.size() && (at == pc || !leader[at]) && builder.take(at, accesses[at]))
      ++at;
    if (!builder.worth_it()) continue;
    Record& head = plan.fused[pc];
    head = {};
    head.action = Action::kGroup;
    head.imm = static_cast<std::int32_t>(plan.groups.size());
    plan.groups.push_back(builder.group());
    pc = builder.group().end - 1;
  }
}

}  // namespace

Plan make_plan(const Program& program) {
  Plan plan;
  plan.plain.reserve(program.code.size());
  for (std::size_t pc = 0; pc < program.code.size(); ++pc)
    plan.plain.push_back(decode(program, pc));
  plan.fused = plan.plain;
  plan.calls = std::any_of(program.code.begin(), program.code.end(),
                           [](const Instruction& i) { return i.opcode() == Opcode::kCall; });
  find_groups(program, plan);
  plan.paired = pair_up(plan.fused);
  return plan;
}

Result<bool> fusion_from_environment() {
  const char* value = std::getenv("PXOS_FUSION");
  const std::string_view text = value == nullptr ? "on" : value;
  if (text != "on" && text != "off")
    return fail(Errc::kUsage, "PXOS_FUSION: expected on or off, found '{}'", text);
  return text == "on";
}

std::string plan_text(const Program& program, const Plan& plan) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    for (const isa::Entry& entry : program.entries) {
      if (entry.start == pc) out += fmt::format("{}:\n", entry.name);
    }
    while (next < plan.groups.size() && plan.groups[next].end <= pc) ++next;
    const bool inside = next < plan.groups.size() && plan.groups[next].first <= pc;
    if (inside && plan.groups[next].first == pc)
      out += fmt::format("      + {}\n", group_text(plan.groups[next]));
    out += fmt::format("{:5} {} {}\n", pc, inside ? '|' : ' ', isa::instruction_text(program, pc));
  }
  return out;
}

}  // namespace pxos::vm
