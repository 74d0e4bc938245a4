#include "pxvm/isa/verify.hpp"

#include "pxvm/isa/declarations.hpp"
#include "pxvm/isa/findings.hpp"
#include "pxvm/isa/flow.hpp"
#include "pxvm/isa/functions.hpp"
#include "pxvm/isa/image_sections.hpp"
#include "pxvm/isa/shapes.hpp"

#include <array>
#include <map>

#include <fmt/format.h>

namespace pxos::isa {
namespace {

using Status = RegisterCell::Status;
using Element = TensorDecl::Element;

// ---- Each instruction by itself: code, table indices, targets, unused fields.

class InstructionChecker {
 public:
  InstructionChecker(const Program& program, FindingList& findings)
      : program_(program), findings_(findings) {
    for (const TensorDecl& decl : program.tensors) {
      if (decl.home) home_kind_[*decl.home] = decl.kind;
    }
  }

  /// True when the instruction's operands are all in range.
  bool check(std::size_t pc) {
    const Instruction& instruction = program_.code[pc];
    const OpInfo* info = find_opcode(instruction.family, instruction.op);
    if (info == nullptr) {
      findings_.add(pc, std::nullopt,
                    fmt::format("no instruction has the code 0x{:02x} 0x{:02x}", instruction.family,
                                instruction.op));
      return false;
    }
    bool sound = unused_are_zero(pc, *info);
    for (const Operand& operand : info->operand_list()) {
      if (auto problem = check_operand(pc, *info, operand); !problem.empty()) {
        findings_.add(pc, operand.field, instruction_text(program_, pc) + ": " + problem);
        sound = false;
      }
    }
    return sound;
  }

 private:
  /// One instruction has one encoding, so that disassembly loses nothing.
  bool unused_are_zero(std::size_t pc, const OpInfo& info) {
    bool zero = true;
    for (const Field field : {Field::kD, Field::kA, Field::kB, Field::kC, Field::kI}) {
      const std::int32_t value = field_value(program_.code[pc], info, field);
      if (value == 0 || info.operand_at(field)) continue;
      findings_.add(
          pc, field,
          fmt::format("{}: field {} is {}, but {} does not use it", instruction_text(program_, pc),
                      field_letter(field), value, info.mnemonic));
      zero = false;
    }
    return zero;
  }

  template <class Table>
  static bool has(const Table& table, std::int32_t index) {
    return index >= 0 && static_cast<std::size_t>(index) < table.size();
  }

  template <class Table>
  static std::string outside(const Table& table, std::int32_t index, std::string_view what) {
    if (has(table, index)) return {};
    return fmt::format("{} {} of {}", what, index, table.size());
  }

  /// What is wrong with one operand; empty when nothing is.
  std::string check_operand(std::size_t pc, const OpInfo& info, const Operand& operand) const {
    const std::int32_t value = field_value(program_.code[pc], info, operand.field);
    switch (operand.kind) {
      case OperandKind::kDecl:
        return check_decl(value);
      case OperandKind::kConst:
        return check_const(info, value);
      case OperandKind::kString:
        return outside(program_.strings, value, "string");
      case OperandKind::kHost:
        if (value >= 0 && find_host_call(static_cast<std::uint32_t>(value)) != nullptr) return {};
        return fmt::format("there is no host call {}", value);
      case OperandKind::kRopeAttr:
      case OperandKind::kAttentionAttr:
      case OperandKind::kNormAttr:
        return check_attr(attr_kind_of(operand.kind), value);
      case OperandKind::kImmediate:
        return check_immediate(info, value);
      case OperandKind::kLabel:
        if (branch_target(program_, pc)) return {};
        return fmt::format("the target is instruction {} of {}",
                           static_cast<std::int64_t>(pc) + 1 + value, program_.code.size());
      case OperandKind::kViewSet:
        return check_destination(info, static_cast<std::uint8_t>(value));
      default:
        return {};  // scalar registers and immediates: every value of the field is one
    }
  }

  static std::string check_immediate(const OpInfo& info, std::int32_t value) {
    if (info.opcode == Opcode::kFrame && (value < 1 || value > 256))
      return fmt::format("a frame of {} registers, expected 1..256", value);
    if (info.opcode == Opcode::kPxBlit && value > 2)
      return fmt::format("there is no way {} to draw, expected 0..2", value);
    return {};
  }

  std::string check_decl(std::int32_t value) const {
    if (auto problem = outside(program_.tensors, value, "tensor"); !problem.empty()) return problem;
    const TensorDecl& decl = program_.tensors[static_cast<std::size_t>(value)];
    if (decl.is_array) return {};
    return fmt::format("{} is not an array", decl.name);
  }

