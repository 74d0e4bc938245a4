// Tensor instructions at random on the registers of a program whose declarations are given.

#include "fuzz_bases.hpp"
#include "pxvm/isa/shapes.hpp"
#include "random_program.hpp"

#include <algorithm>
#include <array>

namespace pxos::test {
namespace {

using isa::Instruction;
using isa::Opcode;
using isa::OperandKind;

std::uint32_t pick(CounterRng& rng, std::size_t below) {
  return rng.next_u32() % static_cast<std::uint32_t>(below);
}

/// First of the registers that binds use.
constexpr std::uint8_t kBound = 200;
constexpr std::uint32_t kBoundCount = 4;

class TensorMaker {
 public:
  TensorMaker(isa::Program& program, CounterRng& rng) : program_(program), rng_(rng) {
    for (std::size_t i = 0; i < program.tensors.size(); ++i) {
      if (!program.tensors[i].home) continue;
      held_[*program.tensors[i].home] = static_cast<std::uint16_t>(i);
      homes_ = std::max(homes_, std::uint32_t{*program.tensors[i].home} + 1);
    }
  }

  void run() {
    program_.code.clear();
    const std::uint32_t count = 6 + pick(rng_, 26);
    preamble();
    while (program_.code.size() < count) add_one();
    program_.code.push_back(blank_instruction(Opcode::kHalt));
    for (isa::Entry& entry : program_.entries) entry.start = 0;
  }

 private:
  /// Numbers to compute with: r2 small integers, r3 f32; r0 and r1 are the entry's.
  void preamble() {
    Instruction load = blank_instruction(Opcode::kI64Const);
    load.d = 2;
    load.imm = static_cast<std::int32_t>(pick(rng_, 4));
    program_.code.push_back(load);
    load = blank_instruction(Opcode::kConstLd);
    load.d = 3;
    load.imm = static_cast<std::int32_t>(pick(rng_, program_.consts.size()));
    program_.code.push_back(load);
    for (std::uint8_t n = 0; n < kBoundCount; ++n) bind(n);
    for (std::uint32_t reg = 0; reg < held_.size(); ++reg) set_view(static_cast<std::uint8_t>(reg));
  }

  /// Views start as the end of some tensor with as long rows.
  void set_view(std::uint8_t reg) {
    if (!held_[reg] || program_.tensors[*held_[reg]].kind != isa::TensorDecl::Kind::kView) return;
    const isa::OpInfo& tail = *isa::find_mnemonic("tail");
    for (int tries = 0; tries < 200; ++tries) {
      Instruction out = blank_instruction(Opcode::kTail);
      out.d = reg;
      out.a = tensor_register();
      if (out.a == reg || !fits(tail, out)) continue;
      program_.code.push_back(out);
      return;
    }
  }

  void bind(std::uint32_t n) {
    std::vector<std::uint16_t> arrays;
    for (std::size_t i = 0; i < program_.tensors.size(); ++i) {
      if (program_.tensors[i].is_array) arrays.push_back(static_cast<std::uint16_t>(i));
    }
    if (arrays.empty()) return;
    const std::uint16_t decl = arrays[pick(rng_, arrays.size())];
    Instruction out = blank_instruction(Opcode::kBind);
    out.d = static_cast<std::uint8_t>(kBound + n);
    out.a = pick(rng_, 3) == 0 ? 2 : 9;  // r9 is zero: element 0
    out.imm = decl;
    held_[out.d] = decl;
    program_.code.push_back(out);
  }

  const isa::OpInfo& choose() {
    const auto all = isa::all_opcodes();
    while (true) {
      const isa::OpInfo& info = all[pick(rng_, all.size())];
      if (static_cast<unsigned>(info.opcode) >> 8U >= 0x70) return info;
    }
  }

  void add_one() {
    if (pick(rng_, 24) == 0) return bind(pick(rng_, kBoundCount));
    if (pick(rng_, 30) == 0) return back();
    const isa::OpInfo& info = choose();
    if (info.opcode == Opcode::kBind) return;
    for (int tries = 0; tries < 40; ++tries) {
      const Instruction candidate = fill(info);
      if (!fits(info, candidate)) continue;
      program_.code.push_back(candidate);
      return;
    }
  }

