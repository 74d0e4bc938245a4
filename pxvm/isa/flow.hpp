#pragma once
// The data flow of a program: what each tensor register holds before each instruction. For the
// verifier, and after it for the planner and for names in a profile.
//
// Only view instructions (bind, tail, rows) change tensor registers, and they may not write the
// home of another tensor. So all registers but their destinations keep the value of the entry, and
// the state at a block is one cell per destination.

#include "pxvm/isa/program.hpp"

#include <array>
#include <functional>
#include <span>
#include <vector>

namespace pxos::isa {

/// What a tensor register is known to hold.
struct RegisterCell {
  enum class Status : std::uint8_t {
    kUnset,    ///< nothing on any path
    kKnown,    ///< the type of `type`, memory of `root`
    kMixed,    ///< different types on the paths that meet here
    kPartly,   ///< nothing on one of the paths that meet here
    kUnknown,  ///< set by an instruction that is itself wrong: reported there
  };
  /// Roots where paths meet: several tensors, all writable or not.
  static constexpr std::uint16_t kManyWritable = 0xFFFE;
  static constexpr std::uint16_t kManyReadOnly = 0xFFFF;

  Status status = Status::kUnset;
  std::uint16_t type = 0;  ///< index of a declaration of that element type and shape
  std::uint16_t root = 0;  ///< declaration whose memory it is
  friend bool operator==(const RegisterCell&, const RegisterCell&) = default;
};

/// Temps, outputs and regions may be written; imports and inputs never.
[[nodiscard]] bool is_writable(const Program& program, std::uint16_t root);

/// True for bind, tail and rows.
[[nodiscard]] bool sets_view(const OpInfo& info);

/// pc + 1 + imm when it is inside the code.
[[nodiscard]] std::optional<std::size_t> branch_target(const Program& program, std::size_t pc);

/// How control leaves an instruction. A call branches and falls through: it comes back.
struct Exits {
  bool falls_through = true;
  bool branches = false;
};
[[nodiscard]] Exits exits_of(const Instruction& instruction);

class Flow {
 public:
  /// `sound[pc]`: the instruction's own operands are in range; others have no effect but to make
  /// their destination unknown. Keeps references to both.
  Flow(const Program& program, const std::vector<bool>& sound);

  /// Runs to the fixed point. False when the program is so tangled that it would take more than
  /// kMaxWork steps or cells; then nothing is known.
  [[nodiscard]] bool run();

  /// Every reachable instruction in ascending pc, with the registers as they are before it.
  using Registers = std::function<RegisterCell(std::uint8_t)>;
  void for_each(const std::function<void(std::size_t pc, const Registers&)>& visit) const;

  /// Some instruction of the program sets `reg`, and some call may come between.
  [[nodiscard]] bool may_lose(std::uint8_t reg) const { return calls_ && slot_of_[reg] >= 0; }
  /// The declaration whose home `reg` is.
  [[nodiscard]] std::optional<std::uint16_t> home_of(std::uint8_t reg) const {
    return home_decl_[reg];
  }

 private:
  static constexpr std::uint64_t kMaxWork = std::uint64_t{1} << 25U;  ///< under a second
  static constexpr std::uint64_t kMaxCells = std::uint64_t{1} << 24U;

  using State = std::vector<RegisterCell>;  ///< one cell per slot

  void find_types();
  void preset();
  void find_slots();
  void find_leaders();
  [[nodiscard]] bool joins(const State& state, std::size_t target);
  [[nodiscard]] RegisterCell join(RegisterCell a, RegisterCell b) const;
  [[nodiscard]] std::uint16_t join_roots(std::uint16_t a, std::uint16_t b) const;
  [[nodiscard]] RegisterCell cell(const State& state, std::uint8_t reg) const;
  void apply(std::size_t pc, State& state) const;
  [[nodiscard]] bool leave(std::size_t pc, const State& state);
  [[nodiscard]] std::size_t block_end(std::size_t leader) const;

  const Program& program_;
  const std::vector<bool>& sound_;
  std::vector<std::uint16_t> type_of_;        ///< first declaration of the same type, per decl
  std::array<RegisterCell, 256> at_entry_{};  ///< homes
  std::array<std::optional<std::uint16_t>, 256> home_decl_{};
  std::array<std::int16_t, 256> slot_of_{};  ///< -1 = never changes
  std::size_t slots_ = 0;
  bool calls_ = false;                        ///< the program has calls
  std::vector<bool> leader_;                  ///< per pc: a block starts here
  std::vector<std::optional<State>> states_;  ///< per block, at its start
  std::vector<std::uint32_t> block_of_;       ///< per pc; valid at leaders
  std::vector<bool> queued_;
  std::vector<std::size_t> queue_;  ///< a heap, smallest pc first
  std::uint64_t work_ = 0;
  std::uint64_t cells_ = 0;
};

}  // namespace pxos::isa
