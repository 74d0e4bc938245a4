#include "differ.hpp"

#include "pxvm/tensor/kernels/select.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <thread>

#include <fmt/format.h>

namespace pxos::test {
namespace {

using isa::TensorDecl;
using Key = CheckedMachine::Key;

/// Bytes of a canary: NaN as f32 and f16, -1 as integers, so that reading one shows too.
constexpr std::uint8_t kCanary = 0xFF;
constexpr std::uint64_t kGuardBytes = 128;

bool has_memory(const TensorDecl& decl) {
  return decl.kind != TensorDecl::Kind::kView && decl.element != TensorDecl::Element::kWeight;
}

std::uint64_t& arena_end(vm::LinkedProgram& linked, const TensorDecl& decl) {
  return decl.kind == TensorDecl::Kind::kRegion ? linked.region_bytes : linked.activation_bytes;
}

/// The same program with canaries in front of and behind every tensor and vector.
std::shared_ptr<const vm::LinkedProgram> guarded(const vm::LinkedProgram& linked) {
  auto out = std::make_shared<vm::LinkedProgram>(linked);
  out->activation_bytes = out->region_bytes = kGuardBytes;
  const float canary = std::bit_cast<float>(0xFFFF'FFFFU);
  out->vectors.assign(kGuardBytes / sizeof(float), canary);
  for (std::size_t i = 0; i < out->tensors.size(); ++i) {
    const TensorDecl& decl = linked.program().tensors[i];
    vm::LinkedTensor& tensor = out->tensors[i];
    if (!has_memory(decl)) continue;
    const std::uint64_t bytes = tensor.bytes * static_cast<std::uint64_t>(tensor.count);
    if (decl.kind == TensorDecl::Kind::kImport) {
      const float* first = linked.vectors.data() + tensor.offset / sizeof(float);
      tensor.offset = out->vectors.size() * sizeof(float);
      out->vectors.insert(out->vectors.end(), first, first + bytes / sizeof(float));
      out->vectors.insert(out->vectors.end(), kGuardBytes / sizeof(float), canary);
      continue;
    }
    std::uint64_t& end = arena_end(*out, decl);
    tensor.offset = end;
    end += bytes + kGuardBytes;
  }
  return out;
}

/// What tensors hold before the first call: half of them zeros, the others numbers of their type.
void fill(CheckedMachine::Buffer& bytes, const TensorDecl& decl, CounterRng& rng) {
  const bool wild = rng.next_u32() % 16 == 0;
  const bool zeros = rng.next_u32() % 2 == 0 && decl.kind != TensorDecl::Kind::kInput;
  std::uint64_t state = rng.next_u32();  // many numbers: a cheap generator
  for (std::size_t at = 0; at + 4 <= bytes.size() && !zeros; at += 4) {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    auto word = static_cast<std::uint32_t>(state >> 32U);
    const float number = (static_cast<float>(word >> 8) * 0x1p-24F - 0.5F) * 4;
    if (decl.element == TensorDecl::Element::kF32 && !wild)
      word = std::bit_cast<std::uint32_t>(number);
    if (decl.element == TensorDecl::Element::kF16 && !wild) word &= 0xBBFF'BBFFU;  // below 2
    if (decl.element == TensorDecl::Element::kI32) word %= word >> 26U == 0 ? 64U : 19U;
    std::memcpy(bytes.data() + at, &word, sizeof word);
  }
}

/// Scalars of a call: mostly what the entry wants, by its names.
std::int64_t argument_value(const std::string& name, const FuzzBase& base, CounterRng& rng) {
  if (rng.next_u32() % 24 == 0) return static_cast<std::int64_t>(rng.next_u32()) - (1LL << 30);
  if (name == "pos") {
    if (rng.next_u32() % 16 == 0) return (1 << 24) - static_cast<std::int64_t>(rng.next_u32() % 8);
    const auto ctx = base.integers.find("ctx");
    return static_cast<std::int64_t>(rng.next_u32() % 8) *
           (ctx != base.integers.end() && ctx->second > 20 ? 10 : 1);
  }
  return 1 + static_cast<std::int64_t>(rng.next_u32() % 3);
}

CheckedCall call_of(const isa::Entry& entry, const isa::Program& program, const FuzzBase& base,
                    CounterRng& rng) {
  CheckedCall out;
  for (const isa::Entry::Argument& argument : entry.arguments) {
    if (argument.kind != isa::Entry::ArgKind::kTensor)
      out.scalars.push_back(argument_value(argument.name, base, rng));
  }
  for (const isa::Symbol& symbol : program.symbols) {
    if (symbol.kind != isa::Symbol::Kind::kDim || symbol.name == "n_out") continue;
    const bool named =
        std::any_of(entry.arguments.begin(), entry.arguments.end(),
                    [&](const auto& argument) { return argument.name == symbol.name; });
    if (!named) out.dims.emplace_back(symbol.name, argument_value(symbol.name, base, rng));
  }
  return out;
}

bool is_tensor_work(const isa::Instruction& i) {
  return i.family >= 0x80;
}

}  // namespace

std::string_view trap_name(vm::TrapKind kind) {
  static constexpr std::string_view kNames[] = {"result", "trap", "bounds", "divide", "conversion",
                                                "fuel",   "stop", "host",   "stack"};
  return kNames[static_cast<std::size_t>(kind)];
}

Result<std::int64_t> Differ::Host::call(vm::Machine& /*machine*/, isa::HostCall call,
                                        std::int64_t a, std::int64_t b, std::int64_t c) {
  const auto result = checked_host(static_cast<std::uint32_t>(call), static_cast<std::uint64_t>(a),
                                   static_cast<std::uint64_t>(b), static_cast<std::uint64_t>(c));
  if (!result) return fail(Errc::kTrap, "refused");
  return *result;
}

Differ::Side::Side(const std::shared_ptr<const vm::LinkedProgram>& linked,
                   const vm::MachineOptions& options) {
  auto made = vm::Session::create(*linked);
  auto created = vm::Machine::create(linked, options);
  if (!made || !created) return;
  session = *std::move(made);
  machine = *std::move(created);
  machine->attach(*session);
}

MutBytes Differ::Side::bytes(const Key& key) const {
  const vm::LinkedProgram& linked = machine->linked();
  const TensorDecl& decl = linked.program().tensors[key.first];
  const vm::LinkedTensor& tensor = linked.tensors[key.first];
  const std::uint64_t at = tensor.offset + static_cast<std::uint64_t>(key.second) * tensor.bytes;
  if (decl.kind == TensorDecl::Kind::kImport) {
    auto* vectors = reinterpret_cast<std::uint8_t*>(const_cast<float*>(linked.vectors.data()));
    return {vectors + at, tensor.bytes};
  }
  const auto arenas = machine->writable_memory();
  return arenas[decl.kind == TensorDecl::Kind::kRegion ? 1 : 0].subspan(at, tensor.bytes);
}

/// Looks on while the unfused machine runs: before each instruction the checked machine must stand
/// there too, with the same memory; then it goes ahead.
class Differ::Watcher : public vm::DebugPort {
 public:
  Watcher(Side& side, CheckedMachine& checked, Tally& tally, std::optional<std::uint32_t> damage_at)
      : side_(side), checked_(checked), tally_(tally), damage_at_(damage_at) {}

