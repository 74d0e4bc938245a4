#include "shell/debug/debugger.hpp"

#include "shell/debug/debugger_impl.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

Result<Json> debug_help(Debugger::Impl& debugger, std::string_view rest);
Result<Json> debug_quit(Debugger::Impl& debugger, std::string_view rest);

struct Row {
  DebugCommandInfo info;
  DebugHandler handler;
  bool is_motion;  ///< an empty line repeats it
};

constexpr std::array<Row, 28> kRows{{
    {{"step", "s", "[N]", "make one instruction, or N"}, &debug_step, true},
    {{"next", "n", "[N]", "go to another source line, through calls"}, &debug_next, true},
    {{"finish", "f", "", "run to the return of this function, or before the halt of the entry"},
     &debug_finish,
     true},
    {{"continue", "c", "[N]", "run to the next stop, or to the Nth"}, &debug_continue, true},
    {{"back", "b", "[N]", "one instruction back, or N"}, &debug_back, true},
    {{"reverse", "rc", "", "run backwards to the last stop"}, &debug_reverse, true},
    {{"goto", "", "STEP", "go to a step, backwards or forwards"}, &debug_goto, false},
    {{"where", "w", "", "step, call, instruction and arguments"}, &debug_where, false},
    {{"break", "br", "[WHERE] [if CONDITION]",
      "stop before LINE, FILE:LINE, LABEL, ENTRY, @PC or every `op MNEMONIC`; or behind what makes "
      "CONDITION true"},
     &debug_break,
     false},
    {{"watch", "", "WHAT", "stop behind what changes a register, element or rows"},
     &debug_watch,
     false},
    {{"stops", "", "", "list breakpoints and watches"}, &debug_stops, false},
    {{"delete", "", "ID|all", "remove one, or all"}, &debug_delete, false},
    {{"print", "p", "WHAT ...", "registers, elements, tensors: numbers, shape, min, mean, max"},
     &debug_print,
     false},
    {{"registers", "regs", "", "scalar registers that have a name or are not 0"},
     &debug_registers,
     false},
    {{"tensors", "", "", "what the tensor registers hold"}, &debug_tensors, false},
    {{"heat", "", "TENSOR FILE.png", "draw a tensor"}, &debug_heat, false},
    {{"list", "l", "[WHERE]", "source around an instruction"}, &debug_list, false},
    {{"dis", "d", "[WHERE]", "instructions, with their source"}, &debug_disassemble, false},
    {{"stack", "bt", "", "functions under way, innermost first"}, &debug_stack, false},
    {{"profile", "", "[on|off]", "where the time goes, since `profile on`"}, &debug_profile, false},
    {{"trace", "", "FILE|off", "write a line for every instruction that runs"},
     &debug_trace,
     false},
    {{"save", "", "FILE", "write the machine's state"}, &debug_save, false},
    {{"load", "", "FILE", "make the machine what it was when saved"}, &debug_load, false},
    {{"set", "", "WHAT = NUMBER", "change a register or an element; forgets what came after"},
     &debug_set,
     false},
    {{"help", "h", "", "this list"}, &debug_help, false},
    {{"quit", "q", "", "leave"}, &debug_quit, false},
    {{"exit", "", "", "leave"}, &debug_quit, false},
    {{"start", "", "", "go to the first instruction"},
     [](Debugger::Impl& debugger, std::string_view) { return debug_goto(debugger, "0"); },
     false},
}};

constexpr auto kInfos = [] {
  std::array<DebugCommandInfo, kRows.size()> infos{};
  for (std::size_t i = 0; i < infos.size(); ++i) infos[i] = kRows[i].info;
  return infos;
}();

Result<Json> debug_help(Debugger::Impl&, std::string_view) {
  Json list = Json::array();
  for (const Row& row : kRows)
    list.push_back(Json{{"name", row.info.name},
                        {"alias", row.info.alias},
                        {"arguments", row.info.arguments},
                        {"help", row.info.help}});
  return Json{{"kind", "help"}, {"commands", std::move(list)}};
}

