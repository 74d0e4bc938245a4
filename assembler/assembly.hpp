#pragma once
// The state of one assembly that its passes share: text, diagnostics, names, and the program being
// made.
//   1 preprocess and parse: lines -> Items (what to emit, in order) and Directives
//   2 declare: Directives -> the program's tables (declare.hpp)
//   3 emit: Items -> code (emitter.hpp)
//   4 check: isa::verify, findings mapped back to text; warnings (check.hpp)

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

 private:
  std::unordered_map<std::string_view, Known> spaces_[3];
  std::unordered_map<std::string_view, Span> broken_;
};

/// A named scalar register.
struct ScalarName {
  std::uint8_t reg = 0;
  Span declared;
  std::optional<isa::Entry::ArgKind> argument;  ///< set for arguments of an entry
};
using ScalarNames = std::unordered_map<std::string_view, ScalarName>;

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
  std::size_t directive_tokens = 0;  ///< read so far; capped, because what they say is kept

  std::bitset<256> scalars_taken;  ///< mentioned as rN, or given out
  std::bitset<256> tensors_taken;  ///< mentioned as tN, or a home

  std::vector<Span> tensor_spans;          ///< declaration of each tensor
  std::vector<bool> tensor_homeless;       ///< declared with @none
  std::vector<bool> tensor_used;           ///< by code
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
