#pragma once
// Programs put together by name, for tests of the isa layer (which knows no assembler).

#include "pxvm/isa/program.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::test {

using Element = isa::TensorDecl::Element;

class ProgramBuilder {
 public:
  isa::Program program;

  isa::SymbolId param(const std::string& name, std::optional<isa::Number> value = std::nullopt,
                      isa::Symbol::Kind kind = isa::Symbol::Kind::kIntParam) {
    program.symbols.push_back({name, kind, value, {}, {}});
    return static_cast<isa::SymbolId>(program.symbols.size() - 1);
  }
  isa::SymbolId real_param(const std::string& name) {
    return param(name, isa::Number::of(1e-5), isa::Symbol::Kind::kRealParam);
  }
  void dim(const std::string& name, std::string_view lowest, std::string_view highest) {
    program.symbols.push_back(
        {name, isa::Symbol::Kind::kDim, {}, polynomial(lowest), polynomial(highest)});
  }

  /// A sum of one product: "n_head*head_dim", "64".
  [[nodiscard]] isa::Polynomial polynomial(std::string_view text) const {
    auto out = isa::Polynomial::constant(1);
    while (!text.empty()) {
      const std::string_view factor = text.substr(0, text.find('*'));
      text.remove_prefix(std::min(factor.size() + 1, text.size()));
      out = *isa::Polynomial::multiply(out, this->factor(factor));
    }
    return out;
  }

  /// Declares a tensor at the next free home register.
  isa::TensorDecl& tensor(isa::TensorDecl::Kind kind, const std::string& name, Element element,
                          std::initializer_list<std::string_view> dims) {
    isa::TensorDecl& decl = program.tensors.emplace_back();
    decl.name = name;
    decl.kind = kind;
    decl.element = element;
    for (const std::string_view text : dims) decl.dims.push_back(polynomial(text));
    decl.home = next_home_++;
    if (kind == isa::TensorDecl::Kind::kImport) decl.patterns = {name + ".weight"};
    return decl;
  }
  isa::TensorDecl& temp(const std::string& name, std::initializer_list<std::string_view> dims,
                        Element element = Element::kF32) {
    return tensor(isa::TensorDecl::Kind::kTemp, name, element, dims);
  }
  isa::TensorDecl& array(isa::TensorDecl::Kind kind, const std::string& name, Element element,
                         std::string_view count, std::initializer_list<std::string_view> dims) {
    isa::TensorDecl& decl = tensor(kind, name, element, dims);
    decl.home.reset();
    --next_home_;
    decl.is_array = true;
    decl.count = polynomial(count);
    if (kind == isa::TensorDecl::Kind::kImport) decl.patterns = {"blk.{}." + name};
    return decl;
  }

  void constant(const std::string& name, isa::ScalarConst::Type type,
                const isa::Expression& value) {
    program.consts.push_back({name, type, value});
  }

  /// Fields by name; the others have their defaults, or 1.
  void attr(const std::string& name, isa::AttrRecord::Kind kind,
            std::initializer_list<std::pair<std::string_view, std::string_view>> given) {
    isa::AttrRecord record{name, kind, {}};
    for (const isa::AttrFieldInfo& info : isa::attr_fields(kind)) {
      const auto it = std::find_if(given.begin(), given.end(),
                                   [&](const auto& pair) { return pair.first == info.name; });
      isa::AttrRecord::Field field{std::string(info.name), {}, std::nullopt};
      const double fallback = info.default_value.value_or(1);
      if (it != given.end()) {
        field.value = isa::Expression{{{isa::Expression::Op::kSymbol, 0, 0, symbol(it->second)}}};
        field.integer = polynomial(it->second);
      } else if (info.is_integer) {
        field.value = isa::Expression::integer(static_cast<std::int64_t>(fallback));
        field.integer = isa::Polynomial::constant(static_cast<std::int64_t>(fallback));
      } else {
        field.value = isa::Expression::real(fallback);
      }
      record.fields.push_back(field);
    }
    program.attrs.push_back(record);
  }

  /// An entry at the next instruction.
  isa::Entry& entry(const std::string& name) {
    isa::Entry& entry = program.entries.emplace_back();
    entry.name = name;
    entry.start = static_cast<std::uint32_t>(program.code.size());
    return entry;
  }

