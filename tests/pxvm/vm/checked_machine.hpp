#pragma once
// A slow second interpreter, written from opcodes.def and docs/spec/machine.md alone: every
// register, index and target is checked at every step and every tensor has a buffer of its own. It
// is what the real one is compared with. It knows scalars, functions, pixel memory, views and the
// simplest tensor instructions.

#include "pxvm/isa/verify.hpp"
#include "pxvm/vm/trap.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pxos::test {

/// What a scalar operation gives.
struct Scalar {
  std::uint64_t value = 0;
  vm::TrapKind trap = vm::TrapKind::kNone;
};

/// The result of a numeric instruction (numeric_oracle.cpp); nullopt for all other instructions.
[[nodiscard]] std::optional<Scalar> numeric_oracle(isa::Opcode opcode, std::uint64_t a,
                                                   std::uint64_t b);

class CheckedMachine {
 public:
  using Key = std::pair<std::uint16_t, std::int64_t>;  ///< declaration, element of the array

  /// True when it knows every instruction of the program.
  [[nodiscard]] static bool knows(const isa::Program& program);

  /// Shapes must be constant. `consts` are the register bits of the constants. Keeps references.
  CheckedMachine(const isa::Program& program, const std::vector<std::uint64_t>& consts,
                 std::uint64_t fuel);

  /// Runs an entry without arguments on zeroed registers; memory is what it was.
  void run(const isa::Entry& entry);

  // What is left behind.
  vm::TrapKind trap = vm::TrapKind::kNone;
  std::size_t pc = 0;  ///< of the last instruction
  std::uint64_t fuel_used = 0;
  std::vector<std::uint64_t> slots;
  std::map<Key, std::vector<std::uint8_t>> memory;
  /// It found itself outside of a register file, a buffer or the code: the verifier promised too
  /// much.
  bool broken_promise = false;

 private:
  struct View {
    Key key{};
    std::vector<std::int64_t> dims;
    std::int64_t first = 0;  ///< element of the buffer
    std::int64_t unit = 0;   ///< bytes of one
  };
  struct Call {
    std::size_t return_pc = 0;
    std::size_t window = 0;
  };

  [[nodiscard]] View view_of(std::uint16_t decl, std::int64_t index) const;
  void step();
  void control(const isa::Instruction& i);
  void branch(const isa::Instruction& i);
  void call(const isa::Instruction& i);
  bool element_access(const isa::Instruction& i);
  void access(const isa::Instruction& i, bool loads, std::int64_t offset, int bytes, bool sign);
  void pixels(const isa::Instruction& i);
  void blit(const isa::Instruction& i);
  void bytes(const isa::Instruction& i);
  void strings(const isa::Instruction& i);
  void views(const isa::Instruction& i);
  void fill_tensor(const isa::Instruction& i);

  std::uint64_t& r(std::uint8_t reg);
  View& t(std::uint8_t reg);
  std::uint8_t& byte(const View& view, std::int64_t offset);
  [[nodiscard]] static std::int64_t length(const View& view);
  void spend(std::uint64_t units);
  void stop(vm::TrapKind kind) { trap = kind; }

  const isa::Program& program_;
  const std::vector<std::uint64_t>& consts_;
  std::uint64_t fuel_;
  std::size_t next_ = 0;
  std::size_t window_ = 0;
  bool halted_ = false;
  std::vector<Call> calls_;
  std::map<std::uint8_t, View> tensors_;
};

}  // namespace pxos::test
