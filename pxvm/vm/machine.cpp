#include "pxvm/vm/machine.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/vm/interpreter.hpp"
#include "pxvm/vm/profile.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pxos::vm {

using isa::Entry;
using isa::Symbol;
using isa::TensorDecl;

std::int64_t TensorView::elements() const {
  std::int64_t product = 1;
  for (std::uint8_t i = 0; i < rank; ++i) product *= dims[i];
  return product;
}

std::string TensorView::shape_text() const {
  return fmt::format("[{}]", fmt::join(dims.begin(), dims.begin() + rank, ", "));
}

Result<Session> Session::create(const LinkedProgram& program) {
  Session session;
  PX_TRY(session.memory_, Arena::create(program.region_bytes));
  return session;
}

Machine::Machine(std::shared_ptr<const LinkedProgram> program, const MachineOptions& options)
    : linked_(std::move(program)), options_(options), symbols_(linked_->symbols) {}

Result<Machine> Machine::create(std::shared_ptr<const LinkedProgram> program,
                                const MachineOptions& options) {
  PX_ASSERT(options.kernels != nullptr && options.pool != nullptr && options.stop != nullptr);
  Machine machine(std::move(program), options);
  const LinkedProgram& linked = *machine.linked_;
  PX_TRY(machine.activations_, Arena::create(linked.activation_bytes));
  machine.activation_slot_ =
      machine.regions_.add({machine.activations_.data(), linked.activation_bytes, true});
  // The linked program is const; its vectors are only ever read through import views (the verifier
  // proves it).
  auto* vectors = reinterpret_cast<std::uint8_t*>(const_cast<float*>(linked.vectors.data()));
  machine.vector_slot_ =
      machine.regions_.add({vectors, linked.vectors.size() * sizeof(float), false});
  machine.session_slot_ = machine.regions_.add({nullptr, linked.region_bytes, true});
  machine.inline_pool_ = std::make_unique<ThreadPool>(1);
  machine.rope_tables_.resize(linked.attrs.size());
  PX_TRY(machine.slot_memory_, Arena::create(slot_count(linked.plan) * sizeof(std::uint64_t)));
  PX_TRY(machine.call_memory_,
         Arena::create(linked.plan.calls ? kMaxCalls * sizeof(CallFrame) : 0));
  return machine;
}

void Machine::clear_slots() {
  std::fill_n(slots(), used_slots_, 0);
  used_slots_ = kWindowSlots;
  window_ = depth_ = 0;
}

void Machine::attach(const Session& session) {
  session_ = &session;
  regions_.replace(session_slot_, {session.memory().data(), linked_->region_bytes, true});
  preset_symbols_.reset();
}

Result<TensorView> Machine::make_view(std::size_t decl_index, std::int64_t index) const {
  const TensorDecl& decl = linked_->program().tensors[decl_index];
  const LinkedTensor& linked = linked_->tensors[decl_index];
  if (index < 0 || index >= linked.count) {
    return fail(Errc::kTrap, "'{}' has {} elements, index {}", decl.name, linked.count, index);
  }
  TensorView view;
  view.element = decl.element;
  view.rank = linked.rank;
  view.caches = linked.caches;
  for (std::uint8_t i = 0; i < linked.rank; ++i) {
    view.dims[i] = linked.extents[i].fixed;
    if (linked.extents[i].dynamic) {
      PX_TRY(view.dims[i], decl.dims[i].evaluate(symbols_));
    }
    // Linking checked the extents at the largest dims; "T - 3" is below zero at others.
    if (view.dims[i] < 0) {
      return fail(Errc::kUsage, "'{}': dimension {} is {} in this call", decl.name, i,
                  view.dims[i]);
    }
  }
  if (!within_limits(decl.element, std::span(view.dims).first(view.rank))) {
    return fail(Errc::kUsage, "'{}' is {} in this call: more than {} columns or {} rows", decl.name,
                view.shape_text(), kMaxColumns, kMaxRows);
  }
  view.length = static_cast<std::uint64_t>(view.elements());
  if (decl.element == TensorDecl::Element::kWeight) {
    view.packed = linked.packed[static_cast<std::size_t>(index)];
    return view;
  }
  if (decl.kind == TensorDecl::Kind::kView) return view;
  std::optional<std::uint64_t> need = linked.element_bytes;
  for (std::uint8_t i = 0; i < linked.rank && need; ++i)
    need = checked_mul(*need, static_cast<std::uint64_t>(view.dims[i]));
  if (!need || *need > linked.bytes) {
    return fail(Errc::kTrap, "'{}' {} needs more than the {} bytes that are reserved", decl.name,
                view.shape_text(), linked.bytes);
  }
  const RegionSlot slot = decl.kind == TensorDecl::Kind::kImport   ? vector_slot_
                          : decl.kind == TensorDecl::Kind::kRegion ? session_slot_
                                                                   : activation_slot_;
  view.data =
      regions_.at(slot).base + linked.offset + static_cast<std::uint64_t>(index) * linked.bytes;
  return view;
}

