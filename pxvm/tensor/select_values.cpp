// Operations that pick values: no arithmetic, so no kernel set takes part.

#include "pxvm/tensor/ops.hpp"

#include <algorithm>
#include <cmath>

namespace pxos::tensor {
namespace {

struct Ranked {
  float value;
  std::int32_t id;
};

/// True when a comes before b: larger value first, NaN after every number, equal ones by index.
bool before(const Ranked& a, const Ranked& b) {
  const bool a_nan = std::isnan(a.value);
  const bool b_nan = std::isnan(b.value);
  if (a_nan != b_nan) return b_nan;
  if (a_nan || a.value == b.value) return a.id < b.id;
  return a.value > b.value;
}

}  // namespace

bool top_k(const std::atomic<bool>& stop, std::span<const float> x, std::span<std::int32_t> ids,
           std::span<float> values) {
  constexpr std::size_t kPolled = 65'536;
  const std::size_t k = ids.size();
  PX_ASSERT(k == values.size() && k <= x.size());
  if (k == 0) return true;
  std::vector<Ranked> best;  // a heap whose front is the last of the best k
  best.reserve(k);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (i % kPolled == 0 && stop.load(std::memory_order_relaxed)) return false;
    const Ranked next{x[i], static_cast<std::int32_t>(i)};
    if (best.size() < k) {
      best.push_back(next);
      std::push_heap(best.begin(), best.end(), before);
    } else if (!(x[i] <= best.front().value) && before(next, best.front())) {
      std::pop_heap(best.begin(), best.end(), before);
      best.back() = next;
      std::push_heap(best.begin(), best.end(), before);
    }
  }
  std::sort_heap(best.begin(), best.end(), before);
  for (std::size_t i = 0; i < k; ++i) {
    ids[i] = best[i].id;
    values[i] = best[i].value;
  }
  return true;
}

MinMax min_max(std::span<const float> x) {
  MinMax range;
  for (const float value : x) {
    if (std::isnan(value)) continue;
    range.min = range.found ? std::min(range.min, value) : value;
    range.max = range.found ? std::max(range.max, value) : value;
    range.found = true;
  }
  return range;
}

}  // namespace pxos::tensor
