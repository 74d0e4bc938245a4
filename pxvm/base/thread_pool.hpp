#pragma once
// Worker threads for tensor operations. One parallel section at a time: a fixed list of chunks;
// each thread walks its contiguous share, then steals from the tail of the others'. Who computes a
// chunk never changes a result, so callers must make chunks independent. Workers spin briefly, then
// park on a futex. When another program keeps taking a worker's processor, sections run with fewer
// threads for a while, so that more threads are never slower than one. Every thread runs with the
// default MXCSR (round to nearest, no flush to zero). `run` may be called from one thread at a time
// (the owner); construction and destruction likewise. A pool of one thread has no section: its run
// calls the chunks on the caller, and any number of threads may do that at once.

#include "pxvm/base/processors.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace pxos {

/// Non-owning reference to a callable void(chunk, thread); valid during the call only.
class ChunkFunction {
 public:
  template <class F>
  requires(!std::is_same_v<std::remove_const_t<F>, ChunkFunction>)
      ChunkFunction(F& function)  // NOLINT(google-explicit-constructor): a call-site adaptor
      : object_(&function), call_([](void* object, std::size_t chunk, std::size_t thread) {
          (*static_cast<F*>(object))(chunk, thread);
        }) {}
  void operator()(std::size_t chunk, std::size_t thread) const { call_(object_, chunk, thread); }

 private:
  void* object_;
  void (*call_)(void*, std::size_t, std::size_t);
};

/// Pinned: thread t stays on the t-th processor of the process's affinity mask; the calling thread
/// is pinned too, for good.
enum class Affinity : std::uint8_t { kFree, kPinned };

class ThreadPool {
 public:
  /// `threads` >= 1 counts the calling thread; threads - 1 workers are started.
  explicit ThreadPool(std::size_t threads, Affinity affinity = Affinity::kFree);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  [[nodiscard]] std::size_t threads() const;

  /// Calls function(chunk, thread) once for every chunk in [0, chunks), thread in [0, threads()),
  /// and returns when all are done. Memory written by the chunks is visible to the caller
  /// afterwards.
  void run(std::size_t chunks, ChunkFunction function);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pxos
