// exec: runs a program that needs no weights, or shows the plan of any program.

#include "hypervisor/hypervisor.hpp"
#include "pxvm/isa/verify.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "pxvm/vm/profile.hpp"
#include "shell/interrupt_signal.hpp"
#include "shell/print.hpp"
#include "shell/verbs/exec_host.hpp"
#include "shell/verbs/exec_trace.hpp"
#include "shell/verbs/exec_v0.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct ExecArguments {
  std::string program;
  std::string entry = "main";
  std::uint64_t fuel = 0;
  std::uint64_t seed = 0;
  std::vector<std::string> parameters;  ///< NAME=VALUE
  bool window = false;
  bool plan = false;
  bool profile = false;
  bool trace = false;
  ExecHostOptions host;
  ExecV0Options v0;
};

std::string profile_line(const vm::ProfileRow& row, double all_seconds) {
  const double bytes = static_cast<double>(row.cost.weight_bytes + row.cost.tensor_bytes);
  const double operations = 2 * static_cast<double>(row.cost.multiply_adds);
  const auto rate = [&](double work) { return row.seconds > 0 ? work / row.seconds / 1e9 : 0; };
  return fmt::format("{:<40} {:>10} {:>10.3f} {:>7.1f} {:>8.2f} {:>8.2f}\n", row.name, row.calls,
                     row.seconds * 1e3, row.seconds / all_seconds * 100, rate(bytes),
                     rate(operations));
}

/// Behind what the program printed.
void print_profile(const vm::LinkedProgram& program, const vm::Profile& profile) {
  const double all = profile.call_seconds();
  print_out("{:<40} {:>10} {:>10} {:>7} {:>8} {:>8}\n", "operation", "calls", "ms", "share %",
            "GB/s", "GOPS");
  for (const vm::ProfileRow& row : vm::profile_by_operation(program, profile))
    print_out("{}", profile_line(row, all));
  print_out("{}", profile_line({"everything else", 0, profile.overhead_seconds(), {}}, all));
  print_out("\n{:<40} {:>10}\n", "instruction", "calls");
  for (const vm::ProfileRow& row : vm::profile_by_opcode(program, profile))
    print_out("{:<40} {:>10}\n", row.name, row.calls);
}