  std::string check_const(const OpInfo& info, std::int32_t value) const {
    if (auto problem = outside(program_.consts, value, "constant"); !problem.empty())
      return problem;
    const ScalarConst& constant = program_.consts[static_cast<std::size_t>(value)];
    // `const` loads any type into a register; a tensor instruction computes with f32.
    if (info.opcode == Opcode::kConstLd) return {};
    const auto wanted =
        info.opcode == Opcode::kF64Const ? ScalarConst::Type::kF64 : ScalarConst::Type::kF32;
    if (constant.type == wanted) return {};
    return fmt::format("constant {} is {}, expected {}", constant.name,
                       scalar_type_name(constant.type), scalar_type_name(wanted));
  }

  std::string check_attr(AttrRecord::Kind wanted, std::int32_t value) const {
    if (auto problem = outside(program_.attrs, value, "attribute record"); !problem.empty())
      return problem;
    const AttrRecord& record = program_.attrs[static_cast<std::size_t>(value)];
    if (record.kind == wanted) return {};
    return fmt::format("{} is {} attributes, expected {}", record.name, attr_kind_name(record.kind),
                       attr_kind_name(wanted));
  }

  /// tail and rows keep the declared shape of the view they set; bind brings a shape along. So a
  /// home keeps the type it was declared with for as long as the machine lives.
  std::string check_destination(const OpInfo& info, std::uint8_t reg) const {
    const std::optional<TensorDecl::Kind>& kind = home_kind_[reg];
    if (info.opcode == Opcode::kBind) {
      if (!kind) return {};
      return "the destination is the home of a declared tensor, expected a free register";
    }
    if (kind == TensorDecl::Kind::kView) return {};
    return fmt::format("the destination is {}, expected a view",
                       kind ? tensor_kind_name(*kind) : "no declared tensor");
  }

  const Program& program_;
  FindingList& findings_;
  std::array<std::optional<TensorDecl::Kind>, 256> home_kind_{};
};

// ---- Each reachable instruction with the registers that reach it.

/// What an operand kind asks of a tensor. rank 0 = any.
struct Wanted {
  std::optional<Element> element;
  std::size_t rank = 0;
  std::string_view text;
};

Wanted wanted_by(OperandKind kind) {
  switch (kind) {
    case OperandKind::kF32Read:
    case OperandKind::kF32Write:
      return {Element::kF32, 0, "f32"};
    case OperandKind::kVectorRead:
      return {Element::kF32, 1, "an f32 vector"};
    case OperandKind::kWeightRead:
      return {Element::kWeight, 2, "a weight"};
    case OperandKind::kI32Read:
    case OperandKind::kI32Write:
      return {Element::kI32, 0, "i32"};
    case OperandKind::kU8Read:
    case OperandKind::kU8Write:
      return {Element::kU8, 0, "u8"};
    case OperandKind::kF16Read:
    case OperandKind::kF16Write:
      return {Element::kF16, 0, "f16"};
    default:
      return {std::nullopt, 0, "a plain tensor"};
  }
}

/// These read a source again after they have begun to write: no overlap at all is allowed.
bool needs_separate_destination(Opcode opcode) {
  return opcode == Opcode::kMatmul || opcode == Opcode::kMatmulF32 ||
         opcode == Opcode::kAttention || opcode == Opcode::kMeanRows || opcode == Opcode::kTopK;
}

// Findings name tensors as the source does: by home, else by the array element that is bound. An
// instruction gets findings of one kind at a time, because a wrong type makes its shape
// meaningless.
class OperandChecker {
 public:
  OperandChecker(const Program& program, const Flow& flow, FindingList& findings)
      : program_(program), flow_(flow), findings_(findings) {}

  /// After all instructions: nothing that is unknown is accepted.
  void finish() {
    if (!unknown_ || !findings_.empty()) return;
    report(unknown_->pc, unknown_->field, unknown_->name + " is not known to be set");
  }

  void check(std::size_t pc, const Flow::Registers& registers) {
    const Instruction& instruction = program_.code[pc];
    const OpInfo& info = *find_opcode(instruction.family, instruction.op);
    std::vector<Used> used;
    bool good = true;
    for (const Operand& operand : info.operand_list()) {
      if (!is_tensor(operand.kind)) continue;
      const auto reg = static_cast<std::uint8_t>(field_value(instruction, info, operand.field));
      Used one{operand, reg, registers(reg)};
      if (operand.kind == OperandKind::kViewSet) {
        if (!destination_type(info, reg, one.cell)) continue;
      }
      good = check_operand(pc, one) && good;
      used.push_back(one);
    }
    if (!good) return;
    check_overlap(pc, info, used);
    check_dimension(pc, info, used);
    check_shapes(pc, info, used);
  }

