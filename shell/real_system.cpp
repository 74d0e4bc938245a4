#include "shell/real_system.hpp"

#include "cartridges/cartridge.hpp"
#include "hypervisor/generate.hpp"
#include "hypervisor/mount.hpp"
#include "programs/programs.hpp"
#include "shell/verbs/program_watch.hpp"

#include <fstream>

namespace pxos::shell {
namespace {

constexpr float kConversationPenalty = 1.1F;
constexpr pixelfs::PngLimits kLabelLimits{4096, 4096, std::uint64_t{1} << 22U};

/// "model name" of the first processor the kernel lists.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

/// The conversation of a mount put aside while a question is asked that must not see it.
class Aside {
 public:
  explicit Aside(hypervisor::Hypervisor& hypervisor, const std::string& name)
      : hypervisor_(hypervisor), name_(name) {
    swap_messages();
  }
  ~Aside() { swap_messages(); }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  void swap_messages() {
    // A mount that is gone has no conversation to put aside or back.
    static_cast<void>(hypervisor_.with_mount(name_, [&](hypervisor::Mount& mount) -> Result<void> {
      if (back_) {
        mount.messages = std::move(messages_);
      } else {
        messages_ = std::exchange(mount.messages, {});
      }
      back_ = true;
      return {};
    }));
  }

