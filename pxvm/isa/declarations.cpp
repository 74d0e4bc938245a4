#include "pxvm/isa/declarations.hpp"

#include <array>
#include <cmath>
#include <set>

#include <fmt/format.h>

namespace pxos::isa {
namespace {

using Kind = TensorDecl::Kind;
using Element = TensorDecl::Element;

/// Which kinds of symbols an expression may use, one bit each.
enum Scope : unsigned {
  kIntParams = 1U << static_cast<unsigned>(Symbol::Kind::kIntParam),
  kParams = kIntParams | 1U << static_cast<unsigned>(Symbol::Kind::kRealParam),
  kExtents = kIntParams | 1U << static_cast<unsigned>(Symbol::Kind::kDim),
  kIntegers = kExtents | 1U << static_cast<unsigned>(Symbol::Kind::kArgument),
};

std::string_view scope_text(unsigned scope) {
  switch (scope) {
    case kIntParams:
      return "integer parameters";
    case kParams:
      return "parameters";
    case kExtents:
      return "integer parameters and dimensions";
    default:
      return "integer symbols";
  }
}

/// A letter or '_', then letters, digits, '_' and '.'.
bool is_identifier(std::string_view text) {
  const auto starts = [](char c) {
    return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  };
  const auto continues = [&](char c) { return starts(c) || c == '.' || (c >= '0' && c <= '9'); };
  return !text.empty() && starts(text[0]) && std::all_of(text.begin(), text.end(), continues);
}

/// Hostile bytes do not reach a terminal.
std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7E; }, '?');
  return out;
}

/// A name as it may be shown: on one line, and not all of 64 KiB.
std::string shown(std::string_view name) {
  constexpr std::size_t kMostBytes = 60;
  return printable(name.substr(0, kMostBytes)) + (name.size() > kMostBytes ? "..." : "");
}

class DeclarationChecker {
 public:
  DeclarationChecker(const Program& program, FindingList& findings)
      : program_(program), findings_(findings) {}

  void run() {
    for (const Symbol& symbol : program_.symbols) check_symbol(symbol);
    for (const ScalarConst& constant : program_.consts) check_const(constant);
    for (const TensorDecl& decl : program_.tensors) check_tensor(decl);
    for (const AttrRecord& record : program_.attrs) check_attr(record);
    for (const Entry& entry : program_.entries) check_entry(entry);
    if (program_.entries.empty()) findings_.add("the program has no entry");
    if (!program_.name.empty() && !is_identifier(program_.name))
      report("program", program_.name, "its name is not an identifier");
    check_debug();
  }

 private:
  /// Values (parameters, dimensions, constants), tensors, attributes and entries have names of
  /// their own.
  using NameSet = std::set<std::string_view>;

  void report(std::string_view what, std::string_view name, std::string_view message) {
    findings_.add(fmt::format("{} '{}': {}", what, shown(name), printable(message)));
  }

  void check_name(std::string_view what, std::string_view name, NameSet& taken) {
    if (!is_identifier(name)) report(what, name, "its name is not an identifier");
    if (!taken.insert(name).second) report(what, name, "the name is declared twice");
  }

  /// True when every symbol is known and of a kind in `scope`.
  // Unknown symbols fail like forbidden ones: both would be a wrong index or value at link.
  bool uses_only(std::span<const SymbolId> symbols, unsigned scope) const {
    return std::all_of(symbols.begin(), symbols.end(), [&](SymbolId id) {
      return id < program_.symbols.size() &&
             (scope >> static_cast<unsigned>(program_.symbols[id].kind) & 1U) != 0;
    });
  }

  bool polynomial_fits(const Polynomial& value, unsigned scope) const {
    const auto terms = value.terms();
    return std::all_of(terms.begin(), terms.end(), [&](const Polynomial::Term& term) {
      return uses_only(term.symbols, scope);
    });
  }

  struct Owner {
    std::string_view what;
    std::string_view name;
  };

