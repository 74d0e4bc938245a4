#include "assembler/lint.hpp"

#include "assembler/parser.hpp"
#include "pxvm/isa/flow.hpp"

#include <algorithm>
#include <map>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

using TensorKind = isa::TensorDecl::Kind;
using Registers = std::bitset<256>;

/// Instructions walked while the scalars that are still to be read are found; under a second.
constexpr std::size_t kMaxSteps = std::size_t{1} << 22U;

std::optional<Warning> unused_warning(TensorKind kind) {
  switch (kind) {
    case TensorKind::kImport:
      return Warning::kUnusedImport;
    case TensorKind::kRegion:
      return Warning::kUnusedRegion;
    case TensorKind::kTemp:
      return Warning::kUnusedTemp;
    case TensorKind::kView:
      return Warning::kUnusedView;
    case TensorKind::kInput:
    case TensorKind::kOutput:
      break;  // a signature is a promise to the host
  }
  return std::nullopt;
}

void unused_tensors(Assembly& assembly) {
  for (std::size_t i = 0; i < assembly.program.tensors.size(); ++i) {
    const isa::TensorDecl& decl = assembly.program.tensors[i];
    const auto warning = unused_warning(decl.kind);
    if (!warning || assembly.tensor_used[i]) continue;
    assembly.reporter.warning(
        *warning, assembly.tensor_spans[i],
        fmt::format("{} '{}' is never used", tensor_kind_text(decl.kind), decl.name));
  }
}

/// Only the main file's own lines are spoken of: what it includes, others include too.
bool is_own(const Assembly& assembly, Span span) {
  const Line& line = assembly.map.line(span.line);
  return line.file == 0 && !line.use;
}

void unused_value(Assembly& assembly, std::string_view name, const Known& known) {
  if (known.kind == Known::Kind::kConst && !assembly.const_used.has(known.index)) {
    assembly.reporter.warning(Warning::kUnusedConst, known.declared,
                              fmt::format("constant '{}' is never used", name));
  }
  if (known.kind == Known::Kind::kString && !assembly.string_used.has(known.index)) {
    assembly.reporter.warning(Warning::kUnusedConst, known.declared,
                              fmt::format("string '{}' is never used", name));
  }
  if (known.kind != Known::Kind::kSymbol || assembly.symbol_used.has(known.index)) return;
  const auto kind = assembly.program.symbols[known.index].kind;
  if (kind == isa::Symbol::Kind::kArgument) return;
  assembly.reporter.warning(
      Warning::kUnusedParam, known.declared,
      fmt::format("{} '{}' is never used",
                  kind == isa::Symbol::Kind::kDim ? "dimension" : "parameter", name));
}

void unused_names(Assembly& assembly) {
  for (const auto& [name, known] : assembly.names.declared(Space::kValue)) {
    if (is_own(assembly, known.declared)) unused_value(assembly, name, known);
  }
  for (const auto& [name, known] : assembly.names.declared(Space::kAttr)) {
    if (!is_own(assembly, known.declared) || assembly.attr_used.has(known.index)) continue;
    assembly.reporter.warning(Warning::kUnusedRecord, known.declared,
                              fmt::format("attribute record '{}' is never used", name));
  }
  for (const auto& [name, span] : assembly.unused_macros) {
    if (!is_own(assembly, span)) continue;
    assembly.reporter.warning(Warning::kUnusedMacro, span,
                              fmt::format("macro '{}' is never used", name));
  }
  for (const NamedRegister& reg : assembly.registers) {
    if (!is_own(assembly, reg.declared) || reg.used) continue;
    assembly.reporter.warning(Warning::kUnusedRegister, reg.declared,
                              fmt::format("register '{}' is never used", reg.name));
  }
  for (const LabelPlace& label : assembly.label_places) {
    if (!is_own(assembly, label.span) || label.used) continue;
    assembly.reporter.warning(
        Warning::kUnusedLabel, label.span,
        fmt::format("no branch goes to '{}{}'", label.scope.empty() ? "" : ".", label.name));
  }
}

/// Per line of a file, how many of the instructions it made are meant, and how many it made.
class LineCounts {
 public:
  explicit LineCounts(const Assembly& assembly) : assembly_(assembly) {}

  void count(std::size_t pc, bool meant) {
    const Line& line = assembly_.map.line(assembly_.emitted[pc].line);
    auto& [hits, all] = counts_[{line.file, line.number}];
    hits += meant ? 1U : 0U;
    ++all;
  }
  /// A repeated line is meant when each of its repetitions is.
  [[nodiscard]] bool all_meant(std::size_t pc) const {
    const Line& line = assembly_.map.line(assembly_.emitted[pc].line);
    const auto found = counts_.find({line.file, line.number});
    return found != counts_.end() && found->second.first == found->second.second;
  }

