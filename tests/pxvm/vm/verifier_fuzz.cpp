// The promise of the verifier, tried on many programs: what it accepts runs on the machine, fused
// and one by one, and on the checked machine, and all end the same way: same registers, same
// memory, same fuel, or the same trap at the same instruction.
//   pxos_verifier_fuzz [--count N] [--seed S] [CASE.pxt ...]    cases: programs to change at random
//   pxos_verifier_fuzz --endless N [--seed S]     stops N programs that would run on; the longest
//   wait
// Exit code 1 and the program's text when they differ, or when one runs on for more than 100 ms.

#include "assembler/disassembler.hpp"
#include "checked_machine.hpp"
#include "guest.hpp"
#include "pxvm/isa/image.hpp"
#include "random_program.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>

namespace pxos::test {
namespace {

constexpr std::uint64_t kFuel = 60;

/// How many images went which way.
struct Tally {
  std::uint64_t images = 0, refused = 0, unlinked = 0, compared = 0, ran = 0;
  std::map<std::string, std::uint64_t> ends;
};

std::string_view trap_name(vm::TrapKind kind) {
  static constexpr std::string_view kNames[] = {"result", "trap", "bounds", "divide", "conversion",
                                                "fuel",   "stop", "host",   "stack"};
  return kNames[static_cast<std::size_t>(kind)];
}

class Differ {
 public:
  /// Empty when all agree about every entry, or why they do not.
  std::string compare(isa::VerifiedProgram verified, Tally& tally) {
    vm::LinkInputs inputs;
    inputs.memory_cap_bytes = std::uint64_t{1} << 20U;
    inputs.find_weight = [](const std::string&) { return std::nullopt; };
    const auto linked = vm::link(std::move(verified), inputs);
    if (!linked) return ++tally.unlinked, "";
    const isa::Program& program = (*linked)->program();
    const bool known = CheckedMachine::knows(program);
    Side plain(*linked, options(false)), fused(*linked, options(true));
    if (!plain.machine || !fused.machine) return "a machine cannot be made";
    CheckedMachine checked(program, (*linked)->consts, kFuel);
    ++(known ? tally.compared : tally.ran);
    // Of a case with dozens of entries a few neighbours, other ones in every image.
    constexpr std::size_t kMostEntries = 3;
    const std::size_t count = std::min(kMostEntries, program.entries.size());
    for (std::size_t n = 0; n < count; ++n) {
      const isa::Entry& entry = program.entries[(tally.images + n) % program.entries.size()];
      plain.run(entry);
      fused.run(entry);
      if (known) checked.run(entry);
      ++tally.ends[std::string(trap_name(plain.machine->last_trap()))];
      std::string problem = same(plain, fused);
      if (problem.empty() && known) problem = same(plain, checked);
      if (!problem.empty()) return fmt::format("entry {}: {}", entry.name, problem);
    }
    return "";
  }

  /// How long a program without end goes on once it is told to stop; nullopt for one that ends.
  std::optional<double> stopping_ms(isa::VerifiedProgram verified) {
    vm::LinkInputs inputs;
    inputs.find_weight = [](const std::string&) { return std::nullopt; };
    const auto linked = vm::link(std::move(verified), inputs);
    if (!linked) return std::nullopt;
    Side side(*linked, options(true));
    if (!side.machine) return std::nullopt;
    const isa::Entry& entry = (*linked)->program().entries.front();
    side.run(entry);
    if (side.machine->last_trap() != vm::TrapKind::kFuel) return std::nullopt;
    vm::MachineOptions unlimited = options(true);
    unlimited.fuel_per_call = 0;
    Side endless(*linked, unlimited);
    std::chrono::steady_clock::time_point told;
    std::thread watch([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(3));
      told = std::chrono::steady_clock::now();
      stop_.store(true);
    });
    endless.run(entry);
    const auto ended = std::chrono::steady_clock::now();
    watch.join();
    stop_.store(false);
    if (endless.machine->last_trap() != vm::TrapKind::kInterrupted) return std::nullopt;
    return std::chrono::duration<double, std::milli>(ended - told).count();
  }

 private:
  struct Side {
    std::optional<vm::Session> session;
    std::optional<vm::Machine> machine;
    Side(const std::shared_ptr<const vm::LinkedProgram>& linked,
         const vm::MachineOptions& options) {
      auto made = vm::Session::create(*linked);
      auto created = vm::Machine::create(linked, options);
      if (!made || !created) return;
      session = *std::move(made);
      machine = *std::move(created);
      machine->attach(*session);
    }
    void run(const isa::Entry& entry) {
      std::vector<std::int64_t> scalars;
      for (const isa::Entry::Argument& argument : entry.arguments) {
        if (argument.kind != isa::Entry::ArgKind::kTensor) scalars.push_back(1);
      }
      static_cast<void>(machine->call(entry.name, {scalars, {}}));
    }
  };

  static std::string same(const Side& a, const Side& b) {
    const vm::MachineRegisters one = a.machine->registers(), two = b.machine->registers();
    if (one.trap.kind != two.trap.kind || one.pc != two.pc || one.fuel_used != two.fuel_used)
      return fmt::format("{} at {} with fuel {}, fused {} at {} with fuel {}",
                         trap_name(one.trap.kind), one.pc, one.fuel_used, trap_name(two.trap.kind),
                         two.pc, two.fuel_used);
    if (one.slots != two.slots) return "other registers when fused";
    const auto mine = a.machine->writable_memory(), other = b.machine->writable_memory();
    for (std::size_t i = 0; i < mine.size(); ++i) {
      if (!std::equal(mine[i].begin(), mine[i].end(), other[i].begin(), other[i].end()))
        return "other memory when fused";
    }
    return "";
  }

