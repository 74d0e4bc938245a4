#include "tests/assembler/generated_programs.hpp"

#include "pxvm/base/rng.hpp"
#include "pxvm/isa/program.hpp"
#include "pxvm/isa/verify.hpp"

#include <array>
#include <map>
#include <set>
#include <vector>

#include <fmt/core.h>

namespace pxos::test {
namespace {

using isa::OperandKind;
using isa::OpInfo;

/// Fields that instructions ask for and that have no default.
constexpr std::string_view kHeads = "h", kHeadDim = "2*d";

class Generator {
 public:
  Generator(std::uint64_t seed, bool small) : rng_(seed), small_(small) {}

  std::string run() {
    const auto all = isa::all_opcodes();
    std::string code;
    const std::uint32_t statements = 5 + pick(40);
    const std::uint32_t entries = 1 + pick(3);
    for (std::uint32_t entry = 0; entry < entries; ++entry) {
      code += fmt::format(".entry e{}(pos: i64, f: f32)\n", entry);
      if (pick(2) == 0) code += fmt::format(".require pos + T <= h*d + {}\n", pick(99));
      if (pick(2) == 0) code += " .reg l\n i64.const l, 0\n";
      for (std::uint32_t i = 0; i < statements; ++i)
        code += fmt::format(".at{}: {}\n", i, statement(all[pick(all.size())], statements));
      code += " halt\n";
    }
    for (std::uint32_t function = 0; function < kFunctions; ++function) {
      code += fmt::format(".func f{}(a, b)\n", function);
      in_function_ = true;
      for (std::uint32_t i = 0; i < statements; ++i)
        code += fmt::format(".at{}: {}\n", i, statement(all[pick(all.size())], statements));
      code += " ret\n";
    }
    return head() + code;
  }

 private:
  static constexpr std::uint32_t kFunctions = 2;

  std::uint32_t pick(std::size_t below) {
    return rng_.next_u32() % static_cast<std::uint32_t>(below);
  }
  template <std::size_t n>
  std::string one_of(const std::array<std::string_view, n>& words) {
    return std::string(words[pick(n)]);
  }

  std::string head() {
    std::string out =
        fmt::format(".program p{}\n.param d\n.param h : i64 = {}\n", pick(99), pick(9));
    out += ".param eps : f32 = 1e-5\n.dim T = 1..h*d + 3\n";
    for (std::uint32_t i = 0; i < consts_.size(); ++i) out += consts_[i];
    for (std::uint32_t i = 0; i < 3; ++i) out += fmt::format(".string s{} = \"{}\\xff\"\n", i, i);
    for (const auto& [kind, name] : records_) out += record(kind, name);
    return out + declarations_;
  }

  static std::string field(std::string_view name, bool is_integer) {
    if (name == "heads") return std::string(kHeads);
    if (name == "head_dim" || name == "dims") return std::string(kHeadDim);
    return is_integer ? "1" : "0.5*eps";
  }

  static std::string record(isa::AttrRecord::Kind kind, const std::string& name) {
    std::string fields;
    for (const isa::AttrFieldInfo& info : isa::attr_fields(kind)) {
      if (!info.default_value)
        fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", info.name,
                              field(info.name, info.is_integer));
    }
    return fmt::format(".attr {} = {}({})\n", name, isa::attr_kind_name(kind), fields);
  }

  /// The record kinds stand in the order of the operand kinds that name them.
  static isa::AttrRecord::Kind record_kind(OperandKind kind) {
    return static_cast<isa::AttrRecord::Kind>(static_cast<int>(kind) -
                                              static_cast<int>(OperandKind::kRopeAttr));
  }

  /// A tensor that no other operand of the instruction in hand uses.
  std::string tensor(const std::string& directive, const std::string& type,
                     const std::string& tail) {
    auto& pool = pools_[directive + type];
    for (const std::string& name : pool) {
      if (in_use_.insert(name).second) return name;
    }
    const std::string name = fmt::format("v{}", tensors_++);
    declarations_ +=
        fmt::format(".{} {}{} : {}{}\n", directive, name,
                    directive == "import" && tail.find("{}") != tail.npos ? "[h]" : "", type, tail);
    pool.push_back(name);
    in_use_.insert(name);
    return name;
  }

  /// An extent for a name of the shape column, the same wherever the name stands.
  std::string extent(const std::string& name, bool run_time) {
    static constexpr std::array<std::string_view, 5> kFixed = {"d", "h*d", "h*d + 3", "8", "17"};
    if (name[0] == '@') return fmt::format("({})", field(name.substr(1), true));
    if (name[0] >= '0' && name[0] <= '9') return name;
    const auto [known, added] = extents_.emplace(name, std::string());
    if (added) known->second = run_time && pick(2) == 0 ? "T" : "(" + one_of(kFixed) + ")";
    return known->second;
  }

  std::string shape(const OpInfo& info, isa::Field field_name, bool run_time) {
    for (const isa::ShapePattern& pattern : isa::parse_shapes(info.shapes)) {
      if (pattern.field != field_name || pattern.any) continue;
      std::string out;
      for (const auto& factors : pattern.dims) {
        out += out.empty() ? "[" : ", ";
        std::string product;
        for (const std::string& factor : factors)
          product += (product.empty() ? "" : "*") + extent(factor, run_time);
        out += product;
      }
      return out + "]";
    }
    static constexpr std::array<std::string_view, 4> kAny = {"[9]", "[h, d]", "[2, d, 3]",
                                                             "[1, 2, 3, h]"};
    return one_of(kAny);
  }

