#include "pxvm/debug/stops.hpp"

#include "pxvm/base/hash.hpp"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

namespace pxos::debug {

int StopList::add(Stop stop) {
  stop.id = next_id_++;
  stops_.push_back(std::move(stop));
  memories_.emplace_back();
  mark_places();
  return stops_.back().id;
}

bool StopList::remove(int id) {
  const auto it =
      std::find_if(stops_.begin(), stops_.end(), [id](const Stop& stop) { return stop.id == id; });
  if (it == stops_.end()) return false;
  memories_.erase(memories_.begin() + (it - stops_.begin()));
  stops_.erase(it);
  mark_places();
  return true;
}

void StopList::clear() {
  stops_.clear();
  memories_.clear();
  mark_places();
}

void StopList::mark_places() {
  std::fill(places_.begin(), places_.end(), false);
  for (const Stop& stop : stops_) {
    for (const std::size_t pc : stop.pcs) places_[pc] = true;
  }
}

const std::vector<bool>* StopList::places() const {
  const bool only_places = std::all_of(stops_.begin(), stops_.end(), [](const Stop& stop) {
    return stop.kind == Stop::Kind::kPlace;
  });
  return only_places ? &places_ : nullptr;
}

std::string watched_value(const Subject& subject, vm::Machine& machine) {
  if (subject.kind == Subject::Kind::kScalar) {
    const std::uint64_t bits = machine.scalar(subject.reg);
    return fmt::format("{} (f32 {})", static_cast<std::int64_t>(bits),
                       std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  }
  const auto looked = look_at(subject, machine);
  if (!looked) return "nothing";
  const TensorNumbers numbers(looked->view);
  std::vector<double> row(static_cast<std::size_t>(numbers.cols()));
  if (looked->element) {
    numbers.read_row(looked->element->first, row);
    return fmt::format("{}", row[static_cast<std::size_t>(looked->element->second)]);
  }
  Xxh128Stream digest;
  for (std::int64_t i = 0; i < looked->rows.count; ++i) {
    numbers.read_row(looked->rows.first + i, row);
    digest.update({reinterpret_cast<const std::uint8_t*>(row.data()), row.size() * sizeof(double)});
  }
  return fmt::format("{} digest {}", looked->view.shape_text(),
                     to_hex(digest.digest()).substr(0, 12));
}

void StopList::begin(const Timeline& timeline) {
  for (std::size_t i = 0; i < stops_.size(); ++i) {
    Memory& memory = memories_[i];
    if (stops_[i].watched) memory.value = watched_value(*stops_[i].watched, timeline.machine());
    memory.was_true = stops_[i].kind == Stop::Kind::kData && stops_[i].condition->subject &&
                      holds(*stops_[i].condition, timeline.machine(), {}).has_value();
  }
}

std::optional<std::string> StopList::why(const Stop& stop, Memory& memory,
                                         const Timeline& timeline) const {
  vm::Machine& machine = timeline.machine();
  switch (stop.kind) {
    case Stop::Kind::kPlace:
      if (timeline.at_end() ||
          std::find(stop.pcs.begin(), stop.pcs.end(), timeline.pc()) == stop.pcs.end())
        return std::nullopt;
      return stop.condition ? holds(*stop.condition, machine, timeline.last_pc())
                            : std::optional<std::string>("");
    case Stop::Kind::kData: {
      auto found = holds(*stop.condition, machine, timeline.last_pc());
      const bool is_new =
          !std::exchange(memory.was_true, found.has_value()) || !stop.condition->subject;
      return is_new ? found : std::nullopt;
    }
    case Stop::Kind::kWatch: {
      std::string now = watched_value(*stop.watched, machine);
      if (now == memory.value) return std::nullopt;
      const std::string before = std::exchange(memory.value, std::move(now));
      return fmt::format("{}: {} -> {}", stop.watched->text, before, memory.value);
    }
  }
  return std::nullopt;
}

bool StopList::stops(const Timeline& timeline) {
  std::vector<Hit> hits;
  for (std::size_t i = 0; i < stops_.size(); ++i) {
    auto reason = why(stops_[i], memories_[i], timeline);
    if (!reason) continue;
    hits.push_back({stops_[i].id, stops_[i].text, *std::move(reason)});
  }
  if (hits.empty()) return false;
  hits_ = std::move(hits);
  return true;
}

}  // namespace pxos::debug
