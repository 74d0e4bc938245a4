#pragma once
// One thread that does jobs in order, so that the thread of the window never waits for a model.
// All members may be called from any thread but the worker's own (submit may be called there too).

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

namespace pxos::shell {

class Worker {
 public:
  /// The flag becomes true when the job is cancelled; a job looks at it where it can stop.
  using Job = std::function<void(const std::atomic<bool>& cancelled)>;

  Worker();
  /// Cancels, then joins: returns when the running job has returned.
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void submit(Job job);
  /// Something runs or waits.
  [[nodiscard]] bool busy() const;
  /// The running job has been cancelled and has not returned yet.
  [[nodiscard]] bool cancelling() const;
  /// Raises the running job's flag and drops what waits. Never waits itself.
  void cancel();
  /// True when idle within the time.
  bool wait_idle(std::chrono::milliseconds at_most);

 private:
  void loop();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> waiting_;
  std::shared_ptr<std::atomic<bool>> running_;  ///< its flag; null: nothing runs
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace pxos::shell
