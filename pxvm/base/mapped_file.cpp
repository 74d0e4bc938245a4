#include "pxvm/base/mapped_file.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include <fcntl.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigaction is POSIX, not <csignal>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace pxos {
namespace {

// The guard. A signal handler has no arguments of ours, so this table is the one piece of
// process-wide state in the project. Everything in it is a lock-free atomic that is
// constant-initialised: the handler may run at any instruction of any thread and takes no lock.
//
// A slot is kFree, kBusy (an owner is filling or emptying it) or kLive (its range is valid).
// The owner fills a slot before it hands out the bytes and empties it before it unmaps them, so a
// fault inside [begin, end) of a live slot is always a fault of that map.

enum : std::uint32_t { kFree, kBusy, kLive };

struct GuardSlot {
  std::atomic<std::uint32_t> state{kFree};
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> poisoned{false};
};

constexpr std::size_t kGuardSlots = 1024;
static_assert(std::atomic<std::uintptr_t>::is_always_lock_free);

struct Guard {
  std::array<GuardSlot, kGuardSlots> slots;
  struct sigaction previous {};
  std::uintptr_t page_bytes = 0;
};

constinit Guard guard;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables): see above

/// Puts a page of zeros at `address` if a live slot covers it. Async-signal-safe.
bool serve_fault(std::uintptr_t address) {
  for (GuardSlot& slot : guard.slots) {
    if (slot.state.load(std::memory_order_acquire) != kLive) continue;
    if (address < slot.begin.load(std::memory_order_relaxed)) continue;
    if (address >= slot.end.load(std::memory_order_relaxed)) continue;
    const std::uintptr_t page = address & ~(guard.page_bytes - 1);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the address comes from the signal
    void* const where = reinterpret_cast<void*>(page);
    void* const mapped =
        ::mmap(where, guard.page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (mapped == MAP_FAILED) return false;
    slot.poisoned.store(true, std::memory_order_release);
    return true;
  }
  return false;
}

/// A fault that is not ours goes to whoever was there before; with no one there, to the default
/// action, which the re-executed instruction then meets.
void chain_to_previous(int signal_number, siginfo_t* info, void* context) {
  if ((guard.previous.sa_flags & SA_SIGINFO) != 0) {
    guard.previous.sa_sigaction(signal_number, info, context);
  } else if (guard.previous.sa_handler == SIG_DFL || guard.previous.sa_handler == SIG_IGN) {
    ::signal(signal_number, SIG_DFL);
  } else {
    guard.previous.sa_handler(signal_number);
  }
}

void on_bus_error(int signal_number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  if (!serve_fault(reinterpret_cast<std::uintptr_t>(info->si_addr))) {
    chain_to_previous(signal_number, info, context);
  }
  errno = saved_errno;
}

void install_guard() {
  static std::once_flag installed;
  std::call_once(installed, [] {
    guard.page_bytes = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGBUS, &action, &guard.previous);
  });
}

/// Claims a slot for the range; -1 when all are taken.
int claim_slot(Bytes range) {
  for (std::size_t i = 0; i < kGuardSlots; ++i) {
    GuardSlot& slot = guard.slots[i];
    std::uint32_t expected = kFree;
    if (!slot.state.compare_exchange_strong(expected, kBusy, std::memory_order_acq_rel)) continue;
    const auto begin = reinterpret_cast<std::uintptr_t>(range.data());
    slot.begin.store(begin, std::memory_order_relaxed);
    slot.end.store(begin + range.size(), std::memory_order_relaxed);
    slot.poisoned.store(false, std::memory_order_relaxed);
    slot.state.store(kLive, std::memory_order_release);
    return static_cast<int>(i);
  }
  return -1;
}

