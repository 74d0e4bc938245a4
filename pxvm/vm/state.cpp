#include "pxvm/vm/state.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/isa/functions.hpp"
#include "pxvm/isa/image.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::vm {
namespace {

using isa::RegisterCell;
using isa::Symbol;
using isa::TensorDecl;

constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kChecksumBytes = 16;

void put(ByteWriter& writer, const Xxh128& digest) {
  writer.u64(digest.low);
  writer.u64(digest.high);
}

Result<Xxh128> read_digest(ByteReader& reader, std::string_view what) {
  Xxh128 digest;
  PX_TRY(digest.low, reader.u64(what));
  PX_TRY(digest.high, reader.u64(what));
  return digest;
}

/// What linking decided and a state depends on: numbers, shapes, places.
Xxh128 digest_of_link(const LinkedProgram& linked) {
  ByteWriter writer;
  for (const std::int64_t value : linked.symbols) writer.i64(value);
  for (const LinkedTensor& tensor : linked.tensors) {
    writer.u8(static_cast<std::uint8_t>(tensor.caches));
    writer.i64(tensor.count);
    writer.u64(tensor.bytes);
    writer.u64(tensor.offset);
  }
  return xxh3_128(writer.view());
}

bool is_readable_root(const isa::Program& program, const RegisterCell& cell, std::uint16_t root) {
  if (cell.root < program.tensors.size()) return cell.root == root;
  return isa::is_writable(program, root) == (cell.root == RegisterCell::kManyWritable);
}

}  // namespace

MachineRegisters Machine::registers() const {
  const auto under_way = calls();
  return {{slots(), slots() + used_slots_},
          {under_way.begin(), under_way.end()},
          tensors_,
          symbols_,
          fuel_used_,
          trap_,
          state_,
          pc_};
}

Result<void> Machine::set_registers(const MachineRegisters& registers) {
  symbols_ = registers.symbols;
  PX_CHECK(preset_views());  // bind needs the views of these dims
  clear_slots();
  std::copy(registers.slots.begin(), registers.slots.end(), slots());
  used_slots_ = std::max(registers.slots.size(), kWindowSlots);
  std::copy(registers.calls.begin(), registers.calls.end(), call_frames());
  depth_ = registers.calls.size();
  for (const CallFrame& call : registers.calls) window_ += call.base;
  tensors_ = registers.tensors;
  fuel_used_ = registers.fuel_used;
  trap_ = registers.trap;
  state_ = registers.state;
  pc_ = registers.pc;
  return {};
}

std::array<MutBytes, 2> Machine::writable_memory() const {
  const Region& session = regions_.at(session_slot_);
  return {MutBytes(activations_.data(), activations_.size()),
          MutBytes(session.base, session.base != nullptr ? session.size_bytes : 0)};
}

Result<StateFormat> StateFormat::create(std::shared_ptr<const LinkedProgram> program) {
  StateFormat format(std::move(program));
  const LinkedProgram& linked = *format.linked_;
  PX_TRY(const isa::RgbImage picture, isa::encode_program(linked.program()));
  format.program_digest_ = xxh3_128(picture.rgb);
  format.link_digest_ = digest_of_link(linked);
  constexpr std::uint64_t kHead = 8 + 2 + 2 + 4 + 2 * 16 + 8 + 8 + 4 + 1 + 3;
  std::uint64_t head = kHead + 8 * linked.symbols.size() + 256 * 16;
  head += 8 * (slot_count(linked.plan) + (linked.plan.calls ? 1 + kMaxCalls : 0));
  head = round_up(head, kAlignment);
  format.bytes_ = head + linked.activation_bytes + linked.region_bytes + kChecksumBytes;
  return format;
}

Result<void> StateFormat::check(const Machine& machine) const {
  if (&machine.linked() == linked_.get()) return {};
  return fail(Errc::kUsage, "this state format is of another linked program than the machine's");
}

