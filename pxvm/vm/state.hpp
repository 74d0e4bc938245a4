#pragma once
// The state of a machine as bytes: registers and regions, nothing else, because a machine is
// nothing else. Saved between two instructions, it goes on after load() with the same bits,
// whatever the thread count, kernel set or process.
//
// The size depends on the linked program only. Layout: docs/spec/machine_state.md. Imports are not
// part of it: whoever stores a state stores beside it which cartridge it belongs to.

#include "pxvm/base/hash.hpp"
#include "pxvm/isa/flow.hpp"
#include "pxvm/vm/machine.hpp"

#include <memory>
#include <optional>

namespace pxos::vm {

inline constexpr std::string_view kStateMagic = "pxSTATE";
inline constexpr std::uint16_t kStateVersion = 1;

/// The state format of one linked program. Immutable; shareable between threads.
class StateFormat {
 public:
  /// Errors: those of isa::encode_program (the identity of the program is that of its picture).
  static Result<StateFormat> create(std::shared_ptr<const LinkedProgram> program);

  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

  /// Errors: kUsage when `out` is not bytes() long or the machine runs another program.
  Result<void> save(const Machine& machine, MutBytes out) const;

  /// Makes the machine what it was; after an error it is unchanged. Any bytes are survived: what
  /// the verifier promises about registers at the saved pc is checked again.
  /// Errors: kUsage as save; kInvalid (size, magic, checksum, a register that holds what it cannot
  /// hold there); kUnsupported (version, another program or other parameters).
  Result<void> load(Bytes state, Machine& machine) const;

 private:
  /// Where a tensor register looks: element `index` of a declaration, from byte `offset` of it on.
  struct Window {
    std::uint16_t decl = kNoDecl;
    std::uint32_t index = 0;
    std::uint64_t offset = 0;
  };
  using Cells = std::array<isa::RegisterCell, 256>;
  static constexpr std::uint16_t kNoDecl = 0xFFFF;

  explicit StateFormat(std::shared_ptr<const LinkedProgram> program)
      : linked_(std::move(program)) {}

  [[nodiscard]] Result<void> check(const Machine& machine) const;
  /// Magic, version, size and checksum.
  [[nodiscard]] Result<void> check_envelope(Bytes state) const;
  /// Everything in front of the memory.
  [[nodiscard]] ByteVector head_of(const Machine& machine) const;
  /// What the registers hold before `pc` on every path; none when no path leads there.
  [[nodiscard]] std::optional<Cells> cells_at(std::size_t pc) const;
  [[nodiscard]] Window window_of(const Machine& machine, const TensorView& view,
                                 const isa::RegisterCell& cell) const;
  [[nodiscard]] bool holds(const Machine& machine, const TensorView& view, std::size_t decl,
                           Window& window) const;
  [[nodiscard]] Result<MachineRegisters> read_registers(ByteReader& reader) const;
  static void write_calls(const Machine& machine, ByteWriter& writer);
  [[nodiscard]] Result<void> read_calls(ByteReader& reader, MachineRegisters& out) const;
  [[nodiscard]] Result<void> check_calls(const MachineRegisters& registers) const;
  [[nodiscard]] Result<void> read_symbols(ByteReader& reader, MachineRegisters& out) const;
  /// The view of a window, of the type that the verifier proved. Needs the machine's symbols.
  [[nodiscard]] Result<TensorView> view_of(const Machine& machine, const Window& window,
                                           const isa::RegisterCell& cell) const;
  [[nodiscard]] Result<void> adopt(Machine& machine, MachineRegisters registers,
                                   const std::array<Window, 256>& windows) const;

  std::shared_ptr<const LinkedProgram> linked_;
  Xxh128 program_digest_;
  Xxh128 link_digest_;
  std::uint64_t bytes_ = 0;
};

}  // namespace pxos::vm