  /// Operands in source order: rN, tN, numbers, or the name of a tensor, constant, attribute record
  /// or host call. Branches take the distance from the next instruction.
  isa::Instruction& op(std::string_view mnemonic,
                       std::initializer_list<std::string_view> operands = {}) {
    const isa::OpInfo* info = isa::find_mnemonic(mnemonic);
    PX_ASSERT(info != nullptr && info->operand_count == operands.size());
    const auto code = static_cast<std::uint16_t>(info->opcode);
    isa::Instruction out;
    out.family = static_cast<std::uint8_t>(code >> 8U);
    out.op = static_cast<std::uint8_t>(code);
    const std::string_view* text = operands.begin();
    for (const isa::Operand& operand : info->operand_list()) {
      set(out, *info, operand.field, value(operand.kind, *text++));
    }
    program.code.push_back(out);
    return program.code.back();
  }

  [[nodiscard]] isa::TensorDecl& decl(std::string_view name) {
    return program.tensors.at(program.find_tensor(name).value());
  }
  [[nodiscard]] isa::SymbolId symbol(std::string_view name) const {
    return static_cast<isa::SymbolId>(index(program.symbols, name));
  }

 private:
  template <class Table>
  static std::size_t index(const Table& table, std::string_view name) {
    const auto it =
        std::find_if(table.begin(), table.end(), [&](const auto& row) { return row.name == name; });
    PX_ASSERT(it != table.end());
    return static_cast<std::size_t>(it - table.begin());
  }

  static std::optional<std::int32_t> number(std::string_view text) {
    std::int32_t out = 0;
    const auto end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, out);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
    return out;
  }

  [[nodiscard]] isa::Polynomial factor(std::string_view text) const {
    if (const auto value = number(text)) return isa::Polynomial::constant(*value);
    return isa::Polynomial::symbol(symbol(text));
  }

  [[nodiscard]] std::int32_t value(isa::OperandKind kind, std::string_view text) const {
    if (const auto plain = number(text)) return *plain;
    if (const auto reg = number(text.substr(1)); reg && (text[0] == 'r' || text[0] == 't'))
      return *reg;
    switch (kind) {
      case isa::OperandKind::kConst:
        return static_cast<std::int32_t>(index(program.consts, text));
      case isa::OperandKind::kRopeAttr:
      case isa::OperandKind::kAttentionAttr:
      case isa::OperandKind::kNormAttr:
        return static_cast<std::int32_t>(index(program.attrs, text));
      case isa::OperandKind::kHost:
        return static_cast<std::int32_t>(isa::find_host_call(text)->call);
      case isa::OperandKind::kDecl:
        return static_cast<std::int32_t>(index(program.tensors, text));
      default:
        return program.tensors[index(program.tensors, text)].home.value();
    }
  }

  static void set(isa::Instruction& out, const isa::OpInfo& info, isa::Field field,
                  std::int32_t value) {
    const auto byte = static_cast<std::uint8_t>(value);
    const bool split = info.operand_at(isa::Field::kE).has_value();
    switch (field) {
      case isa::Field::kD:
        out.d = byte;
        return;
      case isa::Field::kA:
        out.a = byte;
        return;
      case isa::Field::kB:
        out.b = byte;
        return;
      case isa::Field::kC:
        out.c = byte;
        return;
      case isa::Field::kE:  // the immediate's top byte, sign included
        out.imm |= static_cast<std::int32_t>(static_cast<std::int8_t>(byte)) * 65536;
        return;
      case isa::Field::kI:
        out.imm |= split ? value & 0xFFFF : value;
        return;
    }
  }

  std::uint8_t next_home_ = 0;
};

