#include "pxvm/base/thread_pool.hpp"

#include "pxvm/base/result.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <limits>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
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
  /// Number of the newest section this thread takes part in; it waits for a change.
  alignas(kCacheLine) std::atomic<std::uint32_t> signal{0};
  std::atomic<bool> asleep{false};
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

using Time = std::chrono::steady_clock::time_point;
using std::chrono::milliseconds;

/// How many threads take part. A thread that holds a chunk while another program has its processor
/// makes a whole section wait for a time slice: two threads are then slower than one. So when the
/// time lost that way passes a good share of all time, one thread fewer takes part for a while; the
/// while doubles when it happens again. Who takes part changes no result.
class Crew {
 public:
  explicit Crew(std::size_t threads) : threads_(threads), size_(threads) {}

  [[nodiscard]] std::size_t size(Time now) {
    if (size_ < threads_ && now >= shrunk_until_) {
      ++size_;
      shrunk_until_ = now + pause_;
      debt_ = kMostDebt - kFirstStalls;  // one or two more are enough
      last_event_ = now;
    }
    return size_;
  }

  /// The owner's chunks took `own_chunk` each on average; then it waited for the others.
  void waited(Time now, Time::duration own_chunk, Time::duration wait) {
    if (wait >= kPatience + 4 * own_chunk) lost(now, wait);
  }

  /// The owner itself was ready to run, but for `delay` had no processor: one of its own workers
  /// may have it.
  void delayed(Time now, Time::duration delay) {
    if (delay >= kPatience) lost(now, delay);
  }

  static constexpr std::chrono::microseconds kPatience{250};

 private:
  void lost(Time now, Time::duration time) {
    // Two fifths of the time may be lost before fewer threads are better than more.
    const Time::duration forgiven = 2 * (now - last_event_) / 5;
    debt_ = std::max(Time::duration{}, debt_ - forgiven) + time;
    last_event_ = now;
    if (debt_ < kMostDebt || size_ == 1) return;
    pause_ = now - last_shrink_ > kForgiveAfter ? kFirstPause : std::min(2 * pause_, kLongestPause);
    last_shrink_ = now;
    shrunk_until_ = now + pause_;
    debt_ = {};
    --size_;
  }

  static constexpr Time::duration kMostDebt = milliseconds(20);
  static constexpr Time::duration kFirstStalls = milliseconds(6);
  static constexpr Time::duration kFirstPause = milliseconds(20);
  static constexpr Time::duration kLongestPause = milliseconds(320);
  static constexpr Time::duration kForgiveAfter = milliseconds(2000);

  std::size_t threads_;
  std::size_t size_;
  Time::duration debt_{};
  Time::duration pause_ = kFirstPause;
  Time shrunk_until_{};
  Time last_event_{};
  Time last_shrink_{};
};

/// Time the calling thread was ready to run without a processor, as the scheduler counts it.
class RunDelay {
 public:
  RunDelay() = default;
  RunDelay(const RunDelay&) = delete;
  RunDelay& operator=(const RunDelay&) = delete;
  ~RunDelay() { close_file(); }

  /// Since the last call from this thread; zero at the first one and where it is not counted.
  Time::duration since_last() {
    const pid_t thread = gettid();
    const bool first = thread != thread_;
    if (first) open_file(thread);
    char text[64];
    const ssize_t size = file_ < 0 ? -1 : pread(file_, text, sizeof text, 0);
    if (size <= 0) return {};
    // "run time, run delay, slices" in nanoseconds.
    const char* end = text + size;
    const char* number = std::find(static_cast<const char*>(text), end, ' ');
    std::int64_t total = 0;
    if (number == end || std::from_chars(number + 1, end, total).ec != std::errc{}) return {};
    const std::int64_t before = std::exchange(total_, total);
    return std::chrono::nanoseconds(first ? 0 : total - before);
  }

 private:
  void open_file(pid_t thread) {
    close_file();
    file_ = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
    thread_ = thread;
  }
  void close_file() {
    if (file_ >= 0) close(file_);
    file_ = -1;
  }

  int file_ = -1;
  pid_t thread_ = -1;
  std::int64_t total_ = 0;
};

void pin_to(std::size_t index) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  std::size_t left =
      index % std::max<std::size_t>(1, static_cast<std::size_t>(CPU_COUNT(&allowed)));
  for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || left-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

}  // namespace