/// Ctrl-C stops the program within a few milliseconds; a second one stops what does not listen.
/// A program that ended well keeps its window until the user closes it.
Result<void> call_interruptible(vm::Machine& machine, const std::string& entry, ExecHost& outside,
                                std::atomic<bool>& stop) {
  InterruptSignal signal;
  std::atomic<bool> done{false};
  std::thread watcher([&] {
    while (!done.load()) {
      if (signal.take()) stop.store(true);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  auto result = machine.call(entry, {});
  if (result) outside.wait_for_user();
  done.store(true);
  watcher.join();
  return result;
}

/// "a, b, c", or "none".
std::string parameter_names(const isa::Program& program) {
  std::vector<std::string> names;
  for (const isa::Symbol& symbol : program.symbols) {
    if (symbol.kind == isa::Symbol::Kind::kRealParam || symbol.kind == isa::Symbol::Kind::kIntParam)
      names.push_back(symbol.name);
  }
  return names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "));
}

/// "NAME=VALUE" for a parameter that the program has.
Result<void> set_parameter(const std::string& text, const isa::Program& program,
                           vm::LinkInputs& inputs) {
  const std::string name = text.substr(0, text.find('='));
  const auto symbol = std::find_if(program.symbols.begin(), program.symbols.end(),
                                   [&](const isa::Symbol& other) { return other.name == name; });
  const bool is_real =
      symbol != program.symbols.end() && symbol->kind == isa::Symbol::Kind::kRealParam;
  const bool is_integer =
      symbol != program.symbols.end() && symbol->kind == isa::Symbol::Kind::kIntParam;
  if (!is_real && !is_integer)
    return fail(Errc::kUsage, "--set {}: no parameter '{}' in the program, it has: {}", text, name,
                parameter_names(program));
  const char* first = text.data() + std::min(name.size() + 1, text.size());
  const char* last = text.data() + text.size();
  const auto [end, problem] = is_real ? std::from_chars(first, last, inputs.reals[name])
                                      : std::from_chars(first, last, inputs.integers[name]);
  if (problem != std::errc() || end != last)
    return fail(Errc::kUsage, "--set {}: expected {}={}", text, name,
                is_real ? "NUMBER" : "INTEGER");
  return {};
}

Result<int> run_exec(const ExecArguments& arguments) {
  if (is_v0_program(arguments.program)) {
    ExecV0Options v0 = arguments.v0;
    v0.fuel = arguments.fuel;
    return exec_v0(arguments.program, v0);
  }
  PX_TRY(isa::Program program, read_program(arguments.program));
  PX_TRY(isa::VerifiedProgram verified, isa::verify_or_error(std::move(program)));
  if (arguments.plan) {
    print_out("{}", vm::plan_text(verified.program(), vm::make_plan(verified.program())));
    return 0;
  }
  vm::LinkInputs inputs;
  inputs.memory_cap_bytes = hypervisor::default_memory_cap();
  for (const std::string& text : arguments.parameters)
    PX_CHECK(set_parameter(text, verified.program(), inputs));
  inputs.find_weight = [](const std::string&) { return std::nullopt; };
  PX_TRY(const auto linked, vm::link(std::move(verified), inputs));
  PX_TRY(const tensor::KernelTable* kernels, tensor::select_kernels_from_environment());
  ThreadPool pool(usable_processors());
  std::atomic<bool> stop{false};
  ExecHostOptions world = arguments.host;
  if (arguments.window) world.window = fmt::format("{} - pxOS", linked->program().name);
  // Nobody watches a given number of frames go by: they need no real time, and are the same each
  // run.
  if (world.frames != 0 && !arguments.window) world.virtual_clock = true;
  PX_TRY(const auto outside, ExecHost::create(world, stop));
  const std::vector<std::string> granted = {"console", "screen",  "clock",  "random", "keys",
                                            "mouse",   "gamepad", "tokens", "files"};
  hypervisor::GuestHost host(outside->ports(), granted, arguments.seed);
  PX_TRY(const vm::Session session, vm::Session::create(*linked));
  PX_TRY(const bool fusion, vm::fusion_from_environment());
  PX_TRY(vm::Machine machine,
         vm::Machine::create(linked, {kernels, &pool, &stop, &host, arguments.fuel, fusion}));
  machine.attach(session);
  vm::Profile profile;
  if (arguments.profile) machine.set_profile(&profile);
  ExecTrace trace(machine);
  if (arguments.trace) machine.set_debug(&trace);
  const auto done = call_interruptible(machine, arguments.entry, *outside, stop);
  if (!outside->answer().empty()) print_out("{}\n", fmt::join(outside->answer(), " "));
  if (arguments.profile) print_profile(*linked, profile);  // of a trapped run too
  if (!outside->drawn()) return tl::unexpected<Error>(outside->drawn().error());
  if (!done && !outside->finished()) return tl::unexpected<Error>(done.error());
  return 0;
}

void setup_exec_host(VerbSyntax& verb, ExecArguments& arguments) {
  ExecHostOptions& host = arguments.host;
  verb.add_flag("-w,--window", arguments.window,
                "a window for the program's screen, keys and mouse");
  verb.add_option("--screenshot", host.screenshot,
                  "write the screen here whenever it is presented");
  verb.add_option("--scale", host.scale, "pixels of the screenshot per pixel of the screen")
      ->in_range(1, 64);
  verb.add_option(
      "--frames,--steps", host.frames,
      "stop after so many pictures, and write the last one only; without a window the clock "
      "is virtual then; 0 = never");
  verb.add_option("--file", host.files, "NAME=PATH: a file that the program may read as NAME");
  verb.add_option("--output-file", host.outputs, "NAME=PATH: the same, to be written too");
  verb.add_option("--rom", host.rom, "the same as --file rom=PATH");
  verb.add_option(
      "--keys", host.keys,
      "keys that are pressed, one after the other; or the frames in which each is held: "
      "60:1,90-95:w");
  verb.add_option("--tokens", host.tokens, "tokens that the program is given")->delimiter(',');
  verb.add_option("--seed", arguments.seed, "of the program's random numbers");
  verb.add_flag("--virtual-clock", host.virtual_clock,
                "time goes on by clock.wait only, and at once: runs are repeatable");
}

/// Options that only pictures of the original machine have.
void setup_exec_v0(VerbSyntax& verb, ExecV0Options& v0) {
  verb.add_option("--dialect", v0.dialect, "of a pxVM v0 picture: auto, v001, v002, v002h, v020")
      ->capture_default_str()
      ->group("Pictures of the original pxVM v0");
  verb.add_flag("--compat", v0.compat, "skip wrong instructions as the original did: no trap")
      ->group("Pictures of the original pxVM v0");
  verb.add_option("--row", v0.rows, "ROW=FILE.npy: quantise a vector or matrix into the picture")
      ->group("Pictures of the original pxVM v0");
  verb.add_option("-o,--output", v0.output, "write the picture as the program left it")
      ->group("Pictures of the original pxVM v0");
  verb.add_flag("--source", v0.source, "print the translation to pixel assembly instead")
      ->group("Pictures of the original pxVM v0");
}

}  // namespace

VerbAction setup_exec(VerbSyntax& verb) {
  auto arguments = std::make_shared<ExecArguments>();
  verb.add_option("PROGRAM", arguments->program,
                  "program picture (.pxi) or text (.pxasm) without weights, or a name: hello, "
                  "countdown, fibonacci, sieve, mandelbrot, life, matmul, chip8")
      ->required();
  verb.add_option("--entry", arguments->entry, "entry to run")->capture_default_str();
  verb.add_option("--set", arguments->parameters, "NAME=VALUE: a parameter of the program");
  verb.add_option("--fuel", arguments->fuel, "instruction budget; 0 = none");
  verb.add_flag("--plan", arguments->plan,
                "print the fused groups instead of running; cartridges too");
  verb.add_flag("--trace", arguments->trace,
                "print every instruction and what it reads on stderr, before it runs");
  verb.add_flag("--profile", arguments->profile, "print calls and times of every operation");
  setup_exec_host(verb, *arguments);
  setup_exec_v0(verb, arguments->v0);
  return [arguments] { return run_exec(*arguments); };
}

}  // namespace pxos::shell