std::optional<StateFormat::Cells> StateFormat::cells_at(std::size_t pc) const {
  const isa::Program& program = linked_->program();
  const std::vector<bool> sound(program.code.size(), true);  // it is verified
  isa::Flow flow(program, sound);
  if (!flow.run()) return std::nullopt;
  std::optional<Cells> found;
  flow.for_each([&](std::size_t at, const isa::Flow::Registers& registers) {
    if (at != pc) return;
    Cells& cells = found.emplace();
    for (std::size_t reg = 0; reg < cells.size(); ++reg)
      cells[reg] = registers(static_cast<std::uint8_t>(reg));
  });
  return found;
}

/// True when the view looks into declaration `decl`; sets where.
bool StateFormat::holds(const Machine& machine, const TensorView& view, std::size_t decl,
                        Window& window) const {
  const LinkedTensor& linked = linked_->tensors[decl];
  if (linked_->program().tensors[decl].kind == TensorDecl::Kind::kView) return false;
  window.decl = static_cast<std::uint16_t>(decl);
  if (view.packed != nullptr) {
    const auto it = std::find(linked.packed.begin(), linked.packed.end(), view.packed);
    window.index = static_cast<std::uint32_t>(it - linked.packed.begin());
    return it != linked.packed.end();
  }
  auto first = machine.make_view(decl, 0);
  if (!first || first->data == nullptr || view.data < first->data) return false;
  if (linked.bytes == 0) return view.data == first->data;
  const auto offset = static_cast<std::uint64_t>(view.data - first->data);
  if (offset / linked.bytes >= static_cast<std::uint64_t>(linked.count)) return false;
  window.index = static_cast<std::uint32_t>(offset / linked.bytes);
  window.offset = offset % linked.bytes;
  return true;
}

StateFormat::Window StateFormat::window_of(const Machine& machine, const TensorView& view,
                                           const RegisterCell& cell) const {
  Window window;
  if (cell.status != RegisterCell::Status::kKnown || view.rank == 0) return {};
  const std::size_t decls = linked_->tensors.size();
  if (cell.root < decls) return holds(machine, view, cell.root, window) ? window : Window{};
  for (std::size_t decl = 0; decl < decls; ++decl) {
    window = {};
    if (holds(machine, view, decl, window)) return window;
  }
  return {};
}

/// All of the room, so that the size does not depend on the depth.
void StateFormat::write_calls(const Machine& machine, ByteWriter& writer) {
  writer.u64(machine.depth_);
  for (std::size_t i = 0; i < kMaxCalls; ++i) {
    const CallFrame call = i < machine.depth_ ? machine.call_frames()[i] : CallFrame{};
    writer.u32(call.return_pc);
    writer.u32(call.base);
  }
}

Result<void> StateFormat::read_calls(ByteReader& reader, MachineRegisters& out) const {
  PX_TRY(const std::uint64_t depth, reader.u64("call depth"));
  if (depth > kMaxCalls)
    return fail(Errc::kInvalid, "state: {} calls, at most {}", depth, kMaxCalls);
  for (std::uint64_t i = 0; i < kMaxCalls; ++i) {
    CallFrame call;
    PX_TRY(call.return_pc, reader.u32("call"));
    PX_TRY(call.base, reader.u32("call"));
    if (i < depth) out.calls.push_back(call);
    if (i >= depth && (call.return_pc != 0 || call.base != 0))
      return fail(Errc::kInvalid, "state: bytes behind the last call are not zero");
  }
  return check_calls(out);
}