struct ThreadPool::Impl {
  Impl(std::size_t threads, Affinity affinity) : slots(threads), crew(threads) {
    // A spinning thread without a processor of its own takes one from a thread that works.
    const bool oversubscribed = threads > 1 && threads > usable_processors();
    spin_limit = oversubscribed ? 16 : 20'000;
    for (std::size_t t = 1; t < threads; ++t) {
      workers.emplace_back([this, t, affinity] {
        if (affinity == Affinity::kPinned) pin_to(t);
        work(t);
      });
    }
    if (affinity == Affinity::kPinned) pin_to(0);
  }

  ~Impl() {
    stopping.store(true, std::memory_order_relaxed);
    ++section;
    for (std::size_t t = 1; t < slots.size(); ++t) wake(slots[t]);
    for (std::thread& worker : workers) worker.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void wake(Slot& slot) const {
    // seq_cst pairs with wait_for_signal(): the thread sees the signal, or we see it asleep.
    slot.signal.store(section, std::memory_order_seq_cst);
    if (slot.asleep.load(std::memory_order_seq_cst)) futex_wake_all(slot.signal);
  }

  void work(std::size_t thread) {
    const DefaultFloatEnvironment environment;  // a new thread inherits its creator's MXCSR
    std::uint32_t seen = 0;
    for (;;) {
      seen = wait_for_signal(slots[thread], seen);
      if (stopping.load(std::memory_order_relaxed)) return;
      const std::uint32_t finished = take_chunks(seen, thread);
      if (finished != 0) report_done(finished);
    }
  }

  [[nodiscard]] std::uint32_t wait_for_signal(Slot& slot, std::uint32_t seen) const {
    for (std::uint32_t spin = 0; spin < spin_limit; ++spin) {
      const std::uint32_t now = slot.signal.load(std::memory_order_acquire);
      if (now != seen) return now;
      _mm_pause();
    }
    slot.asleep.store(true, std::memory_order_seq_cst);
    std::uint32_t now = slot.signal.load(std::memory_order_seq_cst);
    while (now == seen) {
      futex_wait(slot.signal, seen);
      now = slot.signal.load(std::memory_order_seq_cst);
    }
    slot.asleep.store(false, std::memory_order_relaxed);
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

  std::uint32_t take_chunks(std::uint32_t of_section, std::size_t thread) {
    // The pointer may belong to a later section by now; it is used only after a chunk of this one
    // was taken, and then the owner is still inside run() for this section.
    const ChunkFunction* call = function.load(std::memory_order_relaxed);
    const std::uint64_t tag = tag_of(of_section);
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
    const Time start = std::chrono::steady_clock::now();
    const std::size_t threads = std::min(crew.size(start), chunks);
    if (threads == 1) {
      for (std::size_t c = 0; c < chunks; ++c) call(first + c, 0);
      return;
    }
    function.store(&call, std::memory_order_relaxed);
    first_chunk.store(first, std::memory_order_relaxed);
    done.store(0, std::memory_order_relaxed);
    ++section;
    for (std::size_t t = 0; t < threads; ++t) {
      const Share share{tag_of(section), t * chunks / threads, (t + 1) * chunks / threads};
      slots[t].share.store(share.word(), std::memory_order_release);
    }
    for (std::size_t t = 1; t < threads; ++t) wake(slots[t]);
    finish_section(start, static_cast<std::uint32_t>(chunks));
  }

  /// The owner's share, then waiting for the others.
  void finish_section(Time start, std::uint32_t chunks) {
    const std::uint32_t finished = take_chunks(section, 0);
    const bool last = done.fetch_add(finished, std::memory_order_acq_rel) + finished == chunks;
    const Time own_end = std::chrono::steady_clock::now();
    if (own_end - start >= Crew::kPatience) crew.delayed(own_end, run_delay.since_last());
    if (last) return;
    wait_done(chunks);
    const Time end = std::chrono::steady_clock::now();
    crew.waited(end, (own_end - start) / std::max<std::uint32_t>(1, finished), end - own_end);
  }

  std::vector<Slot> slots;
  Crew crew;
  RunDelay run_delay;
  std::uint32_t section = 0;  ///< written by the owner, before it wakes anybody
  alignas(kCacheLine) std::atomic<const ChunkFunction*> function{nullptr};
  std::atomic<std::size_t> first_chunk{0};
  std::atomic<bool> stopping{false};
  alignas(kCacheLine) std::atomic<std::uint32_t> done{0};
  std::atomic<bool> owner_asleep{false};
  std::uint32_t spin_limit = 0;
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(std::size_t threads, Affinity affinity) {
  PX_ASSERT(threads >= 1);
  impl_ = std::make_unique<Impl>(threads, affinity);
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

}  // namespace pxos
