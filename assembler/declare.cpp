#include "assembler/declare.hpp"

#include "assembler/parser.hpp"
#include "assembler/suggest.hpp"

#include <algorithm>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

using TensorKind = isa::TensorDecl::Kind;
using Element = isa::TensorDecl::Element;

/// One pass over the directives per kind of dependency: symbols have no order among themselves,
/// bounds need all symbols, everything else needs both and keeps the order of the text.
class Declarer {
 public:
  explicit Declarer(Assembly& assembly)
      : assembly_(assembly),
        program_(assembly.program),
        reporter_(assembly.reporter),
        resolver_(assembly) {}

  void run() {
    for (const Directive& directive : assembly_.directives) declare_symbol(directive);
    for (const Directive& directive : assembly_.directives) set_bounds(directive);
    for (const Directive& directive : assembly_.directives) declare(directive);
    set_homes();
  }

 private:
  void declare_symbol(const Directive& directive);
  void set_bounds(const Directive& directive);
  void declare(const Directive& directive);
  void set_homes();

  void param(const ParamText& text);
  void constant(const ConstText& text);
  void string(const StringText& text);
  void attr(const AttrText& text);
  bool attr_fields(const AttrText& text, isa::AttrRecord& record);
  void attr_field(const AttrText& text, const isa::AttrFieldInfo& info, isa::AttrRecord& record);
  std::optional<std::uint16_t> tensor(const TensorText& text);
  bool tensor_shape(const TensorText& text, isa::TensorDecl& decl);
  bool check_tensor(const TensorText& text, const isa::TensorDecl& decl);
  bool check_patterns(const TensorText& text, const isa::TensorDecl& decl);
  void entry(const EntryText& text);
  bool entry_argument(const EntryText::Item& item, isa::Entry& entry, ScalarNames& scalars);
  bool entry_scalar(const EntryText::Item& item, isa::Entry& entry, ScalarNames& scalars);
  std::optional<std::uint16_t> entry_tensor(const EntryText::Item& item, TensorKind kind);
  std::optional<std::uint16_t> shared_tensor(const EntryText::Item& item, TensorKind kind);
  void home(const HomeText& text);
  void fix_home(isa::TensorDecl& decl, const Home& home);
  bool room(std::size_t used, std::size_t limit, std::string_view what, Span span);
  bool symbol(const Name& name, isa::Symbol::Kind kind);
  isa::Symbol* find_symbol(const Name& name);

  Assembly& assembly_;
  isa::Program& program_;
  Reporter& reporter_;
  Resolver resolver_;
};

/// Table limits are those of the program image.
bool Declarer::room(std::size_t used, std::size_t limit, std::string_view what, Span span) {
  if (used < limit) return true;
  reporter_.error(span, fmt::format("a program has at most {} {}", limit, what));
  return false;
}

bool Declarer::symbol(const Name& name, isa::Symbol::Kind kind) {
  if (!room(program_.symbols.size(), isa::Limits::kSymbols,
            "parameters, dimensions and argument symbols", name.span))
    return false;
  const Known known{Known::Kind::kSymbol, static_cast<std::uint32_t>(program_.symbols.size()), {}};
  if (!assembly_.names.add(Space::kValue, name, known, reporter_)) return false;
  program_.symbols.push_back({std::string(name.text), kind, std::nullopt, {}, {}});
  return true;
}

/// The symbol that this very line declared, not one of the same name further up.
isa::Symbol* Declarer::find_symbol(const Name& name) {
  const Known* known = assembly_.names.find(Space::kValue, name.text);
  const bool same = known != nullptr && known->kind == Known::Kind::kSymbol &&
                    known->declared.line == name.span.line;
  return same ? &program_.symbols[known->index] : nullptr;
}

void Declarer::declare_symbol(const Directive& directive) {
  if (const auto* text = std::get_if<ParamText>(&directive.body)) param(*text);
  if (const auto* text = std::get_if<DimText>(&directive.body))
    symbol(text->name, isa::Symbol::Kind::kDim);
  if (const auto* text = std::get_if<ArgumentSymbolText>(&directive.body))
    symbol(text->name, isa::Symbol::Kind::kArgument);
}