Result<Json> debug_quit(Debugger::Impl& debugger, std::string_view) {
  debugger.finished = true;
  return Json{{"kind", "note"}, {"note", "bye"}};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  text.remove_prefix(std::min(text.find_first_not_of(kSpaces), text.size()));
  return text.substr(0, text.find_last_not_of(kSpaces) + 1);
}

/// By name or alias, else the only command that begins so; null when there is none.
const Row* find_row(std::string_view name) {
  if (name.empty()) return nullptr;
  const Row* only = nullptr;
  std::size_t count = 0;
  for (const Row& row : kRows) {
    if (row.info.name == name || row.info.alias == name) return &row;
    if (!row.info.name.starts_with(name)) continue;
    only = &row;
    ++count;
  }
  return count == 1 ? only : nullptr;
}

Result<Json> answer(Debugger::Impl& debugger, std::string_view line) {
  line = trimmed(line);
  const std::size_t space = std::min(line.find(' '), line.size());
  const Row* row = find_row(line.substr(0, space));
  if (row == nullptr)
    return fail(Errc::kUsage, "no command '{}': help lists them", line.substr(0, space));
  if (row->is_motion) debugger.last_motion = line;
  return row->handler(debugger, trimmed(line.substr(space)));
}

Json failed(const Error& error) {
  return Json{{"ok", false}, {"error", error.message}};
}

/// The object of a request, or an error that says what was expected.
Result<Json> parse_request(std::string_view line) {
  Json request = Json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("cmd") || !request["cmd"].is_string())
    return fail(Errc::kUsage, R"(expected one line {{"cmd": "step 3", "id": 1}})");
  return request;
}

}  // namespace

std::span<const DebugCommandInfo> debug_commands() {
  return kInfos;
}

std::vector<std::string> debug_words(std::string_view text) {
  std::vector<std::string> words;
  for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
    const std::size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

Result<std::uint64_t> debug_count(std::string_view text, std::uint64_t otherwise) {
  if (text.empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0)
    return fail(Errc::kUsage, "'{}' is no count: a whole number from 1 on", text);
  return value;
}

Debugger::Impl::Impl(debug::Timeline& given,
                     std::shared_ptr<const vm::LinkedProgram> program_linked, DebugSource text,
                     DebuggerPorts given_ports)
    : timeline(given),
      linked(std::move(program_linked)),
      source(std::move(text)),
      ports(std::move(given_ports)),
      stops(linked->program().code.size()) {}

Debugger::Impl::~Impl() {
  machine().set_profile(nullptr);
}

Debugger::Debugger(debug::Timeline& timeline, std::shared_ptr<const vm::LinkedProgram> program,
                   DebugSource source, DebuggerPorts ports)
    : impl_(std::make_unique<Impl>(timeline, std::move(program), std::move(source),
                                   std::move(ports))) {}

Debugger::~Debugger() = default;

std::string Debugger::answer_text(std::string_view line) {
  const std::string again = impl_->last_motion;
  if (trimmed(line).empty()) line = again;
  if (trimmed(line).empty()) return "";
  const Result<Json> reply = answer(*impl_, line);
  return reply ? render_reply(*reply) : fmt::format("{}\n", reply.error().message);
}

std::string Debugger::answer_json(std::string_view line) {
  const Result<Json> request = parse_request(line);
  if (!request) return failed(request.error()).dump();
  Json reply;
  if (request->contains("id")) reply["id"] = (*request)["id"];
  auto answered = answer(*impl_, (*request)["cmd"].get<std::string>());
  if (answered) {
    reply["ok"] = true;
    reply.update(*answered);
  } else {
    reply.update(failed(answered.error()));
  }
  // Texts of guests may be no UTF-8.
  return reply.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Debugger::greeting_text() {
  return render_reply(*debug_where(*impl_, {}));
}

std::string Debugger::greeting_json() {
  Json reply{{"ok", true}};
  reply.update(*debug_where(*impl_, {}));
  return reply.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool Debugger::finished() const {
  return impl_->finished;
}

void Debugger::interrupt() {
  impl_->timeline.interrupt();
}

}  // namespace pxos::shell
