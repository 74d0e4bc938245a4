#pragma once
// What the verifier's passes report into. Private to the verifier.

#include "pxvm/isa/verify.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace pxos::isa {

class FindingList {
 public:
  static constexpr std::size_t kMost = 100;  ///< later ones are dropped

  void add(std::string message) { push({std::nullopt, std::nullopt, std::move(message)}); }
  void add(std::size_t pc, std::optional<Field> field, std::string message) {
    push({pc, field, std::move(message)});
  }

  [[nodiscard]] bool empty() const { return all_.empty(); }
  [[nodiscard]] bool full() const { return all_.size() == kMost; }
  /// In program order: declarations first, then code by pc.
  [[nodiscard]] std::vector<Finding> take() {
    std::stable_sort(all_.begin(), all_.end(),
                     [](const Finding& a, const Finding& b) { return a.pc < b.pc; });
    return std::move(all_);
  }

 private:
  void push(Finding finding) {
    if (!full()) all_.push_back(std::move(finding));
  }
  std::vector<Finding> all_;
};

}  // namespace pxos::isa