/// Each call must be one that the program has, made by code of the function that the call before it
/// entered, and its window inside the slots.
Result<void> StateFormat::check_calls(const MachineRegisters& registers) const {
  const isa::Program& program = linked_->program();
  const std::vector<bool> sound(program.code.size(), true);
  const isa::Functions functions(program, sound);
  std::uint32_t owner = isa::Functions::kEntry;
  std::size_t window = 0;
  for (const CallFrame& call : registers.calls) {
    const std::size_t at = std::size_t{call.return_pc} - 1;
    const bool known = call.return_pc > 0 && call.return_pc < program.code.size() &&
                       program.code[at].opcode() == isa::Opcode::kCall &&
                       program.code[at].a == call.base && functions.owner(at) == owner;
    const auto target = known ? isa::branch_target(program, at) : std::nullopt;
    if (!target)
      return fail(Errc::kInvalid, "state: there is no such call to return to instruction {}",
                  call.return_pc);
    owner = isa::Functions::owner_of_frame(*target);
    window += call.base;
    if (window + static_cast<std::size_t>(program.code[*target].imm) > kCallSlots)
      return fail(Errc::kInvalid, "state: its calls reach beyond {} registers", kCallSlots);
  }
  if (registers.state == RunState::kPaused && functions.owner(registers.pc) != owner)
    return fail(Errc::kInvalid, "state: pc {} is not in the function that was called",
                registers.pc);
  return {};
}

ByteVector StateFormat::head_of(const Machine& machine) const {
  ByteWriter writer;
  writer.bytes(as_bytes(kStateMagic));
  writer.u8(0);
  writer.u16(kStateVersion);
  writer.u16(0);
  writer.u32(0);
  put(writer, program_digest_);
  put(writer, link_digest_);
  writer.u64(machine.symbols_.size());
  writer.u64(machine.fuel_used_);
  writer.u32(static_cast<std::uint32_t>(machine.pc_));
  writer.u8(static_cast<std::uint8_t>(machine.state_));
  for (int i = 0; i < 3; ++i) writer.u8(0);
  for (const std::int64_t value : machine.symbols_) writer.i64(value);
  const std::span<const std::uint64_t> slots(machine.slots(), slot_count(linked_->plan));
  for (const std::uint64_t value : slots) writer.u64(value);
  if (linked_->plan.calls) write_calls(machine, writer);
  // Between calls no tensor register means anything: every entry presets the homes.
  std::optional<Cells> cells;
  if (machine.state_ == RunState::kPaused) cells = cells_at(machine.pc_);
  for (std::size_t reg = 0; reg < 256; ++reg) {
    const Window window =
        cells ? window_of(machine, machine.tensors_[reg], (*cells)[reg]) : Window{};
    writer.u16(window.decl);
    writer.u16(0);
    writer.u32(window.index);
    writer.u64(window.offset);
  }
  writer.pad_to(kAlignment);
  return writer.take();
}

Result<void> StateFormat::save(const Machine& machine, MutBytes out) const {
  PX_CHECK(check(machine));
  if (out.size() != bytes_)
    return fail(Errc::kUsage, "a state of this program has {} bytes, found room for {}", bytes_,
                out.size());
  const ByteVector head = head_of(machine);
  std::memcpy(out.data(), head.data(), head.size());
  std::uint64_t at = head.size();
  const auto memory = machine.writable_memory();
  const std::array<std::uint64_t, 2> sizes{linked_->activation_bytes, linked_->region_bytes};
  for (std::size_t i = 0; i < memory.size(); ++i) {
    // A guest without a session has no regions: zeros stand for them.
    std::memset(out.data() + at, 0, memory[i].empty() ? sizes[i] : 0);
    if (!memory[i].empty()) std::memcpy(out.data() + at, memory[i].data(), memory[i].size());
    at += sizes[i];
  }
  ByteWriter tail;
  put(tail, xxh3_128(Bytes(out).first(at)));
  std::memcpy(out.data() + at, tail.view().data(), kChecksumBytes);
  return {};
}

