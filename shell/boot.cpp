#include "shell/boot.hpp"

#include "shell/exit_code.hpp"
#include "shell/format.hpp"
#include "shell/logo.hpp"

#include <chrono>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kNameColumns = 11;
constexpr std::size_t kTextColumns = 56;  // with name and time within 80

/// One line per step: name, what it found, how long it took.
class Steps {
 public:
  explicit Steps(Output& out) : out_(out) {}

  void done(std::string_view name, const std::string& what) {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin_).count();
    out_.text(" • ", Style::kGood);
    out_.text(padded(name, kNameColumns), Style::kDim);
    out_.text(padded(shortened(what, kTextColumns), kTextColumns), Style::kText);
    out_.text(fmt::format("{:>8}\n", format_seconds(seconds)), Style::kDim);
    begin_ = Clock::now();
  }

  void failed(std::string_view name, const Error& error) {
    out_.text(" ✗ ", Style::kError);
    out_.text(padded(name, kNameColumns), Style::kDim);
    out_.text(one_line(error) + "\n", Style::kError);
    begin_ = Clock::now();
  }

 private:
  Output& out_;
  Clock::time_point begin_ = Clock::now();
};

std::string describe(const hypervisor::MountInfo& mount) {
  if (!mount.has_model) return mount.name + ", " + mount.title;
  return fmt::format("{}, {} parameters, {}", mount.name, format_count(mount.parameters),
                     format_bytes(mount.weight_bytes));
}

Result<hypervisor::MountInfo> mount_first(CommandContext& context, const BootOptions& options,
                                          Steps& steps) {
  if (options.cartridge) return context.system.mount(*options.cartridge, {});
  if (const auto file = default_cartridge(context.state.paths())) {
    auto mounted = context.system.mount(*file, {});
    if (mounted) return mounted;
    steps.failed("mount", mounted.error());
  }
  return context.system.mount_welcome();
}

void greet(CommandContext& context, const hypervisor::MountInfo& mount) {
  if (!mount.has_model) return;
  context.out.text("\nSay something to ", Style::kText);
  context.out.text(mount.title.empty() ? mount.name : mount.title, Style::kAccent);
  context.out.text(", or type ", Style::kText);
  context.out.text("help", Style::kAccent);
  context.out.text(".\n", Style::kText);
}

}  // namespace

std::optional<std::filesystem::path> default_cartridge(const Paths& paths) {
  std::error_code ignored;
  for (const char* name : {"default.pxa", "smollm2-135m-instruct.pxa"}) {
    const auto file = paths.cartridges() / name;
    if (std::filesystem::is_regular_file(file, ignored)) return file;
  }
  // The newest of the store come first; what lies in the current folder is nobody's default.
  const auto found = find_cartridges(paths);
  if (found.empty() ||
      !std::filesystem::equivalent(found[0].parent_path(), paths.cartridges(), ignored))
    return std::nullopt;
  return found[0];
}

Result<void> boot(CommandContext& context, const BootOptions& options) {
  if (options.logo) {
    context.out.picture(draw_logo(), "");
  } else {
    context.out.text("pxOS", Style::kAccent);
    context.out.text("  a cartridge operating system for neural networks\n", Style::kDim);
  }
  Steps steps(context.out);
  context.out.activity("starting");
  PX_TRY(const SystemFacts facts, context.system.start());
  steps.done("processor", facts.processor);
  steps.done("kernels", fmt::format("{}, {} thread{}", facts.kernels, facts.threads,
                                    facts.threads == 1 ? "" : "s"));
  const std::size_t count = find_cartridges(context.state.paths()).size();
  steps.done("store",
             fmt::format("{}, {} cartridge{}", display_path(context.state.paths().cartridges()),
                         count, count == 1 ? "" : "s"));
  context.out.activity("mounting");
  PX_TRY(const hypervisor::MountInfo mount, mount_first(context, options, steps));
  context.state.set_current(mount.name);
  refresh_mounts(context);
  steps.done("mounted", describe(mount));
  for (const std::string& note : mount.notes) context.out.note("   " + note);
  context.out.activity("");
  if (!mount.has_model) return command_run(context, {mount.name});
  greet(context, mount);
  return {};
}

}  // namespace pxos::shell
