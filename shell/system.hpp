#pragma once
// What the commands of the shell need of the system below it: a port, so that every command is
// tested against a fake. RealSystem (real_system.hpp) puts a Hypervisor behind it.
//
// Threads: every member may be called from any thread; ask, run_program and mount run on the
// caller's. interrupt() never waits.

#include "hypervisor/hypervisor.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::shell {

/// Whether a question sees the conversation before it.
enum class Memory : std::uint8_t {
  kConversation,  ///< continues the chat and becomes part of it
  kFresh,         ///< sees nothing of it and leaves it as it was
};

struct Question {
  std::string text;
  Memory memory = Memory::kConversation;
  /// Applies the chat template when the model has one; off: the text is continued as it stands.
  bool use_template = true;
  std::int64_t max_tokens = 512;
  std::optional<text::SamplerOptions> sampling;
  std::vector<std::string> stop;
};

/// Where a guest's host calls go while it runs; called on the running thread.
struct GuestOutput {
  std::function<void(std::string_view)> console;
  std::function<void(const pixelfs::Image&)> present;
};

/// What start() found out.
struct SystemFacts {
  std::string processor;  ///< as the operating system names it
  std::string kernels;    ///< scalar | avx2 | avx512
  std::size_t threads = 0;
};

class System {
 public:
  virtual ~System() = default;

  /// Brings the hypervisor up. Before it, mounts() is empty and everything else an error.
  virtual Result<SystemFacts> start() = 0;

  virtual Result<hypervisor::MountInfo> mount(const std::filesystem::path& file,
                                              const hypervisor::MountOptions& options) = 0;
  /// Mounts the cartridge that is part of the binary.
  virtual Result<hypervisor::MountInfo> mount_welcome() = 0;
  virtual Result<void> unmount(const std::string& name) = 0;
  [[nodiscard]] virtual std::vector<hypervisor::MountInfo> mounts() const = 0;
  [[nodiscard]] virtual Result<hypervisor::MountInfo> info(const std::string& name) const = 0;

  /// Streams the answer as valid UTF-8 to `on_text`.
  virtual Result<hypervisor::AskReport> ask(
      const std::string& name, const Question& question,
      const std::function<void(std::string_view)>& on_text) = 0;
  /// Forgets the conversation with `name`.
  virtual Result<void> forget(const std::string& name) = 0;
  virtual Result<void> run_program(const std::string& name, std::string_view entry,
                                   const GuestOutput& output) = 0;
  /// Makes a `.pxasm` file the program of a mounted model, between two tokens when it is answering.
  /// Returns a line that says what it cost.
  virtual Result<std::string> reload(const std::string& name, const std::filesystem::path& file,
                                     const hypervisor::ReloadOptions& options) = 0;
  /// Makes what runs stop within 100 ms; harmless when nothing does.
  virtual void interrupt() = 0;

  [[nodiscard]] virtual pixelfs::Image render_map(const infinite_map::Viewport& viewport,
                                                  std::uint32_t width,
                                                  std::uint32_t height) const = 0;
  /// Around everything, or around what `place` names; empty when there is nothing.
  [[nodiscard]] virtual infinite_map::Rect map_bounds(std::string_view place) const = 0;
  /// Title of a cartridge file, without mounting it.
  [[nodiscard]] virtual Result<std::string> title(const std::filesystem::path& file) const = 0;
  /// The label picture of a cartridge; 0 x 0 when it has none that can be read.
  [[nodiscard]] virtual pixelfs::Image label(const std::string& name) const = 0;
  [[nodiscard]] virtual std::vector<hypervisor::LogEntry> log() const = 0;
};

}  // namespace pxos::shell
