#pragma once
// Third pass: items to instructions. Operands that are not what the machine takes (constants where
// a register is read, elements of tensor arrays) get the instructions that make them, in front of
// the instruction that uses them:
//   br.lt l, n_layer, .loop   ->  const r255, #0 ; br.lt r0, r255, .loop       scratch registers
//   count down from r255 matmul q, wq[l], x        ->  bind t9, wq, r0 ; matmul t3, t9, t1 one
//   register per (array, index) in use

#include "assembler/declare.hpp"
#include "assembler/parser.hpp"

#include <set>

namespace pxos::assembler {

class Emitter {
 public:
  explicit Emitter(Assembly& assembly)
      : assembly_(assembly),
        program_(assembly.program),
        reporter_(assembly.reporter),
        resolver_(assembly) {}

  void run();

 private:
  /// The instruction that is being put together.
  struct Draft {
    const InstructionText* text = nullptr;
    const isa::OpInfo* info = nullptr;
    isa::Instruction out;
    std::uint32_t line = 0;
    std::size_t operand = 0;   ///< the one in hand
    std::bitset<256> scratch;  ///< scalar registers that hold made values
    std::optional<Label> target;
  };
  enum class ScalarType : std::uint8_t { kI64, kF32, kF64, kAny };
  /// A register that holds an array element while `valid`.
  struct Bound {
    std::string key;  ///< "<decl>:r<register>" or "<decl>:<encoded index>"
    std::optional<std::uint8_t> index_reg;
    std::uint8_t reg = 0;
    bool valid = false;
    std::size_t last_statement = 0;
  };
  /// The function whose code is being emitted.
  struct Function {
    std::string_view name;
    std::size_t frame_pc = 0;
    std::size_t arguments = 0;
    std::size_t number = 0;    ///< in Assembly::function_scalars
    std::bitset<256> scratch;  ///< registers that held made values
  };
  struct Fixup {
    std::size_t pc = 0;
    std::string key;
    Name name;
    bool local = false;
    std::optional<std::size_t> entry;  ///< `.entry f() at label`
    std::optional<std::size_t> from;   ///< the entry whose code branches
  };

  // emitter.cpp: order, labels, directives.
  void item(const Item& item);
  void label(const Label& label);
  void directive(const Directive& directive);
  void start_entry(const EntryText& text);
  void start_function(const FuncText& text);
  void end_function();
  void require(const Directive& directive, const RequireText& text);
  void check_assert(const AssertText& text);
  void name_registers(const RegText& text);
  void word(const Item& item, const WordText& text);
  void instruction(const Item& item);
  bool encode(Draft& draft);
  bool append(const isa::Instruction& instruction, Assembly::Emitted from);
  void debug_line(std::uint32_t line);
  void patch_labels();
  void report_label(const Fixup& fixup);
  void warn_other_entry(const Fixup& fixup, const LabelPlace& place);
  [[nodiscard]] std::string label_key(const Label& label) const;
  void wrong_count(const InstructionText& text, const isa::OpInfo& info);