  std::string problem;
  bool damaged = false;

  bool before(std::size_t pc) override {
    settle();
    if (!problem.empty()) return false;
    if (!checked_.running() || checked_.next_pc() != pc) {
      problem = fmt::format("the machine is at {}, checked {} at {}", pc, trap_name(checked_.trap),
                            checked_.next_pc());
      return false;
    }
    const isa::Program& program = side_.machine->linked().program();
    const isa::Instruction& next = program.code[pc];
    checked_.step();
    if (checked_.broken_promise) {
      problem = fmt::format("the verifier promised too much: instruction {}", pc);
      return false;
    }
    settled_ = !is_tensor_work(next);
    if (!settled_)
      ++tally_.tensor_steps[std::string(isa::find_opcode(next.family, next.op)->mnemonic)];
    return true;
  }

  /// After the last instruction.
  void finish() {
    if (!problem.empty()) return;
    settled_ = false;
    settle();
    if (problem.empty()) problem = compare_registers();
    if (problem.empty()) compare_canaries();
  }

 private:
  /// After a tensor instruction: its destination, then all that is not its destination.
  void settle() {
    if (settled_ || !problem.empty()) return;
    settled_ = true;
    if (damage_at_ && checked_.pending && (*damage_at_)-- == 0) damage();
    problem = checked_.settle([this](Key key) { return side_.bytes(key); });
    for (const auto& [key, bytes] : checked_.memory) {
      if (!problem.empty()) return;
      const MutBytes found = side_.bytes(key);
      const bool padded = found.size() == (bytes.size() + 63) / 64 * 64;
      if (padded && std::memcmp(bytes.data(), found.data(), bytes.size()) == 0) continue;
      const auto [mine, theirs] =
          std::mismatch(bytes.begin(), bytes.end(), found.begin(), found.end());
      problem =
          fmt::format("behind instruction {}: byte {} of {}[{}] is {:02x}, checked {:02x}",
                      checked_.pc, mine - bytes.begin(), name(key), key.second, *theirs, *mine);
    }
  }

