#include "random_program.hpp"

#include <array>
#include <vector>

namespace pxos::test {
namespace {

using isa::Instruction;
using isa::Opcode;
using isa::OperandKind;
using isa::TensorDecl;
using Element = TensorDecl::Element;

std::uint32_t pick(CounterRng& rng, std::size_t below) {
  return rng.next_u32() % static_cast<std::uint32_t>(below);
}

/// Tensor registers by what they hold; the view and the free registers come and go.
constexpr std::uint8_t kBytes = 0, kOtherBytes = 1, kCanvas = 2, kSprites = 3, kInts = 4,
                       kFloats = 5, kView = 6, kRow = 7, kBound = 200;
constexpr std::uint16_t kArrayDecl = 8;

TensorDecl tensor(const char* name, Element element, std::initializer_list<int> dims,
                  std::optional<std::uint8_t> home,
                  TensorDecl::Kind kind = TensorDecl::Kind::kTemp) {
  TensorDecl decl;
  decl.name = name;
  decl.kind = kind;
  decl.element = element;
  for (const int dim : dims) decl.dims.push_back(isa::Polynomial::constant(dim));
  decl.home = home;
  return decl;
}

void declare(isa::Program& program) {
  program.name = "random";
  program.tensors = {tensor("bytes", Element::kU8, {4, 8}, kBytes),
                     tensor("other", Element::kU8, {3, 5}, kOtherBytes, TensorDecl::Kind::kRegion),
                     tensor("canvas", Element::kU8, {5, 6, 3}, kCanvas),
                     tensor("sprites", Element::kU8, {2, 3, 2, 3}, kSprites),
                     tensor("ints", Element::kI32, {7}, kInts),
                     tensor("floats", Element::kF32, {3, 4}, kFloats),
                     tensor("view", Element::kF32, {2, 4}, kView, TensorDecl::Kind::kView),
                     tensor("row", Element::kF32, {1, 4}, kRow),
                     tensor("many", Element::kF32, {3, 4}, std::nullopt)};
  program.tensors[kArrayDecl].is_array = true;
  program.tensors[kArrayDecl].count = isa::Polynomial::constant(3);
  program.strings = {"text", ""};
  using Type = isa::ScalarConst::Type;
  const std::array<std::pair<Type, double>, 6> values = {{{Type::kI64, 3},
                                                          {Type::kF32, 1.5},
                                                          {Type::kF32, -3e38},
                                                          {Type::kF64, 0.1},
                                                          {Type::kF64, -1e300},
                                                          {Type::kF32, 3e9}}};
  for (const auto& [type, value] : values) {
    const bool whole = type == Type::kI64;
    program.consts.push_back(
        {"", type,
         whole ? isa::Expression::integer(static_cast<int>(value)) : isa::Expression::real(value)});
  }
}

/// One stretch of code: an entry (frame 256) or a function.
struct Body {
  std::size_t first = 0, end = 0;
  std::uint32_t frame = 256;
};

class Maker {
 public:
  Maker(isa::Program& program, CounterRng& rng) : program_(program), rng_(rng) {}

  void run() {
    const std::uint32_t functions = pick(rng_, 3);
    for (std::uint32_t i = 0; i <= functions; ++i) {
      Body body;
      body.first = i == 0 ? 0 : bodies_.back().end;
      body.end = body.first + 3 + pick(rng_, 20);
      if (i > 0) body.frame = 1 + pick(rng_, 12);
      bodies_.push_back(body);
    }
    for (const Body& body : bodies_) emit(body);
    program_.entries.push_back({"main", 0, {}, {}, {}});
  }

 private:
  void emit(const Body& body) {
    const bool function = body.first > 0;
    if (function) {
      program_.code.push_back(blank_instruction(Opcode::kFrame));
      program_.code.back().imm = static_cast<std::int32_t>(body.frame);
    }
    while (program_.code.size() + 1 < body.end) program_.code.push_back(instruction(body));
    program_.code.push_back(blank_instruction(function ? Opcode::kRet : Opcode::kHalt));
  }

  /// Loads of small and odd numbers are frequent, so that there is something to compute with.
  const isa::OpInfo& choose() {
    const auto all = isa::all_opcodes();
    static constexpr std::array<std::string_view, 5> kFrequent = {"i64.const", "i64.addi", "const",
                                                                  "br.lt", "call"};
    if (pick(rng_, 3) == 0) return *isa::find_mnemonic(kFrequent[pick(rng_, kFrequent.size())]);
    while (true) {
      const isa::OpInfo& info = all[pick(rng_, all.size())];
      const auto code = static_cast<unsigned>(info.opcode);
      const bool framing = info.opcode == Opcode::kFrame || info.opcode == Opcode::kRet ||
                           info.opcode == Opcode::kHost || info.opcode == Opcode::kTrap;
      if (code >> 8U <= 0x70 && !framing) return info;
      if (info.opcode == Opcode::kFill || info.opcode == Opcode::kCopy ||
          info.opcode == Opcode::kIota)
        return info;
    }
  }

  Instruction instruction(const Body& body) {
    const isa::OpInfo& info = choose();
    Instruction out = blank_instruction(info.opcode);
    for (const isa::Operand& operand : info.operand_list()) set(out, info, operand, body);
    return out;
  }

