#include "assembler/check.hpp"

#include "assembler/parser.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

using TensorKind = isa::TensorDecl::Kind;

/// Operands of the statement that made instruction `pc`.
std::vector<Operand> operands_of(Assembly& assembly, std::uint32_t line) {
  Reporter muted(assembly.map);
  const Statement statement = parse_line(line, assembly.map.line(line).text, muted, {});
  const auto* text = std::get_if<InstructionText>(&statement.body);
  return text != nullptr ? text->operands : std::vector<Operand>();
}

Span statement_span(const Assembly& assembly, std::uint32_t line) {
  const std::string_view text = assembly.map.line(line).text;
  const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size() - 1);
  const std::size_t end =
      text.find_last_not_of(" \t\r", std::max<std::size_t>(comment_start(text), 1) - 1);
  const std::size_t length = end == std::string_view::npos || end < first ? 1 : end - first + 1;
  return {line, static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(length)};
}

/// Which operand of the source a finding is about, when it names a field.
std::optional<std::size_t> operand_index(const Assembly& assembly, const isa::Finding& finding) {
  const Assembly::Emitted& from = assembly.emitted[*finding.pc];
  if (from.operand != Assembly::kWholeStatement) return from.operand;
  const isa::Instruction& instruction = assembly.program.code[*finding.pc];
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  if (info == nullptr || !finding.field) return std::nullopt;
  for (std::size_t i = 0; i < info->operand_count; ++i) {
    if (info->operands[i].field == *finding.field) return i;
  }
  return std::nullopt;
}

/// "q is declared here: f32[T, dim]" for every tensor the statement names.
void note_declarations(Assembly& assembly, Diagnostic& error,
                       const std::vector<Operand>& operands) {
  std::vector<std::uint32_t> noted;
  for (const Operand& operand : operands) {
    const Name* name =
        operand.kind == Operand::Kind::kIndexed ? &operand.name : operand.expr.as_name();
    const Known* known =
        name != nullptr ? assembly.names.find(Space::kTensor, name->text) : nullptr;
    if (known == nullptr || std::find(noted.begin(), noted.end(), known->index) != noted.end())
      continue;
    noted.push_back(known->index);
    assembly.reporter.note(
        error, known->declared,
        fmt::format("{} is declared here: {}", name->text,
                    tensor_type_text(assembly.program, assembly.program.tensors[known->index])));
  }
}

/// A finding without an instruction is about a declaration: the first word that is declared tells
/// which.
Span declaration_span(const Assembly& assembly, const std::string& message) {
  const Span nowhere{0, 0, 1};
  for (std::size_t at = 0; at < message.size();) {
    if (!is_name_start(message[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < message.size() && is_name_char(message[end])) ++end;
    std::string_view word = std::string_view(message).substr(at, end - at);
    while (word.ends_with('.')) word.remove_suffix(1);
    for (const Space space : {Space::kTensor, Space::kAttr, Space::kValue}) {
      if (const Known* known = assembly.names.find(space, word)) return known->declared;
    }
    for (std::size_t i = 0; i < assembly.program.entries.size(); ++i) {
      if (assembly.program.entries[i].name == word) return assembly.entry_spans[i];
    }
    at = end;
  }
  return nowhere;
}

void report(Assembly& assembly, const isa::Finding& finding) {
  if (!finding.pc || *finding.pc >= assembly.emitted.size()) {
    assembly.reporter.error(declaration_span(assembly, finding.message), finding.message);
    return;
  }
  const std::uint32_t line = assembly.emitted[*finding.pc].line;
  const std::vector<Operand> operands = operands_of(assembly, line);
  const auto index = operand_index(assembly, finding);
  const bool known = index && *index < operands.size();
  const Span span = known ? operands[*index].span : statement_span(assembly, line);
  Diagnostic& error = assembly.reporter.error(span, finding.message);
  note_declarations(assembly, error, operands);
}

}  // namespace

void warn_unused(Assembly& assembly) {
  for (std::size_t i = 0; i < assembly.program.tensors.size(); ++i) {
    const isa::TensorDecl& decl = assembly.program.tensors[i];
    const bool own = decl.kind != TensorKind::kInput && decl.kind != TensorKind::kOutput;
    if (!own || assembly.tensor_used[i]) continue;
    assembly.reporter.warning(
        assembly.tensor_spans[i],
        fmt::format("{} '{}' is never used", tensor_kind_text(decl.kind), decl.name));
  }
}

std::optional<isa::VerifiedProgram> verify_program(Assembly& assembly) {
  auto verified = isa::verify(assembly.program);
  if (verified) return *std::move(verified);
  std::vector<std::uint32_t> reported;
  for (const isa::Finding& finding : verified.error()) {
    if (finding.pc && *finding.pc < assembly.emitted.size()) {
      // One mistake, one diagnostic: a statement is not reported twice.
      const std::uint32_t line = assembly.emitted[*finding.pc].line;
      if (std::find(reported.begin(), reported.end(), line) != reported.end()) continue;
      reported.push_back(line);
    }
    report(assembly, finding);
  }
  return std::nullopt;
}

}  // namespace pxos::assembler
