#include "pxvm/debug/timeline.hpp"

#include <algorithm>
#include <cstring>
#include <limits>

namespace pxos::debug {

using Clock = std::chrono::steady_clock;
using vm::RunState;

Timeline::Timeline(vm::Machine& machine, CallSource source, const TimelineOptions& options)
    : machine_(machine),
      source_(std::move(source)),
      options_(options),
      host_(machine.set_host(this)),
      interval_(std::max<std::uint64_t>(options.first_interval, 1)),
      last_snapshot_time_(Clock::now()) {
  machine_.set_debug(this);
}

Timeline::~Timeline() {
  machine_.set_debug(nullptr);
  machine_.set_host(host_);
}

Result<std::unique_ptr<Timeline>> Timeline::create(vm::Machine& machine, CallSource source,
                                                   const TimelineOptions& options) {
  std::unique_ptr<Timeline> timeline(new Timeline(machine, std::move(source), options));
  PX_TRY(const Halt first, timeline->next_call());
  if (first == Halt::kEnd) return fail(Errc::kUsage, "there is no call to debug");
  timeline->take_snapshot();
  return timeline;
}

bool Timeline::before(std::size_t pc) {
  const bool looked_at = std::exchange(pass_, false);
  if (!looked_at) {
    if (step_ >= limit_ || (places_ != nullptr && (*places_)[pc])) return false;
    if (interrupted_.load(std::memory_order_relaxed)) return false;
  }
  ++step_;
  pc_before_last_ = std::exchange(last_pc_, pc);
  return true;
}

// Played back where it has been made before, else made and recorded.
Result<std::int64_t> Timeline::call(vm::Machine& machine, isa::HostCall call, std::int64_t a,
                                    std::int64_t b, std::int64_t c) {
  const auto recorded = std::lower_bound(
      host_events_.begin(), host_events_.end(), step_,
      [](const HostEvent& event, std::uint64_t step) { return event.step < step; });
  if (recorded != host_events_.end() && recorded->step == step_) {
    const auto memory = machine.writable_memory();
    for (std::size_t i = 0; recorded->memory && i < memory.size(); ++i)
      recorded->memory->second[i].restore_changes(recorded->memory->first[i], memory[i]);
    return recorded->result;
  }
  if (host_ == nullptr) return fail(Errc::kUnsupported, "this guest has no host");
  const auto before = capture(snapshots_.empty() ? nullptr : &snapshots_.back().memory);
  HostEvent event{step_, host_->call(machine, call, a, b, c), std::nullopt};
  auto after = capture(&before);
  if (after[0].own_bytes(&before[0]) + before[0].own_bytes(&after[0]) +
          after[1].own_bytes(&before[1]) + before[1].own_bytes(&after[1]) !=
      0)
    event.memory = {before, std::move(after)};
  host_events_.push_back(event);
  return event.result;
}

void Timeline::turn(vm::Machine& machine) {
  if (host_ != nullptr && step_ > frontier_) host_->turn(machine);
}

Result<void> Timeline::begin_call(std::size_t index) {
  const GuestCall& call = calls_[index].call;
  for (const GuestCall::Input& input : call.inputs) {
    PX_TRY(const MutBytes memory, machine_.memory(input.tensor));
    if (input.bytes.size() > memory.size())
      return fail(Errc::kUsage, "'{}' has {} bytes, {} are given", input.tensor, memory.size(),
                  input.bytes.size());
    std::memcpy(memory.data(), input.bytes.data(), input.bytes.size());
  }
  vm::CallArguments arguments{call.scalars, {}};
  for (const auto& [name, value] : call.dims) arguments.dims.emplace_back(name, value);
  PX_CHECK(machine_.begin(call.entry, arguments));
  call_ = index;
  last_pc_.reset();
  return {};
}

Result<Halt> Timeline::next_call() {
  const std::size_t next = calls_.empty() ? 0 : call_ + 1;
  if (next == calls_.size() && !source_is_dry_) {
    PX_TRY(std::optional<GuestCall> call, source_(machine_, next));
    source_is_dry_ = !call;
    if (call) calls_.push_back({*std::move(call), step_});
  }
  at_end_ = next == calls_.size();
  if (at_end_) return Halt::kEnd;
  PX_CHECK(begin_call(next));
  return Halt::kStep;
}

Result<Halt> Timeline::advance(std::uint64_t limit, const std::vector<bool>* places) {
  places_ = places;
  pass_ = true;
  while (true) {
    if (at_end_ || step_ >= limit) return step_ >= limit ? Halt::kStep : Halt::kEnd;
    if (fault_) return Halt::kTrap;
    const Snapshot* change = next_change();
    limit_ = std::min(limit, next_snapshot_);
    if (change != nullptr) limit_ = std::min(limit_, change->step);
    const Result<RunState> state = machine_.resume();
    if (!state) {  // the instruction was not made
      --step_;
      last_pc_ = pc_before_last_;
      fault_ = state.error();
    } else if (*state == RunState::kHalted) {
      PX_TRY(const Halt next, next_call());
      static_cast<void>(next);  // at_end_ says the same
    }
    frontier_ = std::max(frontier_, step_);
    if (fault_ || at_end_) continue;
    if (change != nullptr && step_ == change->step) PX_CHECK(restore(*change));
    if (step_ >= next_snapshot_) take_snapshot();
    if (interrupted_.exchange(false)) return Halt::kInterrupted;
    if (*state == RunState::kPaused && places != nullptr && (*places)[machine_.pc()])
      return Halt::kStep;
  }
}

Result<Halt> Timeline::scan(StopCheck& check, std::uint64_t limit,
                            std::optional<std::uint64_t>* last_hit) {
  check.begin(*this);
  const std::vector<bool>* places = check.places();
  while (step_ < limit) {
    PX_TRY(const Halt halt, advance(places != nullptr ? limit : step_ + 1, places));
    if (halt != Halt::kStep) return halt;
    if (places != nullptr && !(*places)[pc()]) continue;
    if (!check.stops(*this)) continue;
    if (last_hit == nullptr) return Halt::kStep;
    *last_hit = step_;
  }
  return Halt::kStep;
}

Result<Halt> Timeline::run(StopCheck& check) {
  interrupted_.store(false);
  return scan(check, std::numeric_limits<std::uint64_t>::max(), nullptr);
}

Result<Halt> Timeline::run_back(StopCheck& check) {
  interrupted_.store(false);
  const std::uint64_t present = step_;
  if (present == 0) return Halt::kStart;
  std::uint64_t limit = present - 1;
  for (std::size_t i = snapshot_at(limit) + 1; i-- > 0;) {
    PX_CHECK(restore(snapshots_[i]));
    const std::uint64_t from = step_;
    std::optional<std::uint64_t> hit;
    PX_TRY(const Halt halt, scan(check, limit, &hit));
    if (halt == Halt::kInterrupted) return halt;
    if (hit) return seek(*hit);
    limit = from;
  }
  PX_CHECK(restore(snapshots_.front()));
  return Halt::kStart;
}

Result<Halt> Timeline::seek(std::uint64_t step) {
  interrupted_.store(false);
  const std::size_t nearest = snapshot_at(step);
  if (step < step_ || snapshots_[nearest].step > step_) PX_CHECK(restore(snapshots_[nearest]));
  return advance(step, nullptr);
}

std::array<MemoryImage, 2> Timeline::capture(const std::array<MemoryImage, 2>* previous) {
  const auto memory = machine_.writable_memory();
  std::array<MemoryImage, 2> images;
  for (std::size_t i = 0; i < memory.size(); ++i)
    images[i] = MemoryImage::capture(memory[i], previous != nullptr ? &(*previous)[i] : nullptr);
  return images;
}

std::size_t Timeline::snapshot_at(std::uint64_t step) const {
  const auto after = std::upper_bound(
      snapshots_.begin(), snapshots_.end(), step,
      [](std::uint64_t wanted, const Snapshot& snapshot) { return wanted < snapshot.step; });
  return static_cast<std::size_t>(after - snapshots_.begin()) - 1;
}

Timeline::Snapshot Timeline::make_snapshot(const Snapshot* previous) {
  Snapshot snapshot{step_, call_, last_pc_, machine_.registers(), {}, 0, false};
  snapshot.memory = capture(previous != nullptr ? &previous->memory : nullptr);
  for (std::size_t i = 0; i < snapshot.memory.size(); ++i)
    snapshot.own_bytes +=
        snapshot.memory[i].own_bytes(previous != nullptr ? &previous->memory[i] : nullptr);
  return snapshot;
}

const Timeline::Snapshot* Timeline::next_change() const {
  for (std::size_t i = snapshot_at(step_) + 1; i < snapshots_.size(); ++i) {
    if (snapshots_[i].is_change) return &snapshots_[i];
  }
  return nullptr;
}

Result<void> Timeline::try_change(const std::function<Result<void>(vm::Machine&)>& edit) {
  vm::MachineRegisters registers = machine_.registers();
  registers.state = RunState::kPaused;
  registers.trap = {};
  PX_CHECK(machine_.set_registers(registers));
  PX_CHECK(edit(machine_));
  if (machine_.state() != RunState::kPaused)
    return fail(Errc::kUsage, "the machine would not be in the middle of a call");
  return {};
}

Result<void> Timeline::change(const std::function<Result<void>(vm::Machine&)>& edit) {
  if (at_end_) return fail(Errc::kUsage, "the last call is over: go back into it first");
  const std::uint64_t here = step_;
  if (auto done = try_change(edit); !done) {
    PX_CHECK(restore(snapshots_[snapshot_at(here)]));
    PX_TRY(const Halt back, advance(here, nullptr));
    static_cast<void>(back);
    return done;
  }
  fault_.reset();
  const auto is_later = [here](const auto& thing) { return thing.step > here; };
  std::erase_if(snapshots_, [here](const Snapshot& snapshot) { return snapshot.step >= here; });
  std::erase_if(host_events_, is_later);
  calls_.resize(call_ + 1);
  source_is_dry_ = false;
  frontier_ = here;
  snapshots_.push_back(make_snapshot(snapshots_.empty() ? nullptr : &snapshots_.back()));
  snapshots_.back().is_change = true;
  return {};
}

void Timeline::take_snapshot() {
  const auto now = Clock::now();
  const auto took = now - last_snapshot_time_;
  if (took < options_.wanted_interval / 2) interval_ *= 2;
  if (took > options_.wanted_interval * 2) interval_ = std::max<std::uint64_t>(interval_ / 2, 1);
  next_snapshot_ = step_ + interval_;
  const std::size_t at = snapshots_.empty() ? 0 : snapshot_at(step_) + 1;
  const Snapshot* previous = at == 0 ? nullptr : &snapshots_[at - 1];
  if (previous == nullptr || previous->step != step_) {
    snapshots_.insert(snapshots_.begin() + static_cast<std::ptrdiff_t>(at),
                      make_snapshot(previous));
    thin_out();
  }
  last_snapshot_time_ = Clock::now();
}

void Timeline::thin_out() {
  std::uint64_t bytes = 0;
  for (const Snapshot& snapshot : snapshots_) bytes += snapshot.own_bytes;
  const bool too_many = snapshots_.size() > std::max<std::size_t>(options_.most_snapshots, 4) ||
                        (bytes > options_.most_bytes && snapshots_.size() > 4);
  if (!too_many) return;
  std::vector<Snapshot> kept;
  for (std::size_t i = 0; i < snapshots_.size(); ++i) {
    if (i < snapshots_.size() / 2 && i % 2 == 1 && !snapshots_[i].is_change) continue;
    Snapshot& snapshot = snapshots_[i];
    snapshot.own_bytes = 0;
    for (std::size_t part = 0; part < snapshot.memory.size(); ++part)
      snapshot.own_bytes +=
          snapshot.memory[part].own_bytes(kept.empty() ? nullptr : &kept.back().memory[part]);
    kept.push_back(std::move(snapshot));
  }
  snapshots_ = std::move(kept);
}

Result<void> Timeline::restore(const Snapshot& snapshot) {
  const auto memory = machine_.writable_memory();
  for (std::size_t i = 0; i < memory.size(); ++i) snapshot.memory[i].restore(memory[i]);
  PX_CHECK(machine_.set_registers(snapshot.registers));
  step_ = snapshot.step;
  call_ = snapshot.call;
  last_pc_ = snapshot.last_pc;
  at_end_ = false;
  fault_.reset();
  next_snapshot_ = step_ + interval_;
  last_snapshot_time_ = Clock::now();
  return {};
}

}  // namespace pxos::debug
