#include "assembler/assembler.hpp"

#include "assembler/check.hpp"
#include "assembler/declare.hpp"
#include "assembler/emitter.hpp"
#include "assembler/lint.hpp"
#include "assembler/preprocessor.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

/// What is kept of directives; far above what the table limits allow a sensible program to use.
constexpr std::size_t kMaxDirectives = std::size_t{1} << 18U;
constexpr std::size_t kMaxDirectiveTokens = std::size_t{1} << 22U;

/// Registers that must not be given out where the text is now: functions have windows of their own.
std::bitset<256>& scalars_here(Assembly& assembly) {
  return assembly.in_function ? assembly.function_scalars.back() : assembly.scalars_taken;
}

/// A register that the text names is never given out.
void note_registers(Assembly& assembly, const Expr& expr) {
  for (const Expr::Step& step : expr.steps) {
    if (step.op != Expr::Op::kSymbol) continue;
    const auto reg = as_register(step.name);
    if (reg) (reg->tensor ? assembly.tensors_taken : scalars_here(assembly)).set(reg->number);
  }
}

/// `.incbin` is a `.string` whose bytes are a file's.
void read_binary(Assembly& assembly, const IncludeReader& include, StringText& text) {
  Result<std::string> bytes =
      include ? include(*text.path) : fail(Errc::kUnsupported, "files cannot be read here");
  std::string problem;
  if (!bytes) {
    problem = fmt::format("cannot read '{}': {}", *text.path, bytes.error().message);
  } else if (bytes->size() > isa::Limits::kStringBytes) {
    problem = fmt::format("'{}' has {} bytes, a string has at most {}", *text.path, bytes->size(),
                          isa::Limits::kStringBytes);
  } else if (assembly.binary_bytes + bytes->size() > Caps::kExpandedBytes) {
    problem = fmt::format("files read by '.incbin' have more than {} bytes together",
                          Caps::kExpandedBytes);
  } else {
    assembly.binary_bytes += bytes->size();
    text.bytes = *std::move(bytes);
    return;
  }
  assembly.reporter.error(text.path_span, std::move(problem));
}

void collect(Assembly& assembly, std::uint32_t line, std::span<const std::string_view> macros,
             const IncludeReader& include) {
  Statement statement = parse_line(line, assembly.map.line(line).text, assembly.reporter, macros);
  for (const Label& label : statement.labels) {
    assembly.items.push_back(
        {Item::Kind::kLabel, line, static_cast<std::uint32_t>(assembly.labels.size())});
    assembly.labels.push_back(label);
  }
  assembly.entry_broken = assembly.entry_broken || statement.broken_entry;
  for (const Name& name : statement.broken_names) assembly.names.add_broken(name);
  if (const auto* text = std::get_if<InstructionText>(&statement.body)) {
    for (const Operand& operand : text->operands) note_registers(assembly, operand.expr);
    assembly.items.push_back({Item::Kind::kInstruction, line, 0});
  }
  if (auto* directive = std::get_if<Directive>(&statement.body)) {
    if (std::holds_alternative<EntryText>(directive->body)) assembly.in_function = false;
    if (std::holds_alternative<FuncText>(directive->body)) {
      assembly.in_function = true;
      assembly.function_scalars.emplace_back();
    }
    auto* string = std::get_if<StringText>(&directive->body);
    if (string != nullptr && string->path) read_binary(assembly, include, *string);
    if (const auto* word = std::get_if<WordText>(&directive->body)) {
      for (const std::uint8_t reg :
           {word->instruction.d, word->instruction.a, word->instruction.b, word->instruction.c}) {
        scalars_here(assembly).set(reg);
        assembly.tensors_taken.set(reg);
      }
    }
    assembly.items.push_back(
        {Item::Kind::kDirective, line, static_cast<std::uint32_t>(assembly.directives.size())});
    assembly.directives.push_back(std::move(*directive));
    assembly.directive_tokens += statement.token_count;
  }
}

void parse(Assembly& assembly, const AssembleOptions& options, const IncludeReader& include) {
  Preprocessor preprocessor(assembly.map, assembly.reporter, include);
  const std::vector<std::uint32_t> lines = preprocessor.run(options.source);
  const std::vector<std::string_view> macros = preprocessor.macro_names();
  assembly.unused_macros = preprocessor.unused_macros();
  for (const std::uint32_t line : lines) {
    if (assembly.reporter.full()) return;
    if (assembly.directives.size() >= kMaxDirectives ||
        assembly.directive_tokens > kMaxDirectiveTokens) {
      assembly.reporter.error(
          {line, 0, 1}, fmt::format("more than {} directives or {} words in them", kMaxDirectives,
                                    kMaxDirectiveTokens));
      return;
    }
    collect(assembly, line, macros, include);
  }
}

/// A program without a name of its own is called after its file: "a/my-model.pxasm" -> "my_model".
std::string stem(std::string_view path) {
  path.remove_prefix(std::min(path.rfind('/') + 1, path.size()));
  std::string name(path.substr(0, path.find('.')));
  for (char& c : name) c = is_name_char(c) ? c : '_';
  return is_identifier(name) || name.empty() ? name : "_" + name;
}

std::optional<isa::VerifiedProgram> build(Assembly& assembly, const AssembleOptions& options,
                                          const IncludeReader& include) {
  assembly.program.name = stem(options.source.path);
  parse(assembly, options, include);
  if (assembly.reporter.full()) return std::nullopt;
  declare_all(assembly);
  Emitter(assembly).run();
  if (!assembly.keep_debug) assembly.program.debug.lines.clear();
  if (assembly.reporter.error_count() > 0) return std::nullopt;
  auto verified = verify_program(assembly);
  if (verified) lint(assembly);
  if (assembly.reporter.error_count() > 0) return std::nullopt;  // warnings, by wish
  return verified;
}

}  // namespace

AssembleResult assemble(const AssembleOptions& options) {
  AssembleResult result;
  if (options.source.text.size() > Caps::kSourceBytes) {
    result.diagnostics.push_back({Severity::kError,
                                  options.source.path,
                                  0,
                                  0,
                                  0,
                                  fmt::format("the source has {} bytes, at most {} are read",
                                              options.source.text.size(), Caps::kSourceBytes),
                                  {},
                                  {}});
    return result;
  }
  Assembly assembly(options.debug_info);
  assembly.reporter.set_warnings(options.warnings, options.warnings_are_errors);
  const IncludeReader include = [&](std::string_view path) -> Result<std::string> {
    const bool known = std::find(result.read.begin(), result.read.end(), path) != result.read.end();
    if (!known) result.read.emplace_back(path);
    return options.include(path);
  };
  result.program = build(assembly, options, options.include ? include : IncludeReader());
  if (result.program) result.symbols = collect_symbols(assembly);
  result.diagnostics = assembly.reporter.take();
  result.sources = assembly.map.take_files();
  return result;
}

Result<isa::VerifiedProgram> assemble_or_error(const AssembleOptions& options) {
  AssembleResult result = assemble(options);
  if (result.program) return *std::move(result.program);
  std::string text = render_all(result.diagnostics, result.sources);
  while (text.ends_with('\n')) text.pop_back();
  return fail(Errc::kInvalid, "{}", text);
}

}  // namespace pxos::assembler
