// The grammar of each directive: a table of names and parse functions.
#include "assembler/parser.hpp"
#include "assembler/suggest.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/core.h>

namespace pxos::assembler {
namespace {

using Body = std::optional<decltype(Directive::body)>;
using Element = isa::TensorDecl::Element;
using TensorKind = isa::TensorDecl::Kind;

/// The words for elements, in the order in which people are told of them.
struct ElementName {
  std::string_view text;
  Element element;
};
constexpr std::array<ElementName, 5> kElements = {{{"f32", Element::kF32},
                                                   {"f16", Element::kF16},
                                                   {"i32", Element::kI32},
                                                   {"u8", Element::kU8},
                                                   {"weight", Element::kWeight}}};

/// A name, or in quotes whatever name a program has.
Body parse_program(LineParser& line) {
  if (line.peek().kind == TokenKind::kString) {
    const Span span = line.here();
    const std::string name = *line.string("a name");
    if (name.empty() || is_identifier(name)) return ProgramName{name};
    line.fail_at(span, "a program's name is letters, digits, '_' and '.'");
    return std::nullopt;
  }
  const auto name = line.name("the program's name");
  if (!name) return std::nullopt;
  return ProgramName{std::string(name->text)};
}

/// `: i64` or `: f32`; true = f32.
std::optional<bool> scalar_type(LineParser& line) {
  const auto type = line.name("a type, i64 or f32");
  if (!type) return std::nullopt;
  if (type->text == "f32") return true;
  if (type->text == "i64") return false;
  line.fail_at(type->span, fmt::format("a scalar is i64 or f32, not '{}'", type->text));
  return std::nullopt;
}

/// `: i64`, `: f32` or `: f64` of a constant.
std::optional<isa::ScalarConst::Type> const_type(LineParser& line) {
  const auto name = line.name("a type, i64, f32 or f64");
  if (!name) return std::nullopt;
  for (std::uint8_t code = 0; code <= isa::ScalarConst::kLastType; ++code) {
    const auto type = static_cast<isa::ScalarConst::Type>(code);
    if (name->text == isa::scalar_type_name(type)) return type;
  }
  line.fail_at(name->span, fmt::format("a constant is i64, f32 or f64, not '{}'", name->text));
  return std::nullopt;
}

/// param ::= NAME [":" ("i64" | "f32")] ["=" expression]
Body parse_param(LineParser& line) {
  ParamText out;
  const auto name = line.name("the parameter's name");
  if (!name) return std::nullopt;
  out.name = *name;
  if (line.accept(":")) {
    const auto real = scalar_type(line);
    if (!real) return std::nullopt;
    out.real = *real;
  }
  if (line.accept("=")) {
    out.value = line.expression();
    if (!out.value) return std::nullopt;
  }
  return out;
}

/// dim ::= NAME "=" expression ".." expression
Body parse_dim(LineParser& line) {
  const auto name = line.name("the dimension's name");
  if (!name || !line.require("=", "and a range such as 1..batch")) return std::nullopt;
  auto lowest = line.expression();
  if (!lowest || !line.require("..", "between the lowest and the highest extent"))
    return std::nullopt;
  auto highest = line.expression();
  if (!highest) return std::nullopt;
  return DimText{*name, *std::move(lowest), *std::move(highest)};
}

/// arg ::= NAME; written by the disassembler, which lists symbols in table order.
Body parse_argument_symbol(LineParser& line) {
  const auto name = line.name("the argument's name");
  if (!name) return std::nullopt;
  return ArgumentSymbolText{*name};
}

/// const ::= (NAME | "#") ":" ("i64" | "f32" | "f64") "=" expression
Body parse_const(LineParser& line) {
  ConstText out;
  if (!line.accept("#")) {
    out.name = line.name("the constant's name");
    if (!out.name) return std::nullopt;
  }
  if (!line.require(":", "and a type, i64, f32 or f64")) return std::nullopt;
  const auto type = const_type(line);
  if (!type || !line.require("=", "and a value")) return std::nullopt;
  out.type = *type;
  auto value = line.expression();
  if (!value) return std::nullopt;
  out.value = *std::move(value);
  return out;
}

/// string ::= NAME "=" STRING
Body parse_string(LineParser& line) {
  const auto name = line.name("the string's name");
  if (!name || !line.require("=", "and a text in quotes")) return std::nullopt;
  auto bytes = line.string("a text in quotes");
  if (!bytes) return std::nullopt;
  return StringText{*name, *std::move(bytes)};
}

/// incbin ::= NAME "=" STRING; who collects the line reads the file.
Body parse_incbin(LineParser& line) {
  const auto name = line.name("the string's name");
  if (!name || !line.require("=", "and a path in quotes")) return std::nullopt;
  const Span span = line.here();
  auto path = line.string("a path in quotes");
  if (!path) return std::nullopt;
  return StringText{*name, {}, *std::move(path), span};
}

/// field ::= NAME ":" expression
std::optional<AttrText::Field> attr_field(LineParser& line) {
  const auto name = line.name("a field name");
  if (!name || !line.require(":", "and the field's value")) return std::nullopt;
  auto value = line.expression();
  if (!value) return std::nullopt;
  return AttrText::Field{*name, *std::move(value)};
}

std::optional<isa::AttrRecord::Kind> attr_kind(std::string_view text) {
  for (std::uint8_t code = 0; code <= isa::AttrRecord::kLastKind; ++code) {
    const auto kind = static_cast<isa::AttrRecord::Kind>(code);
    if (text == isa::attr_kind_name(kind)) return kind;
  }
  return std::nullopt;
}

/// attr ::= NAME "=" ("rope" | "attention" | "norm") "(" field {"," field} ")"
/// Which fields a record has is not grammar: declare.cpp checks that against isa::attr_fields.
Body parse_attr(LineParser& line) {
  AttrText out;
  const auto name = line.name("the attribute's name");
  if (!name || !line.require("=", "and a record, rope(..), attention(..) or norm(..)"))
    return std::nullopt;
  out.name = *name;
  const auto kind = line.name("rope, attention or norm");
  if (!kind) return std::nullopt;
  out.kind_span = kind->span;
  const auto found = attr_kind(kind->text);
  if (!found) {
    line.fail_at(kind->span,
                 fmt::format("an attribute record is rope(..), attention(..) or norm(..), not '{}'",
                             kind->text));
    return std::nullopt;
  }
  out.kind = *found;
  if (!line.require("(", "and the fields")) return std::nullopt;
  do {
    auto field = attr_field(line);
    if (!field) return std::nullopt;
    out.fields.push_back(*std::move(field));
  } while (line.accept(","));
  if (!line.require(")", "after the last field")) return std::nullopt;
  return out;
}

/// `t5` or `none`, after '@' or in `.home`.
std::optional<Home> home_register(LineParser& line) {
  const auto name = line.name("a tensor register or 'none'");
  if (!name) return std::nullopt;
  if (name->text == "none") return Home{std::nullopt, name->span};
  const auto reg = as_register(*name);
  if (reg && reg->tensor) return Home{reg->number, name->span};
  line.fail_at(name->span,
               fmt::format("a home is a tensor register, t0 to t255, not '{}'", name->text));
  return std::nullopt;
}

/// `r7`, after '@'.
std::optional<std::uint8_t> scalar_register(LineParser& line) {
  const auto name = line.name("a scalar register");
  if (!name) return std::nullopt;
  const auto reg = as_register(*name);
  if (reg && !reg->tensor) return reg->number;
  line.fail_at(name->span,
               fmt::format("expected a scalar register, r0 to r255, found '{}'", name->text));
  return std::nullopt;
}

/// One of kElements, or the nearest one suggested.
std::optional<Element> element_type(LineParser& line) {
  const auto type = line.name("an element type");
  if (!type) return std::nullopt;
  std::array<std::string_view, kElements.size()> known;
  for (std::size_t i = 0; i < kElements.size(); ++i) {
    if (type->text == kElements[i].text) return kElements[i].element;
    known[i] = kElements[i].text;
  }
  line.fail_at(
      type->span,
      fmt::format("'{}' is no element type; there are f32, f16, i32, u8 and weight", type->text),
      did_you_mean(type->text, known));
  return std::nullopt;
}

/// `f32[T, dim] @t5`
bool tensor_type(LineParser& line, TensorText& out) {
  const Span first = line.here();
  const auto element = element_type(line);
  if (!element || !line.require("[", "and the dimensions")) return false;
  out.element = *element;
  do {
    auto dim = line.expression();
    if (!dim) return false;
    out.dims.push_back(*std::move(dim));
  } while (line.accept(","));
  if (!line.require("]", "after the last dimension")) return false;
  out.type_span = cover(first, line.last());
  if (!line.accept("@")) return true;
  out.home = home_register(line);
  return out.home.has_value();
}

/// `= "blk.{}.attn_q.weight", "another name"`
bool import_patterns(LineParser& line, TensorText& out) {
  if (!line.require("=", "and the tensor's name in the cartridge, in quotes")) return false;
  do {
    out.pattern_spans.push_back(line.here());
    auto pattern = line.string("a tensor name in quotes");
    if (!pattern) return false;
    out.patterns.push_back(*std::move(pattern));
  } while (line.accept(","));
  return true;
}

/// tensor ::= NAME ["[" expression "]"] ":" type ["=" STRING {"," STRING}] ["@" home]
/// Only imports have strings, and they must.
template <TensorKind kind>
Body parse_tensor(LineParser& line) {
  TensorText out;
  out.kind = kind;
  const auto name = line.name("the tensor's name");
  if (!name) return std::nullopt;
  out.name = *name;
  if (line.accept("[")) {
    out.count = line.expression();
    if (!out.count || !line.require("]", "after the array's count")) return std::nullopt;
  }
  if (!line.require(":", "and a type such as f32[T, dim]") || !tensor_type(line, out))
    return std::nullopt;
  if (kind == TensorKind::kImport && !import_patterns(line, out)) return std::nullopt;
  // A home may stand after the names as well.
  if (!out.home && line.accept("@")) {
    out.home = home_register(line);
    if (!out.home) return std::nullopt;
  }
  return out;
}

/// item ::= NAME [":" (type | ("i64" | "f32") ["@" REGISTER])]
/// A type with brackets is a tensor, a bare one a scalar.
std::optional<EntryText::Item> entry_item(LineParser& line, TensorKind kind) {
  EntryText::Item out;
  const auto name = line.name("a name");
  if (!name) return std::nullopt;
  out.name = *name;
  if (!line.accept(":")) return out;
  const bool scalar = line.peek().kind == TokenKind::kName &&
                      (line.peek(1).kind != TokenKind::kPunct || line.peek(1).text != "[");
  if (!scalar) {
    out.tensor.emplace();
    out.tensor->name = *name;
    out.tensor->kind = kind;
    if (!tensor_type(line, *out.tensor)) return std::nullopt;
    return out;
  }
  if (kind == TensorKind::kOutput) {
    line.fail("a result is a tensor, such as logits: f32[n_out, vocab]");
    return std::nullopt;
  }
  const auto real = scalar_type(line);
  if (!real) return std::nullopt;
  out.scalar = *real ? isa::Entry::ArgKind::kF32 : isa::Entry::ArgKind::kI64;
  if (!line.accept("@")) return out;
  out.reg = scalar_register(line);
  return out.reg ? std::optional(out) : std::nullopt;
}

/// item {"," item}
bool entry_items(LineParser& line, TensorKind kind, std::vector<EntryText::Item>& out) {
  do {
    auto item = entry_item(line, kind);
    if (!item) return false;
    out.push_back(*std::move(item));
  } while (line.accept(","));
  return true;
}

/// entry ::= NAME "(" [items] ")" ["->" items] ["at" NAME]
Body parse_entry(LineParser& line) {
  EntryText out;
  const auto name = line.name("the entry's name");
  if (!name || !line.require("(", "and the arguments")) return std::nullopt;
  out.name = *name;
  if (!line.at(")") && !entry_items(line, TensorKind::kInput, out.arguments)) return std::nullopt;
  if (!line.require(")", "after the arguments")) return std::nullopt;
  if (line.accept("->") && !entry_items(line, TensorKind::kOutput, out.results))
    return std::nullopt;
  if (line.peek().kind != TokenKind::kName || line.peek().text != "at") return out;
  line.take();
  const bool local = line.peek().kind == TokenKind::kDotName;
  const auto label = local ? std::nullopt : line.name("a label");
  if (!label) return std::nullopt;
  out.start = Label{*label, false};
  return out;
}

/// func ::= NAME ["(" [NAME {"," NAME}] ")"]
Body parse_func(LineParser& line) {
  FuncText out;
  const auto name = line.name("the function's name");
  if (!name) return std::nullopt;
  out.name = *name;
  if (!line.accept("(") || line.accept(")")) return out;
  do {
    const auto argument = line.name("an argument's name");
    if (!argument) return std::nullopt;
    out.arguments.push_back(*argument);
  } while (line.accept(","));
  if (!line.require(")", "after the arguments")) return std::nullopt;
  return out;
}

/// The layout of a line is not part of the program.
std::string single_blanks(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) out += c;
    if (blank && !out.ends_with(' ')) out += ' ';
  }
  return out;
}

