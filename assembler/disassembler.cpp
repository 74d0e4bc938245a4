#include "assembler/disassembler.hpp"

#include "assembler/assembly.hpp"
#include "assembler/lexer.hpp"
#include "assembler/printer.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

using TensorKind = isa::TensorDecl::Kind;

class Disassembler {
 public:
  explicit Disassembler(const isa::Program& program) : program_(program), print_(program) {}

  std::string run() {
    // An empty name is kept, too: without the line the file's own name would be taken.
    if (is_identifier(program_.name)) line(".program {}", program_.name);
    if (!is_identifier(program_.name)) line(".program \"{}\"", encode_string(program_.name));
    for (const std::string& file : program_.debug.files) line(".file \"{}\"", encode_string(file));
    if (program_.debug.lines.empty()) line(".debug off");
    for (const isa::Symbol& symbol : program_.symbols) write_symbol(symbol);
    for (const isa::ScalarConst& constant : program_.consts) write_const(constant);
    for (std::size_t i = 0; i < program_.strings.size(); ++i) {
      line(".string {} = \"{}\"", print_.string_name(i), encode_string(program_.strings[i]));
    }
    for (const isa::AttrRecord& record : program_.attrs) write_attr(record);
    for (const isa::TensorDecl& decl : program_.tensors) write_tensor(decl);
    write_code();
    return std::move(out_);
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  void write_symbol(const isa::Symbol& symbol) {
    using Kind = isa::Symbol::Kind;
    const std::string name = Printer::name(symbol.name);
    if (symbol.kind == Kind::kDim)
      return line(".dim {} = {}..{}", name, print_.polynomial(symbol.lowest),
                  print_.polynomial(symbol.highest));
    if (symbol.kind == Kind::kArgument) return line(".arg {}", name);
    const char* type = symbol.kind == Kind::kRealParam ? " : f32" : "";
    const std::string value =
        symbol.default_value ? " = " + Printer::number(*symbol.default_value) : std::string();
    line(".param {}{}{}", name, type, value);
  }

  void write_const(const isa::ScalarConst& constant) {
    const std::string name = constant.name.empty() ? "#" : Printer::name(constant.name);
    line(".const {} : {} = {}", name, isa::scalar_type_name(constant.type),
         print_.expression(constant.value));
  }

  void write_attr(const isa::AttrRecord& record) {
    std::string fields;
    for (const isa::AttrRecord::Field& field : record.fields) {
      fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", field.name,
                            print_.expression(field.value));
    }
    line(".attr {} = {}({})", Printer::name(record.name), isa::attr_kind_name(record.kind), fields);
  }

  void write_tensor(const isa::TensorDecl& decl) {
    std::string text = fmt::format(".{} {}", tensor_kind_text(decl.kind), Printer::name(decl.name));
    if (decl.is_array) text += fmt::format("[{}]", print_.polynomial(decl.count));
    text += " : " + print_.tensor_type(decl);
    for (std::size_t i = 0; i < decl.patterns.size(); ++i) {
      text += fmt::format("{} \"{}\"", i == 0 ? " =" : ",", encode_string(decl.patterns[i]));
    }
    if (decl.home) text += fmt::format(" @t{}", *decl.home);
    if (!decl.home && !decl.is_array) text += " @none";
    line("{}", text);
  }

  void write_entry(const isa::Entry& entry, bool with_place) {
    std::string arguments;
    for (const isa::Entry::Argument& argument : entry.arguments) {
      if (!arguments.empty()) arguments += ", ";
      const bool tensor = argument.kind == isa::Entry::ArgKind::kTensor;
      const bool known = tensor && argument.decl < program_.tensors.size();
      arguments += Printer::name(known ? program_.tensors[argument.decl].name : argument.name);
      if (!tensor)
        arguments += fmt::format(
            ": {} @r{}", argument.kind == isa::Entry::ArgKind::kF32 ? "f32" : "i64", argument.reg);
    }
    std::string results;
    for (const std::uint16_t result : entry.results) {
      if (result < program_.tensors.size())
        results += (results.empty() ? " -> " : ", ") + Printer::name(program_.tensors[result].name);
    }
    const std::string place = with_place ? " at " + print_.label(entry.start) : std::string();
    line("\n.entry {}({}){}{}", Printer::name(entry.name), arguments, results, place);
    for (const isa::Entry::Requirement& requirement : entry.requirements) {
      const std::string text = fmt::format("{} <= {}", print_.polynomial(requirement.lhs),
                                           print_.polynomial(requirement.rhs));
      // The message is the text itself unless the source said something else.
      if (text == requirement.text) line("    .require {}", text);
      if (text != requirement.text)
        line("    .require {}, \"{}\"", text, encode_string(requirement.text));
    }
  }

  void write_debug_line(std::size_t pc) {
    if (pc >= program_.debug.lines.size()) return;
    const isa::DebugInfo::Line& at = program_.debug.lines[pc];
    if (pc > 0 && program_.debug.lines[pc - 1] == at) return;
    const bool same_file = pc > 0 && program_.debug.lines[pc - 1].file == at.file;
    if (same_file) return line(".line {}", at.line);
    line(".line {}, {}", at.line, at.file);
  }

  /// Entries stand where they start; when their order is another one, they stand first and say
  /// where.
  void write_code() {
    const auto& entries = program_.entries;
    const bool in_order = std::is_sorted(entries.begin(), entries.end(),
                                         [](const isa::Entry& a, const isa::Entry& b) {
                                           return a.start < b.start;
                                         }) &&
                          (entries.empty() || entries.back().start < program_.code.size());
    std::vector<bool> labelled(program_.code.size() + 1, false);
    for (std::size_t pc = 0; pc < program_.code.size(); ++pc) {
      if (const auto target = print_.target(pc)) labelled[*target] = true;
    }
    if (!in_order) {
      for (const isa::Entry& entry : entries) {
        write_entry(entry, true);
        labelled[std::min<std::size_t>(entry.start, program_.code.size())] = true;
      }
    }
    std::size_t next = in_order ? 0 : entries.size();
    for (std::size_t pc = 0; pc < program_.code.size(); ++pc) {
      for (; next < entries.size() && entries[next].start == pc; ++next)
        write_entry(entries[next], false);
      if (labelled[pc]) line("{}:", print_.label(pc));
      write_debug_line(pc);
      line("    {}", print_.instruction(pc));
    }
  }

  const isa::Program& program_;
  Printer print_;
  std::string out_;
};

}  // namespace

std::string disassemble(const isa::Program& program) {
  return Disassembler(program).run();
}

}  // namespace pxos::assembler
