// pxos shell: boots into a window, this terminal, or headless.

#include "shell/console_app.hpp"
#include "shell/exit_code.hpp"
#include "shell/headless.hpp"
#include "shell/print.hpp"
#include "shell/real_system.hpp"
#include "shell/sdl_screen.hpp"
#include "shell/tty.hpp"
#include "shell/verbs/verb.hpp"

#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

namespace pxos::shell {
namespace {

struct Options {
  bool tty = false;
  bool headless = false;
  bool full_screen = false;
  std::string script;
  std::string screenshot;
  std::string cartridge;
  std::uint32_t scale = 0;
  std::size_t threads = 0;
  std::int64_t context = 0;
};

bool has_display() {
  for (const char* name : {"DISPLAY", "WAYLAND_DISPLAY"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return true;
  }
  return false;
}

Result<BootOptions> boot_options(const Options& options, const Paths& paths) {
  BootOptions boot;
  if (!options.cartridge.empty()) {
    PX_TRY(boot.cartridge, resolve_cartridge(paths, options.cartridge));
  }
  return boot;
}

int run_window(Screen& screen, System& system, ShellState& state, const BootOptions& boot) {
  History history = History::load(state.paths().state.empty() ? "" : state.paths().history());
  ConsoleApp app(screen, system, state, history);
  app.run(boot);
  return kExitOk;
}

Result<int> run_shell(const Options& options) {
  const bool scripted = !options.script.empty() || !options.screenshot.empty();
  if (options.headless && options.tty)
    return fail(Errc::kUsage, "--tty and --headless exclude each other");
  if (scripted && (options.tty || !options.headless))
    return fail(Errc::kUsage, "--cmd and --screenshot need --headless");
  ShellState state(paths_from_environment());
  PX_TRY(const BootOptions boot, boot_options(options, state.paths()));
  RealSystem system({state.paths(), options.threads, options.context});
  if (options.headless) {
    HeadlessOptions headless{boot, options.script, std::nullopt};
    if (!options.screenshot.empty()) headless.screenshot = options.screenshot;
    return run_headless(system, state, headless, stdout);
  }
  if (options.tty || !has_display()) return run_tty(system, state, boot);
  const WindowMode mode = options.full_screen ? WindowMode::kFullScreen : WindowMode::kWindow;
  const auto screen = open_sdl_screen({options.scale, mode});
  if (screen) return run_window(**screen, system, state, boot);
  // A display that refuses a window must not leave the user without a shell.
  print_to(stderr, "pxos: {}; this terminal is used instead\n", screen.error().message);
  return run_tty(system, state, boot);
}

}  // namespace

VerbAction setup_shell(VerbSyntax& app) {
  auto options = std::make_shared<Options>();
  app.add_flag("--tty", options->tty, "in this terminal");
  app.add_flag("--headless", options->headless, "without window and terminal, for scripts");
  app.add_option("--cmd", options->script, "commands to run, separated by ';' (headless)");
  app.add_option("--screenshot", options->screenshot, "write the console as PNG (headless)");
  app.add_option("--scale", options->scale, "window pixels per pixel; default: what fits")
      ->in_range(1, 8);
  app.add_flag("--fullscreen", options->full_screen, "full screen (F11 toggles)");
  app.add_option("--threads", options->threads, "threads of the model; default: all")
      ->in_range(1, 1024);
  app.add_option("--ctx", options->context, "tokens a conversation can hold")
      ->in_range(16, 1 << 20);
  app.add_option("--cartridge", options->cartridge, "what to mount; default: the store's default");
  return [options] { return run_shell(*options); };
}

}  // namespace pxos::shell
