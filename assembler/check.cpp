#include "assembler/check.hpp"

#include "assembler/parser.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

/// Operands of the statement that made instruction `pc`.
std::vector<Operand> operands_of(Assembly& assembly, std::uint32_t line) {
  Reporter muted(assembly.map);
  const Statement statement = parse_line(line, assembly.map.line(line).text, muted, {});
  const auto* text = std::get_if<InstructionText>(&statement.body);
  return text != nullptr ? text->operands : std::vector<Operand>();
}

/// The line without its blanks and comment.
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

/// True when `name` stands in `text` as a word of its own.
bool mentions(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos;
       at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const bool starts = at == 0 || !is_name_char(text[at - 1]);
    if (starts && (end == text.size() || !is_name_char(text[end]))) return true;
  }
  return false;
}

/// "q is declared here: f32[T, dim]" for every operand that the message is about.
void note_declarations(Assembly& assembly, Diagnostic& error, const std::vector<Operand>& operands,
                       std::string_view message) {
  std::vector<std::uint32_t> noted;
  for (const Operand& operand : operands) {
    const Name* name =
        operand.kind == Operand::Kind::kIndexed ? &operand.name : operand.expr.as_name();
    const Known* known =
        name != nullptr ? assembly.names.find(Space::kTensor, name->text) : nullptr;
    if (known == nullptr || !mentions(message, name->text)) continue;
    if (std::find(noted.begin(), noted.end(), known->index) != noted.end()) continue;
    noted.push_back(known->index);
    const isa::TensorDecl& decl = assembly.program.tensors[known->index];
    assembly.reporter.note(error, known->declared,
                           fmt::format("{} is declared here: {}", name->text,
                                       tensor_type_text(assembly.program, decl)));
  }
}

/// The statement as it is written, with single blanks: "matmul q, wq[l], xn".
std::string statement_text(const Assembly& assembly, std::uint32_t line,
                           const std::vector<Operand>& operands) {
  const std::string_view text = assembly.map.line(line).text;
  const Span whole = statement_span(assembly, line);
  std::string_view words = text.substr(whole.column, whole.length);
  if (!operands.empty()) words = words.substr(0, operands.front().span.column - whole.column);
  const std::size_t end = words.find_last_not_of(" \t");
  words = words.substr(0, end == std::string_view::npos ? 0 : end + 1);
  const std::size_t start = words.find_last_of(" \t");
  std::string out(start == std::string_view::npos ? words : words.substr(start + 1));
  for (std::size_t i = 0; i < operands.size(); ++i) {
    out += i == 0 ? " " : ", ";
    out += text.substr(operands[i].span.column, operands[i].span.length);
  }
  return out;
}

/// A finding without an instruction is about a declaration, named in its first quotes:
/// "tensor 'bias': ..".
Span declaration_span(const Assembly& assembly, std::string_view message) {
  const std::size_t open = message.find('\'');
  const std::size_t close = open == std::string_view::npos ? open : message.find('\'', open + 1);
  if (close == std::string_view::npos) return kNowhere;
  const std::string_view name = message.substr(open + 1, close - open - 1);
  if (message.starts_with("entry") || message.starts_with("argument")) {
    for (std::size_t i = 0; i < assembly.program.entries.size(); ++i) {
      if (assembly.program.entries[i].name == name) return assembly.entry_spans[i];
    }
  }
  Space space = Space::kValue;
  if (message.starts_with("tensor")) space = Space::kTensor;
  if (message.starts_with("attribute")) space = Space::kAttr;
  const Known* known = assembly.names.find(space, name);
  return known != nullptr ? known->declared : kNowhere;
}

/// Weights and activations are easily written the wrong way round.
std::string swap_hint(const Assembly& assembly, const std::vector<Operand>& operands,
                      std::string_view reason) {
  if (!reason.ends_with("expected a weight")) return {};
  for (const Operand& operand : operands) {
    const Name* name =
        operand.kind == Operand::Kind::kIndexed ? &operand.name : operand.expr.as_name();
    const Known* known =
        name != nullptr ? assembly.names.find(Space::kTensor, name->text) : nullptr;
    if (known == nullptr) continue;
    const isa::TensorDecl& decl = assembly.program.tensors[known->index];
    if (decl.element == isa::TensorDecl::Element::kWeight)
      return fmt::format("'{}' is a weight: are the operands in the right order?", name->text);
  }
  return {};
}

/// At the operand the finding names, else at the statement, else at the declaration.
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
  // The verifier names registers; the person wrote a statement.
  const std::string prefix = isa::instruction_text(assembly.program, *finding.pc) + ": ";
  const bool prefixed = finding.message.starts_with(prefix);
  const std::string reason = prefixed ? finding.message.substr(prefix.size()) : finding.message;
  Diagnostic& error = assembly.reporter.error(
      span, prefixed ? statement_text(assembly, line, operands) + ": " + reason : reason,
      swap_hint(assembly, operands, reason));
  note_declarations(assembly, error, operands, reason);
}

}  // namespace

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
