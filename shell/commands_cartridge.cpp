// ls, mount, unmount, mounts, swap, info: cartridges as the shell sees them.

#include "shell/command.hpp"
#include "shell/format.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> cartridges_in(const fs::path& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> found;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code unreadable;
    const bool regular = it->is_regular_file(unreadable) && !unreadable;
    if (!regular || it->path().extension() != ".pxa") continue;
    const auto time = it->last_write_time(unreadable);
    if (!unreadable) found.emplace_back(time, it->path());
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return b < a; });
  std::vector<fs::path> paths;
  for (auto& [time, path] : found) paths.push_back(std::move(path));
  return paths;
}

bool is_mounted(const std::vector<hypervisor::MountInfo>& mounts, const fs::path& file) {
  return std::any_of(mounts.begin(), mounts.end(), [&](const hypervisor::MountInfo& mount) {
    std::error_code ignored;
    return fs::equivalent(mount.path, file, ignored) && !ignored;
  });
}

void list_file(CommandContext& context, const fs::path& file,
               const std::vector<hypervisor::MountInfo>& mounts) {
  std::error_code unknown;
  const auto bytes = fs::file_size(file, unknown);
  const auto title = context.system.title(file);
  context.out.text(is_mounted(mounts, file) ? " • " : "   ", Style::kGood);
  context.out.text(padded(shortened(file.stem().string(), 32), 34), Style::kAccent);
  context.out.text(fmt::format("{:>9}  ", unknown ? "?" : format_bytes(bytes)), Style::kText);
  context.out.text(title ? shortened(*title, 64) + "\n" : "\n", Style::kDim);
}

/// One row of `info`; rows without a value are left out.
void fact(Output& out, std::string_view name, const std::string& value) {
  if (value.empty()) return;
  out.text(padded(name, 14), Style::kDim);
  out.text(value + "\n", Style::kText);
}

std::string model_summary(const hypervisor::MountInfo& mount) {
  if (!mount.has_model) return "a program without a language model";
  return fmt::format("{} {} parameters, {} of weights", mount.architecture,
                     format_count(mount.parameters), format_bytes(mount.weight_bytes));
}

}  // namespace

std::vector<fs::path> find_cartridges(const Paths& paths) {
  std::vector<fs::path> found = cartridges_in(paths.cartridges());
  std::error_code ignored;
  const fs::path here = fs::current_path(ignored);
  if (here.empty() || fs::equivalent(here, paths.cartridges(), ignored)) return found;
  for (fs::path& file : cartridges_in(here)) found.push_back(std::move(file));
  return found;
}

Result<fs::path> resolve_cartridge(const Paths& paths, const std::string& given) {
  std::error_code ignored;
  const fs::path named = given;
  const fs::path candidates[] = {named, given + ".pxa", paths.cartridges() / named,
                                 paths.cartridges() / (given + ".pxa")};
  for (const fs::path& candidate : candidates) {
    if (fs::is_regular_file(candidate, ignored)) return candidate;
  }
  return fail(Errc::kNotFound, "{}: no such cartridge, here or in {} (ls shows what there is)",
              given, display_path(paths.cartridges()));
}

Result<hypervisor::MountInfo> pick_mount(const CommandContext& context, const std::string& name) {
  const std::string wanted = name.empty() ? context.state.current() : name;
  if (wanted.empty())
    return fail(Errc::kNotFound, "nothing is mounted (ls shows cartridges, mount FILE mounts one)");
  return context.system.info(wanted);
}

void refresh_mounts(CommandContext& context) {
  std::vector<std::string> names;
  for (const auto& mount : context.system.mounts()) names.push_back(mount.name);
  const bool lost = std::find(names.begin(), names.end(), context.state.current()) == names.end();
  if (lost) context.state.set_current(names.empty() ? "" : names.back());
  context.state.set_mounted(std::move(names));
}

Result<void> command_ls(CommandContext& context, const std::vector<std::string>& words) {
  const auto files =
      words.empty() ? find_cartridges(context.state.paths()) : cartridges_in(words[0]);
  const auto mounts = context.system.mounts();
  for (const fs::path& file : files) list_file(context, file, mounts);
  if (files.empty()) {
    const fs::path where = words.empty() ? context.state.paths().cartridges() : fs::path(words[0]);
    context.out.text("no cartridges in " + display_path(where) + "\n", Style::kText);
    context.out.text("pxos import MODEL.gguf -o NAME.pxa makes one\n", Style::kDim);
  }
  return {};
}

