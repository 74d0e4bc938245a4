#pragma once
// A program as data: what the assembler makes, the image codec stores, the verifier proves and the
// linker binds. Plain values; any content is representable here, only VerifiedProgram (verify.hpp)
// is known to be sound.

#include "pxvm/isa/expression.hpp"
#include "pxvm/isa/opcodes.hpp"
#include "pxvm/isa/polynomial.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pxos::isa {

/// Three pixels: (family, op, d)(a, b, c)(imm24, little-endian, two's complement).
struct Instruction {
  std::uint8_t family = 0;
  std::uint8_t op = 0;
  std::uint8_t d = 0;
  std::uint8_t a = 0;
  std::uint8_t b = 0;
  std::uint8_t c = 0;
  std::int32_t imm = 0;  ///< -2^23 .. 2^23 - 1
  friend bool operator==(const Instruction&, const Instruction&) = default;

  [[nodiscard]] Opcode opcode() const { return static_cast<Opcode>(family << 8 | op); }
};

/// The value of a field as the opcode's operand list sees it (d a b c e as 0..255, i as immediate
/// or its low 16 bits).
[[nodiscard]] std::int32_t field_value(const Instruction& instruction, const OpInfo& info,
                                       Field field);

/// A name that shapes and expressions may use.
struct Symbol {
  enum class Kind : std::uint8_t {
    kIntParam,   ///< hyper-parameter, integer, known at link
    kRealParam,  ///< hyper-parameter, real, known at link; not allowed in shapes
    kDim,  ///< run-time extent, `.dim T = 1..batch`; an entry argument of the same name sets it
    kArgument,  ///< scalar integer argument of an entry; allowed in `.require` only
  };
  std::string name;
  Kind kind = Kind::kIntParam;
  std::optional<Number> default_value;  ///< params only
  Polynomial lowest;                    ///< dims only, over params
  Polynomial highest;                   ///< dims only, over params
  friend bool operator==(const Symbol&, const Symbol&) = default;
};

/// A tensor the program names.
struct TensorDecl {
  enum class Kind : std::uint8_t {
    kImport,  ///< `.import`: a tensor of the cartridge, read-only
    kRegion,  ///< `.region`: persistent, owned by the session (KV cache, screen)
    kTemp,    ///< `.temp`: activation, undefined at entry
    kView,    ///< `.view`: no storage, set by a view instruction
    kInput,   ///< entry argument, written by the host before the call
    kOutput,  ///< entry result, read by the host after the call
  };
  /// What the elements are; kWeight = any packed dtype (imports with two dims only).
  enum class Element : std::uint8_t { kF32, kF16, kI32, kU8, kWeight };

  std::string name;
  Kind kind = Kind::kTemp;
  Element element = Element::kF32;
  std::vector<Polynomial> dims;       ///< outermost first, 1 to 4
  bool is_array = false;              ///< declared with [count]
  Polynomial count;                   ///< arrays only, over params
  std::vector<std::string> patterns;  ///< imports: names tried in order, "{}" = array index
  std::optional<std::uint8_t> home;   ///< tensor register preset at entry; none for arrays
  friend bool operator==(const TensorDecl&, const TensorDecl&) = default;
};

struct ScalarConst {
  enum class Type : std::uint8_t { kI64, kF32, kF64 };
  static constexpr std::uint8_t kLastType = 2;
  std::string name;  ///< may be empty
  Type type = Type::kF32;
  Expression value;  ///< over params
  friend bool operator==(const ScalarConst&, const ScalarConst&) = default;
};

/// "i64", "f32", "f64"
[[nodiscard]] std::string_view scalar_type_name(ScalarConst::Type type);

/// `.attr rot = rope(heads: .., head_dim: .., dims: .., base: .., pairing: ..)`
/// `.attr att = attention(heads: .., kv_heads: .., head_dim: .., scale: .., window: .., softcap:
/// ..)`
/// `.attr per_head = norm(heads: .., head_dim: .., eps: ..)`
struct AttrRecord {
  enum class Kind : std::uint8_t { kRope, kAttention, kNorm };
  static constexpr std::uint8_t kLastKind = 2;
  struct Field {
    std::string name;
    Expression value;                   ///< over params
    std::optional<Polynomial> integer;  ///< the same as a polynomial when it is one (shape checks)
    friend bool operator==(const Field&, const Field&) = default;
  };
  std::string name;
  Kind kind = Kind::kRope;
  /// In the order of attr_fields(kind): at least the core ones, those behind them up to any.
  std::vector<Field> fields;
  friend bool operator==(const AttrRecord&, const AttrRecord&) = default;
};

