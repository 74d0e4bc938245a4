// The whole life of a program: assemble, verify, link, run with a small budget. Whatever the
// verifier accepts must end in a result, a trap or an error, and touch nothing outside its own
// memory.

#include "assembler/assembler.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/pxvm/vm/guest.hpp"

namespace {

constexpr std::int64_t kSize = 4;
constexpr std::uint64_t kFuel = 20'000;
constexpr std::uint64_t kMemoryCap = std::uint64_t{1} << 24U;

/// Weights and numbers for the names that the seeds use.
void furnish(pxos::test::Guest& guest) {
  guest.memory_cap = kMemoryCap;
  for (const char* name : {"dim", "n", "vocab", "ctx", "heads"}) guest.integers[name] = kSize;
  guest.integers["n_layer"] = 2;
  guest.reals["eps"] = 1e-5;
  const std::vector<float> matrix(kSize * kSize, 0.5F);
  for (const char* name : {"w", "blk.0.w", "blk.1.w", "embed"}) {
    guest.add_matrix(name, kSize, kSize, matrix);
  }
  for (const char* name : {"bias", "blk.0.norm", "blk.1.norm"}) {
    guest.add_vector(name, std::vector<float>(kSize, 1.0F));
  }
}

void run_entries(pxos::vm::Machine& machine) {
  for (const pxos::isa::Entry& entry : machine.linked().program().entries) {
    for (const std::int64_t argument : {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}}) {
      for (std::size_t count = 0; count <= 4; ++count) {
        const pxos::vm::CallArguments arguments{std::vector<std::int64_t>(count, argument), {}};
        const pxos::vm::CallArguments sized{std::vector<std::int64_t>(count, argument), {{"T", 2}}};
        static_cast<void>(machine.call(entry.name, arguments));
        static_cast<void>(machine.call(entry.name, sized));
      }
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pxos::test::Guest guest;
  furnish(guest);
  const std::string text(pxos::as_text(pxos::Bytes(data, size)));
  const auto machine = guest.load(text, kFuel);
  if (machine) run_entries(**machine);
  return 0;
}