/// require ::= expression "<=" expression ["," STRING]
/// The text that a failing call shows is the source itself unless a string gives another one.
Body parse_require(LineParser& line) {
  const Span first = line.here();
  auto lhs = line.expression();
  if (!lhs) return std::nullopt;
  if (!line.accept("<=")) {
    line.expected("'<=' (a requirement is: expression <= expression, the smaller side first)");
    return std::nullopt;
  }
  auto rhs = line.expression();
  if (!rhs) return std::nullopt;
  RequireText out{*std::move(lhs), *std::move(rhs), {}, cover(first, line.last())};
  out.text = single_blanks(line.text_of(out.span));
  if (!line.accept(",")) return out;
  auto text = line.string("the text of the requirement, in quotes");
  if (!text) return std::nullopt;
  out.text = *std::move(text);
  return out;
}

/// assert ::= expression ("==" | "!=" | "<=" | "<") expression ["," STRING]
Body parse_assert(LineParser& line) {
  const Span first = line.here();
  auto lhs = line.expression();
  if (!lhs) return std::nullopt;
  AssertText out;
  for (const std::string_view relation : {"==", "!=", "<=", "<"}) {
    if (out.relation.empty() && line.accept(relation)) out.relation = relation;
  }
  if (out.relation.empty()) {
    line.expected("'==', '!=', '<=' or '<'");
    return std::nullopt;
  }
  auto rhs = line.expression();
  if (!rhs) return std::nullopt;
  out.span = cover(first, line.last());
  if (line.accept(",")) {
    auto message = line.string("a message in quotes");
    if (!message) return std::nullopt;
    out.message = *std::move(message);
  }
  out.lhs = *std::move(lhs);
  out.rhs = *std::move(rhs);
  return out;
}