  // operands.cpp: one function per family of operand kinds; false = reported.
  bool operand(Draft& draft, const Operand& given, isa::Operand wanted);
  bool scalar_write(Draft& draft, const Operand& given, isa::Operand wanted);
  bool scalar_read(Draft& draft, const Operand& given, isa::Field field);
  bool tensor(Draft& draft, const Operand& given, isa::Operand wanted);
  bool tensor_name(Draft& draft, const Operand& given, isa::Operand wanted);
  bool array_element(Draft& draft, const Operand& given, isa::Operand wanted);
  bool array_name(Draft& draft, const Operand& given, isa::Field field);
  bool immediate(Draft& draft, const Operand& given, isa::Field field);
  bool constant(Draft& draft, const Operand& given, isa::Field field);
  bool string(Draft& draft, const Operand& given, isa::Field field);
  bool host_call(Draft& draft, const Operand& given, isa::Field field);
  bool attribute(Draft& draft, const Operand& given, isa::Operand wanted);
  bool branch_target(Draft& draft, const Operand& given);
  bool wrong_kind(const Draft& draft, const Operand& given, isa::OperandKind wanted);
  bool not_declared(const Name& name, Space space, std::string_view hint = {});
  bool set_field(Draft& draft, isa::Field field, std::int64_t value, Span span);
  [[nodiscard]] static isa::ScalarConst::Type const_type(ScalarType type);
  [[nodiscard]] static ScalarType type_in_name(std::string_view mnemonic);
  [[nodiscard]] static ScalarType scalar_type(const isa::OpInfo& info, isa::Field field);
  std::optional<std::uint8_t> scalar_register(const Name& name) const;
  std::optional<std::uint8_t> made_scalar(Draft& draft, const Expr& expr, ScalarType type);
  std::optional<std::uint8_t> load(Draft& draft, isa::Opcode opcode, std::int64_t imm, Span span);
  std::optional<std::uint8_t> load_literal(Draft& draft, std::int64_t value, Span span);
  std::optional<std::uint8_t> load_const(Draft& draft, std::uint32_t index, Span span);
  std::optional<std::uint32_t> pool_const(const Resolved& value, ScalarType type);
  std::optional<std::uint8_t> scratch(Draft& draft, Span span);
  const isa::TensorDecl* find_tensor(const Name& name, isa::OperandKind wanted, bool array,
                                     std::uint16_t& index);
  const isa::TensorDecl* find_array(const Operand& given, isa::OperandKind wanted,
                                    std::uint16_t& index);
  std::optional<std::string> element_key(const Operand& given, std::uint16_t decl);
  Bound* bind(Draft& draft, const Operand& given, const std::string& key, std::uint16_t decl);
  Bound* find_bound(const std::string& key);
  Bound* make_bound(const std::string& key, Span span);
  void forget_after(const Draft& draft);
  [[nodiscard]] std::string describe(const Operand& given) const;
  [[nodiscard]] std::vector<std::string_view> scalar_names() const;
  /// Mentioned in this function, or in entries.
  [[nodiscard]] const std::bitset<256>& scalars_taken() const;
  [[nodiscard]] const ScalarName* find_scalar(std::string_view name) const;
  void mark_used(std::uint8_t reg);

  Assembly& assembly_;
  isa::Program& program_;
  Reporter& reporter_;
  Resolver resolver_;

  std::optional<std::size_t> entry_;
  std::optional<Function> function_;  ///< then entry_ is none
  std::size_t functions_started_ = 0;
  std::size_t entries_started_ = 0;
  ScalarNames global_scalars_;
  ScalarNames local_scalars_;
  std::bitset<256> local_taken_;

  std::unordered_map<std::string, std::size_t> labels_;  ///< to Assembly::label_places
  std::vector<Fixup> fixups_;
  std::string scope_;  ///< of local labels: the last global label or entry
  std::vector<std::string_view> label_names_;

  std::vector<Bound> bound_;
  std::bitset<256> marked_;  ///< registers whose tensors are known to be used
  std::size_t statement_ = 0;

  bool debug_directives_ = false;
  isa::DebugInfo::Line debug_line_;
  /// Use of a macro and operand that was wrong in it: the other lines of the macro say no more.
  std::set<std::pair<std::uint32_t, std::string_view>> wrong_in_macro_;
  std::unordered_map<std::uint32_t, std::uint16_t> debug_files_;  ///< source file -> debug file
};

/// "matmul d: f32 tensor (written), a: weight matrix, b: f32 tensor", from the opcode table.
[[nodiscard]] std::string instruction_form(const isa::OpInfo& info);
/// An instruction with this opcode and nothing else.
[[nodiscard]] isa::Instruction blank(isa::Opcode opcode);
/// What an operand of this kind is, for a person.
[[nodiscard]] std::string_view kind_text(isa::OperandKind kind);

}  // namespace pxos::assembler