/// An integer default keeps its exact value; a real parameter may be given a whole number.
void Declarer::param(const ParamText& text) {
  if (!symbol(text.name, text.real ? isa::Symbol::Kind::kRealParam : isa::Symbol::Kind::kIntParam))
    return;
  if (!text.value) return;
  const auto value = resolver_.number(*text.value);
  if (!value) return;
  if (!text.real && !value->is_integer) {
    reporter_.error(
        text.value->span,
        fmt::format("parameter '{}' is an integer, its default is not", text.name.text),
        fmt::format("write '.param {} : f32 = ..' for a real parameter", text.name.text));
    return;
  }
  program_.symbols.back().default_value = value;
}

void Declarer::set_bounds(const Directive& directive) {
  const auto* text = std::get_if<DimText>(&directive.body);
  isa::Symbol* dim = text != nullptr ? find_symbol(text->name) : nullptr;
  if (dim == nullptr) return;
  if (const auto lowest = resolver_.polynomial(text->lowest, Scope::kParams)) dim->lowest = *lowest;
  if (const auto highest = resolver_.polynomial(text->highest, Scope::kParams))
    dim->highest = *highest;
}

void Declarer::declare(const Directive& directive) {
  if (reporter_.full()) return;
  if (const auto* name = std::get_if<ProgramName>(&directive.body)) program_.name = name->name;
  if (const auto* text = std::get_if<ConstText>(&directive.body)) constant(*text);
  if (const auto* text = std::get_if<StringText>(&directive.body)) string(*text);
  if (const auto* text = std::get_if<AttrText>(&directive.body)) attr(*text);
  if (const auto* text = std::get_if<TensorText>(&directive.body)) tensor(*text);
  if (const auto* text = std::get_if<EntryText>(&directive.body)) entry(*text);
  if (const auto* text = std::get_if<HomeText>(&directive.body)) home(*text);
}

/// The value is kept as an expression, evaluated once per link. Whether an i64 can come out is
/// known already.
void Declarer::constant(const ConstText& text) {
  const Span span = text.name ? text.name->span : text.value.span;
  if (!room(program_.consts.size(), isa::Limits::kConsts, "constants", span)) return;
  const auto value = resolver_.expression(text.value, Scope::kParams);
  const bool whole = value && resolver_.is_integer(value->value);
  const bool fits = value && (whole || text.type != isa::ScalarConst::Type::kI64);
  if (value && !fits)
    reporter_.error(
        text.value.span,
        "an i64 constant needs a whole number: no division, square root or real number");
  if (!fits && text.name) assembly_.names.add_broken(*text.name);
  if (!fits) return;
  const Known known{Known::Kind::kConst, static_cast<std::uint32_t>(program_.consts.size()), {}};
  if (text.name && !assembly_.names.add(Space::kValue, *text.name, known, reporter_)) return;
  program_.consts.push_back(
      {text.name ? std::string(text.name->text) : std::string(), text.type, value->value});
}

void Declarer::string(const StringText& text) {
  if (!room(program_.strings.size(), isa::Limits::kStrings, "strings", text.name.span)) return;
  const Known known{Known::Kind::kString, static_cast<std::uint32_t>(program_.strings.size()), {}};
  if (!assembly_.names.add(Space::kValue, text.name, known, reporter_)) return;
  program_.strings.push_back(text.bytes);
}

void Declarer::attr(const AttrText& text) {
  if (!room(program_.attrs.size(), isa::Limits::kAttrs, "attribute records", text.name.span))
    return;
  isa::AttrRecord record{std::string(text.name.text), text.kind, {}};
  const std::size_t errors = reporter_.error_count();
  const bool good = attr_fields(text, record) && reporter_.error_count() == errors;
  if (!good) assembly_.names.add_broken(text.name);
  if (!good) return;
  const Known known{Known::Kind::kAttr, static_cast<std::uint32_t>(program_.attrs.size()), {}};
  if (!assembly_.names.add(Space::kAttr, text.name, known, reporter_)) return;
  program_.attrs.push_back(std::move(record));
}

