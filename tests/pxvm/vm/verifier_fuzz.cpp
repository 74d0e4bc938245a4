// The promise of the verifier, tried on many programs: what it accepts runs on the machine, fused
// and one by one, and on the checked machine, and all end the same way: same registers, same
// memory, same fuel, or the same trap at the same instruction; numbers that a tensor instruction
// rounds are inside of what its equation allows; nothing outside of the tensors is written.
//   pxos_verifier_fuzz [--count N] [--seed S] [CASE.pxt ...]    cases: programs to change at random
//     --first I    begins with image I
//     --trace 1    prints the number of each image before it is tried
//     --damage N   changes N numbers by hand; each of them must show
//     --endless N  stops N programs that would run on instead, and tells the longest wait
// Exit code 1 and the program's text when they differ, or when one runs on for more than 100 ms.

#include "assembler/disassembler.hpp"
#include "differ.hpp"
#include "pxvm/isa/image.hpp"
#include "random_program.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace pxos::test {
namespace {

struct Options {
  std::uint64_t count = 10'000, seed = 1, endless = 0, damage = 0;
  std::uint64_t first = 1;  ///< image; each is a function of its number and the seed
  bool trace = false;       ///< prints every number before it is tried
};

struct Picked {
  isa::Program program;
  const FuzzBase* base = nullptr;
};

/// Scalar programs made at random, tensor programs made at random on a zoo, and everything that
/// ships or is a text case; most of it then changed.
Picked next_program(CounterRng& rng, const std::vector<FuzzBase>& bases, const FuzzBase& plain) {
  const std::uint32_t way = rng.next_u32() % 8;
  if (way < 3) {
    Picked out{random_program(rng), &plain};
    if (way == 2) mutate_program(out.program, rng);
    return out;
  }
  const FuzzBase& base = bases[rng.next_u32() % bases.size()];
  Picked out{base.program, &base};
  if (base.is_zoo) random_tensor_code(out.program, rng);
  if (!base.is_zoo || way == 3) mutate_program(out.program, rng);
  return out;
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

void print(const Tally& tally) {
  fmt::print("{} images: {} refused, {} not linked, {} compared in full\n", tally.images,
             tally.refused, tally.unlinked, tally.compared);
  fmt::print(
      "{} calls, {} of them with arguments that are none; {} numbers computed, {} of them "
      "with overflow on the way, where every value counts as right\n",
      tally.calls, tally.not_begun, tally.elements, tally.unsure);
  for (const auto& [end, times] : tally.ends) fmt::print("  {:<12} {}\n", end, times);
  for (const auto& [name, times] : tally.tensor_steps) fmt::print("  {:<12} {}\n", name, times);
}

/// False: a difference, which is printed.
bool try_one(Differ& differ, Tally& tally, const Picked& picked, CounterRng& rng) {
  auto verified = isa::verify(picked.program);
  if (!verified) return ++tally.refused, true;
  const std::string problem = differ.compare(*std::move(verified), *picked.base, rng);
  if (problem.empty() || problem.ends_with("damaged")) return true;
  fmt::print("{}\n{}", problem, assembler::disassemble(picked.program));
  return false;
}

int run(const Options& options, const std::vector<std::string>& cases) {
  Tally tally;
  Differ differ(tally);
  if (options.damage != 0) differ.damage_one_of(6);
  const std::vector<FuzzBase> bases = fuzz_bases(options.seed, cases);
  const FuzzBase plain;
  const auto enough = [&] {
    return options.damage != 0 ? tally.damaged >= options.damage : tally.images >= options.count;
  };
  for (std::uint64_t image = options.first; !enough(); ++image) {
    CounterRng rng(options.seed, image << 24U);
    const Picked picked = next_program(rng, bases, plain);
    ++tally.images;
    if (options.trace) fmt::print(stderr, "{}\n", image);
    if (options.trace && options.count == 1)
      fmt::print(stderr, "{}", assembler::disassemble(picked.program));
    const bool damaged = image % 16 == 0 && !refuses_damage(picked.program, rng);
    if (!damaged && try_one(differ, tally, picked, rng)) continue;
    fmt::print("image {} of seed {}{}\n", image, options.seed,
               damaged ? ": a damaged picture was accepted" : "");
    return 1;
  }
  print(tally);
  const bool kept = std::all_of(bases.begin(), bases.end(),
                                [](const FuzzBase& base) { return base.weights_untouched(); });
  if (!kept) fmt::print("weights were written\n");
  if (options.damage != 0)
    fmt::print("{} numbers changed, {} not noticed\n", tally.damaged, tally.unnoticed);
  return kept && tally.compared > 0 && tally.unnoticed == 0 ? 0 : 1;
}

int stop_endless(const Options& options, const std::vector<std::string>& cases) {
  Tally tally;
  Differ differ(tally);
  const std::vector<FuzzBase> bases = fuzz_bases(options.seed, cases);
  const FuzzBase plain;
  double longest = 0;
  std::uint64_t stopped = 0;
  for (std::uint64_t image = options.first; stopped < options.endless; ++image) {
    CounterRng rng(options.seed, image << 24U);
    const Picked picked = next_program(rng, bases, plain);
    auto verified = isa::verify(picked.program);
    if (!verified) continue;
    const auto ms = differ.stopping_ms(*std::move(verified), *picked.base, rng);
    if (!ms) continue;
    ++stopped;
    longest = std::max(longest, *ms);
    if (*ms <= 100) continue;
    fmt::print("{} ms to stop\n{}", *ms, assembler::disassemble(picked.program));
    return 1;
  }
  fmt::print("{} endless programs stopped, the slowest after {:.2f} ms\n", stopped, longest);
  return 0;
}

}  // namespace
}  // namespace pxos::test

int main(int count, char** words) {
  pxos::test::Options options;
  int at = 1;
  for (; at + 1 < count && std::string_view(words[at]).starts_with("--"); at += 2) {
    const std::string_view option = words[at];
    const std::uint64_t value = std::strtoull(words[at + 1], nullptr, 10);
    if (option == "--count") options.count = value;
    if (option == "--seed") options.seed = value;
    if (option == "--first") options.first = value;
    if (option == "--trace") options.trace = value != 0;
    if (option == "--endless") options.endless = value;
    if (option == "--damage") options.damage = value;
  }
  const std::vector<std::string> cases(words + at, words + count);
  return options.endless != 0 ? pxos::test::stop_endless(options, cases)
                              : pxos::test::run(options, cases);
}
