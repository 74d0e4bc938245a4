#include "hypervisor/hypervisor.hpp"

#include "hypervisor/generate.hpp"
#include "hypervisor/log.hpp"
#include "hypervisor/mount.hpp"
#include "hypervisor/trust.hpp"
#include "infinite_map/map.hpp"
#include "pxvm/tensor/kernels/select.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <mutex>
#include <shared_mutex>

#include <fmt/format.h>
#include <unistd.h>

namespace pxos::hypervisor {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

std::uint64_t default_memory_cap() {
  const auto pages = static_cast<std::uint64_t>(std::max(sysconf(_SC_PHYS_PAGES), 1L));
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 4 * 3;
}

std::string_view to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kContextFull:
      return "context full";
    case FinishReason::kInterrupted:
      return "interrupted";
  }
  return "";
}

struct Hypervisor::Impl {
  explicit Impl(HypervisorOptions given)
      : options(std::move(given)),
        pool(options.threads != 0 ? options.threads : usable_processors()),
        trust(options.home.empty() ? options.home : options.home / "trust.txt"),
        log(options.home.empty() ? options.home : options.home / "log.jsonl") {}

  struct Slot {
    std::shared_ptr<Mount> mount;
    double mount_seconds = 0;
  };

  Result<std::shared_ptr<Mount>> find(const std::string& name) const {
    const std::shared_lock lock(table_mutex);
    const auto it = mounts.find(name);
    if (it == mounts.end()) return fail(Errc::kNotFound, "nothing is mounted as '{}'", name);
    return it->second.mount;
  }

  std::string free_name(std::string wanted) const {
    const std::shared_lock lock(table_mutex);
    if (!mounts.contains(wanted)) return wanted;
    for (int n = 2;; ++n) {
      std::string numbered = fmt::format("{}-{}", wanted, n);
      if (!mounts.contains(numbered)) return numbered;
    }
  }

  Result<void> check_contents(const Mount& mount) {
    if (trust.knows(mount.cartridge())) return {};
    PX_CHECK(verify_contents(mount.cartridge(), mount.weights()));
    trust.record(mount.cartridge());
    return {};
  }

  Result<MountInfo> mount(cartridges::Cartridge cartridge, const MountOptions& wanted);
  MountInfo describe(const Slot& slot) const;
  void note(std::string what, const Mount& mount, std::string result, double seconds) {
    log.append({0, std::move(what), mount.name(), to_hex(mount.cartridge().manifest_digest()),
                std::move(result), seconds});
  }

  HypervisorOptions options;
  const tensor::KernelTable* kernels = nullptr;
  bool fusion = true;
  ThreadPool pool;
  std::atomic<bool> stop{false};
  TrustStore trust;
  ExecutionLog log;
  infinite_map::Map map;
  std::map<std::string, Slot> mounts;
  mutable std::shared_mutex table_mutex;  ///< guards `mounts`
  std::mutex run_mutex;                   ///< one guest at a time

  /// A program that waits for its turn, between two tokens or when nothing runs.
  struct PendingReload {
    Mount* mount = nullptr;
    LinkedReplacement replacement;
    ReloadOptions options;
    std::promise<Result<ReloadReport>> done;
  };
  Result<ReloadReport> apply(PendingReload& pending);
  /// Requires: the run mutex is held.
  void apply_pending();
  std::mutex reload_mutex;               ///< one reload at a time
  std::mutex pending_mutex;              ///< guards `pending`
  std::atomic<bool> has_pending{false};  ///< so that a token costs one load
  std::unique_ptr<PendingReload> pending;
};

Result<MountInfo> Hypervisor::Impl::mount(cartridges::Cartridge cartridge,
                                          const MountOptions& wanted) {
  const auto start = Clock::now();
  const std::string name = free_name(wanted.name.empty() ? cartridge.manifest().name : wanted.name);
  const MountContext context{kernels, &pool, &stop, &options.ports, fusion};
  const std::uint64_t cap = wanted.memory_bytes != 0 ? wanted.memory_bytes : default_memory_cap();
  PX_TRY(std::unique_ptr<Mount> made,
         Mount::create(name, std::move(cartridge), context,
                       {wanted.context, wanted.batch, wanted.fuel, cap}));
  PX_CHECK(check_contents(*made));
  PX_TRY(std::vector<infinite_map::RegionSpec> regions, made->map_regions());
  // Under the table's lock: whoever draws the map finds the mount of every region he sees.
  const std::unique_lock lock(table_mutex);
  PX_CHECK(map.place_all(std::move(regions)));
  Slot slot{std::move(made), seconds_since(start)};
  const MountInfo info = describe(slot);
  note("mount", *slot.mount, "ok", slot.mount_seconds);
  mounts[name] = std::move(slot);
  return info;
}