/// Checks the names that are given, then takes the fields in the record's order.
bool Declarer::attr_fields(const AttrText& text, isa::AttrRecord& record) {
  const auto infos = isa::attr_fields(text.kind);
  std::vector<std::string_view> known;
  for (const isa::AttrFieldInfo& info : infos) known.push_back(info.name);
  for (auto field = text.fields.begin(); field != text.fields.end(); ++field) {
    const std::string_view name = field->name.text;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      reporter_.error(field->name.span,
                      fmt::format("{} has no field '{}'", isa::attr_kind_name(text.kind), name),
                      did_you_mean(name, known));
      return false;
    }
    const bool twice = std::any_of(text.fields.begin(), field, [&](const AttrText::Field& other) {
      return other.name.text == name;
    });
    if (twice) {
      reporter_.error(field->name.span, fmt::format("field '{}' is given twice", name));
      return false;
    }
  }
  // Fields that came later are stored up to the last one that is given.
  std::size_t stored = infos.size();
  const auto is_given = [&](const isa::AttrFieldInfo& info) {
    return std::any_of(text.fields.begin(), text.fields.end(),
                       [&](const AttrText::Field& field) { return field.name.text == info.name; });
  };
  while (!infos[stored - 1].is_core && !is_given(infos[stored - 1])) --stored;
  for (const isa::AttrFieldInfo& info : infos.first(stored)) attr_field(text, info, record);
  return record.fields.size() == stored;
}

/// A field that is given, or its default; integers also as polynomial, for the verifier's shapes.
void Declarer::attr_field(const AttrText& text, const isa::AttrFieldInfo& info,
                          isa::AttrRecord& record) {
  const auto given =
      std::find_if(text.fields.begin(), text.fields.end(),
                   [&](const AttrText::Field& field) { return field.name.text == info.name; });
  isa::AttrRecord::Field field{std::string(info.name), {}, std::nullopt};
  if (given != text.fields.end()) {
    const auto value = resolver_.expression(given->value, Scope::kParams);
    if (!value) return;
    field.value = value->value;
    if (info.is_integer) {
      field.integer = resolver_.polynomial(*value);
      if (!field.integer) return;
    }
  } else if (!info.default_value) {
    reporter_.error(text.kind_span, fmt::format("{} needs the field '{}'",
                                                isa::attr_kind_name(text.kind), info.name));
    return;
  } else if (info.is_integer) {
    const auto number = static_cast<std::int64_t>(*info.default_value);
    field.value = isa::Expression::integer(number);
    field.integer = isa::Polynomial::constant(number);
  } else {
    field.value = isa::Expression::real(*info.default_value);
  }
  record.fields.push_back(std::move(field));
}

/// Sets dims, is_array and count.
bool Declarer::tensor_shape(const TensorText& text, isa::TensorDecl& decl) {
  // What exists before a call has a size that linking knows; the rest may follow the run-time
  // extents.
  const bool persistent = text.kind == TensorKind::kImport || text.kind == TensorKind::kRegion;
  for (const Expr& dim : text.dims) {
    const auto extent = resolver_.polynomial(dim, persistent ? Scope::kParams : Scope::kDims);
    if (!extent) return false;
    const auto number = extent->as_constant();
    if (number && *number < 1) {
      reporter_.error(dim.span, fmt::format("a dimension is at least 1, this is {}", *number));
      return false;
    }
    decl.dims.push_back(*extent);
  }
  if (!text.count) return true;
  decl.is_array = true;
  const auto count = resolver_.polynomial(*text.count, Scope::kParams);
  if (count) decl.count = *count;
  return count.has_value();
}