/// One layer of a transformer in a loop, with every kind of declaration: verifies as it is.
inline ProgramBuilder small_transformer() {
  using Kind = isa::TensorDecl::Kind;
  ProgramBuilder b;
  b.program.name = "small";
  for (const char* name : {"n_layer", "dim", "n_head", "n_kv", "head_dim", "vocab", "ctx"})
    b.param(name);
  b.param("batch", isa::Number::of(std::int64_t{256}));
  b.real_param("rms_eps");
  b.dim("T", "1", "batch");
  b.dim("n_out", "1", "64");
  b.constant("eps", isa::ScalarConst::Type::kF32,
             {{{isa::Expression::Op::kSymbol, 0, 0, b.symbol("rms_eps")}}});
  b.constant("", isa::ScalarConst::Type::kI64,
             {{{isa::Expression::Op::kSymbol, 0, 0, b.symbol("n_layer")}}});
  b.attr("rot", isa::AttrRecord::Kind::kRope,
         {{"heads", "n_head"}, {"head_dim", "head_dim"}, {"dims", "head_dim"}});
  b.attr("att", isa::AttrRecord::Kind::kAttention,
         {{"heads", "n_head"}, {"kv_heads", "n_kv"}, {"head_dim", "head_dim"}});
  b.program.strings = {"no tokens"};

  b.tensor(Kind::kImport, "embd", Element::kWeight, {"vocab", "dim"});
  b.array(Kind::kImport, "norm", Element::kF32, "n_layer", {"dim"});
  b.array(Kind::kImport, "wq", Element::kWeight, "n_layer", {"n_head*head_dim", "dim"});
  b.array(Kind::kImport, "wk", Element::kWeight, "n_layer", {"n_kv*head_dim", "dim"});
  b.array(Kind::kImport, "wo", Element::kWeight, "n_layer", {"dim", "n_head*head_dim"});
  b.array(Kind::kRegion, "cache", Element::kF16, "n_layer", {"ctx", "n_kv*head_dim"});
  b.temp("x", {"T", "dim"});
  b.temp("xn", {"T", "dim"});
  b.temp("q", {"T", "n_head*head_dim"});
  b.temp("k", {"T", "n_kv*head_dim"});
  b.temp("mixed", {"T", "n_head*head_dim"});
  b.tensor(Kind::kView, "last", Element::kF32, {"n_out", "dim"});
  b.tensor(Kind::kInput, "tokens", Element::kI32, {"T"});
  b.tensor(Kind::kOutput, "logits", Element::kF32, {"n_out", "vocab"});

  isa::Entry& entry = b.entry("forward");
  entry.arguments = {
      {"tokens", isa::Entry::ArgKind::kTensor, b.program.find_tensor("tokens").value(), 0},
      {"pos", isa::Entry::ArgKind::kI64, 0, 0},
      {"n_out", isa::Entry::ArgKind::kI64, 0, 1}};
  entry.results = {b.program.find_tensor("logits").value()};
  entry.requirements = {{b.polynomial("n_out"), b.polynomial("T"), "n_out <= T"}};

  b.op("gather", {"x", "embd", "tokens"});                         // 0
  b.op("i64.const", {"r2", "0"});                                  // 1
  b.op("const", {"r3", "1"});                                      // 2
  b.op("bind", {"t100", "norm", "r2"});                            // 3 <- the loop
  b.op("bind", {"t101", "wq", "r2"});                              // 4
  b.op("bind", {"t102", "wk", "r2"});                              // 5
  b.op("bind", {"t103", "wo", "r2"});                              // 6
  b.op("bind", {"t104", "cache", "r2"});                           // 7
  b.op("rmsnorm", {"xn", "x", "t100", "eps"});                     // 8
  b.op("matmul", {"q", "t101", "xn"});                             // 9
  b.op("matmul", {"k", "t102", "xn"});                             // 10
  b.op("rope", {"q", "r0", "rot"});                                // 11
  b.op("kvappend", {"t104", "k", "r0"});                           // 12
  b.op("attention", {"mixed", "q", "t104", "t104", "r0", "att"});  // 13
  b.op("matmul", {"xn", "t103", "mixed"});                         // 14
  b.op("add", {"x", "x", "xn"});                                   // 15
  b.op("i64.addi", {"r2", "r2", "1"});                             // 16
  b.op("br.lt", {"r2", "r3", "-15"});                              // 17
  b.op("tail", {"last", "x"});                                     // 18
  b.op("matmul", {"logits", "embd", "last"});                      // 19
  b.op("halt");                                                    // 20
  return b;
}

}  // namespace pxos::test