/// reg ::= NAME ["@" REGISTER] {"," NAME ["@" REGISTER]}
Body parse_reg(LineParser& line) {
  RegText out;
  do {
    const auto name = line.name("a register name");
    if (!name) return std::nullopt;
    RegText::Item item{*name, std::nullopt};
    if (line.accept("@")) {
      item.reg = scalar_register(line);
      if (!item.reg) return std::nullopt;
    }
    out.items.push_back(item);
  } while (line.accept(","));
  return out;
}

/// home ::= NAME "," (REGISTER | "none")
Body parse_home(LineParser& line) {
  const auto name = line.name("a tensor's name");
  if (!name || !line.require(",", "and a tensor register")) return std::nullopt;
  const auto home = home_register(line);
  if (!home) return std::nullopt;
  return HomeText{*name, *home};
}

/// file ::= STRING
Body parse_debug_file(LineParser& line) {
  auto path = line.string("a path in quotes");
  if (!path) return std::nullopt;
  return DebugFileText{*std::move(path)};
}

/// line ::= INTEGER ["," INTEGER]; the second is an index into the files given so far.
Body parse_debug_line(LineParser& line) {
  const auto number = line.literal("a line number", 0, std::numeric_limits<std::uint32_t>::max());
  if (!number) return std::nullopt;
  DebugLineText out{static_cast<std::uint32_t>(*number), std::nullopt};
  if (!line.accept(",")) return out;
  const auto file = line.literal("a file index", 0, std::numeric_limits<std::uint16_t>::max());
  if (!file) return std::nullopt;
  out.file = static_cast<std::uint16_t>(*file);
  return out;
}