/// `{}` stands for the array index; a name has one exactly when the import is an array.
bool Declarer::check_patterns(const TensorText& text, const isa::TensorDecl& decl) {
  for (std::size_t i = 0; i < text.patterns.size(); ++i) {
    const bool indexed = text.patterns[i].find("{}") != std::string::npos;
    if (indexed == decl.is_array) continue;
    reporter_.error(
        text.pattern_spans[i],
        indexed
            ? fmt::format("'{}' is no array, but its name has a '{{}}'", decl.name)
            : fmt::format("the names of array '{}' need '{{}}' where the index goes", decl.name),
        indexed ? fmt::format("declare it as {}[count] : ..", decl.name) : std::string());
    return false;
  }
  return true;
}

/// What the verifier would refuse as well, said here with a place.
bool Declarer::check_tensor(const TensorText& text, const isa::TensorDecl& decl) {
  if (decl.dims.size() > isa::Limits::kRank) {
    reporter_.error(text.type_span, fmt::format("a tensor has at most {} dimensions, this has {}",
                                                isa::Limits::kRank, decl.dims.size()));
    return false;
  }
  if (decl.element == Element::kWeight &&
      (decl.kind != TensorKind::kImport || decl.dims.size() != 2)) {
    reporter_.error(text.type_span, decl.kind != TensorKind::kImport
                                        ? "only imports have element type weight"
                                        : "a weight has two dimensions, [rows, columns]");
    return false;
  }
  if (decl.is_array && decl.kind == TensorKind::kView) {
    reporter_.error(text.name.span, "a view cannot be an array");
    return false;
  }
  const bool vector = decl.element == Element::kF32 && decl.dims.size() == 1;
  if (decl.kind == TensorKind::kImport && decl.element != Element::kWeight && !vector) {
    reporter_.error(text.type_span, "an import is a weight[rows, columns] or an f32[length]");
    return false;
  }
  if (decl.is_array && text.home && text.home->reg) {
    reporter_.error(text.home->span,
                    "an array has no home register; its elements are bound where they are used");
    return false;
  }
  return check_patterns(text, decl);
}

/// Index of the new tensor. One that cannot be declared is remembered as broken.
std::optional<std::uint16_t> Declarer::tensor(const TensorText& text) {
  isa::TensorDecl decl;
  decl.name = std::string(text.name.text);
  decl.kind = text.kind;
  decl.element = text.element;
  decl.patterns = text.patterns;
  const bool good = tensor_shape(text, decl) && check_tensor(text, decl) &&
                    room(program_.tensors.size(), isa::Limits::kTensors, "tensors", text.name.span);
  if (!good) assembly_.names.add_broken(text.name);
  if (!good) return std::nullopt;
  const auto index = static_cast<std::uint16_t>(program_.tensors.size());
  if (!assembly_.names.add(Space::kTensor, text.name, {Known::Kind::kTensor, index, {}}, reporter_))
    return std::nullopt;
  if (text.home) fix_home(decl, *text.home);
  program_.tensors.push_back(std::move(decl));
  assembly_.tensor_spans.push_back(text.name.span);
  assembly_.tensor_homeless.push_back(text.home && !text.home->reg);
  assembly_.tensor_used.push_back(false);
  return index;
}

/// `@t5`: two tensors cannot live in one register.
void Declarer::fix_home(isa::TensorDecl& decl, const Home& home) {
  for (std::size_t i = 0; home.reg && i < program_.tensors.size(); ++i) {
    if (program_.tensors[i].home != home.reg || &program_.tensors[i] == &decl) continue;
    Diagnostic& error = reporter_.error(
        home.span,
        fmt::format("t{} is the home of '{}' already", *home.reg, program_.tensors[i].name));
    reporter_.note(error, assembly_.tensor_spans[i],
                   fmt::format("{} is declared here", program_.tensors[i].name));
    return;
  }
  decl.home = home.reg;
  if (home.reg) assembly_.tensors_taken.set(*home.reg);
}

void Declarer::home(const HomeText& text) {
  const Known* known = assembly_.names.find(Space::kTensor, text.name.text);
  if (known == nullptr) {
    if (assembly_.names.broken(text.name.text)) return;
    reporter_.error(text.name.span, fmt::format("'{}' is no tensor declared above", text.name.text),
                    did_you_mean(text.name.text, assembly_.names.all(Space::kTensor)));
    return;
  }
  isa::TensorDecl& decl = program_.tensors[known->index];
  if (decl.is_array) {
    reporter_.error(text.name.span,
                    "an array has no home register; its elements are bound where they are used");
    return;
  }
  assembly_.tensor_homeless[known->index] = !text.home.reg;
  fix_home(decl, text.home);
}

