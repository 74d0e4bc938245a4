#include "assembler/assembly.hpp"

#include "assembler/parser.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {

const Known* Names::find(Space space, std::string_view name) const {
  const auto& table = spaces_[static_cast<std::size_t>(space)];
  const auto found = table.find(name);
  return found == table.end() ? nullptr : &found->second;
}

bool Names::add(Space space, const Name& name, Known known, Reporter& reporter) {
  if (as_register(name)) {
    reporter.error(name.span, fmt::format("'{}' is a register and cannot be declared", name.text));
    return false;
  }
  known.declared = name.span;
  const auto [taken, added] = spaces_[static_cast<std::size_t>(space)].emplace(name.text, known);
  if (added) return true;
  Diagnostic& error = reporter.error(name.span, fmt::format("'{}' is already declared", name.text));
  reporter.note(error, taken->second.declared, "the first declaration is here");
  return false;
}

void Names::add_broken(const Name& name) {
  broken_.emplace(name.text, name.span);
}

std::vector<std::string_view> Names::all(Space space) const {
  std::vector<std::string_view> out;
  for (const auto& [name, known] : spaces_[static_cast<std::size_t>(space)]) out.push_back(name);
  // The table has no order of its own; suggestions must not depend on it.
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<std::pair<std::string_view, Known>> Names::declared(Space space) const {
  const auto& table = spaces_[static_cast<std::size_t>(space)];
  std::vector<std::pair<std::string_view, Known>> out(table.begin(), table.end());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    const Span& at_a = a.second.declared;
    const Span& at_b = b.second.declared;
    return at_a.line != at_b.line ? at_a.line < at_b.line : at_a.column < at_b.column;
  });
  return out;
}

std::string_view element_text(isa::TensorDecl::Element element) {
  switch (element) {
    case isa::TensorDecl::Element::kF32:
      return "f32";
    case isa::TensorDecl::Element::kF16:
      return "f16";
    case isa::TensorDecl::Element::kI32:
      return "i32";
    case isa::TensorDecl::Element::kU8:
      return "u8";
    case isa::TensorDecl::Element::kWeight:
      return "weight";
  }
  return "?";
}

std::string_view tensor_kind_text(isa::TensorDecl::Kind kind) {
  switch (kind) {
    case isa::TensorDecl::Kind::kImport:
      return "import";
    case isa::TensorDecl::Kind::kRegion:
      return "region";
    case isa::TensorDecl::Kind::kTemp:
      return "temp";
    case isa::TensorDecl::Kind::kView:
      return "view";
    case isa::TensorDecl::Kind::kInput:
      return "input";
    case isa::TensorDecl::Kind::kOutput:
      return "output";
  }
  return "?";
}

std::string tensor_type_text(const isa::Program& program, const isa::TensorDecl& decl) {
  const std::vector<std::string> names = program.symbol_names();
  std::string out = fmt::format("{}[", element_text(decl.element));
  for (std::size_t i = 0; i < decl.dims.size(); ++i) {
    out += (i == 0 ? "" : ", ") + decl.dims[i].text(names);
  }
  return out + "]";
}

}  // namespace pxos::assembler