 private:
  struct Used {
    Operand operand;
    std::uint8_t reg;
    RegisterCell cell;
  };

  void report(std::size_t pc, Field field, std::string_view message) {
    findings_.add(pc, field, fmt::format("{}: {}", instruction_text(program_, pc), message));
  }

  const TensorDecl& decl_of(const RegisterCell& cell) const { return program_.tensors[cell.type]; }

  /// tail and rows: the destination has the declared type of the view whose home it is.
  bool destination_type(const OpInfo& info, std::uint8_t reg, RegisterCell& out) const {
    if (info.opcode == Opcode::kBind) return false;
    const auto view = flow_.home_of(reg);
    if (!view) return false;
    out = {Status::kKnown, *view, *view};
    return true;
  }

  std::string home_name(std::uint8_t reg) const {
    const auto decl = flow_.home_of(reg);
    return decl ? program_.tensors[*decl].name : fmt::format("t{}", reg);
  }

  /// Why a register may be unset that is set somewhere.
  std::string_view lost(std::uint8_t reg) const {
    return flow_.may_lose(reg) ? "; a call does not keep tensor registers" : "";
  }

  bool check_operand(std::size_t pc, const Used& used) {
    const Field field = used.operand.field;
    switch (used.cell.status) {
      case Status::kKnown:
        return check_type(pc, used) && check_access(pc, used);
      case Status::kUnset:
        report(
            pc, field,
            home_name(used.reg) + " is used, but nothing has set it" + std::string(lost(used.reg)));
        return false;
      case Status::kPartly:
        report(pc, field,
               home_name(used.reg) + " is not set on every path that leads here" +
                   std::string(lost(used.reg)));
        return false;
      case Status::kMixed:
        report(pc, field, home_name(used.reg) + " has different types on the paths that lead here");
        return false;
      case Status::kUnknown:
        // Its cause is a finding of its own, but acceptance does not rest on that.
        if (!unknown_) unknown_ = {pc, field, home_name(used.reg)};
        return false;
    }
    return false;
  }

  bool check_type(std::size_t pc, const Used& used) {
    const TensorDecl& decl = decl_of(used.cell);
    const bool is_view = used.operand.kind == OperandKind::kViewSet;
    // tail and rows move f32 windows.
    const Wanted wanted = wanted_by(is_view ? OperandKind::kF32Read : used.operand.kind);
    const bool fits =
        wanted.element ? decl.element == *wanted.element : decl.element != Element::kWeight;
    if (fits && (wanted.rank == 0 || decl.dims.size() == wanted.rank)) return true;
    report(pc, used.operand.field,
           fmt::format("{} is {} {}, expected {}", decl.name, element_name(decl.element),
                       shape_text(program_, decl.dims), wanted.text));
    return false;
  }

  // Access follows memory, not names: a view of an input is read-only because the input is.
  bool check_access(std::size_t pc, const Used& used) {
    const std::uint16_t root = used.cell.root;
    if (!writes_elements(used.operand.kind) || is_writable(program_, root)) return true;
    const std::string name = home_name(used.reg);
    if (root >= program_.tensors.size()) {
      report(pc, used.operand.field,
             fmt::format("{} may be a view of a tensor that is read-only", name));
      return false;
    }
    const TensorDecl& decl = program_.tensors[root];
    const std::string_view is =
        decl_of(used.cell).kind == TensorDecl::Kind::kView ? "is a view of" : "is";
    report(pc, used.operand.field,
           fmt::format("{} {} {} {}, which is read-only", decl_of(used.cell).name, is,
                       tensor_kind_name(decl.kind), decl.name));
    return false;
  }

  /// A destination may be a source where the operation says so, but never a shifted window onto it:
  /// then bits would depend on the order of the threads.
  void check_overlap(std::size_t pc, const OpInfo& info, const std::vector<Used>& used) {
    for (const Used& written : used) {
      if (!writes_elements(written.operand.kind)) continue;
      for (const Used& other : used) {
        if (&other == &written || !may_overlap(info, written, other)) continue;
        report(pc, written.operand.field,
               fmt::format("{} writes {}, which overlaps its operand {}", info.mnemonic,
                           decl_of(written.cell).name, decl_of(other.cell).name));
        return;
      }
    }
  }