Result<void> StateFormat::read_symbols(ByteReader& reader, MachineRegisters& out) const {
  const auto& symbols = linked_->program().symbols;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    PX_TRY(const std::int64_t value, reader.i64("symbol"));
    const auto [lowest, highest] = linked_->dim_range[i];
    const bool is_dim = symbols[i].kind == Symbol::Kind::kDim;
    if (is_dim && (value < lowest || value > highest))
      return fail(Errc::kInvalid, "state: dimension {} = {} is outside {}..{}", symbols[i].name,
                  value, lowest, highest);
    if (!is_dim && symbols[i].kind != Symbol::Kind::kArgument && value != linked_->symbols[i])
      return fail(Errc::kInvalid, "state: parameter {} is {}, expected {}", symbols[i].name, value,
                  linked_->symbols[i]);
    out.symbols.push_back(value);
  }
  return {};
}

Result<MachineRegisters> StateFormat::read_registers(ByteReader& reader) const {
  PX_CHECK(reader.seek(10, "reserved bytes"));
  PX_TRY(const std::uint16_t reserved_a, reader.u16("reserved bytes"));
  PX_TRY(const std::uint32_t reserved_b, reader.u32("reserved bytes"));
  PX_TRY(const Xxh128 program, read_digest(reader, "program digest"));
  PX_TRY(const Xxh128 link, read_digest(reader, "link digest"));
  if (program != program_digest_)
    return fail(Errc::kUnsupported, "state: it belongs to program {}, this one is {}",
                to_hex(program), to_hex(program_digest_));
  if (link != link_digest_)
    return fail(Errc::kUnsupported,
                "state: it belongs to '{}' with other parameters (context, batch, shapes)",
                linked_->program().name);
  PX_TRY(const std::uint64_t count, reader.u64("symbol count"));
  MachineRegisters out;
  PX_TRY(out.fuel_used, reader.u64("fuel"));
  PX_TRY(const std::uint32_t pc, reader.u32("pc"));
  PX_TRY(const std::uint8_t state, reader.u8("run state"));
  PX_TRY(const Bytes reserved_c, reader.bytes(3, "reserved bytes"));
  if (reserved_a != 0 || reserved_b != 0 || reserved_c[0] + reserved_c[1] + reserved_c[2] != 0)
    return fail(Errc::kInvalid, "state: reserved bytes are not zero");
  if (count != linked_->symbols.size() || pc >= linked_->program().code.size() ||
      state > static_cast<std::uint8_t>(RunState::kHalted))
    return fail(Errc::kInvalid, "state: {} symbols, pc {}, run state {} cannot be", count, pc,
                state);
  out.pc = pc;
  out.state = static_cast<RunState>(state);
  PX_CHECK(read_symbols(reader, out));
  out.slots.resize(slot_count(linked_->plan));
  for (std::uint64_t& slot : out.slots) {
    PX_TRY(slot, reader.u64("scalar register"));
  }
  if (linked_->plan.calls) PX_CHECK(read_calls(reader, out));
  return out;
}

Result<TensorView> StateFormat::view_of(const Machine& machine, const Window& window,
                                        const RegisterCell& cell) const {
  const isa::Program& program = linked_->program();
  if (window.decl >= program.tensors.size() ||
      program.tensors[window.decl].kind == TensorDecl::Kind::kView ||
      !is_readable_root(program, cell, window.decl))
    return fail(Errc::kInvalid, "declaration {} is not what it may hold", window.decl);
  const LinkedTensor& root = linked_->tensors[window.decl];
  if (window.index >= static_cast<std::uint64_t>(root.count))
    return fail(Errc::kInvalid, "element {} of {}", window.index, root.count);
  // The type is proved; only where it looks comes from the state.
  PX_TRY(TensorView view, machine.make_view(cell.type, 0));
  PX_TRY(const TensorView whole, machine.make_view(window.decl, window.index));
  if (whole.packed != nullptr) {
    if (window.offset != 0) return fail(Errc::kInvalid, "an offset into weights");
    view.packed = whole.packed;
    return view;
  }
  const std::uint64_t element = std::max<std::uint64_t>(root.element_bytes, 1);
  const bool is_cache = view.element == TensorDecl::Element::kF16;
  const auto elements = static_cast<std::uint64_t>(view.elements());
  const bool fits = is_cache ? window.offset == 0
                             : window.offset % element == 0 &&
                                   range_fits(window.offset, elements * element, root.bytes);
  if (!fits || view.element != whole.element || view.caches != whole.caches)
    return fail(Errc::kInvalid, "{} elements from byte {} of {}", elements, window.offset,
                root.bytes);
  view.data = whole.data + window.offset;
  return view;
}

