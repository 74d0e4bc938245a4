// Moving in time, and where to stop.

#include "shell/debug/debugger_impl.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

using debug::Halt;
using debug::StopCheck;
using debug::Timeline;

std::string_view reason_of(Halt halt) {
  switch (halt) {
    case Halt::kStep:
      return "step";
    case Halt::kEnd:
      return "end";
    case Halt::kTrap:
      return "trap";
    case Halt::kStart:
      return "start";
    case Halt::kInterrupted:
      return "interrupted";
  }
  return "";
}

/// Stops where `inner` or the user's own stops do; with a trace it looks at every step.
class Motion final : public StopCheck {
 public:
  Motion(Debugger::Impl& debugger, StopCheck* inner) : debugger_(debugger), inner_(inner) {}

  void begin(const Timeline& timeline) override {
    if (inner_ != nullptr) inner_->begin(timeline);
    debugger_.stops.begin(timeline);
  }
  const std::vector<bool>* places() const override {
    if (inner_ != nullptr || debugger_.trace) return nullptr;
    return debugger_.stops.places();
  }
  bool stops(const Timeline& timeline) override {
    trace(timeline);
    const bool inner = inner_ != nullptr && inner_->stops(timeline);
    hit_ = debugger_.stops.stops(timeline);
    return hit_ || inner;
  }
  [[nodiscard]] bool hit() const { return hit_; }

 private:
  /// One line per instruction that was made: step, instruction, place, text, what it wrote.
  void trace(const Timeline& timeline) {
    if (!debugger_.trace || !timeline.last_pc()) return;
    const std::size_t pc = *timeline.last_pc();
    std::ofstream& out = *debugger_.trace;
    out << fmt::format("{}\t@{}\t{}\t{}", timeline.step() - 1, pc,
                       isa::location_text(debugger_.program(), pc),
                       isa::instruction_text(debugger_.program(), pc));
    for (const debug::Written& written : debug::written_by(timeline.machine(), pc)) {
      const auto all = debug::summarize(debug::TensorNumbers(written.view), written.rows);
      out << fmt::format("\t{} {} min {:.6g} mean {:.6g} max {:.6g}", written.name,
                         written.view.shape_text(), all.min, all.mean, all.max);
      if (all.first_bad) out << fmt::format(" bad {}", all.count - all.finite());
    }
    out << '\n';
  }

  Debugger::Impl& debugger_;
  StopCheck* inner_;
  bool hit_ = false;
};

/// Stops at the first instruction of another line, or of another call of the guest; functions that
/// are called run through.
class OtherLine final : public StopCheck {
 public:
  explicit OtherLine(const isa::Program& program) : program_(program) {}
  void begin(const Timeline& timeline) override {
    call_ = timeline.call();
    depth_ = timeline.machine().calls().size();
    line_ = isa::location_text(program_, timeline.pc());
  }
  const std::vector<bool>* places() const override { return nullptr; }
  bool stops(const Timeline& timeline) override {
    const std::size_t depth = timeline.machine().calls().size();
    if (timeline.call() != call_ || depth < depth_) return true;
    return depth == depth_ && isa::location_text(program_, timeline.pc()) != line_;
  }

 private:
  const isa::Program& program_;
  std::size_t call_ = 0;
  std::size_t depth_ = 0;
  std::string line_;
};

/// Stops behind the return of the function that runs, or before the entry's halt.
class Finish final : public StopCheck {
 public:
  explicit Finish(const isa::Program& program) : program_(program) {}
  void begin(const Timeline& timeline) override { depth_ = timeline.machine().calls().size(); }
  const std::vector<bool>* places() const override { return nullptr; }
  bool stops(const Timeline& timeline) override {
    return timeline.machine().calls().size() < depth_ ||
           program_.code[timeline.pc()].opcode() == isa::Opcode::kHalt;
  }

 private:
  const isa::Program& program_;
  std::size_t depth_ = 0;
};