  std::string scalar(bool read) {
    if (read && pick(4) == 0) return fmt::format("{}", static_cast<int>(pick(100)) - 50);
    if (read && pick(8) == 0) return in_function_ ? "a" : "pos";
    return fmt::format("r{}", pick(250));
  }

  std::string weight(const std::string& dims) {
    const bool array = pick(2) == 0;
    const std::string name = tensor("import", "weight" + dims, array ? " = \"w.{}\"" : " = \"w\"");
    // The pool may give one of the other kind; the declaration says which it is.
    const bool is_array = declarations_.find(fmt::format(" {}[h]", name)) != std::string::npos;
    return is_array ? fmt::format("{}[{}]", name, pick(2) == 0 ? "r3" : "1") : name;
  }

  /// Only `const` takes one of any type; what computes with a constant does so in f32.
  std::string constant(isa::Opcode opcode) {
    static constexpr std::array<std::string_view, 3> kTypes = {"f32", "f64", "i64"};
    const auto index = consts_.size();
    std::string type = opcode == isa::Opcode::kConstLd ? one_of(kTypes) : "f32";
    if (opcode == isa::Opcode::kF64Const) type = "f64";
    consts_.push_back(fmt::format(".const c{} : {} = {}\n", index, type,
                                  type != "i64" ? "1 / sqrt(h) - -2.5" : "h*(d - 7) + -d"));
    return pick(3) == 0 ? fmt::format("#{}", index) : fmt::format("c{}", index);
  }

  std::string operand(const OpInfo& info, const isa::Operand& wanted, std::uint32_t labels) {
    const auto typed = [&](std::string_view element) {
      return tensor("temp", std::string(element) + shape(info, wanted.field, run_time_), "");
    };
    switch (wanted.kind) {
      case OperandKind::kScalarWrite:
        return scalar(false);
      case OperandKind::kScalarRead:
        return scalar(true);
      case OperandKind::kF32Read:
      case OperandKind::kF32Write:
      case OperandKind::kVectorRead:
      case OperandKind::kAnyRead:
        return typed("f32");
      case OperandKind::kI32Read:
      case OperandKind::kI32Write:
        return typed("i32");
      case OperandKind::kU8Read:
      case OperandKind::kU8Write:
        return typed("u8");
      case OperandKind::kF16Read:
      case OperandKind::kF16Write:
        return tensor("region", "f16" + shape(info, wanted.field, false), "");
      case OperandKind::kWeightRead:
        return weight(shape(info, wanted.field, false));
      case OperandKind::kViewSet:
        return info.opcode == isa::Opcode::kBind
                   ? fmt::format("t{}", 240 + pick(10))
                   : tensor("view", "f32" + shape(info, wanted.field, run_time_), "");
      default:
        return plain_operand(info, wanted, labels);
    }
  }

  std::string plain_operand(const OpInfo& info, const isa::Operand& wanted, std::uint32_t labels) {
    switch (wanted.kind) {
      case OperandKind::kDecl:
        return tensor("import", "f32[h*d]", " = \"g.{}\"");
      case OperandKind::kImmediate:
        if (small_ || info.opcode == isa::Opcode::kDim || info.opcode == isa::Opcode::kPxBlit)
          return "0";
        return fmt::format("{}", static_cast<int>(pick(1U << 24U)) - (1 << 23));
      case OperandKind::kConst:
        return constant(info.opcode);
      case OperandKind::kString:
        return pick(2) == 0 ? fmt::format("s{}", pick(3)) : fmt::format("\"text {}\"", pick(4));
      case OperandKind::kLabel:
        return fmt::format(".at{}", pick(labels));
      case OperandKind::kHost:
        return std::string(isa::all_host_calls()[pick(isa::all_host_calls().size())].text);
      default: {
        const auto kind = record_kind(wanted.kind);
        const auto [known, added] = records_.emplace(kind, fmt::format("a{}", records_.size()));
        return known->second;
      }
    }
  }

  std::string statement(const OpInfo& info, std::uint32_t labels) {
    // Frames begin functions and nothing else, and only those return.
    if (info.opcode == isa::Opcode::kFrame || info.opcode == isa::Opcode::kRet) return "yield";
    if (info.opcode == isa::Opcode::kCall)
      return fmt::format("call f{}, r{}", pick(kFunctions), pick(250));
    in_use_.clear();
    extents_.clear();
    // What lives longer than a call has no run-time extent, and shares names with the rest.
    run_time_ = true;
    for (const isa::Operand& wanted : info.operand_list()) {
      const bool persistent = wanted.kind == OperandKind::kWeightRead ||
                              wanted.kind == OperandKind::kF16Read ||
                              wanted.kind == OperandKind::kF16Write;
      run_time_ = run_time_ && !persistent;
    }
    std::string out(info.mnemonic);
    for (std::size_t i = 0; i < info.operand_count; ++i)
      out += (i == 0 ? " " : ", ") + operand(info, info.operands[i], labels);
    return out;
  }

  CounterRng rng_;
  bool small_;
  bool run_time_ = true;
  bool in_function_ = false;
  std::uint32_t tensors_ = 0;
  std::string declarations_;
  std::vector<std::string> consts_;
  std::map<isa::AttrRecord::Kind, std::string> records_;
  std::map<std::string, std::vector<std::string>> pools_;
  std::map<std::string, std::string> extents_;
  std::set<std::string> in_use_;
};

}  // namespace

std::string generated_program(std::uint64_t seed, bool small) {
  return Generator(seed, small).run();
}

}  // namespace pxos::test
