#pragma once
// The plan of a program: what the interpreter runs instead of instructions. Made once, at link.
//
// records[pc] is instruction pc, decoded into a flat record. In `fused` a record at the head of a
// group stands for the whole group; the records behind it stay what they are, so that a group can
// always be run one by one instead (see Group).
//
// A group is a run of tensor instructions of one basic block, `bind` between them allowed:
//   rows      instructions that make row t of their result from row t of their operands, all with
//             the same number of rows: one parallel section over rows instead of one each;
//   products  matmuls that read the same x: x is quantised once, all weights are read in one
//             section. Rows in front of products make x just before it is quantised.
// Fusion never changes a bit: every element is computed by the same chain of operations, only who
// does it when is different. So groups hold no hazard: a tensor that is written in a group is
// reached row by row only, through the whole of its declaration, never through a view into it.

#include "pxvm/isa/program.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pxos::vm {

/// Instructions by their place in opcodes.def, so that dispatch is one look into a table.
enum class Action : std::uint16_t {
// clang-format off
#define PX_OP(family, op, Name, mnemonic, operands, shapes, meaning) k##Name,
#include "pxvm/isa/opcodes.def"
#undef PX_OP
  // clang-format on
  kGroup,  ///< imm = index into Plan::groups
// clang-format off
#define PX_PAIR(First, Second) k##First##Second,
#include "pxvm/vm/pairs.def"
#undef PX_PAIR
  // clang-format on
};

/// An instruction with its fields taken apart.
struct Record {
  Action action = Action::kHalt;
  std::uint8_t d = 0, a = 0, b = 0, c = 0, e = 0;
  /// The field i. Of a branch: the fuel it costs, 0 forwards; of a call: the callee's frame, and
  /// its fuel in the upper half.
  std::int32_t imm = 0;
  std::int32_t jump = 0;  ///< branches and calls: instructions to go, from this one
};

struct Group {
  static constexpr std::size_t kMaxRows = 8;
  static constexpr std::size_t kMaxProducts = 8;

  std::uint32_t first = 0;  ///< pc of the head, a tensor instruction
  std::uint32_t end = 0;    ///< pc behind the last instruction
  std::uint8_t rows = 0;
  std::uint8_t products = 0;
};

struct Plan {
  std::vector<Record> plain;   ///< parallel to the code
  std::vector<Record> fused;   ///< the same, with kGroup at the heads
  std::vector<Record> paired;  ///< fused, with the actions of pairs.def at their first instructions
  std::vector<Group> groups;   ///< ascending, disjoint
  bool calls = false;          ///< there are functions: their frames need room
};

/// Requires: a verified program.
[[nodiscard]] Plan make_plan(const isa::Program& program);

/// PXOS_FUSION: "on" (or not set) or "off". Errors: kUsage for anything else.
[[nodiscard]] Result<bool> fusion_from_environment();

/// For people: every instruction as a line, members of a group behind a bar, its head with what
/// the group does at once.
[[nodiscard]] std::string plan_text(const isa::Program& program, const Plan& plan);

}  // namespace pxos::vm
