#pragma once
// Breakpoints and watches: the list a debugger keeps, as a check for the timeline.
//
//   place   before an instruction, maybe only if a condition holds
//   data    after an instruction, when a condition has become true; one on "what was just written"
//           stops after every instruction that writes such a thing
//   watch   after an instruction that changed a register, an element, or some rows

#include "pxvm/debug/condition.hpp"
#include "pxvm/debug/timeline.hpp"

namespace pxos::debug {

struct Stop {
  enum class Kind : std::uint8_t { kPlace, kData, kWatch };
  int id = 0;  ///< given by StopList::add
  Kind kind = Kind::kPlace;
  std::string text;  ///< as it was asked for
  std::vector<std::size_t> pcs;
  std::optional<Condition> condition;
  std::optional<Subject> watched;
};

/// A stop that was met, and why: "r3: 4 -> 5".
struct Hit {
  int id = 0;
  std::string text;
  std::string why;
};

class StopList final : public StopCheck {
 public:
  explicit StopList(std::size_t instructions) : places_(instructions) {}

  int add(Stop stop);
  /// False when there is none.
  bool remove(int id);
  void clear();
  [[nodiscard]] const std::vector<Stop>& stops_kept() const { return stops_; }
  /// What the last stops() that was true met.
  [[nodiscard]] const std::vector<Hit>& hits() const { return hits_; }

  void begin(const Timeline& timeline) override;
  [[nodiscard]] const std::vector<bool>* places() const override;
  [[nodiscard]] bool stops(const Timeline& timeline) override;

 private:
  /// What a data stop or watch saw last.
  struct Memory {
    bool was_true = false;
    std::string value;
  };
  void mark_places();
  std::optional<std::string> why(const Stop& stop, Memory& memory, const Timeline& timeline) const;

  std::vector<Stop> stops_;
  std::vector<Memory> memories_;  ///< parallel to stops_
  std::vector<bool> places_;
  std::vector<Hit> hits_;
  int next_id_ = 1;
};

/// A watched thing as text that changes when it changes: numbers, or a digest of many.
[[nodiscard]] std::string watched_value(const Subject& subject, vm::Machine& machine);

}  // namespace pxos::debug
