#pragma once
// Worker threads for tensor operations. One parallel section at a time: a fixed list of chunks;
// each thread walks its contiguous share, then steals from the tail of the others'. Who computes a
// chunk never changes a result, so callers must make chunks independent. Workers spin briefly, then
// park on a futex. Every thread runs with the default MXCSR (round to nearest, no flush to zero).
// `run` may be called from one thread at a time (the owner); construction and destruction likewise.

#include <cstddef>
#include <cstdint>
#include <memory>

namespace pxos {

/// Non-owning reference to a callable void(chunk, thread); valid during the call only.
class ChunkFunction {
 public:
  template <class F>
  ChunkFunction(F& function)  // NOLINT(google-explicit-constructor): a call-site adaptor
      : object_(&function), call_([](void* object, std::size_t chunk, std::size_t thread) {
          (*static_cast<F*>(object))(chunk, thread);
        }) {}
  void operator()(std::size_t chunk, std::size_t thread) const { call_(object_, chunk, thread); }

 private:
  void* object_;
  void (*call_)(void*, std::size_t, std::size_t);
};

class ThreadPool {
 public:
  /// `threads` >= 1 counts the calling thread; threads - 1 workers are started.
  explicit ThreadPool(std::size_t threads);
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

/// Processors this process may use: min(affinity mask, cgroup cpu quota rounded up), at least 1.
[[nodiscard]] std::size_t usable_processors();

}  // namespace pxos
