#pragma once
// A shared mutex under which readers without end cannot keep a writer waiting: who comes after a
// waiting writer waits behind it. For std::unique_lock and std::shared_lock. Not recursive: a
// reader must not become a reader again.

#include <mutex>
#include <shared_mutex>

namespace pxos::infinite_map {

class FairSharedMutex {
 public:
  void lock() {
    const std::scoped_lock turn(turn_);
    mutex_.lock();
  }
  void unlock() { mutex_.unlock(); }
  void lock_shared() {
    const std::scoped_lock turn(turn_);
    mutex_.lock_shared();
  }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  std::mutex turn_;  ///< held while waiting for mutex_
  std::shared_mutex mutex_;
};

}  // namespace pxos::infinite_map