Result<TensorView> Machine::view(std::string_view tensor_name, std::int64_t index) {
  const auto decl = linked_->program().find_tensor(tensor_name);
  if (!decl)
    return fail(Errc::kNotFound, "program '{}' has no tensor '{}'", linked_->program().name,
                tensor_name);
  return make_view(*decl, index);
}

Result<MutBytes> Machine::memory(std::string_view tensor_name, std::int64_t index) {
  PX_TRY(const TensorView window, view(tensor_name, index));
  const auto decl = linked_->program().find_tensor(tensor_name);
  if (window.data == nullptr)
    return fail(Errc::kUsage, "tensor '{}' has no memory of its own", tensor_name);
  return MutBytes(window.data, linked_->tensors[*decl].bytes);
}

Result<void> Machine::set_dim(std::string_view name, std::int64_t value) {
  const auto& symbols = linked_->program().symbols;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i].name != name) continue;
    if (symbols[i].kind == Symbol::Kind::kDim) {
      const auto [lowest, highest] = linked_->dim_range[i];
      if (value < lowest || value > highest) {
        return fail(Errc::kUsage, "dimension {} = {} is outside {}..{}", name, value, lowest,
                    highest);
      }
    }
    if (symbols[i].kind == Symbol::Kind::kDim || symbols[i].kind == Symbol::Kind::kArgument)
      symbols_[i] = value;
    return {};
  }
  return {};
}

Result<void> Machine::check_requirements(const Entry& entry) const {
  for (const Entry::Requirement& requirement : entry.requirements) {
    PX_TRY(const std::int64_t lhs, requirement.lhs.evaluate(symbols_));
    PX_TRY(const std::int64_t rhs, requirement.rhs.evaluate(symbols_));
    if (lhs > rhs) {
      return fail(Errc::kUsage, "entry '{}' requires {}: {} > {}", entry.name, requirement.text,
                  lhs, rhs);
    }
  }
  return {};
}

// Extents depend on dims only; pos and the like change in every call.
bool Machine::same_dims() const {
  if (!preset_symbols_) return false;
  const auto& symbols = linked_->program().symbols;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i].kind == Symbol::Kind::kDim && (*preset_symbols_)[i] != symbols_[i]) return false;
  }
  return true;
}

Result<void> Machine::preset_views() {
  if (same_dims()) return {};
  preset_symbols_.reset();  // a failure half-way leaves views of two calls
  const auto& decls = linked_->program().tensors;
  views_.assign(decls.size(), {});
  for (std::size_t i = 0; i < decls.size(); ++i) {
    Result<TensorView> view = make_view(i, 0);
    if (!view && decls[i].home) return tl::unexpected<Error>(std::move(view).error());
    if (!view) continue;  // an array element without these extents: an error once it is bound
    views_[i] = *view;
    if (decls[i].home) tensors_[*decls[i].home] = *view;
  }
  preset_symbols_ = symbols_;
  return {};
}

Result<void> Machine::bind_view(std::size_t decl, std::int64_t index, TensorView& view) const {
  const LinkedTensor& linked = linked_->tensors[decl];
  const TensorView& first = views_[decl];
  if (first.rank == 0 || index < 0 || index >= linked.count) {
    PX_TRY(view, make_view(decl, index));
    return {};
  }
  view = first;
  if (view.packed != nullptr) {
    view.packed = linked.packed[static_cast<std::size_t>(index)];
  } else {
    view.data += static_cast<std::uint64_t>(index) * linked.bytes;
  }
  return {};
}