  /// Moves one computed element out of its interval.
  void damage() {
    const CheckedMachine::Pending& pending = *checked_.pending;
    for (std::size_t n = 0; pending.unit == 4 && n < pending.values.size(); ++n) {
      const Interval& right = pending.values[n];
      if (right.is_any() || right.only_nan() || std::isinf(right.hi)) continue;
      const double wrong = right.hi + std::abs(right.hi) * 1e-6 + 1e-30;
      const auto value = static_cast<float>(wrong);
      const MutBytes bytes = side_.bytes(pending.key);
      std::memcpy(bytes.data() + pending.first + 4 * n, &value, sizeof value);
      damaged = true;
      return;
    }
  }

  std::string compare_registers() const {
    const vm::MachineRegisters found = side_.machine->registers();
    if (checked_.broken_promise) return fmt::format("the checked machine broke at {}", checked_.pc);
    if (found.trap.kind != checked_.trap || found.pc != checked_.pc)
      return fmt::format("{} at {}, checked {} at {}", trap_name(found.trap.kind), found.pc,
                         trap_name(checked_.trap), checked_.pc);
    if (found.fuel_used != checked_.fuel_used)
      return fmt::format("fuel {}, checked {}", found.fuel_used, checked_.fuel_used);
    for (std::size_t i = 0; i < std::min(checked_.slots.size(), found.slots.size()); ++i) {
      if (found.slots[i] != checked_.slots[i])
        return fmt::format("slot {} is {:x}, checked {:x}", i, found.slots[i], checked_.slots[i]);
    }
    return "";
  }

  /// Bytes of an arena that belong to no tensor.
  void compare_canaries() {
    const auto arenas = side_.machine->writable_memory();
    std::array<std::map<std::size_t, std::size_t>, 2> taken;  // first byte -> bytes
    const isa::Program& program = side_.machine->linked().program();
    for (const auto& [key, bytes] : checked_.memory) {
      if (program.tensors[key.first].kind == TensorDecl::Kind::kImport) continue;
      const std::size_t which =
          program.tensors[key.first].kind == TensorDecl::Kind::kRegion ? 1 : 0;
      const auto first = side_.bytes(key).data() - arenas[which].data();
      taken[which][static_cast<std::size_t>(first)] = bytes.size();
    }
    for (std::size_t which = 0; which < 2; ++which) {
      std::size_t at = 0;
      taken[which][arenas[which].size()] = 0;
      for (const auto& [first, size] : taken[which]) {
        for (; at < first && problem.empty(); ++at) {
          if (arenas[which][at] != kCanary)
            problem =
                fmt::format("byte {} of arena {}, which is no tensor's, was written", at, which);
        }
        at = first + size;
      }
    }
  }

  std::string_view name(const Key& key) const {
    return side_.machine->linked().program().tensors[key.first].name;
  }

