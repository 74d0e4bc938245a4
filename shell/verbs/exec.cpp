// exec: runs a program that needs no weights.

#include "pxvm/isa/verify.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pxos::shell {
namespace {

/// A host for `exec`: console to stdout, the screen to a file.
hypervisor::HostPorts exec_ports(const std::string& screenshot) {
  hypervisor::HostPorts ports;
  ports.console = [](std::string_view text) { fmt::print("{}", text); };
  ports.present = [screenshot](const pixelfs::Image& image) {
    if (!screenshot.empty() && !write_picture(screenshot, image)) {
      fmt::print(stderr, "pxos: {}: cannot be written\n", screenshot);
    }
  };
  return ports;
}

struct ExecArguments {
  std::string program;
  std::string entry = "main";
  std::string screenshot;
  std::uint64_t fuel = 0;
};

Result<int> run_exec(const ExecArguments& arguments) {
  PX_TRY(isa::Program program, read_program(arguments.program));
  PX_TRY(isa::VerifiedProgram verified, isa::verify_or_error(std::move(program)));
  vm::LinkInputs inputs;
  inputs.find_weight = [](const std::string&) { return std::nullopt; };
  PX_TRY(const auto linked, vm::link(std::move(verified), inputs));
  PX_TRY(const tensor::KernelTable* kernels, tensor::select_kernels_from_environment());
  ThreadPool pool(usable_processors());
  const std::atomic<bool> stop{false};
  const hypervisor::HostPorts ports = exec_ports(arguments.screenshot);
  hypervisor::GuestHost host(ports, {"console", "screen", "clock", "random"}, 0);
  PX_TRY(const vm::Session session, vm::Session::create(*linked));
  PX_TRY(vm::Machine machine,
         vm::Machine::create(linked, {kernels, &pool, &stop, &host, arguments.fuel}));
  machine.attach(session);
  PX_CHECK(machine.call(arguments.entry, {}));
  return 0;
}

}  // namespace

VerbAction setup_exec(CLI::App& verb) {
  auto arguments = std::make_shared<ExecArguments>();
  verb.add_option("PROGRAM", arguments->program,
                  "program picture (.pxi) or text (.pxasm) without weights")
      ->required();
  verb.add_option("--entry", arguments->entry, "entry to run")->capture_default_str();
  verb.add_option("--fuel", arguments->fuel, "instruction budget; 0 = none");
  verb.add_option("--screenshot", arguments->screenshot,
                  "write the screen here whenever it is presented");
  return [arguments] { return run_exec(*arguments); };
}

}  // namespace pxos::shell