 private:
  const Assembly& assembly_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::pair<std::size_t, std::size_t>> counts_;
};

bool in_macro(const Assembly& assembly, std::size_t pc) {
  return assembly.map.line(assembly.emitted[pc].line).use.has_value();
}

/// Once per stretch, at its first instruction.
void unreachable(Assembly& assembly, const std::vector<bool>& reached) {
  if (std::find(reached.begin(), reached.end(), false) == reached.end()) return;
  LineCounts lines(assembly);
  for (std::size_t pc = 0; pc < reached.size(); ++pc) lines.count(pc, !reached[pc]);
  for (std::size_t pc = 0; pc < reached.size(); ++pc) {
    const bool first = !reached[pc] && (pc == 0 || reached[pc - 1]);
    if (!first || in_macro(assembly, pc) || !lines.all_meant(pc)) continue;
    const std::uint32_t line = assembly.emitted[pc].line;
    Reporter muted(assembly.map);
    const Statement statement = parse_line(line, assembly.map.line(line).text, muted, {});
    const auto* text = std::get_if<InstructionText>(&statement.body);
    assembly.reporter.warning(Warning::kUnreachable,
                              text != nullptr ? text->mnemonic.span : Span{line, 0, 1},
                              "this instruction is never reached",
                              "put a label in front of it and branch there, or take it out");
  }
}

/// The end of one entry runs on into the next, as when a halt was forgotten.
void falls_into(Assembly& assembly, const std::vector<bool>& reached) {
  for (const isa::Entry& entry : assembly.program.entries) {
    if (entry.start == 0 || !reached[entry.start - 1]) continue;
    const std::size_t last = entry.start - 1;
    if (!isa::exits_of(assembly.program.code[last]).falls_through) continue;
    const std::uint32_t line = assembly.emitted[last].line;
    Reporter muted(assembly.map);
    const Statement statement = parse_line(line, assembly.map.line(line).text, muted, {});
    const auto* text = std::get_if<InstructionText>(&statement.body);
    assembly.reporter.warning(
        Warning::kOtherEntry, text != nullptr ? text->mnemonic.span : Span{line, 0, 1},
        fmt::format("control runs on into entry '{}'", entry.name), "is a halt missing here?");
  }
}

/// What an instruction does to scalar registers.
struct Scalars {
  Registers read;
  std::optional<std::uint8_t> written;
  bool pure = true;  ///< writing the scalar is all it does
};

/// Instructions of the control family that are not known here may hand all registers on.
bool hands_on_all(const isa::OpInfo& info) {
  switch (info.opcode) {
    case isa::Opcode::kHalt:
    case isa::Opcode::kTrap:
    case isa::Opcode::kJump:
    case isa::Opcode::kMov:
    case isa::Opcode::kSelect:
    case isa::Opcode::kFrame:
    case isa::Opcode::kYield:
      return false;
    default:
      return static_cast<unsigned>(info.opcode) >> 8U == 0x08 && !info.mnemonic.starts_with("br.");
  }
}

Scalars scalars_of(const isa::Instruction& instruction) {
  Scalars out;
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  if (info == nullptr || hands_on_all(*info)) {
    out.read.set();
    return out;
  }
  // A host call is made for what it does, whether or not its result is wanted.
  out.pure = info->opcode != isa::Opcode::kHost;
  for (const isa::Operand& operand : info->operand_list()) {
    const auto reg =
        static_cast<std::uint8_t>(isa::field_value(instruction, *info, operand.field) & 0xFF);
    if (operand.kind == isa::OperandKind::kScalarRead) out.read.set(reg);
    if (operand.kind == isa::OperandKind::kScalarWrite) out.written = reg;
    if (isa::writes_elements(operand.kind)) out.pure = false;
  }
  return out;
}