  Side& side_;
  CheckedMachine& checked_;
  Tally& tally_;
  std::optional<std::uint32_t> damage_at_;
  bool settled_ = true;
};

namespace {

std::string same(const vm::Machine& a, const vm::Machine& b) {
  const vm::MachineRegisters one = a.registers(), two = b.registers();
  if (one.trap.kind != two.trap.kind || one.pc != two.pc || one.fuel_used != two.fuel_used)
    return fmt::format("{} at {} with fuel {}, fused {} at {} with fuel {}",
                       trap_name(one.trap.kind), one.pc, one.fuel_used, trap_name(two.trap.kind),
                       two.pc, two.fuel_used);
  if (one.slots != two.slots) return "other registers when fused";
  const auto mine = a.writable_memory(), other = b.writable_memory();
  for (std::size_t i = 0; i < mine.size(); ++i) {
    const auto [left, right] = std::mismatch(mine[i].begin(), mine[i].end(), other[i].begin());
    if (left != mine[i].end())
      return fmt::format("byte {} of arena {} is {:02x}, fused {:02x}", left - mine[i].begin(), i,
                         *left, *right);
  }
  return "";
}

}  // namespace

vm::MachineOptions Differ::options(bool fusion, std::uint64_t fuel) {
  return {kernels_, &pool_, &stop_, &host_, fuel, fusion};
}

std::string Differ::compare(isa::VerifiedProgram verified, const FuzzBase& base, CounterRng& rng) {
  const auto linked = vm::link(std::move(verified), base.inputs());
  if (!linked) return ++tally_.unlinked, "";
  const auto inside = guarded(**linked);
  Side plain(inside, options(false, base.fuel)), fused(inside, options(true, base.fuel));
  if (!plain.machine || !fused.machine) return "a machine cannot be made";
  const auto find_matrix = [&](const std::string& name) -> const OracleWeight* {
    const auto it = base.matrices.find(name);
    return it != base.matrices.end() ? &it->second->oracle : nullptr;
  };
  const auto find_vector = [&](const std::string& name) -> const Floats* {
    const auto it = base.vectors.find(name);
    return it != base.vectors.end() ? &it->second : nullptr;
  };
  const CheckedWorld world{*inside, base.caches, find_matrix, find_vector, base.fuel};
  CheckedMachine checked(world);
  ++tally_.compared;
  for (Side* side : {&plain, &fused}) {
    for (const MutBytes arena : side->machine->writable_memory())
      std::fill(arena.begin(), arena.end(), kCanary);
  }
  for (auto& [key, bytes] : checked.memory) {
    const TensorDecl& decl = inside->program().tensors[key.first];
    if (decl.kind == TensorDecl::Kind::kImport) continue;
    fill(bytes, decl, rng);
    for (const Side* side : {&plain, &fused})
      std::copy(bytes.begin(), bytes.end(), side->bytes(key).begin());
  }
  plain_ = &plain;
  fused_ = &fused;
  return call_all(base, rng, checked);
}

std::string Differ::call_all(const FuzzBase& base, CounterRng& rng, CheckedMachine& checked) {
  const isa::Program& program = plain_->machine->linked().program();
  // Of a case with dozens of entries a few neighbours; of a model the same one again, whose caches
  // go on.
  constexpr std::size_t kMostEntries = 3;
  const bool model = !base.matrices.empty() && program.entries.size() == 1;
  const std::size_t count = model ? 2 : std::min(kMostEntries, program.entries.size());
  const std::size_t first = rng.next_u32();
  std::string problem;
  for (std::size_t n = 0; n < count && problem.empty(); ++n) {
    const isa::Entry& entry = program.entries[(first + n) % program.entries.size()];
    problem = run_entry(entry, call_of(entry, program, base, rng), checked, rng);
    if (!problem.empty())
      problem = fmt::format("{} with caches {}, entry {}: {}", base.name,
                            static_cast<int>(base.caches), entry.name, problem);
  }
  tally_.elements += checked.elements;
  tally_.unsure += checked.unsure;
  return problem;
}

std::string Differ::run_entry(const isa::Entry& entry, const CheckedCall& call,
                              CheckedMachine& checked, CounterRng& rng) {
  vm::CallArguments arguments{call.scalars, {}};
  for (const auto& [name, value] : call.dims) arguments.dims.emplace_back(name, value);
  vm::Machine &plain = *plain_->machine, &fused = *fused_->machine;
  const bool begun = plain.begin(entry.name, arguments).has_value();
  if (begun != fused.begin(entry.name, arguments).has_value()) return "one does not begin";
  if (begun != checked.begin(entry, call)) return fmt::format("begins: {}, checked not so", begun);
  ++tally_.calls;
  if (!begun) return ++tally_.not_begun, "";
  std::optional<std::uint32_t> damage_at;
  if (damage_every_ != 0) damage_at = rng.next_u32() % damage_every_;
  Watcher watcher(*plain_, checked, tally_, damage_at);
  plain.set_debug(&watcher);
  static_cast<void>(plain.resume());
  plain.set_debug(nullptr);
  watcher.finish();
  if (watcher.damaged) {
    ++tally_.damaged;
    tally_.unnoticed += watcher.problem.empty() ? 1U : 0U;
    return "damaged";
  }
  if (!watcher.problem.empty()) return watcher.problem;
  ++tally_.ends[std::string(trap_name(plain.last_trap()))];
  static_cast<void>(fused.resume());
  return same(plain, fused);
}

std::optional<double> Differ::stopping_ms(isa::VerifiedProgram verified, const FuzzBase& base,
                                          CounterRng& rng) {
  constexpr std::uint64_t kFuel = 2000;  // who needs more is taken for endless
  const auto linked = vm::link(std::move(verified), base.inputs());
  if (!linked) return std::nullopt;
  Side side(*linked, options(true, kFuel)), endless(*linked, options(true, 0));
  if (!side.machine || !endless.machine) return std::nullopt;
  const isa::Entry& entry = (*linked)->program().entries.front();
  const CheckedCall call = call_of(entry, (*linked)->program(), base, rng);
  vm::CallArguments arguments{call.scalars, {}};
  for (const auto& [name, value] : call.dims) arguments.dims.emplace_back(name, value);
  static_cast<void>(side.machine->call(entry.name, arguments));
  if (side.machine->last_trap() != vm::TrapKind::kFuel) return std::nullopt;
  std::chrono::steady_clock::time_point told;
  std::thread watch([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    told = std::chrono::steady_clock::now();
    stop_.store(true);
  });
  static_cast<void>(endless.machine->call(entry.name, arguments));
  const auto ended = std::chrono::steady_clock::now();
  watch.join();
  stop_.store(false);
  if (endless.machine->last_trap() != vm::TrapKind::kInterrupted) return std::nullopt;
  return std::chrono::duration<double, std::milli>(ended - told).count();
}

}  // namespace pxos::test
