#include "shell/debug/debug_source.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_file(std::string_view path, std::string_view asked) {
  return path == asked || (path.ends_with(asked) && path[path.size() - asked.size() - 1] == '/');
}

/// First instructions of the runs that come from the line, or from the next line with code.
Result<std::vector<std::size_t>> places_of_line(const isa::Program& program, std::size_t file,
                                                std::uint32_t line) {
  const auto& lines = program.debug.lines;
  std::optional<std::uint32_t> nearest;
  for (const isa::DebugInfo::Line& other : lines) {
    if (other.file == file && other.line >= line && (!nearest || other.line < *nearest))
      nearest = other.line;
  }
  if (!nearest)
    return fail(Errc::kNotFound, "{} has no instruction at or behind line {}",
                program.debug.files[file], line);
  std::vector<std::size_t> places;
  const isa::DebugInfo::Line wanted{static_cast<std::uint16_t>(file), *nearest};
  for (std::size_t pc = 0; pc < lines.size(); ++pc) {
    if (lines[pc] == wanted && (pc == 0 || !(lines[pc - 1] == wanted))) places.push_back(pc);
  }
  return places;
}

Result<std::vector<std::size_t>> places_in_file(const isa::Program& program, std::string_view name,
                                                std::uint32_t line) {
  const auto& files = program.debug.files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (is_file(files[i], name)) return places_of_line(program, i, line);
  }
  return fail(
      Errc::kNotFound, "the program comes from no file '{}', only from {}", name,
      files.empty() ? "nowhere: it has no line table" : fmt::format("{}", fmt::join(files, ", ")));
}

Result<std::vector<std::size_t>> places_of_opcode(const isa::Program& program,
                                                  std::string_view mnemonic) {
  const isa::OpInfo* info = isa::find_mnemonic(mnemonic);
  if (info == nullptr) return fail(Errc::kNotFound, "there is no opcode '{}'", mnemonic);
  std::vector<std::size_t> places;
  for (std::size_t pc = 0; pc < program.code.size(); ++pc) {
    if (program.code[pc].opcode() == info->opcode) places.push_back(pc);
  }
  if (places.empty()) return fail(Errc::kNotFound, "this program has no {}", mnemonic);
  return places;
}

}  // namespace

std::string_view DebugSource::line(std::string_view file, std::uint32_t number) const {
  for (const assembler::SourceFile& source : files) {
    if (source.path != file) continue;
    std::string_view text = source.text;
    for (std::uint32_t i = 1; i < number && !text.empty(); ++i)
      text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    return text.substr(0, text.find('\n'));
  }
  return {};
}

std::uint32_t DebugSource::line_count(std::string_view file) const {
  for (const assembler::SourceFile& source : files) {
    if (source.path != file) continue;
    const auto ends = std::count(source.text.begin(), source.text.end(), '\n');
    const bool open_end = !source.text.empty() && source.text.back() != '\n';
    return static_cast<std::uint32_t>(ends) + (open_end ? 1 : 0);
  }
  return 0;
}

debug::Names names_of(std::span<const assembler::SymbolRow> symbols) {
  debug::Names names;
  std::set<std::string> ambiguous;
  for (const assembler::SymbolRow& row : symbols) {
    const bool is_function = row.kind == "function";
    if (row.kind == "label" || is_function) {
      // A call goes behind the instruction that declares the function's frame.
      const auto pc = parse_number(row.value);
      if (pc) names.labels.emplace(row.name, *pc + (is_function ? 1U : 0U));
    }
    if (row.kind != "register" || !row.value.starts_with('r')) continue;
    const auto number = parse_number(std::string_view(row.value).substr(1));
    if (!number) continue;
    const auto reg = static_cast<std::uint8_t>(*number);
    names.scalars.insert_or_assign(row.name, reg);
    const std::string last = row.name.substr(row.name.rfind('.') + 1);
    const auto [known, is_new] = names.scalars.emplace(last, reg);
    if (!is_new && known->second != reg) ambiguous.insert(last);
  }
  for (const std::string& name : ambiguous) names.scalars.erase(name);
  return names;
}

DebugSource source_of(const assembler::AssembleResult& assembled) {
  return {assembled.sources, names_of(assembled.symbols)};
}

Result<std::vector<std::size_t>> find_places(std::string_view where, const isa::Program& program,
                                             const debug::Names& names, std::size_t pc) {
  if (where.starts_with("op ")) return places_of_opcode(program, where.substr(3));
  if (where.starts_with('@')) {
    const auto number = parse_number(where.substr(1));
    if (!number || *number >= program.code.size())
      return fail(Errc::kNotFound, "'{}': there are @0 .. @{}", where, program.code.size() - 1);
    return std::vector<std::size_t>{*number};
  }
  const std::size_t colon = where.rfind(':');
  if (colon != std::string_view::npos) {
    const auto line = parse_number(where.substr(colon + 1));
    if (!line) return fail(Errc::kUsage, "'{}' is not FILE:LINE", where);
    return places_in_file(program, where.substr(0, colon), *line);
  }
  if (const auto line = parse_number(where)) {
    if (pc >= program.debug.lines.size())
      return fail(Errc::kNotFound, "the program has no line table: use @PC or an entry");
    return places_of_line(program, program.debug.lines[pc].file, *line);
  }
  if (const isa::Entry* entry = program.find_entry(where))
    return std::vector<std::size_t>{entry->start};
  const auto label = names.labels.find(where);
  if (label != names.labels.end()) return std::vector<std::size_t>{label->second};
  std::vector<std::string> known;
  for (const isa::Entry& entry : program.entries) known.push_back(entry.name);
  for (const auto& [name, at] : names.labels) known.push_back(name);
  return fail(Errc::kNotFound, "'{}' is no place: LINE, FILE:LINE, @PC, op MNEMONIC, or one of {}",
              where, fmt::join(known, ", "));
}

}  // namespace pxos::shell