  hypervisor::Hypervisor& hypervisor_;
  const std::string& name_;
  std::vector<text::ChatMessage> messages_;
  bool back_ = false;
};

/// The manifest's sampling. Greedy without a penalty, small models fall into loops: a conversation
/// gets a mild one. `pxos run` does exactly what it is told.
text::SamplerOptions conversation_sampling(const cartridges::Manifest& manifest) {
  text::SamplerOptions sampling = hypervisor::default_sampling(manifest);
  if (sampling.temperature == 0.0F && sampling.repeat_penalty == 1.0F)
    sampling.repeat_penalty = kConversationPenalty;
  return sampling;
}

}  // namespace

hypervisor::HostPorts RealSystem::ports() {
  hypervisor::HostPorts ports;
  ports.console = [this](std::string_view text) {
    const std::scoped_lock lock(guest_mutex_);
    if (guest_.console) guest_.console(text);
  };
  ports.present = [this](const pixelfs::Image& image) {
    const std::scoped_lock lock(guest_mutex_);
    if (guest_.present) guest_.present(image);
  };
  return ports;
}

Result<SystemFacts> RealSystem::start() {
  hypervisor::HypervisorOptions options;
  options.threads = options_.threads;
  options.home = options_.paths.home;
  options.ports = ports();
  PX_TRY(owner_, hypervisor::Hypervisor::create(std::move(options)));
  hypervisor_ = owner_.get();
  return SystemFacts{processor_name(), owner_->kernels(), owner_->threads()};
}

Result<hypervisor::Hypervisor*> RealSystem::up() const {
  hypervisor::Hypervisor* hypervisor = hypervisor_;
  if (hypervisor == nullptr) return fail(Errc::kUnsupported, "the system is not up");
  return hypervisor;
}

Result<hypervisor::MountInfo> RealSystem::mount(const std::filesystem::path& file,
                                                const hypervisor::MountOptions& options) {
  PX_TRY(hypervisor::Hypervisor* const hypervisor, up());
  hypervisor::MountOptions with_defaults = options;
  if (with_defaults.context == 0) with_defaults.context = options_.context;
  return hypervisor->mount(file, with_defaults);
}

Result<hypervisor::MountInfo> RealSystem::mount_welcome() {
  PX_TRY(hypervisor::Hypervisor* const hypervisor, up());
  return hypervisor->mount_bytes(programs::welcome_cartridge(), "welcome");
}

Result<void> RealSystem::unmount(const std::string& name) {
  PX_TRY(hypervisor::Hypervisor* const hypervisor, up());
  return hypervisor->unmount(name);
}

std::vector<hypervisor::MountInfo> RealSystem::mounts() const {
  const auto hypervisor = up();
  return hypervisor ? (*hypervisor)->mounts() : std::vector<hypervisor::MountInfo>();
}

Result<hypervisor::MountInfo> RealSystem::info(const std::string& name) const {
  PX_TRY(hypervisor::Hypervisor* const hypervisor, up());
  return hypervisor->info(name);
}

Result<hypervisor::AskReport> RealSystem::ask(
    const std::string& name, const Question& question,
    const std::function<void(std::string_view)>& on_text) {
  PX_TRY(hypervisor::Hypervisor* const hypervisor, up());
  hypervisor::AskOptions options;
  options.chat = question.use_template;
  options.fresh = question.memory == Memory::kFresh;
  options.max_tokens = question.max_tokens;
  options.sampling = question.sampling;
  if (!options.sampling) {
    PX_CHECK(hypervisor->with_mount(name, [&](hypervisor::Mount& mount) -> Result<void> {
      options.sampling = conversation_sampling(mount.cartridge().manifest());
      return {};
    }));
  }
  options.stop = question.stop;
  options.on_text = on_text;
  std::optional<Aside> aside;
  if (question.use_template && question.memory == Memory::kFresh) aside.emplace(*hypervisor, name);
  return hypervisor->ask(name, question.text, options);
}

Result<std::string> RealSystem::reload(const std::string& name, const std::filesystem::path& file,
                                       const hypervisor::ReloadOptions& options) {
  PX_TRY(hypervisor::Hypervisor* const hypervisor, up());
  PX_TRY(const hypervisor::ReloadReport report, reload_file(*hypervisor, name, file, options));
  return reload_text(file, report);
}

Result<void> RealSystem::forget(const std::string& name) {
  PX_TRY(hypervisor::Hypervisor* const hypervisor, up());
  return hypervisor->with_mount(name, [](hypervisor::Mount& mount) -> Result<void> {
    mount.messages.clear();
    mount.rewind(0);
    return {};
  });
}

Result<void> RealSystem::run_program(const std::string& name, std::string_view entry,
                                     const GuestOutput& output) {
  PX_TRY(hypervisor::Hypervisor* const hypervisor, up());
  const auto set = [this](const GuestOutput& now) {
    const std::scoped_lock lock(guest_mutex_);
    guest_ = now;
  };
  set(output);
  auto result = hypervisor->run_program(name, entry);
  set({});
  return result;
}

void RealSystem::interrupt() {
  if (hypervisor::Hypervisor* const hypervisor = hypervisor_) hypervisor->interrupt();
}

pixelfs::Image RealSystem::render_map(const infinite_map::Viewport& viewport, std::uint32_t width,
                                      std::uint32_t height) const {
  const auto hypervisor = up();
  return hypervisor ? (*hypervisor)->render_map(viewport, width, height) : pixelfs::Image();
}

infinite_map::Rect RealSystem::map_bounds(std::string_view place) const {
  const auto hypervisor = up();
  return hypervisor ? (*hypervisor)->map_bounds(place) : infinite_map::Rect();
}

Result<std::string> RealSystem::title(const std::filesystem::path& file) const {
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(file));
  return cartridge.manifest().title;
}

pixelfs::Image RealSystem::label(const std::string& name) const {
  const auto mount = info(name);
  if (!mount) return {};
  const auto cartridge =
      name == "welcome" && mount->path == "welcome"
          ? cartridges::Cartridge::from_bytes(programs::welcome_cartridge(), name)
          : cartridges::Cartridge::open(mount->path);
  if (!cartridge) return {};
  auto picture = pixelfs::decode_png(cartridge->label(), kLabelLimits);
  return picture ? *std::move(picture) : pixelfs::Image();
}

std::vector<hypervisor::LogEntry> RealSystem::log() const {
  const auto hypervisor = up();
  return hypervisor ? (*hypervisor)->log() : std::vector<hypervisor::LogEntry>();
}

}  // namespace pxos::shell