  // Equal roots, or roots that several paths decide. For the latter only memory that can be written
  // counts, since an import is never the destination.
  bool may_overlap(const OpInfo& info, const Used& written, const Used& other) const {
    const std::uint16_t a = written.cell.root;
    const std::uint16_t b = other.cell.root;
    const bool many = a >= program_.tensors.size() || b >= program_.tensors.size();
    if (!many && a != b) return false;
    if (needs_separate_destination(info.opcode)) return !many || is_writable(program_, b);
    // Elements of an array are whole or not at all the same memory.
    const bool windows = decl_of(written.cell).kind == TensorDecl::Kind::kView ||
                         decl_of(other.cell).kind == TensorDecl::Kind::kView;
    return written.reg != other.reg && windows && (!many || is_writable(program_, b));
  }

  // A rank is known here, so `dim` needs no check at run time.
  void check_dimension(std::size_t pc, const OpInfo& info, const std::vector<Used>& used) {
    if (info.opcode != Opcode::kDim || used.empty()) return;
    const std::int32_t wanted = program_.code[pc].imm;
    const TensorDecl& decl = decl_of(used[0].cell);
    if (wanted >= 0 && static_cast<std::size_t>(wanted) < decl.dims.size()) return;
    report(pc, Field::kI,
           fmt::format("{} is {}: there is no dimension {}", decl.name,
                       shape_text(program_, decl.dims), wanted));
  }

  // Patterns are parsed once per opcode in use, not once per instruction.
  void check_shapes(std::size_t pc, const OpInfo& info, const std::vector<Used>& used) {
    auto [patterns, added] = patterns_.try_emplace(info.opcode);
    if (added) patterns->second = parse_shapes(info.shapes);
    std::vector<ShapedOperand> operands;
    for (const Used& one : used) operands.push_back({one.operand.field, &decl_of(one.cell)});
    const auto mismatch =
        match_shapes(program_, patterns->second, operands, attr_of(info, program_.code[pc]));
    if (mismatch) report(pc, mismatch->field, mismatch->message);
  }

  const AttrRecord* attr_of(const OpInfo& info, const Instruction& instruction) const {
    for (const Operand& operand : info.operand_list()) {
      if (!is_attr(operand.kind)) continue;
      const std::int32_t index = field_value(instruction, info, operand.field);
      return &program_.attrs[static_cast<std::size_t>(index)];
    }
    return nullptr;
  }

  const Program& program_;
  const Flow& flow_;
  FindingList& findings_;
  std::map<Opcode, std::vector<ShapePattern>> patterns_;
  struct Unknown {
    std::size_t pc;
    Field field;
    std::string name;
  };
  std::optional<Unknown> unknown_;  ///< the first use of a register that is kUnknown
};

// Bad instructions are reported first and then passed over: the data flow of the others is still
// worth reporting, except that what a bad one sets is unknown.
void check_code(const Program& program, FindingList& findings) {
  InstructionChecker instructions(program, findings);
  std::vector<bool> sound(program.code.size());
  for (std::size_t pc = 0; pc < program.code.size() && !findings.full(); ++pc) {
    sound[pc] = instructions.check(pc);
  }
  if (findings.full()) return;
  Functions functions(program, sound);
  functions.report(findings);
  if (findings.full()) return;
  Flow flow(program, sound);
  if (!flow.run()) {
    findings.add("the control flow has too many joins and views to be verified");
    return;
  }
  OperandChecker operands(program, flow, findings);
  flow.for_each([&](std::size_t pc, const Flow::Registers& registers) {
    if (findings.full()) return;
    if (sound[pc]) operands.check(pc, registers);
    if (pc + 1 == program.code.size() && exits_of(program.code[pc]).falls_through)
      findings.add(pc, std::nullopt, "control runs past the last instruction");
  });
  operands.finish();
}

}  // namespace

tl::expected<VerifiedProgram, std::vector<Finding>> verify(Program program) {
  FindingList findings;
  if (const auto fits = check_limits(program); !fits) {
    findings.add(fits.error().message);
  } else {
    check_declarations(program, findings);
    // Code refers to declarations; its findings mean little while those are broken.
    if (findings.empty()) check_code(program, findings);
  }
  if (!findings.empty()) return tl::unexpected(findings.take());
  return VerifiedProgram(std::make_shared<const Program>(std::move(program)));
}

Result<VerifiedProgram> verify_or_error(Program program) {
  // The program moves into verify; what the message needs is kept.
  const std::string name = program.name;
  Program locations;
  locations.debug = program.debug;
  auto verified = verify(std::move(program));
  if (verified) return *std::move(verified);
  const Finding& first = verified.error().front();
  const std::string where = first.pc ? location_text(locations, *first.pc) + ": " : std::string();
  const std::size_t more = verified.error().size() - 1;
  const std::string rest = more != 0 ? fmt::format(" (and {} more)", more) : std::string();
  return fail(Errc::kInvalid, "program '{}': {}{}{}", name, where, first.message, rest);
}

}  // namespace pxos::isa