/// debug ::= "off"
Body parse_debug(LineParser& line) {
  const auto word = line.name("'off'");
  if (!word) return std::nullopt;
  if (word->text == "off") return DebugOffText{};
  line.fail_at(word->span, fmt::format("'.debug off' is the only form, found '{}'", word->text));
  return std::nullopt;
}

/// word ::= six bytes and the 24-bit immediate, separated by commas.
Body parse_word(LineParser& line) {
  isa::Instruction out;
  const std::array<std::uint8_t*, 6> bytes = {&out.family, &out.op, &out.d, &out.a, &out.b, &out.c};
  for (std::uint8_t* byte : bytes) {
    const auto value = line.literal("an instruction field", 0, 255);
    if (!value || !line.require(",", "between the fields family, op, d, a, b, c, imm"))
      return std::nullopt;
    *byte = static_cast<std::uint8_t>(*value);
  }
  const auto imm = line.literal("the immediate", -(1 << 23), (1 << 23) - 1);
  if (!imm) return std::nullopt;
  out.imm = static_cast<std::int32_t>(*imm);
  return WordText{out};
}

/// What follows a directive's name is read by its own function; this table is the only list of
/// names.
struct DirectiveRow {
  std::string_view name;
  Body (*parse)(LineParser&);
};
constexpr std::array<DirectiveRow, 24> kDirectives = {
    {{"program", parse_program},
     {"param", parse_param},
     {"dim", parse_dim},
     {"arg", parse_argument_symbol},
     {"const", parse_const},
     {"string", parse_string},
     {"incbin", parse_incbin},
     {"attr", parse_attr},
     {"import", parse_tensor<TensorKind::kImport>},
     {"region", parse_tensor<TensorKind::kRegion>},
     {"temp", parse_tensor<TensorKind::kTemp>},
     {"view", parse_tensor<TensorKind::kView>},
     {"input", parse_tensor<TensorKind::kInput>},
     {"output", parse_tensor<TensorKind::kOutput>},
     {"entry", parse_entry},
     {"func", parse_func},
     {"require", parse_require},
     {"assert", parse_assert},
     {"reg", parse_reg},
     {"home", parse_home},
     {"file", parse_debug_file},
     {"line", parse_debug_line},
     {"debug", parse_debug},
     {"word", parse_word}}};

/// Handled by the preprocessor; here only to be suggested, or because their partner is missing.
constexpr std::array<std::string_view, 5> kBlockDirectives = {"macro", "endm", "include", "repeat",
                                                              "endr"};

/// Always nullopt, with the nearest directive as a hint.
Body unknown_directive(const Name& head, LineParser& line) {
  std::vector<std::string_view> known(kBlockDirectives.begin(), kBlockDirectives.end());
  for (const DirectiveRow& row : kDirectives) known.push_back(row.name);
  const auto near = nearest(head.text, known);
  line.fail_at(head.span, fmt::format("unknown directive '.{}'", head.text),
               near ? fmt::format("did you mean '.{}'?", *near) : std::string());
  return std::nullopt;
}

}  // namespace

std::optional<Directive> parse_directive(const Name& head, LineParser& line) {
  const auto* row =
      std::find_if(kDirectives.begin(), kDirectives.end(),
                   [&](const DirectiveRow& known) { return known.name == head.text; });
  Body body = row != kDirectives.end() ? row->parse(line) : unknown_directive(head, line);
  if (!body) return std::nullopt;
  return Directive{head, *std::move(body)};
}

}  // namespace pxos::assembler