  bool check_polynomial(const Owner& owner, std::string_view part, const Polynomial& value,
                        unsigned scope) {
    if (polynomial_fits(value, scope)) return true;
    report(owner.what, owner.name,
           fmt::format("{} {} may use {} only", part, value.text(program_.symbol_names()),
                       scope_text(scope)));
    return false;
  }

  bool check_expression(const Owner& owner, std::string_view part, const Expression& value) {
    if (const auto checked = value.check(program_.symbols.size()); !checked) {
      report(owner.what, owner.name, fmt::format("{}: {}", part, checked.error().message));
      return false;
    }
    for (const Expression::Step& step : value.steps) {
      if (step.op != Expression::Op::kSymbol || uses_only({&step.symbol, 1}, kParams)) continue;
      report(
          owner.what, owner.name,
          fmt::format("{} {} may use parameters only", part, value.text(program_.symbol_names())));
      return false;
    }
    return true;
  }

  // Defaults and bounds where they have no meaning are refused too: text could not express them,
  // and disassembly would lose them.
  void check_symbol(const Symbol& symbol) {
    const Owner owner{"symbol", symbol.name};
    check_name(owner.what, owner.name, values_);
    const bool is_param =
        symbol.kind == Symbol::Kind::kIntParam || symbol.kind == Symbol::Kind::kRealParam;
    if (symbol.default_value) {
      const Number& value = *symbol.default_value;
      if (!is_param) report(owner.what, owner.name, "only parameters have a default");
      if (symbol.kind == Symbol::Kind::kIntParam && !value.is_integer)
        report(owner.what, owner.name, "the default of an integer parameter is not an integer");
      if (!value.is_integer && !std::isfinite(value.real))
        report(owner.what, owner.name, "the default is not finite");
    }
    if (symbol.kind == Symbol::Kind::kDim) {
      check_polynomial(owner, "bound", symbol.lowest, kIntParams);
      check_polynomial(owner, "bound", symbol.highest, kIntParams);
    } else if (symbol.lowest != Polynomial() || symbol.highest != Polynomial()) {
      report(owner.what, owner.name, "only dimensions have bounds");
    }
  }

  void check_const(const ScalarConst& constant) {
    const Owner owner{"constant", constant.name};
    if (!constant.name.empty()) check_name(owner.what, owner.name, values_);
    check_expression(owner, "value", constant.value);
  }

  // Two tensors with one home would be two types for one register at entry.
  void check_tensor(const TensorDecl& decl) {
    check_name("tensor", decl.name, tensors_);
    check_shape(decl);
    check_array(decl);
    check_import(decl);
    if (decl.element == Element::kWeight && (decl.kind != Kind::kImport || decl.dims.size() != 2)) {
      report("tensor", decl.name,
             fmt::format("element type weight is for imports of rank 2, this is a {} {}",
                         tensor_kind_name(decl.kind), shape_text(program_, decl.dims)));
    }
    if (decl.home && !homes_.insert(*decl.home).second) {
      report("tensor", decl.name, fmt::format("register t{} is another tensor's home", *decl.home));
    }
  }

  void check_shape(const TensorDecl& decl) {
    const Owner owner{"tensor", decl.name};
    if (decl.dims.empty() || decl.dims.size() > Limits::kRank) {
      report(owner.what, owner.name,
             fmt::format("rank is {}, expected 1..{}", decl.dims.size(), Limits::kRank));
    }
    // What exists before a call has extents that linking knows.
    const bool persistent = decl.kind == Kind::kImport || decl.kind == Kind::kRegion;
    for (const Polynomial& dim : decl.dims) {
      check_polynomial(owner, "dimension", dim, persistent ? kIntParams : kExtents);
      if (const auto extent = dim.as_constant(); extent && *extent < 1)
        report(owner.what, owner.name, fmt::format("a dimension is {}, at least 1", *extent));
    }
  }