Result<void> Machine::prepare(const Entry& entry, const CallArguments& arguments) {
  std::size_t next = 0;
  clear_slots();
  for (const Entry::Argument& argument : entry.arguments) {
    if (argument.kind == Entry::ArgKind::kTensor) continue;
    if (next == arguments.scalars.size()) {
      return fail(Errc::kUsage, "entry '{}': no value for argument '{}'", entry.name,
                  argument.name);
    }
    const std::int64_t value = arguments.scalars[next++];
    slots()[argument.reg] = static_cast<std::uint64_t>(value);
    if (argument.kind == Entry::ArgKind::kI64) PX_CHECK(set_dim(argument.name, value));
  }
  if (next != arguments.scalars.size()) {
    return fail(Errc::kUsage, "entry '{}' takes {} scalar arguments, {} given", entry.name, next,
                arguments.scalars.size());
  }
  for (const auto& [name, value] : arguments.dims) PX_CHECK(set_dim(name, value));
  PX_CHECK(check_requirements(entry));
  return preset_views();
}

Result<void> Machine::begin(std::string_view entry_name, const CallArguments& arguments) {
  state_ = RunState::kIdle;
  const Entry* entry = linked_->program().find_entry(entry_name);
  if (entry == nullptr) {
    return fail(Errc::kNotFound, "program '{}' has no entry '{}'", linked_->program().name,
                entry_name);
  }
  if (linked_->region_bytes != 0 && session_ == nullptr) {
    return fail(Errc::kUsage, "program '{}' has regions, but no session is attached",
                linked_->program().name);
  }
  PX_CHECK(prepare(*entry, arguments));
  fuel_used_ = 0;
  trap_ = {};
  pc_ = entry->start;
  state_ = RunState::kPaused;
  return {};
}

Result<RunState> Machine::resume() {
  if (state_ != RunState::kPaused) return fail(Errc::kUsage, "nothing is paused: begin a call");
  const bool fused = options_.fusion && options_.debug == nullptr;
  if (options_.profile != nullptr) options_.profile->prepare(linked_->program().code.size(), fused);
  state_ = RunState::kHalted;  // unless the loop says otherwise
  pc_ = Interpreter(*this).run(pc_);
  if (trap_.kind == TrapKind::kNone) return state_;
  state_ = RunState::kIdle;
  return tl::unexpected<Error>(trap_error(pc_));
}

Result<void> Machine::call(std::string_view entry, const CallArguments& arguments) {
  Profile* profile = options_.profile;
  const Profile::Clock::time_point start =
      profile != nullptr ? Profile::Clock::now() : Profile::Clock::time_point{};
  PX_CHECK(begin(entry, arguments));
  const Result<RunState> done = resume();
  if (profile != nullptr) profile->add_call(Profile::Clock::now() - start);
  if (!done) return tl::unexpected<Error>(done.error());
  if (*done == RunState::kPaused)
    return fail(Errc::kInterrupted, "'{}' is paused by its debugger", entry);
  return {};
}

std::string Machine::operand_values(const isa::Instruction& instruction) const {
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  std::string out;
  if (info == nullptr) return out;
  // What a conversion read is in the trap's own text, as the number it is.
  constexpr std::uint8_t kConversions = 0x38;
  for (const isa::Operand& operand : info->operand_list()) {
    const auto reg =
        static_cast<std::uint8_t>(isa::field_value(instruction, *info, operand.field) & 0xFF);
    std::string text;
    if (isa::is_tensor(operand.kind)) text = tensors_[reg].shape_text();
    if (operand.kind == isa::OperandKind::kScalarRead && instruction.family != kConversions)
      text = fmt::format("r{} = {}", reg, static_cast<std::int64_t>(scalar(reg)));
    if (!text.empty()) out += (out.empty() ? " (" : ", ") + text;
  }
  return out.empty() ? out : out + ")";
}

Error Machine::trap_error(std::size_t pc) const {
  const isa::Program& program = linked_->program();
  const Errc code = trap_.kind == TrapKind::kInterrupted ? Errc::kInterrupted
                    : trap_.kind == TrapKind::kFuel      ? Errc::kLimit
                                                         : Errc::kTrap;
  if (trap_.kind == TrapKind::kInterrupted) return {code, "interrupted"};
  const std::string found = operand_values(program.code[pc]);
  return {code, fmt::format("trap at {}: {}{}: {}", isa::location_text(program, pc),
                            isa::instruction_text(program, pc), found, trap_.detail)};
}

}  // namespace pxos::vm