// Whoever draws the map holds the table's lock: it must not see the memory of the program that
// goes.
Result<ReloadReport> Hypervisor::Impl::apply(PendingReload& reload) {
  Mount& mount = *reload.mount;
  const auto start = Clock::now();
  ReloadReport report;
  report.position = mount.position();
  {
    const std::unique_lock lock(table_mutex);
    map.remove_model(mount.name());
    auto adopted = mount.adopt_program(std::move(reload.replacement));
    PX_TRY(std::vector<infinite_map::RegionSpec> regions, mount.map_regions());
    PX_CHECK(map.place_all(std::move(regions)));
    PX_CHECK(adopted);
  }
  report.pause_seconds = seconds_since(start);
  if (reload.options.replay && !mount.history().empty()) {
    const auto replay_start = Clock::now();
    const std::vector<std::int32_t> tokens = mount.history();
    mount.rewind(0);
    if (auto done = mount.evaluate(tokens, 1); !done) {
      mount.rewind(0);  // a part of the conversation would be another one
      return in_context("replay", std::move(done).error());
    }
    report.replay_seconds = seconds_since(replay_start);
  }
  report.mixed = mount.is_mixed();
  note("reload", mount,
       fmt::format("at token {}{}", report.position, report.mixed ? ", mixed" : ""),
       report.pause_seconds + report.replay_seconds);
  return report;
}

void Hypervisor::Impl::apply_pending() {
  if (!has_pending.load(std::memory_order_relaxed)) return;
  std::unique_ptr<PendingReload> mine;
  {
    const std::scoped_lock lock(pending_mutex);
    mine = std::move(pending);
    has_pending = false;
  }
  if (mine) mine->done.set_value(apply(*mine));
}

MountInfo Hypervisor::Impl::describe(const Slot& slot) const {
  const Mount& mount = *slot.mount;
  const cartridges::Manifest& manifest = mount.cartridge().manifest();
  const vm::LinkedProgram& linked = mount.machine().linked();
  MountInfo info;
  info.name = mount.name();
  info.path = mount.cartridge().path();
  info.title = manifest.title;
  info.architecture = manifest.architecture;
  info.program = linked.program().name;
  info.parameters = manifest.parameter_count;
  info.weight_bytes = mount.weights().canonical_bytes();
  info.arena_bytes = linked.activation_bytes;
  info.kv_bytes = linked.region_bytes;
  info.context = mount.context_length();
  info.position = mount.position();
  info.has_model = mount.has_model();
  info.has_chat = mount.chat_template() != nullptr;
  info.mixed = mount.is_mixed();
  info.fast_path = mount.weights().slow_note().empty();
  info.notes = mount.notes;
  info.mount_seconds = slot.mount_seconds;
  return info;
}

Hypervisor::Hypervisor() = default;

Hypervisor::~Hypervisor() {
  interrupt();
  const std::scoped_lock lock(impl_->run_mutex);
}

Result<std::unique_ptr<Hypervisor>> Hypervisor::create(HypervisorOptions options) {
  const std::string wanted = options.kernels;
  auto kernels =
      wanted.empty() ? tensor::select_kernels_from_environment() : tensor::select_kernels(wanted);
  if (!kernels) return tl::unexpected<Error>(std::move(kernels).error());
  PX_TRY(const bool fusion, vm::fusion_from_environment());
  std::unique_ptr<Hypervisor> hypervisor(new Hypervisor());
  hypervisor->impl_ = std::make_unique<Impl>(std::move(options));
  hypervisor->impl_->kernels = *kernels;
  hypervisor->impl_->fusion = fusion;
  return hypervisor;
}

Result<MountInfo> Hypervisor::mount(const std::filesystem::path& path,
                                    const MountOptions& options) {
  PX_TRY(cartridges::Cartridge cartridge, cartridges::Cartridge::open(path, options.load));
  auto info = impl_->mount(std::move(cartridge), options);
  if (!info) return in_context(path.string(), std::move(info).error());
  return info;
}

Result<MountInfo> Hypervisor::mount_bytes(Bytes bytes, const std::string& name,
                                          const MountOptions& options) {
  PX_TRY(cartridges::Cartridge cartridge, cartridges::Cartridge::from_bytes(bytes, name));
  return impl_->mount(std::move(cartridge), options);
}

Result<void> Hypervisor::unmount(const std::string& name) {
  PX_TRY(const std::shared_ptr<Mount> mount, impl_->find(name));
  const std::scoped_lock run_lock(impl_->run_mutex);  // waits for work in flight
  impl_->map.remove_model(name);
  impl_->note("unmount", *mount, "ok", 0);
  const std::unique_lock lock(impl_->table_mutex);
  impl_->mounts.erase(name);
  return {};
}

std::vector<MountInfo> Hypervisor::mounts() const {
  const std::shared_lock lock(impl_->table_mutex);
  std::vector<MountInfo> out;
  for (const auto& [name, slot] : impl_->mounts) out.push_back(impl_->describe(slot));
  return out;
}