  /// Runs a part again while fuel lasts, or once.
  void back() {
    Instruction out = blank_instruction(Opcode::kBrLt);
    out.a = static_cast<std::uint8_t>(pick(rng_, 3));
    out.b = static_cast<std::uint8_t>(pick(rng_, 3));
    const auto far = static_cast<std::int32_t>(pick(rng_, program_.code.size()));
    out.imm = -far - 1;
    program_.code.push_back(out);
  }

  Instruction fill(const isa::OpInfo& info) {
    Instruction out = blank_instruction(info.opcode);
    for (const isa::Operand& operand : info.operand_list()) {
      const std::uint8_t value = operand_value(operand.kind);
      switch (operand.field) {
        case isa::Field::kD:
          out.d = value;
          break;
        case isa::Field::kA:
          out.a = value;
          break;
        case isa::Field::kB:
          out.b = value;
          break;
        case isa::Field::kC:
          out.c = value;
          break;
        case isa::Field::kE:
          out.imm |= value << 16;
          break;
        case isa::Field::kI:
          out.imm |= value;
          break;
      }
    }
    return out;
  }

  std::uint8_t operand_value(OperandKind kind) {
    if (isa::is_attr(kind)) return record(kind);
    if (kind == OperandKind::kConst)
      return static_cast<std::uint8_t>(pick(rng_, program_.consts.size()));
    if (kind == OperandKind::kScalarWrite) return static_cast<std::uint8_t>(4 + pick(rng_, 3));
    if (kind == OperandKind::kScalarRead) return static_cast<std::uint8_t>(1 + pick(rng_, 3));
    return tensor_register();
  }

  std::uint8_t record(OperandKind kind) {
    while (true) {
      const std::uint32_t n = pick(rng_, program_.attrs.size());
      if (program_.attrs[n].kind == isa::attr_kind_of(kind)) return static_cast<std::uint8_t>(n);
    }
  }

  std::uint8_t tensor_register() {
    // Homes are counted from 0 on, and few registers are bound.
    while (true) {
      const std::uint32_t number = pick(rng_, homes_ + kBoundCount);
      const auto reg =
          static_cast<std::uint8_t>(number < homes_ ? number : kBound + number - homes_);
      if (held_[reg]) return reg;
    }
  }

  /// Element types and shapes, as far as a choice of registers can be wrong; the verifier says
  /// more.
  bool fits(const isa::OpInfo& info, const Instruction& candidate) const {
    std::vector<isa::ShapedOperand> operands;
    const isa::AttrRecord* attr = nullptr;
    for (const isa::Operand& operand : info.operand_list()) {
      const std::int32_t value = isa::field_value(candidate, info, operand.field);
      if (isa::is_attr(operand.kind)) attr = &program_.attrs[static_cast<std::size_t>(value)];
      if (!isa::is_tensor(operand.kind)) continue;
      const auto& decl = program_.tensors[*held_[static_cast<std::size_t>(value)]];
      if (!element_fits(operand.kind, decl)) return false;
      operands.push_back({operand.field, &decl});
    }
    return !isa::match_shapes(program_, isa::parse_shapes(info.shapes), operands, attr);
  }

  static bool element_fits(OperandKind kind, const isa::TensorDecl& decl) {
    using Element = isa::TensorDecl::Element;
    const bool fixed =
        decl.kind == isa::TensorDecl::Kind::kImport || decl.kind == isa::TensorDecl::Kind::kInput;
    if (isa::writes_elements(kind) && fixed) return false;
    switch (kind) {
      case OperandKind::kWeightRead:
        return decl.element == Element::kWeight;
      case OperandKind::kI32Read:
      case OperandKind::kI32Write:
        return decl.element == Element::kI32;
      case OperandKind::kF16Read:
      case OperandKind::kF16Write:
        return decl.element == Element::kF16;
      case OperandKind::kVectorRead:
        return decl.element == Element::kF32 && decl.dims.size() == 1;
      case OperandKind::kViewSet:
        return decl.kind == isa::TensorDecl::Kind::kView;
      default:
        return decl.element == Element::kF32;
    }
  }

  isa::Program& program_;
  CounterRng& rng_;
  std::uint32_t homes_ = 0;                               ///< behind the last home
  std::array<std::optional<std::uint16_t>, 256> held_{};  ///< declaration whose type it has
};

}  // namespace

void random_tensor_code(isa::Program& program, CounterRng& rng) {
  TensorMaker(program, rng).run();
}

}  // namespace pxos::test