  static std::string same(Side& side, CheckedMachine& checked) {
    const vm::MachineRegisters found = side.machine->registers();
    if (checked.broken_promise) return fmt::format("the checked machine broke at {}", checked.pc);
    if (found.trap.kind != checked.trap || found.pc != checked.pc)
      return fmt::format("{} at {}, checked {} at {}", trap_name(found.trap.kind), found.pc,
                         trap_name(checked.trap), checked.pc);
    if (found.fuel_used != checked.fuel_used)
      return fmt::format("fuel {}, checked {}", found.fuel_used, checked.fuel_used);
    for (std::size_t i = 0; i < checked.slots.size(); ++i) {
      if (i < found.slots.size() && found.slots[i] != checked.slots[i])
        return fmt::format("slot {} is {:x}, checked {:x}", i, found.slots[i], checked.slots[i]);
    }
    for (const auto& [key, bytes] : checked.memory) {
      const std::string& name = side.machine->linked().program().tensors[key.first].name;
      const auto memory = side.machine->memory(name, key.second);
      if (!memory) return memory.error().message;
      if (!std::equal(bytes.begin(), bytes.end(), memory->begin()))
        return fmt::format("{}[{}] differs", name, key.second);
    }
    return "";
  }

  vm::MachineOptions options(bool fusion) {
    return {kernels_, &pool_, &stop_, nullptr, kFuel, fusion};
  }

  const tensor::KernelTable* kernels_ = tensor::available_kernels().front();
  ThreadPool pool_{1};
  std::atomic<bool> stop_{false};
};

/// Programs of text cases whose shapes are numbers.
std::vector<isa::Program> read_cases(int count, char** paths) {
  std::vector<isa::Program> out;
  for (int i = 0; i < count; ++i) {
    std::ifstream file(paths[i], std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::size_t first = text.find("--- main.pxasm\n"), end = text.find("=== output");
    if (first == std::string::npos || end == std::string::npos) continue;
    auto program = assembler::assemble_or_error(
        {{"case.pxasm", text.substr(first + 15, end - first - 15)}, {}, false});
    if (program) out.push_back(program->program());
  }
  return out;
}

/// Half are made and half of those changed; the others are changed cases and bytes that are no
/// picture of a program at all.
isa::Program next_program(CounterRng& rng, const std::vector<isa::Program>& cases) {
  const std::uint32_t way = rng.next_u32() % 8;
  const bool from_case = way >= 5 && !cases.empty();
  isa::Program program = from_case ? cases[rng.next_u32() % cases.size()] : random_program(rng);
  if (way >= 3) mutate_program(program, rng);
  return program;
}

/// A picture with bytes changed must be refused by its digest, and nothing else may happen.
bool refuses_damage(const isa::Program& program, CounterRng& rng) {
  auto image = isa::encode_program(program);
  if (!image) return true;
  for (int n = 0; n < 3; ++n) {
    std::uint8_t& byte = image->rgb[rng.next_u32() % image->rgb.size()];
    byte = static_cast<std::uint8_t>(byte ^ (1U << (rng.next_u32() % 8)));
  }
  const auto decoded = isa::decode_program(*image);
  return !decoded || *decoded == program;
}

int run(std::uint64_t count, std::uint64_t seed, const std::vector<isa::Program>& cases) {
  Differ differ;
  Tally tally;
  CounterRng rng(seed);
  while (tally.images < count) {
    isa::Program program = next_program(rng, cases);
    ++tally.images;
    if (tally.images % 16 == 0 && !refuses_damage(program, rng)) {
      fmt::print("a damaged picture was accepted\n{}", assembler::disassemble(program));
      return 1;
    }
    auto verified = isa::verify(program);
    if (!verified) ++tally.refused;
    if (!verified) continue;
    const std::string problem = differ.compare(*std::move(verified), tally);
    if (problem.empty()) continue;
    fmt::print("image {} of seed {}: {}\n{}", tally.images, seed, problem,
               assembler::disassemble(program));
    return 1;
  }
  fmt::print("{} images: {} refused, {} not linked, {} compared, {} run only\n", tally.images,
             tally.refused, tally.unlinked, tally.compared, tally.ran);
  for (const auto& [end, times] : tally.ends) fmt::print("  {:<12} {}\n", end, times);
  return tally.compared > 0 ? 0 : 1;
}

int stop_endless(std::uint64_t count, std::uint64_t seed) {
  Differ differ;
  CounterRng rng(seed);
  double longest = 0;
  for (std::uint64_t stopped = 0; stopped < count;) {
    auto verified = isa::verify(random_program(rng));
    if (!verified) continue;
    const std::string text = assembler::disassemble(verified->program());
    const auto ms = differ.stopping_ms(*std::move(verified));
    if (!ms) continue;
    ++stopped;
    longest = std::max(longest, *ms);
    if (*ms <= 100) continue;
    fmt::print("{} ms to stop\n{}", *ms, text);
    return 1;
  }
  fmt::print("{} endless programs stopped, the slowest after {:.2f} ms\n", count, longest);
  return 0;
}

}  // namespace
}  // namespace pxos::test

int main(int count, char** words) {
  std::uint64_t images = 10'000, seed = 1, endless = 0;
  int at = 1;
  for (; at + 1 < count && std::string_view(words[at]).starts_with("--"); at += 2) {
    const std::string_view option = words[at];
    const std::uint64_t value = std::strtoull(words[at + 1], nullptr, 10);
    if (option == "--count") images = value;
    if (option == "--seed") seed = value;
    if (option == "--endless") endless = value;
  }
  if (endless != 0) return pxos::test::stop_endless(endless, seed);
  return pxos::test::run(images, seed, pxos::test::read_cases(count - at, words + at));
}
