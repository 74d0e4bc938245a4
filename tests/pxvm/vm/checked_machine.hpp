#pragma once
// A slow second interpreter, written from opcodes.def and docs/spec/machine.md alone: every
// register, index and target is checked at every step and every tensor has a buffer of its own. It
// is what the real one is compared with. It knows every instruction. What a tensor instruction
// computes with rounding is left as intervals (tensor_oracle.hpp): whoever compares takes over the
// bytes of the machine under test once they are inside, so that nothing adds up.

#include "pxvm/isa/verify.hpp"
#include "pxvm/vm/link.hpp"
#include "pxvm/vm/trap.hpp"
#include "tensor_oracle.hpp"

#include <array>
#include <cstdint>
#include <functional>
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

/// The host of both machines: a pure function of the call, nullopt where it refuses.
[[nodiscard]] std::optional<std::int64_t> checked_host(std::uint32_t call, std::uint64_t a,
                                                       std::uint64_t b, std::uint64_t c);

/// Where it runs: numbers that linking found (parameters, constants, attributes, the format of
/// caches), and the weights and vectors behind the imports' names. References are kept.
struct CheckedWorld {
  const vm::LinkedProgram& linked;
  tensor::KvFormat caches = tensor::KvFormat::kF16;
  std::function<const OracleWeight*(const std::string& name)> find_matrix;
  std::function<const Floats*(const std::string& name)> find_vector;
  std::uint64_t fuel = 0;
};

/// Arguments of a call: as vm::CallArguments, with names that live on.
struct CheckedCall {
  std::vector<std::int64_t> scalars;
  std::vector<std::pair<std::string, std::int64_t>> dims;
};

class CheckedMachine {
 public:
  using Key = std::pair<std::uint16_t, std::int64_t>;  ///< declaration, element of the array
  using Buffer = std::vector<std::uint8_t>;

  /// Elements that the last instruction wrote and that only a range is known of.
  struct Pending {
    Key key;
    std::int64_t first = 0;  ///< byte of the buffer
    Intervals values;        ///< one after another
    std::size_t unit = 4;    ///< bytes of one: f32, or 2 for f16, where only NaNs have a choice
  };

  explicit CheckedMachine(const CheckedWorld& world);

  /// Makes an entry ready with zeroed registers; memory is what it was. False: the arguments are
  /// none, and nothing runs.
  [[nodiscard]] bool begin(const isa::Entry& entry, const CheckedCall& call);
  /// One instruction. Requires: running().
  void step();
  [[nodiscard]] bool running() const {
    return !halted_ && trap == vm::TrapKind::kNone && !broken_promise;
  }
  [[nodiscard]] std::size_t next_pc() const { return next_; }
  /// Takes over what the machine under test has at the pending elements: `found` gives its bytes of
  /// a buffer. Empty, or which element is outside of its interval.
  [[nodiscard]] std::string settle(const std::function<std::span<const std::uint8_t>(Key)>& found);

  // What is left behind.
  vm::TrapKind trap = vm::TrapKind::kNone;
  std::size_t pc = 0;  ///< of the last instruction
  std::uint64_t fuel_used = 0;
  std::vector<std::uint64_t> slots;
  std::map<Key, Buffer> memory;  ///< as many bytes as are reserved
  std::optional<Pending> pending;
  /// It found itself outside of a register file, a buffer or the code: the verifier promised too
  /// much.
  bool broken_promise = false;
  std::uint64_t elements = 0, unsure = 0;  ///< settled so far; of them any value was right

 private:
  /// A tensor register: a rectangle of a buffer, or a weight.
  struct View {
    Key key{};
    std::vector<std::int64_t> dims;
    std::int64_t first = 0;  ///< element of the buffer
    std::int64_t unit = 0;   ///< bytes of one; 0: f16 elements, whose place the format decides
    Buffer* buffer = nullptr;
    const OracleWeight* matrix = nullptr;
  };
  struct Call {
    std::size_t return_pc = 0;
    std::size_t window = 0;
  };

  [[nodiscard]] std::int64_t evaluate(const isa::Polynomial& value) const;
  [[nodiscard]] std::string import_name(const isa::TensorDecl& decl, std::int64_t index) const;
  void reserve(std::uint16_t decl);
  void take_vectors(std::uint16_t decl);
  [[nodiscard]] bool set_symbol(const std::string& name, std::int64_t value);
  [[nodiscard]] std::optional<View> view_of(std::uint16_t decl, std::int64_t index);
  void control(const isa::Instruction& i);
  void branch(const isa::Instruction& i);
  void call(const isa::Instruction& i);
  void host(const isa::Instruction& i);
  bool element_access(const isa::Instruction& i);
  void access(const isa::Instruction& i, bool loads, std::int64_t offset, int bytes, bool sign);
  void pixels(const isa::Instruction& i);
  void blit(const isa::Instruction& i);
  void bytes(const isa::Instruction& i);
  void strings(const isa::Instruction& i);
  void views(const isa::Instruction& i);

  // Tensor instructions: checked_tensor.cpp.
  void tensor(const isa::Instruction& i);
  void fill_tensor(const isa::Instruction& i);
  void product(const isa::Instruction& i);
  void gather(const isa::Instruction& i);
  void row_operation(const isa::Instruction& i);
  void rope(const isa::Instruction& i);
  void append(const isa::Instruction& i);
  void append_halves(const View& cache, std::int64_t pos, const Floats& x);
  void attention(const isa::Instruction& i);
  void select(const isa::Instruction& i);
  [[nodiscard]] Floats floats(const View& view);
  [[nodiscard]] Floats cache_rows(const View& view, std::int64_t count);
  [[nodiscard]] std::int64_t row_bytes(const View& cache) const;
  [[nodiscard]] tensor::KvFormat format(const View& cache) const;
  void put_word(const View& view, std::int64_t index, std::uint32_t value);
  void expect(const View& view, Intervals values);

  std::uint64_t& r(std::uint8_t reg);
  View& t(std::uint8_t reg);
  std::uint8_t& byte(const View& view, std::int64_t offset);
  [[nodiscard]] static std::int64_t length(const View& view);
  void spend(std::uint64_t units);
  /// Fuel for `work` bytes or multiply-adds. False: it does not last.
  bool pay(std::int64_t work);
  void stop(vm::TrapKind kind) { trap = kind; }

  const CheckedWorld world_;
  const isa::Program& program_;
  const std::vector<std::uint64_t>& consts_;
  std::vector<std::int64_t> symbols_;  ///< those of the last call remain
  std::size_t next_ = 0;
  std::size_t window_ = 0;
  bool halted_ = true;
  std::vector<Call> calls_;
  std::array<std::optional<View>, 256> tensors_{};
};

}  // namespace pxos::test
