#include "pxvm/text/stop_strings.hpp"

#include <algorithm>
#include <utility>

namespace pxos::text {

StopStrings::StopStrings(std::vector<std::string> stops, std::function<void(std::string_view)> sink)
    : stops_(std::move(stops)), sink_(std::move(sink)) {
  std::erase(stops_, "");
}

bool StopStrings::add(std::string_view text) {
  pending_ += text;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, pending_.find(stop));
  if (first != std::string::npos) {
    emit(first);
    pending_.clear();
    return true;
  }
  emit(pending_.size() - held_back());
  return false;
}

/// Length of the longest end of `pending_` that begins a stop string.
std::size_t StopStrings::held_back() const {
  std::size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (std::size_t n = std::min(stop.size(), pending_.size()); n > longest; --n) {
      if (std::string_view(pending_).ends_with(std::string_view(stop).substr(0, n))) longest = n;
    }
  }
  return longest;
}

void StopStrings::emit(std::size_t count) {
  if (count == 0) return;
  all_.append(pending_, 0, count);
  if (sink_) sink_(std::string_view(pending_).substr(0, count));
  pending_.erase(0, count);
}

}  // namespace pxos::text
