// Looking at what the machine holds, and changing it by hand.

#include "pxvm/base/file.hpp"
#include "pxvm/vm/state.hpp"
#include "shell/debug/debugger_impl.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

using debug::Looked;
using debug::Subject;
using debug::TensorNumbers;
using isa::TensorDecl;

constexpr std::int64_t kShownRows = 4;
constexpr std::int64_t kShownCols = 8;
constexpr std::size_t kMostOps = 30;  ///< rows of a profile

Json shape_json(const vm::TensorView& view) {
  return Json(std::vector<std::int64_t>(view.dims.begin(), view.dims.begin() + view.rank));
}

std::string_view element_text(const vm::TensorView& view) {
  if (view.packed != nullptr) return tensor::info(view.packed->dtype).text;
  switch (view.element) {
    case TensorDecl::Element::kF32:
      return "f32";
    case TensorDecl::Element::kF16:
      return view.caches == tensor::KvFormat::kF16   ? "f16"
             : view.caches == tensor::KvFormat::kF32 ? "f32 cache"
                                                     : "q8 cache";
    case TensorDecl::Element::kI32:
      return "i32";
    case TensorDecl::Element::kU8:
      return "u8";
    case TensorDecl::Element::kWeight:
      break;
  }
  return "weight";
}

Json summary_json(const debug::TensorSummary& summary) {
  Json out{{"count", summary.count},
           {"min", number_json(summary.min)},
           {"mean", number_json(summary.mean)},
           {"max", number_json(summary.max)},
           {"nan", summary.nans},
           {"inf", summary.infinities}};
  if (summary.first_bad) out["first_bad"] = {summary.first_bad->first, summary.first_bad->second};
  return out;
}

Json scalar_json(const Debugger::Impl& debugger, std::uint8_t reg, const std::string& name) {
  const std::uint64_t bits = debugger.machine().scalar(reg);
  return Json{{"name", name},
              {"register", fmt::format("r{}", reg)},
              {"i64", static_cast<std::int64_t>(bits)},
              {"f32", number_json(std::bit_cast<float>(static_cast<std::uint32_t>(bits)))},
              {"f64", number_json(std::bit_cast<double>(bits))},
              {"hex", fmt::format("{:#x}", bits)}};
}

Json tensor_json(const std::string& name, const Looked& looked) {
  const TensorNumbers numbers(looked.view);
  Json out{{"name", name},
           {"type", element_text(looked.view)},
           {"shape", shape_json(looked.view)},
           {"summary", summary_json(debug::summarize(numbers, looked.rows))}};
  Json rows = Json::array();
  std::vector<double> row(static_cast<std::size_t>(numbers.cols()));
  for (std::int64_t i = 0; i < std::min(looked.rows.count, kShownRows); ++i) {
    numbers.read_row(looked.rows.first + i, row);
    Json values = Json::array();
    for (std::int64_t k = 0; k < std::min(numbers.cols(), kShownCols); ++k)
      values.push_back(number_json(row[static_cast<std::size_t>(k)]));
    rows.push_back(std::move(values));
  }
  out["first_row"] = looked.rows.first;
  out["values"] = std::move(rows);
  return out;
}

/// The entry or function that an instruction belongs to: the last one before it that names
/// registers.
std::string scope_at(const Debugger::Impl& debugger, std::size_t pc) {
  const debug::Names& names = debugger.source.names;
  std::string scope;
  std::size_t from = 0;
  const auto consider = [&](const std::string& name, std::size_t start) {
    const auto first = names.scalars.lower_bound(name + ".");
    const bool has_names = first != names.scalars.end() && first->first.starts_with(name + ".");
    if (!has_names || start > pc || start < from) return;
    scope = name;
    from = start;
  };
  for (const isa::Entry& entry : debugger.program().entries) consider(entry.name, entry.start);
  for (const auto& [name, start] : names.labels) consider(name, start);
  return scope;
}

double element_of(const Looked& looked) {
  const TensorNumbers numbers(looked.view);
  std::vector<double> row(static_cast<std::size_t>(numbers.cols()));
  numbers.read_row(looked.element->first, row);
  return row[static_cast<std::size_t>(looked.element->second)];
}

}  // namespace