class Steps final : public StopCheck {
 public:
  explicit Steps(std::uint64_t count) : left_(count) {}
  void begin(const Timeline&) override {}
  const std::vector<bool>* places() const override { return nullptr; }
  bool stops(const Timeline&) override { return --left_ == 0; }

 private:
  std::uint64_t left_;
};

Json hits_json(const Debugger::Impl& debugger) {
  Json list = Json::array();
  for (const debug::Hit& hit : debugger.stops.hits())
    list.push_back(Json{{"id", hit.id}, {"stop", hit.text}, {"why", hit.why}});
  return list;
}

/// What every motion answers. `showing` what the last instruction did.
Json moved(Debugger::Impl& debugger, std::string_view reason, bool showing) {
  Json reply{{"kind", "moved"}, {"reason", reason}};
  if (reason == "stop") {
    reply["hits"] = hits_json(debugger);
    showing = true;
  }
  if (debugger.timeline.fault()) reply["fault"] = debugger.timeline.fault()->message;
  const auto last = debugger.timeline.last_pc();
  if (showing && last) {
    reply["did"] = instruction_json(debugger, *last);
    if (Json wrote = written_json(debugger, *last); !wrote.is_null())
      reply["did"]["wrote"] = std::move(wrote);
  }
  reply["at"] = place_json(debugger);
  if (debugger.ports.take_console) {
    if (std::string text = debugger.ports.take_console(); !text.empty())
      reply["console"] = std::move(text);
  }
  return reply;
}

Result<Json> run(Debugger::Impl& debugger, StopCheck* inner, bool showing) {
  Motion motion(debugger, inner);
  PX_TRY(const Halt halt, debugger.timeline.run(motion));
  if (debugger.trace && !debugger.trace->flush()) {
    debugger.trace.reset();
    return fail(Errc::kIo, "the trace cannot be written; it is off now");
  }
  return moved(debugger, motion.hit() && halt == Halt::kStep ? "stop" : reason_of(halt), showing);
}

}  // namespace

Result<Json> debug_step(Debugger::Impl& debugger, std::string_view rest) {
  PX_TRY(const std::uint64_t count, debug_count(rest, 1));
  Steps steps(count);
  return run(debugger, &steps, count == 1);
}

Result<Json> debug_next(Debugger::Impl& debugger, std::string_view rest) {
  PX_TRY(std::uint64_t count, debug_count(rest, 1));
  while (true) {
    OtherLine other(debugger.program());
    PX_TRY(Json reply, run(debugger, &other, count == 1));
    if (--count == 0 || reply["reason"] != "step") return reply;
  }
}

Result<Json> debug_finish(Debugger::Impl& debugger, std::string_view) {
  Finish finish(debugger.program());
  return run(debugger, &finish, false);
}

Result<Json> debug_continue(Debugger::Impl& debugger, std::string_view rest) {
  PX_TRY(std::uint64_t count, debug_count(rest, 1));
  while (true) {
    PX_TRY(Json reply, run(debugger, nullptr, false));
    if (--count == 0 || reply["reason"] != "stop") return reply;
  }
}

Result<Json> debug_back(Debugger::Impl& debugger, std::string_view rest) {
  PX_TRY(const std::uint64_t count, debug_count(rest, 1));
  const std::uint64_t here = debugger.timeline.step();
  PX_TRY(const Halt halt, debugger.timeline.seek(here - std::min(here, count)));
  return moved(debugger, here < count && halt == Halt::kStep ? "start" : reason_of(halt), false);
}

Result<Json> debug_reverse(Debugger::Impl& debugger, std::string_view) {
  if (debugger.stops.stops_kept().empty())
    return fail(Errc::kUsage, "nothing to go back to: set a breakpoint or watch, or use back N");
  PX_TRY(const Halt halt, debugger.timeline.run_back(debugger.stops));
  return moved(debugger, halt == Halt::kStep ? "stop" : reason_of(halt), false);
}