struct AttrFieldInfo {
  std::string_view name;
  bool is_integer;
  std::optional<double> default_value;
  /// Always stored. The others were added later: a record that does not need them ends before, so
  /// that programs from before they existed stay valid and keep their picture.
  bool is_core = true;
};
/// rope: heads, head_dim, dims (integers), base, pairing (0 adjacent, 1 halves; default 0); then,
///   not core: factor (1), original (0), beta_fast (32), beta_slow (1), magnitude (1): see
///   tensor::RopeParams.
/// attention: heads, kv_heads, head_dim (integers), scale, window (integer, default 0), softcap
/// (default 0).
/// norm: heads, head_dim (integers), eps.
[[nodiscard]] std::span<const AttrFieldInfo> attr_fields(AttrRecord::Kind kind);
/// Requires: is_attr(operand).
[[nodiscard]] constexpr AttrRecord::Kind attr_kind_of(OperandKind operand) {
  return static_cast<AttrRecord::Kind>(static_cast<int>(operand) -
                                       static_cast<int>(OperandKind::kRopeAttr));
}
[[nodiscard]] std::string_view attr_kind_name(AttrRecord::Kind kind);

/// `.entry forward(tokens: i32[T], pos: i64, n_out: i64) -> logits: f32[n_out, vocab]`
struct Entry {
  enum class ArgKind : std::uint8_t { kTensor, kI64, kF32 };
  struct Argument {
    std::string name;
    ArgKind kind = ArgKind::kI64;
    std::uint16_t decl = 0;  ///< kTensor: index into tensors
    std::uint8_t reg = 0;    ///< scalars: the register that holds it at entry
    friend bool operator==(const Argument&, const Argument&) = default;
  };
  /// `.require lhs <= rhs` (text kept for the message); checked by the machine at every call.
  struct Requirement {
    Polynomial lhs, rhs;
    std::string text;
    friend bool operator==(const Requirement&, const Requirement&) = default;
  };
  std::string name;
  std::uint32_t start = 0;  ///< instruction index
  std::vector<Argument> arguments;
  std::vector<std::uint16_t> results;  ///< tensor declarations of kind kOutput
  std::vector<Requirement> requirements;
  friend bool operator==(const Entry&, const Entry&) = default;
};

/// Where instructions come from; optional.
struct DebugInfo {
  std::vector<std::string> files;
  struct Line {
    std::uint16_t file = 0;
    std::uint32_t line = 0;
    friend bool operator==(const Line&, const Line&) = default;
  };
  std::vector<Line> lines;  ///< one per instruction, or empty
  friend bool operator==(const DebugInfo&, const DebugInfo&) = default;
};

struct Program {
  std::string name;
  std::vector<Symbol> symbols;
  std::vector<TensorDecl> tensors;
  std::vector<ScalarConst> consts;
  std::vector<std::string> strings;
  std::vector<AttrRecord> attrs;
  std::vector<Entry> entries;
  std::vector<Instruction> code;
  DebugInfo debug;
  friend bool operator==(const Program&, const Program&) = default;

  [[nodiscard]] const Entry* find_entry(std::string_view entry_name) const;
  [[nodiscard]] std::optional<std::uint16_t> find_tensor(std::string_view tensor_name) const;
  [[nodiscard]] std::vector<std::string> symbol_names() const;
};

/// Caps that decode and the assembler enforce.
struct Limits {
  static constexpr std::size_t kSymbols = 4096;
  static constexpr std::size_t kTensors = 4096;
  static constexpr std::size_t kConsts = 65536;
  static constexpr std::size_t kStrings = 65536;
  static constexpr std::size_t kAttrs = 4096;
  static constexpr std::size_t kEntries = 256;
  static constexpr std::size_t kCode = 1U << 20U;
  static constexpr std::size_t kStringBytes = 65536;
  static constexpr std::size_t kRank = 4;
  static constexpr std::int64_t kMaxArrayCount = 4096;
};

/// One instruction as assembly text with names where the program has them: "matmul q, t7, xn".
[[nodiscard]] std::string instruction_text(const Program& program, std::size_t pc);
/// "llama.pxasm:42" or "pc 17" when there is no debug information.
[[nodiscard]] std::string location_text(const Program& program, std::size_t pc);

}  // namespace pxos::isa