Json number_json(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

Json written_json(const Debugger::Impl& debugger, std::size_t pc) {
  Json list = Json::array();
  for (const debug::Written& written : debug::written_by(debugger.machine(), pc)) {
    const auto summary = debug::summarize(TensorNumbers(written.view), written.rows);
    list.push_back(Json{{"name", written.name},
                        {"shape", shape_json(written.view)},
                        {"summary", summary_json(summary)}});
  }
  return list.empty() ? Json() : list;
}

Json instruction_json(const Debugger::Impl& debugger, std::size_t pc) {
  const isa::Program& program = debugger.program();
  Json out{{"pc", pc},
           {"where", isa::location_text(program, pc)},
           {"text", isa::instruction_text(program, pc)}};
  if (pc < program.debug.lines.size()) {
    const isa::DebugInfo::Line& line = program.debug.lines[pc];
    if (line.file < program.debug.files.size()) {
      const std::string_view text = debugger.source.line(program.debug.files[line.file], line.line);
      if (!text.empty()) out["source"] = std::string(text);
    }
  }
  return out;
}

Json place_json(const Debugger::Impl& debugger) {
  Json out{{"step", debugger.timeline.step()},
           {"call", debugger.timeline.call()},
           {"entry", debugger.timeline.arguments().entry}};
  out.update(instruction_json(debugger, debugger.timeline.pc()));
  return out;
}

Result<Json> debug_print(Debugger::Impl& debugger, std::string_view rest) {
  Json list = Json::array();
  for (const std::string& word : debug_words(rest)) {
    PX_TRY(const Subject subject,
           debug::parse_subject(word, debugger.program(), debugger.source.names));
    if (subject.kind == Subject::Kind::kScalar) {
      list.push_back(scalar_json(debugger, subject.reg, word));
      continue;
    }
    PX_TRY(const Looked looked, debug::look_at(subject, debugger.machine()));
    if (looked.element) {
      list.push_back(Json{{"name", word}, {"value", number_json(element_of(looked))}});
    } else {
      list.push_back(tensor_json(word, looked));
    }
  }
  if (list.empty())
    return fail(Errc::kUsage, "print WHAT ...: a register, tensor, element or rows");
  return Json{{"kind", "values"}, {"values", std::move(list)}};
}

Result<Json> debug_registers(Debugger::Impl& debugger, std::string_view) {
  Json list = Json::array();
  std::array<std::string, 256> names;
  const std::string scope = scope_at(debugger, debugger.timeline.pc()) + ".";
  for (const auto& [name, reg] : debugger.source.names.scalars) {
    if (name.starts_with(scope)) names[reg] = name.substr(scope.size());
  }
  for (std::size_t reg = 0; reg < names.size(); ++reg) {
    const auto number = static_cast<std::uint8_t>(reg);
    if (debugger.machine().scalar(number) == 0 && names[reg].empty()) continue;
    list.push_back(
        scalar_json(debugger, number, names[reg].empty() ? fmt::format("r{}", reg) : names[reg]));
  }
  return Json{{"kind", "registers"}, {"registers", std::move(list)}};
}

Result<Json> debug_tensors(Debugger::Impl& debugger, std::string_view) {
  Json list = Json::array();
  for (std::size_t reg = 0; reg < 256; ++reg) {
    const auto number = static_cast<std::uint8_t>(reg);
    const vm::TensorView& view = debugger.machine().tensor(number);
    if (view.rank == 0 || (view.data == nullptr && view.packed == nullptr)) continue;
    list.push_back(Json{{"register", fmt::format("t{}", reg)},
                        {"name", debug::register_name(debugger.program(), number)},
                        {"type", element_text(view)},
                        {"shape", shape_json(view)}});
  }
  return Json{{"kind", "tensors"}, {"tensors", std::move(list)}};
}

Result<Json> debug_heat(Debugger::Impl& debugger, std::string_view rest) {
  const std::vector<std::string> words = debug_words(rest);
  if (words.size() != 2) return fail(Errc::kUsage, "heat TENSOR FILE.png");
  PX_TRY(const Subject subject,
         debug::parse_subject(words[0], debugger.program(), debugger.source.names));
  if (subject.kind == Subject::Kind::kScalar)
    return fail(Errc::kUsage, "'{}' is one number: print it", words[0]);
  PX_TRY(const Looked looked, debug::look_at(subject, debugger.machine()));
  const isa::RgbImage image = debug::heat_map(TensorNumbers(looked.view));
  if (image.rgb.empty()) return fail(Errc::kUsage, "{} has no elements", words[0]);
  PX_CHECK(debugger.ports.write_picture(words[1], image));
  return Json{{"kind", "heat"},
              {"name", words[0]},
              {"file", words[1]},
              {"width", image.width},
              {"height", image.height}};
}

Result<Json> debug_list(Debugger::Impl& debugger, std::string_view rest) {
  const isa::Program& program = debugger.program();
  std::size_t pc = debugger.timeline.pc();
  if (!rest.empty()) {
    PX_TRY(const auto places, find_places(rest, program, debugger.source.names, pc));
    pc = places.front();
  }
  if (pc >= program.debug.lines.size()) return debug_disassemble(debugger, rest);
  const isa::DebugInfo::Line at = program.debug.lines[pc];
  const std::string& file = program.debug.files.at(at.file);
  const bool known = std::any_of(debugger.source.files.begin(), debugger.source.files.end(),
                                 [&](const auto& source) { return source.path == file; });
  if (!known) return debug_disassemble(debugger, rest);
  Json lines = Json::array();
  const std::uint32_t last = std::min(at.line + 6, debugger.source.line_count(file));
  for (std::uint32_t line = at.line > 6 ? at.line - 6 : 1; line <= last; ++line)
    lines.push_back(Json{{"line", line},
                         {"text", std::string(debugger.source.line(file, line))},
                         {"here", line == at.line}});
  return Json{{"kind", "list"}, {"file", file}, {"lines", std::move(lines)}};
}

Result<Json> debug_disassemble(Debugger::Impl& debugger, std::string_view rest) {
  const isa::Program& program = debugger.program();
  std::size_t from = debugger.timeline.pc() > 3 ? debugger.timeline.pc() - 3 : 0;
  if (!rest.empty()) {
    PX_TRY(const auto places,
           find_places(rest, program, debugger.source.names, debugger.timeline.pc()));
    from = places.front();
  }
  Json list = Json::array();
  for (std::size_t pc = from; pc < std::min(from + 12, program.code.size()); ++pc) {
    Json line = instruction_json(debugger, pc);
    line["here"] = pc == debugger.timeline.pc();
    list.push_back(std::move(line));
  }
  return Json{{"kind", "instructions"}, {"instructions", std::move(list)}};
}

// Innermost first. A caller goes on behind its call.
Result<Json> debug_stack(Debugger::Impl& debugger, std::string_view) {
  Json frames = Json::array();
  frames.push_back(instruction_json(debugger, debugger.timeline.pc()));
  const auto calls = debugger.machine().calls();
  for (std::size_t i = calls.size(); i-- > 0;)
    frames.push_back(instruction_json(debugger, calls[i].return_pc - 1U));
  return Json{{"kind", "stack"},
              {"entry", debugger.timeline.arguments().entry},
              {"frames", std::move(frames)}};
}

Result<Json> debug_profile(Debugger::Impl& debugger, std::string_view rest) {
  if (rest == "on" || rest == "off") {
    debugger.profiling = rest == "on";
    debugger.profile.clear();
    debugger.machine().set_profile(debugger.profiling ? &debugger.profile : nullptr);
    return Json{{"kind", "note"}, {"note", fmt::format("profile {}", rest)}};
  }
  if (!rest.empty()) return fail(Errc::kUsage, "profile, profile on or profile off");
  if (!debugger.profiling) return fail(Errc::kUsage, "nothing is measured: profile on, then run");
  Json rows = Json::array();
  const auto operations = vm::profile_by_operation(*debugger.linked, debugger.profile);
  double all = 0;
  for (const vm::ProfileRow& row : operations) all += row.seconds;
  for (const vm::ProfileRow& row : operations) {
    if (rows.size() == kMostOps) break;
    const auto bytes = static_cast<double>(row.cost.weight_bytes + row.cost.tensor_bytes);
    rows.push_back(
        Json{{"operation", row.name},
             {"calls", row.calls},
             {"ms", row.seconds * 1e3},
             {"share", row.seconds / all},
             {"GBps", bytes / row.seconds / 1e9},
             {"GOPS", 2 * static_cast<double>(row.cost.multiply_adds) / row.seconds / 1e9}});
  }
  Json counts = Json::array();
  for (const vm::ProfileRow& row : vm::profile_by_opcode(*debugger.linked, debugger.profile))
    counts.push_back(Json{{"opcode", row.name}, {"calls", row.calls}});
  return Json{{"kind", "profile"}, {"operations", std::move(rows)}, {"opcodes", std::move(counts)}};
}

Result<Json> debug_trace(Debugger::Impl& debugger, std::string_view rest) {
  if (rest.empty()) return fail(Errc::kUsage, "trace FILE or trace off");
  debugger.trace.reset();
  if (rest == "off") return Json{{"kind", "note"}, {"note", "trace off"}};
  std::ofstream file{std::string(rest)};
  if (!file) return fail(Errc::kIo, "{}: cannot be written", rest);
  debugger.trace = std::move(file);
  return Json{{"kind", "note"}, {"note", fmt::format("trace to {}", rest)}};
}

Result<Json> debug_save(Debugger::Impl& debugger, std::string_view rest) {
  if (rest.empty()) return fail(Errc::kUsage, "save FILE");
  PX_TRY(const vm::StateFormat format, vm::StateFormat::create(debugger.linked));
  ByteVector state(format.bytes());
  PX_CHECK(format.save(debugger.machine(), state));
  PX_CHECK(write_file_atomic(std::string(rest), state));
  return Json{{"kind", "saved"}, {"file", std::string(rest)}, {"bytes", state.size()}};
}

Result<Json> debug_load(Debugger::Impl& debugger, std::string_view rest) {
  if (rest.empty()) return fail(Errc::kUsage, "load FILE");
  PX_TRY(const vm::StateFormat format, vm::StateFormat::create(debugger.linked));
  PX_TRY(const ByteVector state, read_file(std::string(rest), format.bytes() + 1));
  auto loaded =
      debugger.timeline.change([&](vm::Machine& machine) { return format.load(state, machine); });
  if (!loaded) return in_context(rest, std::move(loaded).error());
  return debug_where(debugger, {});
}

namespace {

/// The number as the bits of a scalar register: f32 when it has a point or is no integer.
Result<std::uint64_t> register_bits(const std::string& text, double value) {
  std::int64_t integer = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (error == std::errc() && end == text.data() + text.size())
    return static_cast<std::uint64_t>(integer);
  return std::uint64_t{std::bit_cast<std::uint32_t>(static_cast<float>(value))};
}

Result<void> set_element(const Looked& looked, double value) {
  if (looked.view.data == nullptr || looked.view.element == TensorDecl::Element::kF16)
    return fail(Errc::kUnsupported, "only elements of f32, i32 and u8 tensors can be set");
  const TensorNumbers numbers(looked.view);
  const std::int64_t index = looked.element->first * numbers.cols() + looked.element->second;
  std::uint8_t* const data = looked.view.data;
  if (looked.view.element == TensorDecl::Element::kF32) {
    const auto real = static_cast<float>(value);
    std::memcpy(data + index * 4, &real, 4);
    return {};
  }
  const bool is_byte = looked.view.element == TensorDecl::Element::kU8;
  const double low = is_byte ? 0 : -2147483648.0;
  const double high = is_byte ? 255 : 2147483647.0;
  if (!(value >= low && value <= high) || value != std::floor(value))
    return fail(Errc::kUsage, "{} is no whole number in {} .. {}", value, low, high);
  const auto integer = static_cast<std::int32_t>(value);
  std::memcpy(data + index * (is_byte ? 1 : 4), &integer, is_byte ? 1 : 4);
  return {};
}

}  // namespace

Result<Json> debug_set(Debugger::Impl& debugger, std::string_view rest) {
  const std::vector<std::string> words = debug_words(rest);
  char* end = nullptr;
  const double value = words.size() == 3 ? std::strtod(words[2].c_str(), &end) : 0;
  if (words.size() != 3 || words[1] != "=" || *end != '\0')
    return fail(Errc::kUsage, "set REGISTER = NUMBER or set TENSOR[ROW,COLUMN] = NUMBER");
  PX_TRY(const Subject subject,
         debug::parse_subject(words[0], debugger.program(), debugger.source.names));
  const auto edit = [&](vm::Machine& machine) -> Result<void> {
    if (subject.kind == Subject::Kind::kScalar) {
      PX_TRY(const std::uint64_t bits, register_bits(words[2], value));
      machine.set_scalar(subject.reg, bits);
      return {};
    }
    PX_TRY(const Looked looked, debug::look_at(subject, machine));
    if (!looked.element) return fail(Errc::kUsage, "'{}' is more than one element", words[0]);
    const auto decl = debugger.program().find_tensor(subject.name);
    if (!decl || !isa::is_writable(debugger.program(), *decl))
      return fail(Errc::kDenied, "'{}' is read-only, or a view: name its tensor", words[0]);
    return set_element(looked, value);
  };
  PX_CHECK(debugger.timeline.change(edit));
  return debug_print(debugger, words[0]);
}

}  // namespace pxos::shell