Result<Json> debug_goto(Debugger::Impl& debugger, std::string_view rest) {
  std::uint64_t step = 0;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), step);
  if (rest.empty() || error != std::errc() || end != rest.data() + rest.size())
    return fail(Errc::kUsage, "goto STEP, a whole number; now it is {}", debugger.timeline.step());
  PX_TRY(const Halt halt, debugger.timeline.seek(step));
  return moved(debugger, reason_of(halt), false);
}

Result<Json> debug_where(Debugger::Impl& debugger, std::string_view) {
  Json reply{{"kind", "where"}, {"at", place_json(debugger)}};
  if (debugger.timeline.fault()) reply["fault"] = debugger.timeline.fault()->message;
  reply["frontier"] = debugger.timeline.frontier();
  const debug::GuestCall& call = debugger.timeline.arguments();
  Json dims = Json::object();
  for (const auto& [name, value] : call.dims) dims[name] = value;
  reply["arguments"] = Json{{"scalars", call.scalars}, {"dims", std::move(dims)}};
  return reply;
}

namespace {

Json stop_json(const Debugger::Impl& debugger, const debug::Stop& stop) {
  Json out{{"id", stop.id}, {"stop", stop.text}};
  if (stop.kind != debug::Stop::Kind::kPlace) return out;
  Json places = Json::array();
  for (const std::size_t pc : stop.pcs) places.push_back(instruction_json(debugger, pc));
  out["places"] = std::move(places);
  return out;
}

Json added(Debugger::Impl& debugger, debug::Stop stop) {
  const int id = debugger.stops.add(std::move(stop));
  for (const debug::Stop& kept : debugger.stops.stops_kept()) {
    if (kept.id == id) return Json{{"kind", "stop_set"}, {"set", stop_json(debugger, kept)}};
  }
  return {};
}

}  // namespace

Result<Json> debug_break(Debugger::Impl& debugger, std::string_view rest) {
  debug::Stop stop;
  std::string_view where = rest;
  std::string_view condition;
  if (rest.starts_with("if ")) {
    where = {};
    condition = rest.substr(3);
  } else if (const std::size_t at = rest.find(" if "); at != std::string_view::npos) {
    where = rest.substr(0, at);
    condition = rest.substr(at + 4);
  }
  if (where.empty() && condition.empty())
    return fail(Errc::kUsage, "break WHERE [if CONDITION], or break if CONDITION");
  if (!condition.empty()) {
    PX_TRY(stop.condition,
           debug::parse_condition(condition, debugger.program(), debugger.source.names));
  }
  stop.kind = where.empty() ? debug::Stop::Kind::kData : debug::Stop::Kind::kPlace;
  stop.text = fmt::format("break {}", rest);
  if (!where.empty()) {
    PX_TRY(stop.pcs,
           find_places(where, debugger.program(), debugger.source.names, debugger.timeline.pc()));
  }
  return added(debugger, std::move(stop));
}

Result<Json> debug_watch(Debugger::Impl& debugger, std::string_view rest) {
  debug::Stop stop;
  stop.kind = debug::Stop::Kind::kWatch;
  stop.text = fmt::format("watch {}", rest);
  PX_TRY(stop.watched, debug::parse_subject(rest, debugger.program(), debugger.source.names));
  return added(debugger, std::move(stop));
}

Result<Json> debug_stops(Debugger::Impl& debugger, std::string_view) {
  Json list = Json::array();
  for (const debug::Stop& stop : debugger.stops.stops_kept())
    list.push_back(stop_json(debugger, stop));
  return Json{{"kind", "stops"}, {"stops", std::move(list)}};
}

Result<Json> debug_delete(Debugger::Impl& debugger, std::string_view rest) {
  if (rest == "all") {
    debugger.stops.clear();
  } else {
    int id = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), id);
    if (error != std::errc() || end != rest.data() + rest.size() || !debugger.stops.remove(id))
      return fail(Errc::kNotFound, "delete ID or delete all; there is no stop '{}'", rest);
  }
  return debug_stops(debugger, {});
}

}  // namespace pxos::shell
