#include "pxvm/base/thread_pool.hpp"

#include "pxvm/base/result.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <immintrin.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace pxos {
namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::uint32_t kDefaultMxcsr = 0x1f80;
constexpr std::uint32_t kMxcsrFlags = 0x3f;  ///< sticky exception flags, no control bits

/// A thread's share of the current section in one word, so that taking and stealing are one CAS:
/// tag of the section (24 bits), first untaken chunk (20), end (20). The tag keeps a thread that
/// was asleep during the publication of the next section from taking a chunk of it for the old
/// function.
constexpr unsigned kIndexBits = 20;
constexpr std::uint64_t kIndexMask = (std::uint64_t{1} << kIndexBits) - 1;
constexpr std::size_t kMaxChunksPerSection = kIndexMask;

struct Share {
  std::uint64_t tag;
  std::uint64_t next;
  std::uint64_t end;

  [[nodiscard]] std::uint64_t word() const {
    return tag << (2 * kIndexBits) | next << kIndexBits | end;
  }
  static Share of(std::uint64_t word) {
    return {word >> (2 * kIndexBits), word >> kIndexBits & kIndexMask, word & kIndexMask};
  }
};

std::uint64_t tag_of(std::uint32_t epoch) {
  return epoch & 0xff'ffffU;
}

struct alignas(kCacheLine) Slot {
  std::atomic<std::uint64_t> share{0};
};

void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) {
  static_assert(sizeof(word) == sizeof(std::uint32_t));
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void futex_wake_all(std::atomic<std::uint32_t>& word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, std::numeric_limits<int>::max(), nullptr, nullptr,
          0);
}

/// Gives a section the default rounding and denormal rules, and the caller its own back.
class DefaultFloatEnvironment {
 public:
  DefaultFloatEnvironment() : saved_(_mm_getcsr()) {
    if (differs()) _mm_setcsr(kDefaultMxcsr);
  }
  ~DefaultFloatEnvironment() {
    if (differs()) _mm_setcsr(saved_);
  }
  DefaultFloatEnvironment(const DefaultFloatEnvironment&) = delete;
  DefaultFloatEnvironment& operator=(const DefaultFloatEnvironment&) = delete;

 private:
  [[nodiscard]] bool differs() const { return (saved_ & ~kMxcsrFlags) != kDefaultMxcsr; }
  std::uint32_t saved_;
};

}  // namespace

struct ThreadPool::Impl {
  explicit Impl(std::size_t threads) : slots(threads) {
    // A spinning thread without a processor of its own takes one from a thread that works.
    const bool oversubscribed = threads > usable_processors();
    spin_limit = oversubscribed ? 16 : 20'000;
    for (std::size_t t = 1; t < threads; ++t) workers.emplace_back([this, t] { work(t); });
  }

  ~Impl() {
    stopping.store(true, std::memory_order_relaxed);
    announce();
    for (std::thread& worker : workers) worker.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void announce() {
    // seq_cst pairs with work(): either the worker sees the new epoch, or we see it asleep.
    epoch.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers.load(std::memory_order_seq_cst) != 0) futex_wake_all(epoch);
  }

  void work(std::size_t thread) {
    const DefaultFloatEnvironment environment;  // a new thread inherits its creator's MXCSR
    std::uint32_t seen = 0;
    for (;;) {
      seen = wait_for_epoch_after(seen);
      if (stopping.load(std::memory_order_relaxed)) return;
      const std::uint32_t finished = take_chunks(seen, thread);
      if (finished != 0) report_done(finished);
    }
  }

  std::uint32_t wait_for_epoch_after(std::uint32_t seen) {
    for (std::uint32_t spin = 0; spin < spin_limit; ++spin) {
      const std::uint32_t now = epoch.load(std::memory_order_acquire);
      if (now != seen) return now;
      _mm_pause();
    }
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    std::uint32_t now = epoch.load(std::memory_order_seq_cst);
    while (now == seen) {
      futex_wait(epoch, seen);
      now = epoch.load(std::memory_order_seq_cst);
    }
    sleepers.fetch_sub(1, std::memory_order_relaxed);
    return now;
  }

  /// One chunk of `slot` in the section `tag`: the first for its owner, the last for a thief.
  std::optional<std::size_t> take(Slot& slot, std::uint64_t tag, bool owner) {
    std::uint64_t word = slot.share.load(std::memory_order_acquire);
    for (;;) {
      Share share = Share::of(word);
      if (share.tag != tag || share.next >= share.end) return std::nullopt;
      const std::uint64_t taken = owner ? share.next++ : --share.end;
      if (slot.share.compare_exchange_weak(word, share.word(), std::memory_order_acq_rel,
                                           std::memory_order_acquire)) {
        return taken;
      }
    }
  }

  std::uint32_t take_chunks(std::uint32_t section, std::size_t thread) {
    // The pointer may belong to a later section by now; it is used only after a chunk of this one
    // was taken, and then the owner is still inside run() for this section.
    const ChunkFunction* call = function.load(std::memory_order_relaxed);
    const std::uint64_t tag = tag_of(section);
    std::uint32_t finished = 0;
    for (std::size_t distance = 0; distance < slots.size(); ++distance) {
      Slot& victim = slots[(thread + distance) % slots.size()];
      while (const auto chunk = take(victim, tag, distance == 0)) {
        (*call)(first_chunk.load(std::memory_order_relaxed) + *chunk, thread);
        ++finished;
      }
    }
    return finished;
  }