/// Frees the slot first: once the range is unmapped, its addresses may belong to someone else.
void release(int slot_index, Bytes range) {
  if (slot_index < 0) return;
  GuardSlot& slot = guard.slots[static_cast<std::size_t>(slot_index)];
  slot.state.store(kBusy, std::memory_order_release);
  slot.begin.store(0, std::memory_order_relaxed);
  slot.end.store(0, std::memory_order_relaxed);
  // munmap takes a plain pointer although the map is read-only.
  ::munmap(const_cast<std::uint8_t*>(range.data()), range.size());
  slot.state.store(kFree, std::memory_order_release);
}

FileIdentity identity_of(const struct stat& info) {
  constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;
  return {.device = info.st_dev,
          .inode = info.st_ino,
          .size_bytes = static_cast<std::uint64_t>(info.st_size),
          .mtime_ns = info.st_mtim.tv_sec * kNanosecondsPerSecond + info.st_mtim.tv_nsec};
}

tl::unexpected<Error> system_error(const std::filesystem::path& path, const char* what) {
  const int code = errno;
  const bool missing = code == ENOENT || code == ENOTDIR;
  return fail(missing ? Errc::kNotFound : Errc::kIo, "{}: cannot {}: {}", path.string(), what,
              std::strerror(code));
}

Result<Bytes> map_descriptor(int fd, std::uint64_t size, const std::filesystem::path& path) {
  const auto length = checked_cast<std::size_t>(size);
  if (!length) return fail(Errc::kLimit, "{}: {} bytes cannot be mapped", path.string(), size);
  void* const address = ::mmap(nullptr, *length, PROT_READ, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) return system_error(path, "map");
  return Bytes(static_cast<const std::uint8_t*>(address), *length);
}

constexpr std::size_t kLoadStep = 16U << 20U;

Result<void> report(const LoadProgress& progress, std::uint64_t done, std::uint64_t total) {
  if (!progress || progress(done, total)) return {};
  return fail(Errc::kInterrupted, "loading stopped after {} of {} bytes", done, total);
}

/// One byte of every page; volatile, so that it happens.
void touch(Bytes bytes) {
  const volatile std::uint8_t* const data = bytes.data();
  for (std::size_t i = 0; i < bytes.size(); i += guard.page_bytes) static_cast<void>(data[i]);
}

/// Fills anonymous memory with the file. A file that ends early is an error, as one that shrinks
/// under a map is.
Result<void> fill(MutBytes memory, int fd, const std::filesystem::path& path,
                  const LoadProgress& progress) {
  std::size_t done = 0;
  while (done < memory.size()) {
    const std::size_t want = std::min(kLoadStep, memory.size() - done);
    const ::ssize_t got = ::pread(fd, memory.data() + done, want, static_cast<::off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path, "read");
    if (got == 0) {
      return fail(Errc::kIo, "{}: ended at byte {}, expected {}", path.string(), done,
                  memory.size());
    }
    done += static_cast<std::size_t>(got);
    PX_CHECK(report(progress, done, memory.size()));
  }
  return {};
}

/// The file in memory of our own, which munmap gives back like a map. Large pages are asked for:
/// what is read whole is mostly weights, and those are walked from end to end.
Result<Bytes> read_descriptor(int fd, std::uint64_t size, const std::filesystem::path& path,
                              const LoadProgress& progress) {
  const auto length = checked_cast<std::size_t>(size);
  if (!length) return fail(Errc::kLimit, "{}: {} bytes cannot be loaded", path.string(), size);
  void* const address =
      ::mmap(nullptr, *length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address == MAP_FAILED) return system_error(path, "find memory for");
  static_cast<void>(::madvise(address, *length, MADV_HUGEPAGE));
  const MutBytes memory(static_cast<std::uint8_t*>(address), *length);
  auto filled = fill(memory, fd, path, progress);
  if (!filled) {
    ::munmap(address, *length);
    return tl::unexpected<Error>(std::move(filled).error());
  }
  static_cast<void>(::mprotect(address, *length, PROT_READ));
  return Bytes(memory);
}

}  // namespace

