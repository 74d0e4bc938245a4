// The scalar interpreter against Lua 5.4 on the same machine in the same run: fib(32) and a sieve
// of Eratosthenes, written the same way in both. Prints milliseconds, the ratio, and millions of
// pxVM instructions a second.
//   pxos_scalar_bench [rounds]       lua5.4 in the PATH, else that column is left out

#include "assembler/assembler.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "pxvm/vm/machine.hpp"
#include "pxvm/vm/profile.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include <fmt/core.h>

namespace pxos::bench {
namespace {

struct Task {
  const char* name;
  const char* pxasm;
  const char* lua;  ///< prints the result and the seconds
};

constexpr Task kTasks[] = {{"fib(32)", R"(
.entry main()
    i64.const r10, 32
    call      fib, r10
    mov       r0, r10
    halt
.func fib(n)
    .reg a, b
    br.lt     n, 2, .done
    i64.addi  a, n, -1
    call      fib, a
    i64.addi  b, n, -2
    call      fib, b
    i64.add   n, a, b
.done:
    ret
)",
                            R"(
local clock = os.clock
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local start = clock()
local result = fib(32)
print(result, clock() - start)
)"},
                           {"sieve(2^20)", R"(
.region flags : u8[1048577]
.entry main()
    .reg count, i, j, n, flag, zero, one
    i64.const n, 1048576
    i64.const one, 1
    i64.const i, 2
.fill:
    st.u8     flags, i, one
    i64.addi  i, i, 1
    br.le     i, n, .fill
    i64.const i, 2
.next:
    ld.u8     flag, flags, i
    br.z      flag, .composite
    i64.addi  count, count, 1
    i64.mul   j, i, i
    br.lt     n, j, .composite
.strike:
    st.u8     flags, j, zero
    i64.add   j, j, i
    br.le     j, n, .strike
.composite:
    i64.addi  i, i, 1
    br.le     i, n, .next
    halt
)",
                            R"(
local clock = os.clock
local start = clock()
local n, flags, count = 1048576, {}, 0
for i = 1, n do flags[i] = true end
for i = 2, n do
  if flags[i] then
    count = count + 1
    for j = i * i, n, i do flags[j] = false end
  end
end
print(count, clock() - start)
)"}};

using Clock = std::chrono::steady_clock;

/// A machine of a task's program; what it needs lives as long as it does.
struct Guest {
  ThreadPool pool{1};
  std::atomic<bool> stop{false};
  std::optional<vm::Session> session;
  std::optional<vm::Machine> machine;

  Result<void> load(const char* text) {
    PX_TRY(isa::VerifiedProgram program,
           assembler::assemble_or_error({{"bench.pxasm", text}, {}, true}));
    vm::LinkInputs inputs;
    inputs.find_weight = [](const std::string&) { return std::nullopt; };
    PX_TRY(const auto linked, vm::link(std::move(program), inputs));
    PX_TRY(session, vm::Session::create(*linked));
    PX_TRY(machine, vm::Machine::create(
                        linked, {tensor::available_kernels().front(), &pool, &stop, nullptr, 0}));
    machine->attach(*session);
    return {};
  }

  Result<double> run_seconds() {
    const auto start = Clock::now();
    PX_CHECK(machine->call("main", {}));
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  /// Counted by the second copy of the loop, which runs one instruction at a time.
  Result<double> instructions() {
    vm::Profile profile;
    machine->set_profile(&profile);
    machine->set_fusion(false);
    PX_CHECK(machine->call("main", {}));
    machine->set_profile(nullptr);
    machine->set_fusion(true);
    double count = 0;
    for (const vm::ProfileRow& row : vm::profile_by_opcode(machine->linked(), profile))
      count += static_cast<double>(row.calls);
    return count;
  }
};

struct LuaResult {
  long long value = 0;
  double seconds = 0;
};

std::optional<LuaResult> run_lua(const char* text) {
  const std::string command = fmt::format("lua5.4 -e '{}' 2>/dev/null", text);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  LuaResult result;
  if (!pipe || std::fscanf(pipe.get(), "%lld %lf", &result.value, &result.seconds) != 2)
    return std::nullopt;
  return result;
}

Result<void> measure(const Task& task, int rounds) {
  Guest guest;
  PX_CHECK(guest.load(task.pxasm));
  PX_TRY(const double instructions, guest.instructions());
  double best = 1e9, lua_best = 1e9;
  bool with_lua = true;
  // In turns, so that what else the machine does meets both.
  for (int round = 0; round < rounds; ++round) {
    PX_TRY(const double seconds, guest.run_seconds());
    best = std::min(best, seconds);
    const auto lua = run_lua(task.lua);
    with_lua = with_lua && lua;
    if (!lua) continue;
    lua_best = std::min(lua_best, lua->seconds);
    if (static_cast<std::uint64_t>(lua->value) != guest.machine->scalar(0))
      return fail(Errc::kInvalid, "{}: Lua says {}, pxVM {}", task.name, lua->value,
                  guest.machine->scalar(0));
  }
  fmt::print("{:<12} {:>10.1f} ms  {:>8.1f} M instructions {:>8.0f} MIPS", task.name, best * 1e3,
             instructions / 1e6, instructions / best / 1e6);
  if (with_lua) fmt::print("   lua5.4 {:>8.1f} ms: {:.2f} x", lua_best * 1e3, lua_best / best);
  fmt::print("\n");
  return {};
}

}  // namespace
}  // namespace pxos::bench

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  for (const pxos::bench::Task& task : pxos::bench::kTasks) {
    const auto done = pxos::bench::measure(task, rounds);
    if (!done) fmt::print(stderr, "pxos_scalar_bench: {}\n", done.error().message);
    if (!done) return 1;
  }
  return 0;
}
