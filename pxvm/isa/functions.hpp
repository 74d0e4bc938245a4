#pragma once
// Whose code an instruction is. A function begins at its `frame` and owns what its control reaches
// without calls; everything that entries reach is entry code. No instruction has two owners, so a
// `ret` always belongs to a call, and an instruction's registers to one frame. For the verifier,
// and for checking a call stack that was loaded.

#include "pxvm/isa/findings.hpp"
#include "pxvm/isa/program.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace pxos::isa {

class Functions {
 public:
  static constexpr std::uint32_t kNobody = 0;  ///< unreachable
  static constexpr std::uint32_t kEntry = 1;

  /// `sound[pc]`: the instruction's own operands are in range; others own nothing behind them.
  /// Keeps references to both.
  Functions(const Program& program, const std::vector<bool>& sound);

  /// What is wrong with frames, calls and returns.
  void report(FindingList& findings) const;

  /// kNobody, kEntry, or the same number for all instructions of one function.
  [[nodiscard]] std::uint32_t owner(std::size_t pc) const { return owner_[pc]; }
  /// The owner number of the function whose `frame` is at `pc`.
  [[nodiscard]] static std::uint32_t owner_of_frame(std::size_t pc) {
    return static_cast<std::uint32_t>(pc) + 2;
  }

 private:
  struct Problem {
    std::size_t pc = 0;
    std::optional<Field> field;
    std::string message;
  };

  void claim(std::size_t start, std::uint32_t owner);
  void visit(std::size_t pc, std::uint32_t owner, std::vector<std::size_t>& pending);
  void go_on(std::size_t from, std::size_t to, std::uint32_t owner,
             std::vector<std::size_t>& pending);
  void check(std::size_t pc, std::uint32_t owner);
  void add(std::size_t pc, std::optional<Field> field, std::string message);
  [[nodiscard]] bool is_frame(std::size_t pc) const;
  [[nodiscard]] std::string name_of(std::uint32_t owner) const;

  const Program& program_;
  const std::vector<bool>& sound_;
  std::vector<std::uint32_t> owner_;
  std::vector<Problem> problems_;
};

}  // namespace pxos::isa
