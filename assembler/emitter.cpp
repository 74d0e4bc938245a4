#include "assembler/emitter.hpp"

#include "assembler/suggest.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/core.h>

namespace pxos::assembler {

isa::Instruction blank(isa::Opcode opcode) {
  const auto code = static_cast<unsigned>(opcode);
  isa::Instruction out;
  out.family = static_cast<std::uint8_t>(code >> 8U);
  out.op = static_cast<std::uint8_t>(code & 0xFFU);
  return out;
}

void Emitter::run() {
  for (const Item& next : assembly_.items) {
    if (reporter_.full() || program_.code.size() > isa::Limits::kCode) return;
    item(next);
  }
  end_function();
  patch_labels();
}

void Emitter::item(const Item& item) {
  switch (item.kind) {
    case Item::Kind::kLabel:
      label(assembly_.labels[item.index]);
      break;
    case Item::Kind::kInstruction:
      instruction(item);
      break;
    case Item::Kind::kDirective: {
      const Directive& text = assembly_.directives[item.index];
      if (const auto* raw = std::get_if<WordText>(&text.body)) return word(item, *raw);
      directive(text);
      break;
    }
  }
}

/// A newline cannot occur in a name, so local labels of different scopes never collide with others.
std::string Emitter::label_key(const Label& label) const {
  return label.local ? fmt::format("{}\n{}", scope_, label.name.text)
                     : std::string(label.name.text);
}

/// A label is where paths meet: nothing is known about what array registers hold there.
void Emitter::label(const Label& label) {
  auto& places = assembly_.label_places;
  const auto [known, added] = labels_.emplace(label_key(label), places.size());
  if (added) {
    places.push_back({label.name.text, label.local ? scope_ : std::string(),
                      static_cast<std::uint32_t>(program_.code.size()), label.name.span, entry_,
                      false});
  }
  if (!added && !assembly_.names.broken(label.name.text)) {
    Diagnostic& error = reporter_.error(
        label.name.span,
        fmt::format("label '{}{}' is defined twice", label.local ? "." : "", label.name.text));
    reporter_.note(error, places[known->second].span, "the first definition is here");
  }
  if (!label.local) {
    scope_ = std::string(label.name.text);
    label_names_.push_back(label.name.text);
  }
  bound_.clear();
}

void Emitter::directive(const Directive& directive) {
  if (const auto* text = std::get_if<EntryText>(&directive.body)) start_entry(*text);
  if (const auto* text = std::get_if<FuncText>(&directive.body)) start_function(*text);
  if (const auto* text = std::get_if<RequireText>(&directive.body)) require(directive, *text);
  if (const auto* text = std::get_if<AssertText>(&directive.body)) check_assert(*text);
  if (const auto* text = std::get_if<RegText>(&directive.body)) name_registers(*text);
  if (const auto* text = std::get_if<DebugFileText>(&directive.body)) {
    debug_directives_ = true;
    debug_line_ = {static_cast<std::uint16_t>(program_.debug.files.size()), 0};
    program_.debug.files.push_back(text->path);
  }
  if (const auto* text = std::get_if<DebugLineText>(&directive.body)) {
    debug_directives_ = true;
    debug_line_ = {text->file.value_or(debug_line_.file), text->line};
  }
  if (std::holds_alternative<DebugOffText>(directive.body)) assembly_.keep_debug = false;
}

/// Entries were declared in this order; their code starts here.
void Emitter::start_entry(const EntryText& text) {
  end_function();
  if (entries_started_ >= program_.entries.size()) return;  // over the limit, reported
  entry_ = entries_started_++;
  isa::Entry& entry = program_.entries[*entry_];
  local_scalars_.clear();
  local_taken_.reset();
  if (text.start) {
    fixups_.push_back({0, label_key(*text.start), text.start->name, false, entry_, entry_});
    return;
  }
  entry.start = static_cast<std::uint32_t>(program_.code.size());
  label({text.name, false});
  assembly_.label_places.back().used = true;
}

/// The frame's size is known once the code is.
void Emitter::start_function(const FuncText& text) {
  end_function();
  entry_.reset();
  local_scalars_.clear();
  local_taken_.reset();
  label({text.name, false});
  function_ = Function{
      text.name.text, program_.code.size(), text.arguments.size(), functions_started_++, {}};
  append(blank(isa::Opcode::kFrame), {text.name.span.line, Assembly::kWholeStatement});
  std::size_t next = 0;
  for (const Name& argument : text.arguments) {
    const auto reg = static_cast<std::uint8_t>(next++);
    const bool fits = next <= 256 && !as_register(argument) &&
                      assembly_.names.find(Space::kValue, argument.text) == nullptr;
    const ScalarName name{reg, argument.span, std::nullopt, std::nullopt};
    if (fits && local_scalars_.emplace(argument.text, name).second) {
      local_taken_.set(reg);
      assembly_.registers.push_back({argument.text, text.name.text, reg, argument.span, true});
      continue;
    }
    reporter_.error(argument.span, fmt::format("argument '{}' is the name of something else, or "
                                               "one too many",
                                               argument.text));
    return;
  }
}

namespace {

/// Calls `change` with every byte of an instruction that is a scalar register.
template <class Change>
void for_each_scalar(isa::Instruction& instruction, Change change) {
  const isa::OpInfo* info = isa::find_opcode(instruction.family, instruction.op);
  if (info == nullptr) return;
  for (const isa::Operand& operand : info->operand_list()) {
    const bool scalar = operand.kind == isa::OperandKind::kScalarRead ||
                        operand.kind == isa::OperandKind::kScalarWrite;
    if (!scalar) continue;
    if (operand.field == isa::Field::kD) change(instruction.d);
    if (operand.field == isa::Field::kA) change(instruction.a);
    if (operand.field == isa::Field::kB) change(instruction.b);
    if (operand.field == isa::Field::kC) change(instruction.c);
    if (operand.field == isa::Field::kE) {
      auto reg = static_cast<std::uint8_t>(static_cast<std::uint32_t>(instruction.imm) >> 16U);
      change(reg);
      const std::uint32_t low = static_cast<std::uint32_t>(instruction.imm) & 0xFFFFU;
      instruction.imm =
          static_cast<std::int32_t>((low | static_cast<std::uint32_t>(reg) << 16U) << 8U) >> 8;
    }
  }
}

}  // namespace

/// Registers of made values move down to the others, so that a frame is no larger than it must be.
void Emitter::end_function() {
  if (!function_) return;
  const Function function = *std::exchange(function_, std::nullopt);
  const std::size_t first = function.frame_pc + 1;
  std::bitset<256> used;
  for (std::size_t pc = first; pc < program_.code.size(); ++pc)
    for_each_scalar(program_.code[pc], [&](std::uint8_t& reg) { used.set(reg); });
  std::size_t frame = std::max<std::size_t>(function.arguments, 1);
  for (std::size_t reg = 0; reg < 256; ++reg) {
    if (used.test(reg) && !function.scratch.test(reg)) frame = std::max(frame, reg + 1);
  }
  std::array<std::uint8_t, 256> moved{};
  for (std::size_t reg = 256; reg-- > 0;) {
    const bool made = used.test(reg) && function.scratch.test(reg);
    moved[reg] = static_cast<std::uint8_t>(made ? frame++ : reg);
  }
  for (std::size_t pc = first; pc < program_.code.size(); ++pc)
    for_each_scalar(program_.code[pc], [&](std::uint8_t& reg) { reg = moved[reg]; });
  if (function.frame_pc < program_.code.size())
    program_.code[function.frame_pc].imm =
        static_cast<std::int32_t>(std::min<std::size_t>(frame, 256));
}

/// Arguments become symbols only here, so the resolver sees them for the time of this line.
void Emitter::require(const Directive& directive, const RequireText& text) {
  if (!entry_) {
    reporter_.error(directive.head.span,
                    "'.require' stands inside an entry: after its '.entry' line");
    return;
  }
  resolver_.set_arguments(&assembly_.entry_scalars[*entry_]);
  const auto lhs = resolver_.polynomial(text.lhs, Scope::kArguments);
  const auto rhs = resolver_.polynomial(text.rhs, Scope::kArguments);
  resolver_.set_arguments(nullptr);
  if (lhs && rhs) program_.entries[*entry_].requirements.push_back({*lhs, *rhs, text.text});
}

/// Decided when the difference of both sides is a number, whatever the symbols are.
void Emitter::check_assert(const AssertText& text) {
  const auto lhs = resolver_.polynomial(text.lhs, Scope::kDims);
  const auto rhs = resolver_.polynomial(text.rhs, Scope::kDims);
  if (!lhs || !rhs) return;
  const auto difference = isa::Polynomial::subtract(*lhs, *rhs);
  const auto value = difference ? difference->as_constant() : std::nullopt;
  const std::string suffix =
      text.message.empty() ? std::string() : fmt::format(": {}", text.message);
  const auto names = program_.symbol_names();
  if (!value) {
    reporter_.error(text.span,
                    fmt::format("whether {} {} {} is not known before link{}", lhs->text(names),
                                text.relation, rhs->text(names), suffix),
                    "use '.require' in an entry for what depends on parameters");
    return;
  }
  const std::int64_t gap = value.value_or(0);
  const bool holds = (text.relation == "==" && gap == 0) || (text.relation == "!=" && gap != 0) ||
                     (text.relation == "<=" && gap <= 0) || (text.relation == "<" && gap < 0);
  if (holds) return;
  reporter_.error(text.span, fmt::format("assertion fails: {} {} {}{}", lhs->text(names),
                                         text.relation, rhs->text(names), suffix));
}

/// Entry-local names may reuse registers of other entries; a name never hides another one.
void Emitter::name_registers(const RegText& text) {
  for (const RegText::Item& item : text.items) {
    const ScalarName* taken = find_scalar(item.name.text);
    const Known* value = assembly_.names.find(Space::kValue, item.name.text);
    if (as_register(item.name) || taken != nullptr || value != nullptr) {
      Diagnostic& error = reporter_.error(
          item.name.span, fmt::format("'{}' is already the name of something", item.name.text));
      if (taken != nullptr)
        reporter_.note(error, taken->declared, fmt::format("{} is declared here", item.name.text));
      if (taken == nullptr && value != nullptr)
        reporter_.note(error, value->declared, fmt::format("{} is declared here", item.name.text));
      continue;
    }
    std::size_t reg = item.reg.value_or(0);
    while (!item.reg && reg < 256 && (scalars_taken().test(reg) || local_taken_.test(reg))) ++reg;
    if (reg >= 256) {
      reporter_.error(item.name.span,
                      fmt::format("no scalar register is left for '{}'", item.name.text));
      return;
    }
    const ScalarName name{static_cast<std::uint8_t>(reg), item.name.span, std::nullopt,
                          assembly_.registers.size()};
    const bool local = entry_ || function_;
    std::string_view owner;
    if (entry_) owner = program_.entries[*entry_].name;
    if (function_) owner = function_->name;
    assembly_.registers.push_back({item.name.text, owner, name.reg, item.name.span, false});
    (local ? local_scalars_ : global_scalars_).emplace(item.name.text, name);
    (local ? local_taken_ : assembly_.scalars_taken).set(reg);
  }
}

/// False when the program is full, which is said once.
bool Emitter::append(const isa::Instruction& instruction, Assembly::Emitted from) {
  if (program_.code.size() >= isa::Limits::kCode) {
    if (program_.code.size() == isa::Limits::kCode) {
      reporter_.error({from.line, 0, 1},
                      fmt::format("a program has at most {} instructions", isa::Limits::kCode));
      program_.code.push_back(instruction);  // one over: run() stops
    }
    return false;
  }
  program_.code.push_back(instruction);
  assembly_.emitted.push_back(from);
  debug_line(from.line);
  return true;
}

/// Macros count as the line that uses them; `.line` overrides where the text is a disassembly.
void Emitter::debug_line(std::uint32_t line) {
  if (!assembly_.keep_debug) return;
  if (debug_directives_) {
    program_.debug.lines.push_back(debug_line_);
    return;
  }
  const Line& at = assembly_.map.line(assembly_.map.origin({line, 0, 0}).line);
  const auto [known, added] =
      debug_files_.emplace(at.file, static_cast<std::uint16_t>(program_.debug.files.size()));
  if (added) program_.debug.files.push_back(assembly_.map.file(at.file).path);
  program_.debug.lines.push_back({known->second, at.number});
}

/// Nothing is known about what a raw instruction does to registers or control flow.
void Emitter::word(const Item& item, const WordText& text) {
  bound_.clear();
  append(text.instruction, {item.line, Assembly::kWholeStatement});
  for (const std::uint8_t reg :
       {text.instruction.d, text.instruction.a, text.instruction.b, text.instruction.c})
    mark_used(reg);
}

void Emitter::wrong_count(const InstructionText& text, const isa::OpInfo& info) {
  const std::size_t wanted = info.operand_count;
  const bool extra = text.operands.size() > wanted;
  const Span span =
      extra ? cover(text.operands[wanted].span, text.operands.back().span) : text.mnemonic.span;
  reporter_.error(span,
                  fmt::format("{} takes {} operand{}, {} given", info.mnemonic, wanted,
                              wanted == 1 ? "" : "s", text.operands.size()),
                  fmt::format("expected {}", instruction_form(info)));
}

/// Parsed again from its line: operands of a million instructions are never in memory together.
void Emitter::instruction(const Item& item) {
  const Statement statement =
      parse_line(item.line, assembly_.map.line(item.line).text, reporter_, {});
  const auto* text = std::get_if<InstructionText>(&statement.body);
  if (text == nullptr) return;
  ++statement_;
  const isa::OpInfo* info =
      text->mnemonic.quoted ? nullptr : isa::find_mnemonic(text->mnemonic.text);
  if (info == nullptr) return;  // reported when the line was read
  if (text->operands.size() != info->operand_count) return wrong_count(*text, *info);
  Draft draft;
  draft.text = text;
  draft.info = info;
  draft.line = item.line;
  const bool good = encode(draft);
  if (good && draft.target) {
    fixups_.push_back({program_.code.size(), label_key(*draft.target), draft.target->name,
                       draft.target->local, std::nullopt, entry_});
  }
  if (good) append(draft.out, {item.line, Assembly::kWholeStatement});
  forget_after(draft);
}

/// All operands are looked at even after a mistake: each may have one of its own.
bool Emitter::encode(Draft& draft) {
  draft.out = blank(draft.info->opcode);
  bool good = true;
  for (std::size_t i = 0; i < draft.info->operand_count; ++i) {
    draft.operand = i;
    good = operand(draft, draft.text->operands[i], draft.info->operands[i]) && good;
  }
  return good;
}

/// A branch counts from the instruction after it.
void Emitter::patch_labels() {
  for (const Fixup& fixup : fixups_) {
    if (reporter_.full()) return;
    const auto found = labels_.find(fixup.key);
    if (found == labels_.end()) {
      report_label(fixup);
      continue;
    }
    LabelPlace& place = assembly_.label_places[found->second];
    place.used = true;
    if (fixup.entry) {
      program_.entries[*fixup.entry].start = place.pc;
      continue;
    }
    warn_other_entry(fixup, place);
    const std::int64_t offset =
        static_cast<std::int64_t>(place.pc) - static_cast<std::int64_t>(fixup.pc) - 1;
    program_.code[fixup.pc].imm = static_cast<std::int32_t>(offset);  // code is at most 2^20 long
  }
}

/// Entries may share code, but their registers have other names and their arguments other places.
void Emitter::warn_other_entry(const Fixup& fixup, const LabelPlace& place) {
  if (!fixup.from || !place.entry || *fixup.from == *place.entry) return;
  // To go on with another entry from its beginning is meant.
  if (place.scope.empty() && program_.find_entry(place.name) != nullptr) return;
  reporter_.warning(Warning::kOtherEntry, fixup.name.span,
                    fmt::format("this branch leaves '{}': '{}' is code of entry '{}'",
                                program_.entries[*fixup.from].name, fixup.name.text,
                                program_.entries[*place.entry].name));
}

/// Suggests only labels that the branch could have meant: global ones, or those of its own scope.
void Emitter::report_label(const Fixup& fixup) {
  if (assembly_.names.broken(fixup.name.text)) return;
  if (!fixup.local) {
    const std::string local = fmt::format("'.{}' would be a local label", fixup.name.text);
    const auto near = nearest(fixup.name.text, label_names_);
    reporter_.error(fixup.name.span, fmt::format("label '{}' is not defined", fixup.name.text),
                    near ? fmt::format("did you mean '{}'?", *near) : local);
    return;
  }
  const std::string prefix = fixup.key.substr(0, fixup.key.find('\n') + 1);
  std::vector<std::string_view> known;
  for (const auto& [key, place] : labels_) {
    if (key.starts_with(prefix)) known.push_back(std::string_view(key).substr(prefix.size()));
  }
  std::sort(known.begin(), known.end());
  const auto near = nearest(fixup.name.text, known);
  const std::string scope = prefix.substr(0, prefix.size() - 1);
  reporter_.error(fixup.name.span,
                  scope.empty() ? fmt::format("local label '.{}' is not defined", fixup.name.text)
                                : fmt::format("local label '.{}' is not defined below '{}'",
                                              fixup.name.text, scope),
                  near ? fmt::format("did you mean '.{}'?", *near) : std::string());
}

}  // namespace pxos::assembler