/// Scalar arguments take r0, r1, .. unless `@` says otherwise. A dimension of the same name is
/// meant to be set by it.
bool Declarer::entry_scalar(const EntryText::Item& item, isa::Entry& entry, ScalarNames& scalars) {
  const Known* known = assembly_.names.find(Space::kValue, item.name.text);
  const bool dim = known != nullptr && known->kind == Known::Kind::kSymbol &&
                   program_.symbols[known->index].kind != isa::Symbol::Kind::kIntParam &&
                   program_.symbols[known->index].kind != isa::Symbol::Kind::kRealParam;
  if (known != nullptr && !dim && !item.reg) {
    Diagnostic& error = reporter_.error(
        item.name.span,
        fmt::format("argument '{}' has the name of something else", item.name.text));
    reporter_.note(error, known->declared, fmt::format("{} is declared here", item.name.text));
    return false;
  }
  std::size_t next = 0;
  for (const isa::Entry::Argument& other : entry.arguments)
    next += other.kind != isa::Entry::ArgKind::kTensor ? 1U : 0U;
  const auto reg = item.reg ? *item.reg : static_cast<std::uint8_t>(next);
  const ScalarName name{reg, item.name.span, item.scalar};
  const bool added = !as_register(item.name) && scalars.emplace(item.name.text, name).second;
  if (!added || next > 255) {
    reporter_.error(
        item.name.span,
        next > 255 ? std::string("an entry has at most 256 scalar arguments")
                   : fmt::format("argument '{}' is a register or given twice", item.name.text));
    return false;
  }
  assembly_.scalars_taken.set(reg);
  entry.arguments.push_back({std::string(item.name.text), *item.scalar, 0, reg});
  return true;
}

/// A tensor that an earlier `.input`, `.output` or entry declared.
std::optional<std::uint16_t> Declarer::shared_tensor(const EntryText::Item& item, TensorKind kind) {
  const Known* known = assembly_.names.find(Space::kTensor, item.name.text);
  if (known == nullptr) {
    if (!assembly_.names.broken(item.name.text)) {
      reporter_.error(item.name.span, fmt::format("'{}' has no type", item.name.text),
                      fmt::format("write {0}: f32[..], {0}: i64, or declare it with '.{1}'",
                                  item.name.text, tensor_kind_text(kind)));
    }
    return std::nullopt;
  }
  const isa::TensorDecl& decl = program_.tensors[known->index];
  if (decl.kind == kind) return static_cast<std::uint16_t>(known->index);
  Diagnostic& error = reporter_.error(
      item.name.span, fmt::format("'{}' is a {}, not an {}", decl.name, tensor_kind_text(decl.kind),
                                  tensor_kind_text(kind)));
  reporter_.note(error, known->declared, fmt::format("{} is declared here", decl.name));
  return std::nullopt;
}

/// Declares an input or output, or finds the one that an earlier entry declared with the same type.
std::optional<std::uint16_t> Declarer::entry_tensor(const EntryText::Item& item, TensorKind kind) {
  if (!item.tensor) return shared_tensor(item, kind);
  const Known* known = assembly_.names.find(Space::kTensor, item.name.text);
  const bool same_kind = known != nullptr && program_.tensors[known->index].kind == kind;
  if (!same_kind) return tensor(*item.tensor);
  // Entries share a tensor of the same name; its type must agree.
  isa::TensorDecl decl;
  if (!tensor_shape(*item.tensor, decl)) return std::nullopt;
  const isa::TensorDecl& first = program_.tensors[known->index];
  if (decl.dims == first.dims && item.tensor->element == first.element)
    return static_cast<std::uint16_t>(known->index);
  Diagnostic& error = reporter_.error(
      item.tensor->type_span,
      fmt::format("'{}' was {} before", first.name, tensor_type_text(program_, first)));
  reporter_.note(error, known->declared, "the first declaration is here");
  return std::nullopt;
}