  void set(Instruction& out, const isa::OpInfo& info, const isa::Operand& operand,
           const Body& body) {
    if (operand.field == isa::Field::kI) {
      out.imm |= immediate(info, operand.kind, body);
      return;
    }
    const std::uint8_t value = byte(info, operand, body);
    if (operand.field == isa::Field::kD) out.d = value;
    if (operand.field == isa::Field::kA) out.a = value;
    if (operand.field == isa::Field::kB) out.b = value;
    if (operand.field == isa::Field::kC) out.c = value;
    if (operand.field == isa::Field::kE)
      out.imm |= static_cast<std::int32_t>(static_cast<std::uint32_t>(value) << 24U) >> 8;
  }

  std::uint8_t byte(const isa::OpInfo& info, const isa::Operand& operand, const Body& body) {
    switch (operand.kind) {
      case OperandKind::kScalarRead:
      case OperandKind::kScalarWrite:
        return static_cast<std::uint8_t>(pick(rng_, std::min<std::uint32_t>(body.frame, 9)));
      case OperandKind::kWindow:
        return static_cast<std::uint8_t>(pick(rng_, 12));
      case OperandKind::kU8Read:
      case OperandKind::kU8Write:
        return byte_tensor(info, operand);
      case OperandKind::kI32Read:
      case OperandKind::kI32Write:
        return kInts;
      case OperandKind::kViewSet:
        return info.opcode == Opcode::kBind ? kBound : kView;
      case OperandKind::kAnyRead:
        return static_cast<std::uint8_t>(pick(rng_, 6));
      default:
        return float_tensor(info);
    }
  }

  std::uint8_t byte_tensor(const isa::OpInfo& info, const isa::Operand& operand) {
    if (info.opcode == Opcode::kPxBlit) return operand.field == isa::Field::kD ? kCanvas : kSprites;
    if (info.mnemonic.starts_with("px.")) return kCanvas;
    return static_cast<std::uint8_t>(pick(rng_, 4));
  }

  std::uint8_t float_tensor(const isa::OpInfo& info) {
    static constexpr std::array<std::uint8_t, 6> kAny = {kFloats, kFloats, kFloats,
                                                         kView,   kRow,    kBound};
    if (info.opcode == Opcode::kTail || info.opcode == Opcode::kRows)
      return pick(rng_, 4) == 0 ? kBound : kFloats;
    return kAny[pick(rng_, kAny.size())];
  }

  std::int32_t immediate(const isa::OpInfo& info, OperandKind kind, const Body& body) {
    const auto here = static_cast<std::int64_t>(program_.code.size());
    switch (kind) {
      case OperandKind::kLabel: {
        std::size_t target = body.first + 1 + pick(rng_, body.end - body.first - 1);
        if (info.opcode == Opcode::kCall) target = bodies_[pick(rng_, bodies_.size())].first;
        return static_cast<std::int32_t>(static_cast<std::int64_t>(target) - here - 1);
      }
      case OperandKind::kConst:
        return static_cast<std::int32_t>(info.opcode == Opcode::kF64Const   ? 3 + pick(rng_, 2)
                                         : info.opcode == Opcode::kF32Const ? 1 + pick(rng_, 2)
                                                                            : pick(rng_, 6));
      case OperandKind::kDecl:
        return kArrayDecl;
      case OperandKind::kString:
        return static_cast<std::int32_t>(pick(rng_, 2));
      default:
        break;
    }
    if (info.opcode == Opcode::kDim) return static_cast<std::int32_t>(pick(rng_, 2));
    if (info.opcode == Opcode::kPxBlit) return static_cast<std::int32_t>(pick(rng_, 3));
    if (pick(rng_, 2) == 0) return static_cast<std::int32_t>(pick(rng_, 12)) - 3;
    return static_cast<std::int32_t>(rng_.next_u32()) >> 8;
  }

  isa::Program& program_;
  CounterRng& rng_;
  std::vector<Body> bodies_;
};

}  // namespace

isa::Instruction blank_instruction(isa::Opcode opcode) {
  isa::Instruction out;
  out.family = static_cast<std::uint8_t>(static_cast<unsigned>(opcode) >> 8U);
  out.op = static_cast<std::uint8_t>(static_cast<unsigned>(opcode) & 0xFFU);
  return out;
}

isa::Program random_program(CounterRng& rng) {
  isa::Program program;
  declare(program);
  Maker(program, rng).run();
  return program;
}

void mutate_program(isa::Program& program, CounterRng& rng) {
  const std::uint32_t changes = 1 + pick(rng, 3);
  for (std::uint32_t n = 0; n < changes; ++n) {
    Instruction& i = program.code[pick(rng, program.code.size())];
    const auto value = static_cast<std::uint8_t>(rng.next_u32() >> pick(rng, 9));
    switch (pick(rng, 12)) {
      case 0:
        i.family = value;
        break;
      case 1:
        i.op = value;
        break;
      case 2:
      case 3:
        i.d = value;
        break;
      case 4:
      case 5:
        i.a = value;
        break;
      case 6:
        i.b = value;
        break;
      case 7:
        i.c = value;
        break;
      case 8:
        i.imm = static_cast<std::int32_t>(rng.next_u32()) >> (8 + pick(rng, 23));
        break;
      case 9:
        std::swap(i, program.code[pick(rng, program.code.size())]);
        break;
      case 10:
        program.entries[pick(rng, program.entries.size())].start =
            pick(rng, program.code.size() + 2);
        break;
      default:
        if (!program.tensors.empty())
          program.tensors[pick(rng, program.tensors.size())].home = value;
        break;
    }
  }
}

}  // namespace pxos::test