  void report_done(std::uint32_t finished) {
    // The owner cannot leave run() before this addition; afterwards `done` may belong to the next
    // section.
    done.fetch_add(finished, std::memory_order_seq_cst);
    if (owner_asleep.load(std::memory_order_seq_cst)) futex_wake_all(done);
  }

  void wait_done(std::uint32_t expected) {
    for (std::uint32_t spin = 0; spin < spin_limit; ++spin) {
      if (done.load(std::memory_order_acquire) == expected) return;
      _mm_pause();
    }
    owner_asleep.store(true, std::memory_order_seq_cst);
    for (;;) {
      const std::uint32_t now = done.load(std::memory_order_seq_cst);
      if (now == expected) break;
      futex_wait(done, now);
    }
    owner_asleep.store(false, std::memory_order_relaxed);
  }

  void run_section(std::size_t first, std::size_t chunks, const ChunkFunction& call) {
    function.store(&call, std::memory_order_relaxed);
    first_chunk.store(first, std::memory_order_relaxed);
    done.store(0, std::memory_order_relaxed);
    const std::uint32_t section = epoch.load(std::memory_order_relaxed) + 1;
    const std::size_t threads = slots.size();
    for (std::size_t t = 0; t < threads; ++t) {
      const Share share{tag_of(section), t * chunks / threads, (t + 1) * chunks / threads};
      slots[t].share.store(share.word(), std::memory_order_release);
    }
    announce();
    const std::uint32_t finished = take_chunks(section, 0);
    done.fetch_add(finished, std::memory_order_acq_rel);
    wait_done(static_cast<std::uint32_t>(chunks));
  }

  std::vector<Slot> slots;
  alignas(kCacheLine) std::atomic<std::uint32_t> epoch{0};
  std::atomic<const ChunkFunction*> function{nullptr};
  std::atomic<std::size_t> first_chunk{0};
  std::atomic<std::uint32_t> sleepers{0};
  std::atomic<bool> stopping{false};
  alignas(kCacheLine) std::atomic<std::uint32_t> done{0};
  std::atomic<bool> owner_asleep{false};
  std::uint32_t spin_limit = 0;
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(std::size_t threads) {
  PX_ASSERT(threads >= 1);
  impl_ = std::make_unique<Impl>(threads);
}

ThreadPool::~ThreadPool() = default;

std::size_t ThreadPool::threads() const {
  return impl_->slots.size();
}

void ThreadPool::run(std::size_t chunks, ChunkFunction function) {
  const DefaultFloatEnvironment environment;
  if (threads() == 1 || chunks <= 1) {
    for (std::size_t c = 0; c < chunks; ++c) function(c, 0);
    return;
  }
  for (std::size_t first = 0; first < chunks; first += kMaxChunksPerSection) {
    impl_->run_section(first, std::min(kMaxChunksPerSection, chunks - first), function);
  }
}

namespace {

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

/// Processors that `quota` per `period` microseconds pay for, rounded up.
std::size_t processors_of(std::optional<std::uint64_t> quota, std::optional<std::uint64_t> period) {
  if (!quota || !period || *period == 0) return std::numeric_limits<std::size_t>::max();
  return std::max<std::size_t>(1, *quota / *period + (*quota % *period != 0 ? 1 : 0));
}

/// cpu.max of version 2 is "quota period" or "max period"; version 1 has a file for each, -1 = no
/// limit.
std::size_t group_limit(const std::string& folder, bool version2) {
  if (!version2) {
    return processors_of(parse_number(read_text(folder + "/cpu.cfs_quota_us")),
                         parse_number(read_text(folder + "/cpu.cfs_period_us")));
  }
  const std::string text = read_text(folder + "/cpu.max");
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) return std::numeric_limits<std::size_t>::max();
  return processors_of(parse_number(text), parse_number(std::string_view(text).substr(space + 1)));
}

/// The tightest limit of the group `path` and its ancestors.
std::size_t tree_limit(const std::string& root, std::string path, bool version2) {
  std::size_t limit = group_limit(root, version2);
  while (path.size() > 1) {
    limit = std::min(limit, group_limit(root + path, version2));
    path.resize(path.rfind('/'));
  }
  return limit;
}

/// Lines of /proc/self/cgroup are "number:controllers:path"; version 2 has no controllers.
std::size_t cgroup_limit() {
  std::ifstream file("/proc/self/cgroup");
  std::size_t limit = std::numeric_limits<std::size_t>::max();
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos || line.substr(second + 1, 1) != "/") continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") limit = std::min(limit, tree_limit("/sys/fs/cgroup", path, true));
    if (controllers.find(",cpu,") != std::string::npos) {
      limit = std::min(limit, tree_limit("/sys/fs/cgroup/cpu", path, false));
    }
  }
  return limit;
}

std::size_t affinity_count() {
  // The kernel refuses a mask smaller than its own; machines with more than 1024 processors exist.
  for (std::size_t processors = 1024; processors <= 1U << 20; processors *= 4) {
    std::vector<unsigned long> words(processors / (8 * sizeof(unsigned long)));
    const long bytes =
        syscall(SYS_sched_getaffinity, 0, words.size() * sizeof(unsigned long), words.data());
    if (bytes <= 0) continue;
    std::size_t count = 0;
    for (const unsigned long word : words)
      count += static_cast<std::size_t>(__builtin_popcountl(word));
    return std::max<std::size_t>(1, count);
  }
  return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

}  // namespace

std::size_t usable_processors() {
  return std::max<std::size_t>(1, std::min(affinity_count(), cgroup_limit()));
}

}  // namespace pxos