bool Declarer::entry_argument(const EntryText::Item& item, isa::Entry& entry,
                              ScalarNames& scalars) {
  if (item.scalar) return entry_scalar(item, entry, scalars);
  const auto index = entry_tensor(item, TensorKind::kInput);
  if (index)
    entry.arguments.push_back(
        {std::string(item.name.text), isa::Entry::ArgKind::kTensor, *index, 0});
  return index.has_value();
}

/// Code and requirements are the emitter's; here only the signature.
void Declarer::entry(const EntryText& text) {
  if (!room(program_.entries.size(), isa::Limits::kEntries, "entries", text.name.span)) return;
  isa::Entry entry;
  entry.name = std::string(text.name.text);
  ScalarNames scalars;
  for (const EntryText::Item& item : text.arguments) {
    if (!entry_argument(item, entry, scalars)) assembly_.names.add_broken(item.name);
  }
  for (const EntryText::Item& item : text.results) {
    const auto index = entry_tensor(item, TensorKind::kOutput);
    if (index) entry.results.push_back(*index);
    if (!index) assembly_.names.add_broken(item.name);
  }
  for (std::size_t i = 0; i < program_.entries.size(); ++i) {
    if (program_.entries[i].name != entry.name) continue;
    Diagnostic& error =
        reporter_.error(text.name.span, fmt::format("entry '{}' is defined twice", entry.name));
    reporter_.note(error, assembly_.entry_spans[i], "the first definition is here");
    assembly_.names.add_broken(text.name);
    break;
  }
  program_.entries.push_back(std::move(entry));
  assembly_.entry_scalars.push_back(std::move(scalars));
  assembly_.entry_spans.push_back(text.name.span);
}

/// Registers in order of declaration, past those that the text mentions or fixes.
void Declarer::set_homes() {
  std::size_t next = 0;
  for (std::size_t i = 0; i < program_.tensors.size(); ++i) {
    isa::TensorDecl& decl = program_.tensors[i];
    if (decl.is_array || decl.home || assembly_.tensor_homeless[i]) continue;
    while (next < 256 && assembly_.tensors_taken.test(next)) ++next;
    if (next == 256) {
      reporter_.error(
          assembly_.tensor_spans[i],
          fmt::format("no tensor register is left for '{}': all 256 have a tensor", decl.name));
      return;
    }
    decl.home = static_cast<std::uint8_t>(next);
    assembly_.tensors_taken.set(next);
  }
}

}  // namespace

void declare_all(Assembly& assembly) {
  Declarer(assembly).run();
}

std::optional<std::uint32_t> intern_const(Assembly& assembly, isa::ScalarConst::Type type,
                                          const isa::Expression& value, Span span) {
  ByteWriter key;
  key.u8(static_cast<std::uint8_t>(type));
  value.write(key);
  auto& consts = assembly.program.consts;
  const auto index = static_cast<std::uint32_t>(consts.size());
  const auto [known, added] =
      assembly.unnamed_consts.emplace(std::string(as_text(key.view())), index);
  if (!added) return known->second;
  if (consts.size() >= isa::Limits::kConsts) {
    assembly.reporter.error(
        span, fmt::format("a program has at most {} constants", isa::Limits::kConsts));
    return std::nullopt;
  }
  consts.push_back({{}, type, value});
  return index;
}

std::optional<std::uint32_t> intern_string(Assembly& assembly, const std::string& bytes,
                                           Span span) {
  auto& strings = assembly.program.strings;
  const auto index = static_cast<std::uint32_t>(strings.size());
  const auto [known, added] = assembly.literal_strings.emplace(bytes, index);
  if (!added) return known->second;
  if (strings.size() >= isa::Limits::kStrings) {
    assembly.reporter.error(span,
                            fmt::format("a program has at most {} strings", isa::Limits::kStrings));
    return std::nullopt;
  }
  strings.push_back(bytes);
  return index;
}

}  // namespace pxos::assembler
