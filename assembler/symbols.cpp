#include "assembler/symbols.hpp"

#include "assembler/assembly.hpp"
#include "assembler/lexer.hpp"
#include "assembler/printer.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

class Collector {
 public:
  explicit Collector(const Assembly& assembly)
      : assembly_(assembly), program_(assembly.program), print_(assembly.program) {}

  std::vector<SymbolRow> run() {
    for (const auto& [name, known] : assembly_.names.declared(Space::kValue)) value(name, known);
    for (const auto& [name, known] : assembly_.names.declared(Space::kAttr)) {
      const isa::AttrRecord& record = program_.attrs[known.index];
      add("attr", name, std::string(isa::attr_kind_name(record.kind)), known.declared);
    }
    for (std::size_t i = 0; i < program_.tensors.size(); ++i) tensor(i);
    for (std::size_t i = 0; i < program_.entries.size(); ++i) entry(i);
    for (const LabelPlace& label : assembly_.label_places) {
      if (program_.find_entry(label.name) != nullptr && label.scope.empty()) continue;
      const bool function = label.scope.empty() && label.pc < program_.code.size() &&
                            program_.code[label.pc].opcode() == isa::Opcode::kFrame;
      add(function ? "function" : "label", scoped(label.scope, label.name),
          fmt::format("{}", label.pc), label.span);
      if (function) registers(label.name);
    }
    return std::move(rows_);
  }

 private:
  void add(std::string_view kind, std::string_view name, std::string text, Span span) {
    // A name in a macro stands where the macro is used.
    const Span place = assembly_.map.origin(span);
    const Line& line = assembly_.map.line(place.line);
    rows_.push_back({std::string(kind), std::string(name), std::move(text),
                     assembly_.map.file(line.file).path, line.number, place.column + 1});
  }

  static std::string scoped(std::string_view scope, std::string_view name) {
    return scope.empty() ? std::string(name) : fmt::format("{}.{}", scope, name);
  }

  void value(std::string_view name, const Known& known) {
    if (known.kind == Known::Kind::kConst) {
      const isa::ScalarConst& constant = program_.consts[known.index];
      add("const", name,
          fmt::format("{} {}", isa::scalar_type_name(constant.type),
                      print_.expression(constant.value)),
          known.declared);
    }
    if (known.kind == Known::Kind::kString) {
      add("string", name,
          fmt::format("#{} \"{}\"", known.index, encode_string(program_.strings[known.index])),
          known.declared);
    }
    if (known.kind == Known::Kind::kSymbol) symbol(name, known);
  }

  void symbol(std::string_view name, const Known& known) {
    using Kind = isa::Symbol::Kind;
    const isa::Symbol& symbol = program_.symbols[known.index];
    const std::string fallback =
        symbol.default_value ? " = " + Printer::number(*symbol.default_value) : "";
    if (symbol.kind == Kind::kIntParam) add("param", name, "i64" + fallback, known.declared);
    if (symbol.kind == Kind::kRealParam) add("param", name, "f32" + fallback, known.declared);
    if (symbol.kind != Kind::kDim) return;
    add("dim", name,
        fmt::format("{}..{}", print_.polynomial(symbol.lowest), print_.polynomial(symbol.highest)),
        known.declared);
  }

  void tensor(std::size_t index) {
    const isa::TensorDecl& decl = program_.tensors[index];
    std::string text = decl.home ? fmt::format("t{} ", *decl.home) : std::string();
    if (decl.is_array) text = fmt::format("[{}] ", print_.polynomial(decl.count));
    add(tensor_kind_text(decl.kind), decl.name, text + print_.tensor_type(decl),
        assembly_.tensor_spans[index]);
  }

  /// The entry, then the registers that have a name in it, in the order of their numbers.
  void entry(std::size_t index) {
    const isa::Entry& entry = program_.entries[index];
    add("entry", entry.name, fmt::format("{}", entry.start), assembly_.entry_spans[index]);
    for (const isa::Entry::Argument& argument : entry.arguments) {
      if (argument.kind == isa::Entry::ArgKind::kTensor) continue;
      const auto& scalars = assembly_.entry_scalars[index];
      const auto found = scalars.find(argument.name);
      add("register", scoped(entry.name, argument.name), fmt::format("r{}", argument.reg),
          found == scalars.end() ? assembly_.entry_spans[index] : found->second.declared);
    }
    for (const NamedRegister& reg : assembly_.registers) {
      if (reg.entry == entry.name || (reg.entry.empty() && index == 0))
        add("register", scoped(reg.entry, reg.name), fmt::format("r{}", reg.reg), reg.declared);
    }
  }

  /// Names that an entry or function gives to registers.
  void registers(std::string_view owner) {
    for (const NamedRegister& reg : assembly_.registers) {
      if (reg.entry == owner)
        add("register", scoped(owner, reg.name), fmt::format("r{}", reg.reg), reg.declared);
    }
  }

  const Assembly& assembly_;
  const isa::Program& program_;
  Printer print_;
  std::vector<SymbolRow> rows_;
};

}  // namespace

std::string symbols_text(std::span<const SymbolRow> rows) {
  std::string out;
  for (const SymbolRow& row : rows) {
    out += fmt::format("{}\t{}\t{}\t{}:{}:{}\n", row.kind, row.name, row.value,
                       encode_string(row.file), row.line, row.column);
  }
  return out;
}

std::vector<SymbolRow> collect_symbols(const Assembly& assembly) {
  return Collector(assembly).run();
}

}  // namespace pxos::assembler