Result<LoadMode> parse_load_mode(std::string_view text) {
  if (text == "mmap") return LoadMode::kMap;
  if (text == "prefault") return LoadMode::kPrefault;
  if (text == "read") return LoadMode::kRead;
  return fail(Errc::kUsage, "load mode '{}', expected mmap, prefault or read", text);
}

Result<void> prefault(Bytes mapping, const LoadProgress& progress) {
  install_guard();  // knows the size of a page
  const std::uint64_t total = mapping.size();
  // madvise wants whole pages; the part before the first boundary is touched by hand.
  const auto begin = reinterpret_cast<std::uintptr_t>(mapping.data());
  const std::size_t lead = std::min<std::size_t>(
      mapping.size(), (guard.page_bytes - begin % guard.page_bytes) % guard.page_bytes);
  touch(mapping.first(lead));
  mapping = mapping.subspan(lead);
  while (!mapping.empty()) {
    const Bytes step = mapping.first(std::min(kLoadStep, mapping.size()));
    void* const address = const_cast<std::uint8_t*>(step.data());
    // Older kernels cannot populate, and no kernel past the end of a file: ask for read-ahead and
    // touch every page; the guard serves what is gone.
    if (::madvise(address, step.size(), MADV_POPULATE_READ) != 0) {
      static_cast<void>(::madvise(address, step.size(), MADV_WILLNEED));
      touch(step);
    }
    mapping = mapping.subspan(step.size());
    PX_CHECK(report(progress, total - mapping.size(), total));
  }
  return {};
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path, const LoadOptions& options) {
  install_guard();
  // O_NONBLOCK: opening a FIFO must not wait for a writer before we can refuse it.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return system_error(path, "open");
  // The map keeps the file alive; the descriptor is not needed afterwards.
  const auto close_descriptor = [](const int* number) { ::close(*number); };
  const std::unique_ptr<const int, decltype(close_descriptor)> closer(&fd, close_descriptor);

  struct stat info {};
  if (::fstat(fd, &info) != 0) return system_error(path, "stat");
  if (!S_ISREG(info.st_mode)) return fail(Errc::kIo, "{}: not a regular file", path.string());
  MappedFile file;
  file.identity_ = identity_of(info);
  if (info.st_size == 0) return file;

  const std::uint64_t size = file.identity_.size_bytes;
  PX_TRY(const Bytes bytes, options.mode == LoadMode::kRead
                                ? read_descriptor(fd, size, path, options.progress)
                                : map_descriptor(fd, size, path));
  file.guard_slot_ = claim_slot(bytes);
  if (file.guard_slot_ < 0) {
    ::munmap(const_cast<std::uint8_t*>(bytes.data()), bytes.size());
    return fail(Errc::kLimit, "{}: {} files are mapped already", path.string(), kGuardSlots);
  }
  file.bytes_ = bytes;
  file.is_map_ = options.mode != LoadMode::kRead;
  if (options.mode == LoadMode::kPrefault) PX_CHECK(prefault(bytes, options.progress));
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : bytes_(std::exchange(other.bytes_, {})),
      identity_(other.identity_),
      guard_slot_(std::exchange(other.guard_slot_, -1)),
      is_map_(other.is_map_) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  if (this == &other) return *this;
  release(guard_slot_, bytes_);
  bytes_ = std::exchange(other.bytes_, {});
  identity_ = other.identity_;
  guard_slot_ = std::exchange(other.guard_slot_, -1);
  is_map_ = other.is_map_;
  return *this;
}

MappedFile::~MappedFile() {
  release(guard_slot_, bytes_);
}

void MappedFile::release_pages() const {
  // Memory of our own would come back as zeros; a shared map of a file comes back as the file.
  if (!is_map_ || bytes_.empty()) return;
  static_cast<void>(
      ::madvise(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size(), MADV_DONTNEED));
}

bool MappedFile::poisoned() const {
  if (guard_slot_ < 0) return false;
  return guard.slots[static_cast<std::size_t>(guard_slot_)].poisoned.load(
      std::memory_order_acquire);
}

}  // namespace pxos