Result<void> command_mount(CommandContext& context, const std::vector<std::string>& words) {
  if (words.empty()) return fail(Errc::kUsage, "mount: which cartridge? (ls shows what there is)");
  hypervisor::MountOptions options;
  if (words.size() > 1) options.name = words[1];
  context.out.activity("mounting " + words[0]);
  auto mounted = words[0] == "welcome" ? context.system.mount_welcome() : [&] {
    auto file = resolve_cartridge(context.state.paths(), words[0]);
    return file ? context.system.mount(*file, options)
                : Result<hypervisor::MountInfo>(tl::unexpected(std::move(file).error()));
  }();
  context.out.activity("");
  if (!mounted) return tl::unexpected(std::move(mounted).error());
  context.state.set_current(mounted->name);
  refresh_mounts(context);
  context.out.text(mounted->name, Style::kAccent);
  context.out.text("  " + model_summary(*mounted), Style::kText);
  context.out.text(fmt::format("  in {}\n", format_seconds(mounted->mount_seconds)), Style::kDim);
  for (const std::string& note : mounted->notes) context.out.note(note);
  if (!mounted->has_model) return command_run(context, {mounted->name});
  return {};
}

Result<void> command_unmount(CommandContext& context, const std::vector<std::string>& words) {
  PX_TRY(const hypervisor::MountInfo mount, pick_mount(context, words.empty() ? "" : words[0]));
  PX_CHECK(context.system.unmount(mount.name));
  refresh_mounts(context);
  context.out.text(mount.name, Style::kAccent);
  context.out.text(" is put away", Style::kText);
  const std::string now = context.state.current();
  context.out.text(now.empty() ? "\n" : "; talking to " + now + "\n", Style::kDim);
  return {};
}

Result<void> command_mounts(CommandContext& context, const std::vector<std::string>&) {
  const auto mounts = context.system.mounts();
  if (mounts.empty()) context.out.text("nothing is mounted\n", Style::kText);
  const std::string current = context.state.current();
  for (const hypervisor::MountInfo& mount : mounts) {
    context.out.text(mount.name == current ? " • " : "   ", Style::kGood);
    context.out.text(padded(shortened(mount.name, 32), 34), Style::kAccent);
    context.out.text(model_summary(mount), Style::kText);
    if (mount.has_model)
      context.out.text(fmt::format("  {}/{} tokens", mount.position, mount.context), Style::kDim);
    context.out.text("\n", Style::kText);
  }
  return {};
}

Result<void> command_swap(CommandContext& context, const std::vector<std::string>& words) {
  if (words.empty()) return fail(Errc::kUsage, "swap: to which? (mounts shows what is mounted)");
  PX_TRY(const hypervisor::MountInfo mount, pick_mount(context, words[0]));
  context.state.set_current(mount.name);
  context.out.text("talking to ", Style::kText);
  context.out.text(mount.name + "\n", Style::kAccent);
  return {};
}

Result<void> command_info(CommandContext& context, const std::vector<std::string>& words) {
  PX_TRY(const hypervisor::MountInfo mount, pick_mount(context, words.empty() ? "" : words[0]));
  Output& out = context.out;
  if (const pixelfs::Image label = context.system.label(mount.name); label.width > 0)
    out.picture(label, "");
  fact(out, "name", mount.name);
  fact(out, "title", mount.title);
  fact(out, "file", mount.path.empty() ? "" : display_path(mount.path));
  fact(out, "program", mount.program);
  if (mount.has_model) {
    fact(out, "model",
         fmt::format("{}, {} parameters", mount.architecture, format_count(mount.parameters)));
    fact(out, "weights",
         format_bytes(mount.weight_bytes) +
             (mount.fast_path ? ", executed in place" : ", decoded into memory"));
    fact(out, "conversation",
         fmt::format("{} of {} tokens, keys and values {}", mount.position, mount.context,
                     format_bytes(mount.kv_bytes)));
    fact(out, "chat", mount.has_chat ? "yes" : "no: text is continued");
  }
  fact(out, "activations", format_bytes(mount.arena_bytes));
  fact(out, "mounted in", format_seconds(mount.mount_seconds));
  for (const std::string& note : mount.notes) fact(out, "note", note);
  return {};
}

}  // namespace pxos::shell