Result<MountInfo> Hypervisor::info(const std::string& name) const {
  const std::shared_lock lock(impl_->table_mutex);
  const auto it = impl_->mounts.find(name);
  if (it == impl_->mounts.end()) return fail(Errc::kNotFound, "nothing is mounted as '{}'", name);
  return impl_->describe(it->second);
}

Result<AskReport> Hypervisor::ask(const std::string& name, std::string_view prompt,
                                  const AskOptions& options) {
  Result<AskReport> report;
  PX_CHECK(with_mount(name, [&](Mount& mount) -> Result<void> {
    const auto start = Clock::now();
    AskOptions with_reloads = options;
    with_reloads.between_tokens = [&]() -> Result<void> {
      const std::int64_t before = mount.position();
      impl_->apply_pending();
      if (mount.position() != before)
        return fail(Errc::kInterrupted, "the replay was interrupted: the conversation is empty");
      return options.between_tokens ? options.between_tokens() : Result<void>();
    };
    report = generate(mount, prompt, with_reloads, impl_->stop);
    const std::string result =
        report ? fmt::format("{} tokens, {}", report->tokens.size(), to_string(report->finish))
               : report.error().message;
    impl_->note(report ? "ask" : "trap", mount, result, seconds_since(start));
    return {};
  }));
  return report;
}

Result<ReloadReport> Hypervisor::reload(const std::string& name, isa::VerifiedProgram program,
                                        const ReloadOptions& options) {
  using namespace std::chrono_literals;
  const std::scoped_lock one_at_a_time(impl_->reload_mutex);
  PX_TRY(const std::shared_ptr<Mount> mount, impl_->find(name));
  const auto start = Clock::now();
  auto pending = std::make_unique<Impl::PendingReload>();
  PX_TRY(pending->replacement, mount->link_program(std::move(program)));
  const double link_seconds = seconds_since(start);
  pending->mount = mount.get();
  pending->options = options;
  std::future<Result<ReloadReport>> done = pending->done.get_future();
  {
    const std::scoped_lock lock(impl_->pending_mutex);
    impl_->pending = std::move(pending);
    impl_->has_pending = true;
  }
  // A generation takes it between two tokens. Anything else that runs is waited for.
  while (done.wait_for(2ms) != std::future_status::ready) {
    const std::unique_lock run_lock(impl_->run_mutex, std::try_to_lock);
    if (run_lock.owns_lock()) impl_->apply_pending();
  }
  PX_TRY(ReloadReport report, done.get());
  report.link_seconds = link_seconds;
  return report;
}

Result<void> Hypervisor::run_program(const std::string& name, std::string_view entry) {
  return with_mount(name, [&](Mount& mount) -> Result<void> {
    const auto start = Clock::now();
    auto result = mount.run(entry);
    impl_->note(result ? "run" : "trap", mount, result ? "ok" : result.error().message,
                seconds_since(start));
    return result;
  });
}

Result<void> Hypervisor::with_mount(const std::string& name,
                                    const std::function<Result<void>(Mount&)>& use) {
  const std::scoped_lock lock(impl_->run_mutex);
  PX_TRY(const std::shared_ptr<Mount> mount, impl_->find(name));
  PX_CHECK(mount->finish_mounting());
  impl_->stop.store(false);
  PX_CHECK(use(*mount));
  if (mount->cartridge().poisoned()) {
    return fail(Errc::kIo, "{} shrank while it was mounted: unmount it", mount->cartridge().path());
  }
  return {};
}

void Hypervisor::interrupt() {
  impl_->stop.store(true);
}

// Guests stand still only while their memory is copied. The mounts are kept until the picture is
// drawn: their sheets are read then, and an unmount may come in between.
pixelfs::Image Hypervisor::render_map(const infinite_map::Viewport& viewport, std::uint32_t width,
                                      std::uint32_t height) const {
  std::vector<std::shared_ptr<Mount>> kept;
  const auto captured = [&] {
    const std::shared_lock lock(impl_->table_mutex);
    std::vector<std::unique_lock<std::mutex>> paused;
    for (const auto& [name, slot] : impl_->mounts) {
      kept.push_back(slot.mount);
      paused.push_back(slot.mount->pause());
    }
    return impl_->map.capture(viewport, width, height);
  }();
  auto image = captured ? captured->draw() : tl::unexpected<Error>(captured.error());
  return image ? *std::move(image) : pixelfs::Image{};
}

infinite_map::Rect Hypervisor::map_bounds(std::string_view place) const {
  return place.empty() ? impl_->map.bounds() : impl_->map.bounds_of(place);
}
std::vector<LogEntry> Hypervisor::log() const {
  return impl_->log.entries();
}
std::string Hypervisor::kernels() const {
  return impl_->kernels->name;
}
std::size_t Hypervisor::threads() const {
  return impl_->pool.threads();
}

}  // namespace pxos::hypervisor