  void check_array(const TensorDecl& decl) {
    const Owner owner{"tensor", decl.name};
    if (!decl.is_array) {
      if (decl.count != Polynomial()) report(owner.what, owner.name, "a count without an array");
      return;
    }
    check_polynomial(owner, "array count", decl.count, kIntParams);
    if (decl.kind == Kind::kView) report(owner.what, owner.name, "a view cannot be an array");
    if (decl.home) report(owner.what, owner.name, "an array has no home register");
    if (const auto count = decl.count.as_constant();
        count && (*count < 1 || *count > Limits::kMaxArrayCount)) {
      report(owner.what, owner.name,
             fmt::format("array count is {}, expected 1..{}", *count, Limits::kMaxArrayCount));
    }
  }

  // Matrices stay packed in the mapped sheet; vectors are widened to f32 once at link. Nothing else
  // has a place to live.
  void check_import(const TensorDecl& decl) {
    if (decl.kind != Kind::kImport) {
      if (!decl.patterns.empty()) report("tensor", decl.name, "only imports have name patterns");
      return;
    }
    const bool is_vector = decl.element == Element::kF32 && decl.dims.size() == 1;
    if (decl.element != Element::kWeight && !is_vector) {
      report("tensor", decl.name,
             fmt::format("an import is a weight matrix or an f32 vector, this is {} {}",
                         element_name(decl.element), shape_text(program_, decl.dims)));
    }
    if (decl.patterns.empty()) report("tensor", decl.name, "an import needs a name pattern");
    for (const std::string& pattern : decl.patterns) {
      const bool indexed = pattern.find("{}") != std::string::npos;
      if (pattern.empty()) report("tensor", decl.name, "a name pattern is empty");
      if (indexed == decl.is_array) continue;
      report("tensor", decl.name,
             fmt::format("pattern \"{}\" {}", shown(pattern),
                         indexed ? "has {}, but the import is no array"
                                 : "of an array has no {} for the index"));
    }
  }

  void check_attr(const AttrRecord& record) {
    check_name("attribute", record.name, attrs_);
    const auto wanted = attr_fields(record.kind);
    const auto is_core = [](const AttrFieldInfo& field) { return field.is_core; };
    const auto core =
        static_cast<std::size_t>(std::count_if(wanted.begin(), wanted.end(), is_core));
    const std::size_t found = record.fields.size();
    if (found < core || found > wanted.size()) {
      const std::string range = core == wanted.size() ? "" : fmt::format("{} to ", core);
      report("attribute", record.name,
             fmt::format("{} has {}{} fields, found {}", attr_kind_name(record.kind), range,
                         wanted.size(), found));
      return;
    }
    for (std::size_t i = 0; i < found; ++i) {
      check_attr_field(record, record.fields[i], wanted[i]);
    }
  }

  void check_attr_field(const AttrRecord& record, const AttrRecord::Field& field,
                        const AttrFieldInfo& info) {
    const Owner owner{"attribute", record.name};
    if (field.name != info.name) {
      report(owner.what, owner.name,
             fmt::format("field '{}' where '{}' is expected", shown(field.name), info.name));
      return;
    }
    if (!check_expression(owner, info.name, field.value)) return;
    if (info.is_integer && !field.integer) {
      report(owner.what, owner.name, fmt::format("field '{}' must be an integer", info.name));
    }
    if (!field.integer) return;
    check_polynomial(owner, info.name, *field.integer, kIntParams);
    // Shapes are checked with the polynomial, but the kernel gets the expression.
    if (field.value.as_polynomial() != field.integer) {
      report(owner.what, owner.name,
             fmt::format("field '{}' is {}, but {} in shapes", info.name,
                         field.value.text(program_.symbol_names()),
                         field.integer->text(program_.symbol_names())));
    }
  }

