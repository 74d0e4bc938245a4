#include "shell/verbs/program_watch.hpp"

#include "shell/verbs/support.hpp"

#include <fmt/format.h>

namespace pxos::shell {
namespace {

using namespace std::chrono_literals;

constexpr auto kLookEvery = 50ms;

Result<hypervisor::ReloadReport> reload_assembled(hypervisor::Hypervisor& hypervisor,
                                                  const std::string& mount,
                                                  const std::filesystem::path& file,
                                                  const assembler::AssembleResult& assembled,
                                                  const hypervisor::ReloadOptions& options) {
  PX_TRY(isa::VerifiedProgram program, assembled_program(assembled));
  auto report = hypervisor.reload(mount, std::move(program), options);
  if (!report) return in_context(file.string(), std::move(report).error());
  return report;
}

}  // namespace

Result<hypervisor::ReloadReport> reload_file(hypervisor::Hypervisor& hypervisor,
                                             const std::string& mount,
                                             const std::filesystem::path& file,
                                             const hypervisor::ReloadOptions& options) {
  PX_TRY(const assembler::AssembleResult assembled, assemble_file(file));
  return reload_assembled(hypervisor, mount, file, assembled, options);
}

std::string reload_text(const std::filesystem::path& file, const hypervisor::ReloadReport& report) {
  std::string text = fmt::format(
      "{}: took over at token {}; the answer stood still for {:.1f} ms, linked in {:.1f} ms",
      file.filename().string(), report.position, report.pause_seconds * 1e3,
      report.link_seconds * 1e3);
  if (report.replay_seconds > 0)
    text += fmt::format(", evaluated again in {:.0f} ms", report.replay_seconds * 1e3);
  if (report.mixed) text += "; the conversation is mixed now";
  return text;
}

ProgramWatch::ProgramWatch(hypervisor::Hypervisor& hypervisor, std::string mount,
                           std::filesystem::path file, Options options)
    : hypervisor_(hypervisor),
      mount_(std::move(mount)),
      file_(std::move(file)),
      options_(std::move(options)) {
  [[maybe_unused]] const auto assembled = read();
  thread_ = std::thread([this] { loop(); });
}

ProgramWatch::~ProgramWatch() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  ending_changed_.notify_all();
  thread_.join();
}

/// False once it is to end.
bool ProgramWatch::wait() {
  std::unique_lock lock(mutex_);
  return !ending_changed_.wait_for(lock, kLookEvery, [this] { return ending_; });
}

ProgramWatch::Stamp ProgramWatch::stamp() const {
  Stamp out;
  const auto add = [&](const std::filesystem::path& path) {
    std::error_code ignored;
    const std::uintmax_t size = std::filesystem::file_size(path, ignored);
    out.emplace_back(size, std::filesystem::last_write_time(path, ignored));
  };
  add(file_);
  for (const std::filesystem::path& path : included_) add(path);
  return out;
}

/// Reads until every file that was read had its stamp taken before: whatever is saved from then on
/// differs from `known_`. Also of a text with mistakes: the mistake may be in what it includes.
Result<assembler::AssembleResult> ProgramWatch::read() {
  for (;;) {
    known_ = stamp();
    auto assembled = assemble_file(file_);
    if (!assembled) return assembled;
    std::vector<std::filesystem::path> included;
    for (const std::string& name : assembled->read) included.push_back(file_.parent_path() / name);
    if (included == included_) return assembled;
    included_ = std::move(included);
  }
}

void ProgramWatch::loop() {
  while (wait()) {
    Stamp now = stamp();
    if (now == known_) continue;
    // Editors write in pieces: a file counts once it has been left alone for a moment.
    while (wait() && stamp() != now) now = stamp();
    const auto report = reload();
    options_.say(report ? reload_text(file_, *report)
                        : report.error().message + "\n(the program before runs on)");
  }
}

Result<hypervisor::ReloadReport> ProgramWatch::reload() {
  PX_TRY(const assembler::AssembleResult assembled, read());
  return reload_assembled(hypervisor_, mount_, file_, assembled, options_.reload);
}

}  // namespace pxos::shell