/// Backwards data flow: the registers that some path from an instruction on still reads.
class Liveness {
 public:
  explicit Liveness(const isa::Program& program) : program_(program) {
    live_.resize(program.code.size() + 1);
    sources_.resize(program.code.size() + 1);
    for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
      const auto target = target_of(pc);
      if (target) sources_[*target].push_back(static_cast<std::uint32_t>(pc));
    }
  }

  /// False when it takes too long.
  bool run() {
    for (std::size_t pc = program_.code.size(); pc-- > 0;) {
      if (!walk_back(pc)) return false;
    }
    return true;
  }

  /// Registers that are read after the instruction before they are written.
  [[nodiscard]] Registers after(std::size_t pc) const {
    Registers out;
    if (isa::exits_of(program_.code[pc]).falls_through) out |= live_[pc + 1];
    if (const auto target = target_of(pc)) out |= live_[*target];
    return out;
  }

 private:
  [[nodiscard]] std::optional<std::size_t> target_of(std::size_t pc) const {
    return isa::exits_of(program_.code[pc]).branches ? isa::branch_target(program_, pc)
                                                     : std::nullopt;
  }

  /// The state before `pc`, and before everything that leads there, as long as it grows.
  bool walk_back(std::size_t first) {
    std::vector<std::size_t> pending = {first};
    while (!pending.empty()) {
      const std::size_t pc = pending.back();
      pending.pop_back();
      if (++steps_ > kMaxSteps) return false;
      const Scalars scalars = scalars_of(program_.code[pc]);
      Registers before = after(pc);
      if (scalars.written) before.reset(*scalars.written);
      before |= scalars.read;
      const bool same = before == live_[pc];
      live_[pc] = before;
      if (same) continue;
      for (const std::uint32_t source : sources_[pc]) {
        if (source >= first) pending.push_back(source);  // a loop: it was walked with less
      }
      if (pc > first && isa::exits_of(program_.code[pc - 1]).falls_through)
        pending.push_back(pc - 1);
    }
    return true;
  }

  const isa::Program& program_;
  std::vector<Registers> live_;                      ///< before each instruction
  std::vector<std::vector<std::uint32_t>> sources_;  ///< branches to each instruction
  std::size_t steps_ = 0;
};

/// The operand that is written, as it stands in the text.
Span written_span(Assembly& assembly, std::size_t pc) {
  const std::uint32_t line = assembly.emitted[pc].line;
  Reporter muted(assembly.map);
  const Statement statement = parse_line(line, assembly.map.line(line).text, muted, {});
  const auto* text = std::get_if<InstructionText>(&statement.body);
  const isa::Instruction& instruction = assembly.program.code[pc];
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  if (text == nullptr || info == nullptr) return {line, 0, 1};
  for (std::size_t i = 0; i < std::min<std::size_t>(info->operand_count, text->operands.size());
       ++i) {
    if (info->operands[i].kind == isa::OperandKind::kScalarWrite) return text->operands[i].span;
  }
  return text->mnemonic.span;
}

/// A store that no path reads again, at the operand that is written.
void forgotten(Assembly& assembly, const std::vector<bool>& reached) {
  std::vector<bool> dead(assembly.program.code.size(), false);
  for (const std::size_t pc : dead_stores(assembly.program)) dead[pc] = true;
  LineCounts lines(assembly);
  for (std::size_t pc = 0; pc < dead.size(); ++pc) {
    if (assembly.emitted[pc].operand == Assembly::kWholeStatement) lines.count(pc, dead[pc]);
  }
  std::vector<std::uint32_t> said;
  for (std::size_t pc = 0; pc < dead.size(); ++pc) {
    const Assembly::Emitted& from = assembly.emitted[pc];
    if (!dead[pc] || !reached[pc] || from.operand != Assembly::kWholeStatement) continue;
    const Line& line = assembly.map.line(from.line);
    const bool again = line.rewritten && !said.empty() && said.back() == line.number;
    if (in_macro(assembly, pc) || again || !lines.all_meant(pc)) continue;
    said.push_back(line.number);
    const Span span = written_span(assembly, pc);
    assembly.reporter.warning(
        Warning::kDeadStore, span,
        fmt::format("'{}' is written here, but nothing reads it afterwards",
                    assembly.map.line(span.line).text.substr(span.column, span.length)));
  }
}

}  // namespace

std::vector<bool> reachable_code(const isa::Program& program) {
  std::vector<bool> reached(program.code.size(), false);
  std::vector<std::size_t> pending;
  const auto add = [&](std::size_t pc) {
    if (pc >= reached.size() || reached[pc]) return;
    reached[pc] = true;
    pending.push_back(pc);
  };
  for (const isa::Entry& entry : program.entries) add(entry.start);
  while (!pending.empty()) {
    const std::size_t pc = pending.back();
    pending.pop_back();
    const isa::Exits exits = isa::exits_of(program.code[pc]);
    const auto target = exits.branches ? isa::branch_target(program, pc) : std::nullopt;
    if (exits.falls_through) add(pc + 1);
    if (target) add(*target);
  }
  return reached;
}

std::vector<std::size_t> dead_stores(const isa::Program& program) {
  std::vector<std::size_t> out;
  Liveness liveness(program);
  if (!liveness.run()) return out;
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    const Scalars scalars = scalars_of(program.code[pc]);
    if (scalars.written && scalars.pure && !liveness.after(pc).test(*scalars.written))
      out.push_back(pc);
  }
  return out;
}

void lint(Assembly& assembly) {
  unused_tensors(assembly);
  unused_names(assembly);
  const std::vector<bool> reached = reachable_code(assembly.program);
  unreachable(assembly, reached);
  falls_into(assembly, reached);
  forgotten(assembly, reached);
}

}  // namespace pxos::assembler
