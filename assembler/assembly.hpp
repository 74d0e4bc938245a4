#pragma once
// The state of one assembly that its passes share: text, diagnostics, names, and the program being
// made.
//   1 preprocess and parse: lines -> Items (what to emit, in order) and Directives
//   2 declare: Directives -> the program's tables (declare.hpp)
//   3 emit: Items -> code (emitter.hpp)
//   4 check: isa::verify, findings mapped back to text (check.hpp); warnings (lint.hpp)

#include "assembler/syntax.hpp"
#include "pxvm/isa/program.hpp"

#include <bitset>
#include <unordered_map>
#include <vector>

namespace pxos::assembler {

/// Something a name stands for.
struct Known {
  enum class Kind : std::uint8_t { kSymbol, kConst, kString, kTensor, kAttr, kBroken };
  Kind kind = Kind::kBroken;
  std::uint32_t index = 0;  ///< in the program's table of that kind
  Span declared;
};

/// Values (parameters, dimensions, constants, strings), tensors and attribute records have names of
/// their own, because an operand's kind says which is meant.
enum class Space : std::uint8_t { kValue, kTensor, kAttr };

class Names {
 public:
  [[nodiscard]] const Known* find(Space space, std::string_view name) const;
  /// Reports a name that is taken, with a note where; register names must be quoted.
  bool add(Space space, const Name& name, Known known, Reporter& reporter);
  /// The name's declaration failed: uses of it are not worth another diagnostic.
  void add_broken(const Name& name);
  [[nodiscard]] bool broken(std::string_view name) const { return broken_.contains(name); }
  /// For "did you mean".
  [[nodiscard]] std::vector<std::string_view> all(Space space) const;
  /// Everything that is declared, in the order of the text.
  [[nodiscard]] std::vector<std::pair<std::string_view, Known>> declared(Space space) const;

 private:
  std::unordered_map<std::string_view, Known> spaces_[3];
  std::unordered_map<std::string_view, Span> broken_;
};

/// A named scalar register.
struct ScalarName {
  std::uint8_t reg = 0;
  Span declared;
  std::optional<isa::Entry::ArgKind> argument;  ///< set for arguments of an entry
  std::optional<std::size_t> named{};           ///< its place in Assembly::registers
};
using ScalarNames = std::unordered_map<std::string_view, ScalarName>;

/// A register that `.reg` names, in one entry or for all.
struct NamedRegister {
  std::string_view name;
  std::string_view entry;  ///< empty before the first
  std::uint8_t reg = 0;
  Span declared;
  bool used = false;
};

struct LabelPlace {
  std::string_view name;
  std::string scope;  ///< of a local label: the label or entry above it
  std::uint32_t pc = 0;
  Span span;
  std::optional<std::size_t> entry;  ///< whose code it is in
  bool used = false;                 ///< by a branch, or because it is an entry
};

/// Bits that grow when they are set.
class Marks {
 public:
  void set(std::size_t index) {
    if (index >= bits_.size()) bits_.resize(index + 1);
    bits_[index] = true;
  }
  [[nodiscard]] bool has(std::size_t index) const { return index < bits_.size() && bits_[index]; }

 private:
  std::vector<bool> bits_;
};

struct Item {
  enum class Kind : std::uint8_t { kLabel, kInstruction, kDirective };
  Kind kind = Kind::kInstruction;
  std::uint32_t line = 0;   ///< instructions are parsed again from here when they are emitted
  std::uint32_t index = 0;  ///< into labels or directives
};

struct Assembly {
  explicit Assembly(bool debug_info) : reporter(map), keep_debug(debug_info) {}

  SourceMap map;
  Reporter reporter;
  bool keep_debug;
  isa::Program program;
  Names names;

  /// An `.entry` line has a mistake: names that code uses may be its arguments.
  bool entry_broken = false;

  std::vector<Item> items;
  std::vector<Label> labels;
  std::vector<Directive> directives;
  std::size_t binary_bytes = 0;      ///< read by `.incbin`; capped
  std::size_t directive_tokens = 0;  ///< read so far; capped, because what they say is kept

  std::bitset<256> scalars_taken;  ///< mentioned as rN outside of functions, or given out
  std::vector<std::bitset<256>> function_scalars;  ///< mentioned in each function
  bool in_function = false;                        ///< where the text is that is read
  std::bitset<256> tensors_taken;                  ///< mentioned as tN, or a home

  std::vector<Span> tensor_spans;                         ///< declaration of each tensor
  std::vector<bool> tensor_homeless;                      ///< declared with @none
  std::vector<bool> tensor_used;                          ///< by code
  Marks symbol_used, const_used, string_used, attr_used;  ///< by anything
  std::vector<NamedRegister> registers;
  std::vector<LabelPlace> label_places;
  std::vector<std::pair<std::string_view, Span>> unused_macros;
  std::vector<ScalarNames> entry_scalars;  ///< arguments of each entry
  std::vector<Span> entry_spans;
  std::unordered_map<std::string, std::uint32_t> unnamed_consts;  ///< by type and encoded value
  std::unordered_map<std::string, std::uint32_t> literal_strings;

  /// Where an emitted instruction comes from; `operand` counts from 0, kWholeStatement when it is
  /// none's.
  static constexpr std::uint8_t kWholeStatement = 0xFF;
  struct Emitted {
    std::uint32_t line = 0;
    std::uint8_t operand = kWholeStatement;  ///< for a bind or constant made for an operand
  };
  std::vector<Emitted> emitted;
};

/// "q: f32[T, n_head*head_dim]" as declared.
[[nodiscard]] std::string tensor_type_text(const isa::Program& program,
                                           const isa::TensorDecl& decl);
[[nodiscard]] std::string_view element_text(isa::TensorDecl::Element element);
/// "import", "region", "temp", "view", "input", "output".
[[nodiscard]] std::string_view tensor_kind_text(isa::TensorDecl::Kind kind);

}  // namespace pxos::assembler
