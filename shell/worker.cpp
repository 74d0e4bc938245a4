#include "shell/worker.hpp"

namespace pxos::shell {

Worker::Worker() : thread_([this] { loop(); }) {}

Worker::~Worker() {
  cancel();
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void Worker::submit(Job job) {
  {
    const std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(job));
  }
  changed_.notify_all();
}

bool Worker::busy() const {
  const std::scoped_lock lock(mutex_);
  return running_ != nullptr || !waiting_.empty();
}

bool Worker::cancelling() const {
  const std::scoped_lock lock(mutex_);
  return running_ != nullptr && running_->load();
}

void Worker::cancel() {
  const std::scoped_lock lock(mutex_);
  waiting_.clear();
  if (running_ != nullptr) running_->store(true);
}

bool Worker::wait_idle(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [&] { return running_ == nullptr && waiting_.empty(); });
}

void Worker::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    if (ending_) return;
    const Job job = std::move(waiting_.front());
    waiting_.pop_front();
    const auto flag = running_ = std::make_shared<std::atomic<bool>>(false);
    lock.unlock();
    job(*flag);
    lock.lock();
    running_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace pxos::shell
