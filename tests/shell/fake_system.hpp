#pragma once
// A System without a hypervisor: mounts are names, a model answers with words it was given.

#include "shell/system.hpp"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

namespace pxos::shell::fake {

class FakeSystem final : public System {
 public:
  std::vector<std::string> answer{"Hello", " there", "."};
  /// Streams words until it is interrupted, instead of the answer.
  std::atomic<bool> endless{false};
  /// An interrupt that comes before the model runs is lost, as in the real system.
  std::atomic<bool> stop{false};
  std::vector<std::string> reloads;
  std::atomic<int> interrupts{0};
  std::atomic<bool> running{false};
  std::vector<Question> questions;
  std::string failing_file;  ///< mounting this fails

  Result<SystemFacts> start() override { return SystemFacts{"Fake CPU", "scalar", 2}; }

  Result<hypervisor::MountInfo> mount(const std::filesystem::path& file,
                                      const hypervisor::MountOptions& options) override {
    if (file == failing_file) return fail(Errc::kInvalid, "{}: bad magic", file.string());
    return add(options.name.empty() ? file.stem().string() : options.name, file.string(), true);
  }
  Result<hypervisor::MountInfo> mount_welcome() override { return add("welcome", "", false); }

  Result<void> unmount(const std::string& name) override {
    const std::scoped_lock lock(mutex_);
    if (mounts_.erase(name) == 0) return fail(Errc::kNotFound, "nothing is mounted as '{}'", name);
    return {};
  }
  std::vector<hypervisor::MountInfo> mounts() const override {
    const std::scoped_lock lock(mutex_);
    std::vector<hypervisor::MountInfo> all;
    for (const auto& [name, mount] : mounts_) all.push_back(mount);
    return all;
  }
  Result<hypervisor::MountInfo> info(const std::string& name) const override {
    const std::scoped_lock lock(mutex_);
    const auto it = mounts_.find(name);
    if (it == mounts_.end()) return fail(Errc::kNotFound, "nothing is mounted as '{}'", name);
    return it->second;
  }

  Result<hypervisor::AskReport> ask(const std::string& name, const Question& question,
                                    const std::function<void(std::string_view)>& on_text) override {
    PX_CHECK(info(name));
    questions.push_back(question);
    hypervisor::AskReport report;
    report.prompt_tokens = 3;
    stop = false;
    running = true;
    while (endless && !stop) {
      on_text("word ");
      report.tokens.push_back(1);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    running = false;
    if (endless) {
      report.finish = hypervisor::FinishReason::kInterrupted;
      return report;
    }
    for (const std::string& piece : answer) {
      on_text(piece);
      report.text += piece;
      report.tokens.push_back(1);
    }
    report.decode_seconds = 0.5;
    return report;
  }
  Result<std::string> reload(const std::string& name, const std::filesystem::path& file,
                             const hypervisor::ReloadOptions& options) override {
    reloads.push_back(name + " " + file.string() + (options.replay ? " replay" : ""));
    if (file.extension() != ".pxasm") return fail(Errc::kNotFound, "{}: none", file.string());
    return file.string() + ": took over at token 3";
  }
  Result<void> forget(const std::string& name) override {
    PX_CHECK(info(name));
    return {};
  }
  Result<void> run_program(const std::string& name, std::string_view entry,
                           const GuestOutput& output) override {
    PX_CHECK(info(name));
    if (entry != "main") return fail(Errc::kTrap, "no entry '{}'", entry);
    output.console("I am " + name + "\n");
    output.present({2, 1, 3, {255, 0, 0, 0, 255, 0}});
    return {};
  }
  void interrupt() override {
    ++interrupts;
    stop = true;
  }
  pixelfs::Image render_map(const infinite_map::Viewport&, std::uint32_t width,
                            std::uint32_t height) const override {
    return {width, height, 3, ByteVector(std::size_t{width} * height * 3, 90)};
  }
  infinite_map::Rect map_bounds(std::string_view place) const override {
    if (place == "nowhere") return {};
    return mounts().empty() ? infinite_map::Rect{} : infinite_map::Rect{0, 0, 100, 50};
  }
  Result<std::string> title(const std::filesystem::path&) const override { return "A Title"; }
  pixelfs::Image label(const std::string&) const override { return {}; }
  std::vector<hypervisor::LogEntry> log() const override {
    return {{0, "mount", "small", "", "ok", 0.01}, {1000, "ask", "small", "", "3 tokens", 0.5}};
  }

 private:
  Result<hypervisor::MountInfo> add(const std::string& name, const std::string& path, bool model) {
    hypervisor::MountInfo mount;
    mount.name = name;
    mount.path = path;
    mount.title = "A Title";
    mount.architecture = "llama";
    mount.program = "llama";
    mount.parameters = 135'000'000;
    mount.weight_bytes = 98'400'000;
    mount.context = 2048;
    mount.has_model = model;
    mount.has_chat = model;
    mount.mount_seconds = 0.041;
    const std::scoped_lock lock(mutex_);
    mounts_[name] = mount;
    return mount;
  }

  mutable std::mutex mutex_;
  std::map<std::string, hypervisor::MountInfo> mounts_;
};

}  // namespace pxos::shell::fake