/// Registers of a paused machine hold what the flow says, all others what an entry presets: homes,
/// and the shapes of views that are not set yet.
Result<void> StateFormat::adopt(Machine& machine, MachineRegisters registers,
                                const std::array<Window, 256>& windows) const {
  machine.symbols_ = registers.symbols;
  machine.preset_symbols_.reset();
  machine.tensors_.fill({});
  PX_CHECK(machine.preset_views());
  registers.tensors = machine.tensors_;
  if (registers.state == RunState::kPaused) {
    const std::optional<Cells> cells = cells_at(registers.pc);
    if (!cells) return fail(Errc::kInvalid, "state: no path leads to pc {}", registers.pc);
    for (std::size_t reg = 0; reg < 256; ++reg) {
      if ((*cells)[reg].status != RegisterCell::Status::kKnown) continue;
      auto view = view_of(machine, windows[reg], (*cells)[reg]);
      if (!view) return in_context(fmt::format("state: t{}", reg), std::move(view).error());
      registers.tensors[reg] = *view;
    }
  }
  return machine.set_registers(registers);
}

Result<void> StateFormat::check_envelope(Bytes state) const {
  if (state.size() < 10 || as_text(state.first(kStateMagic.size())) != kStateMagic ||
      state[kStateMagic.size()] != 0)
    return fail(Errc::kInvalid, "not a machine state: expected \"{}\" at byte 0", kStateMagic);
  ByteReader reader(state);
  PX_CHECK(reader.seek(8, "version"));
  PX_TRY(const std::uint16_t version, reader.u16("version"));
  if (version != kStateVersion)
    return fail(Errc::kUnsupported, "state version {} at byte 8, expected {}", version,
                kStateVersion);
  if (state.size() != bytes_)
    return fail(Errc::kInvalid, "a state of '{}' has {} bytes, found {}", linked_->program().name,
                bytes_, state.size());
  const std::uint64_t end = bytes_ - kChecksumBytes;
  ByteReader tail(state.subspan(end));
  PX_TRY(const Xxh128 checksum, read_digest(tail, "checksum"));
  const Xxh128 found = xxh3_128(state.first(end));
  if (found == checksum) return {};
  return fail(Errc::kInvalid, "state is damaged: checksum {}, expected {}", to_hex(found),
              to_hex(checksum));
}

Result<void> StateFormat::load(Bytes state, Machine& machine) const {
  PX_CHECK(check(machine));
  PX_CHECK(check_envelope(state));
  ByteReader reader(state);
  PX_TRY(MachineRegisters registers, read_registers(reader));
  std::array<Window, 256> windows;
  for (Window& window : windows) {
    PX_TRY(window.decl, reader.u16("tensor register"));
    PX_TRY(const std::uint16_t reserved, reader.u16("tensor register"));
    PX_TRY(window.index, reader.u32("tensor register"));
    PX_TRY(window.offset, reader.u64("tensor register"));
    if (reserved != 0) return fail(Errc::kInvalid, "state: reserved bytes are not zero");
  }
  const MachineRegisters before = machine.registers();
  if (auto adopted = adopt(machine, std::move(registers), windows); !adopted) {
    PX_CHECK(machine.set_registers(before));
    return adopted;
  }
  const auto memory = machine.writable_memory();
  std::uint64_t at = bytes_ - kChecksumBytes - linked_->activation_bytes - linked_->region_bytes;
  for (const MutBytes part : memory) {
    if (!part.empty()) std::memcpy(part.data(), state.data() + at, part.size());
    at += linked_->activation_bytes;  // the second part begins behind the first
  }
  return {};
}

}  // namespace pxos::vm