  // The machine sets a dimension or argument symbol from the scalar argument of its name, so names
  // must be unique within an entry.
  void check_entry(const Entry& entry) {
    const Owner owner{"entry", entry.name};
    check_name(owner.what, owner.name, entries_);
    if (entry.start >= program_.code.size()) {
      report(owner.what, owner.name,
             fmt::format("it starts at instruction {} of {}", entry.start, program_.code.size()));
    }
    NameSet names;
    std::set<std::uint8_t> registers;
    for (const Entry::Argument& argument : entry.arguments) {
      check_name("argument", argument.name, names);
      if (argument.kind == Entry::ArgKind::kTensor) {
        check_tensor_argument(owner, argument);
      } else if (!registers.insert(argument.reg).second) {
        report(owner.what, owner.name,
               fmt::format("argument '{}': r{} holds another argument", shown(argument.name),
                           argument.reg));
      }
    }
    check_results(entry);
    for (const Entry::Requirement& requirement : entry.requirements) {
      check_polynomial(owner, "requirement", requirement.lhs, kIntegers);
      check_polynomial(owner, "requirement", requirement.rhs, kIntegers);
    }
  }

  // Hosts write inputs by tensor name; an argument under another name would be a second name for
  // it.
  void check_tensor_argument(const Owner& owner, const Entry::Argument& argument) {
    const bool is_input = argument.decl < program_.tensors.size() &&
                          program_.tensors[argument.decl].kind == Kind::kInput;
    if (!is_input) {
      report(owner.what, owner.name,
             fmt::format("argument '{}' is no input tensor", shown(argument.name)));
    } else if (program_.tensors[argument.decl].name != argument.name) {
      report(owner.what, owner.name,
             fmt::format("argument '{}' is tensor '{}'", shown(argument.name),
                         shown(program_.tensors[argument.decl].name)));
    }
  }

  void check_results(const Entry& entry) {
    std::set<std::uint16_t> seen;
    for (const std::uint16_t decl : entry.results) {
      const bool is_output =
          decl < program_.tensors.size() && program_.tensors[decl].kind == Kind::kOutput;
      if (!is_output) {
        report("entry", entry.name, fmt::format("result #{} is no output tensor", decl));
      } else if (!seen.insert(decl).second) {
        report("entry", entry.name,
               fmt::format("result '{}' is given twice", shown(program_.tensors[decl].name)));
      }
    }
  }

  // A wrong table would not harm the machine, but it would send a person to the wrong line.
  void check_debug() {
    const DebugInfo& debug = program_.debug;
    if (!debug.lines.empty() && debug.lines.size() != program_.code.size()) {
      findings_.add(fmt::format("debug table: {} lines for {} instructions", debug.lines.size(),
                                program_.code.size()));
    }
    for (const DebugInfo::Line& line : debug.lines) {
      if (line.file < debug.files.size()) continue;
      findings_.add(fmt::format("debug table: file {} of {}", line.file, debug.files.size()));
      return;
    }
  }

  const Program& program_;
  FindingList& findings_;
  NameSet values_;
  NameSet tensors_;
  NameSet attrs_;
  NameSet entries_;
  std::set<std::uint8_t> homes_;
};

}  // namespace

void check_declarations(const Program& program, FindingList& findings) {
  DeclarationChecker(program, findings).run();
}

std::string shape_text(const Program& program, const std::vector<Polynomial>& dims) {
  const std::vector<std::string> names = program.symbol_names();
  std::string out = "[";
  for (const Polynomial& dim : dims) {
    if (out.size() > 1) out += ", ";
    out += dim.text(names);
  }
  return out + "]";
}

std::string_view element_name(Element element) {
  constexpr std::array<std::string_view, 5> kNames = {"f32", "f16", "i32", "u8", "weight"};
  return kNames.at(static_cast<std::size_t>(element));
}

std::string_view tensor_kind_name(Kind kind) {
  constexpr std::array<std::string_view, 6> kNames = {"import", "region", "temp",
                                                      "view",   "input",  "output"};
  return kNames.at(static_cast<std::size_t>(kind));
}

}  // namespace pxos::isa
