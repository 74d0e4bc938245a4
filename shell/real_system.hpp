#pragma once
// The System port over a Hypervisor. Thread-safe; before start() it has no mounts and every call
// that needs the hypervisor is an error.

#include "shell/paths.hpp"
#include "shell/system.hpp"

#include <atomic>
#include <memory>
#include <mutex>

namespace pxos::shell {

struct RealSystemOptions {
  Paths paths;
  std::size_t threads = 0;   ///< 0 = all usable
  std::int64_t context = 0;  ///< KV positions of a mount; 0 = the hypervisor's default
};

class RealSystem final : public System {
 public:
  explicit RealSystem(RealSystemOptions options) : options_(std::move(options)) {}

  Result<SystemFacts> start() override;
  Result<hypervisor::MountInfo> mount(const std::filesystem::path& file,
                                      const hypervisor::MountOptions& options) override;
  Result<hypervisor::MountInfo> mount_welcome() override;
  Result<void> unmount(const std::string& name) override;
  [[nodiscard]] std::vector<hypervisor::MountInfo> mounts() const override;
  [[nodiscard]] Result<hypervisor::MountInfo> info(const std::string& name) const override;
  Result<hypervisor::AskReport> ask(const std::string& name, const Question& question,
                                    const std::function<void(std::string_view)>& on_text) override;
  Result<void> forget(const std::string& name) override;
  Result<std::string> reload(const std::string& name, const std::filesystem::path& file,
                             const hypervisor::ReloadOptions& options) override;
  Result<void> run_program(const std::string& name, std::string_view entry,
                           const GuestOutput& output) override;
  void interrupt() override;
  [[nodiscard]] pixelfs::Image render_map(const infinite_map::Viewport& viewport,
                                          std::uint32_t width, std::uint32_t height) const override;
  [[nodiscard]] infinite_map::Rect map_bounds(std::string_view place) const override;
  [[nodiscard]] Result<std::string> title(const std::filesystem::path& file) const override;
  [[nodiscard]] pixelfs::Image label(const std::string& name) const override;
  [[nodiscard]] std::vector<hypervisor::LogEntry> log() const override;

 private:
  [[nodiscard]] hypervisor::HostPorts ports();
  [[nodiscard]] Result<hypervisor::Hypervisor*> up() const;

  RealSystemOptions options_;
  std::unique_ptr<hypervisor::Hypervisor> owner_;
  std::atomic<hypervisor::Hypervisor*> hypervisor_{nullptr};  ///< set once, by start()
  std::mutex guest_mutex_;
  GuestOutput guest_;  ///< of the program that runs
};

}  // namespace pxos::shell
