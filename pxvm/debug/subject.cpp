#include "pxvm/debug/subject.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace pxos::debug {
namespace {

using isa::TensorDecl;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "r12" or "t12" as 12.
std::optional<std::uint8_t> parse_register(std::string_view text, char kind) {
  if (text.size() < 2 || text[0] != kind) return std::nullopt;
  const auto number = parse_integer(text.substr(1));
  if (!number || *number < 0 || *number > 255) return std::nullopt;
  return static_cast<std::uint8_t>(*number);
}

/// "[a]" and "[b]" of "name[a][b]"; false when brackets do not close.
bool take_brackets(std::string_view& text, std::vector<std::string_view>& out) {
  while (text.ends_with(']')) {
    const std::size_t open = text.rfind('[');
    if (open == std::string_view::npos) return false;
    out.insert(out.begin(), text.substr(open + 1, text.size() - open - 2));
    text = text.substr(0, open);
  }
  return text.find_first_of("[]") == std::string_view::npos;
}

Result<void> parse_part(std::string_view inside, Subject& subject) {
  if (const std::size_t dots = inside.find(".."); dots != std::string_view::npos) {
    const auto first = parse_integer(inside.substr(0, dots));
    const auto last = parse_integer(inside.substr(dots + 2));
    if (!first || !last || *first < 0 || *last < *first)
      return fail(Errc::kUsage, "'{}': rows are FIRST..LAST", subject.text);
    subject.rows = RowRange{*first, *last - *first + 1};
    return {};
  }
  while (true) {
    const std::size_t comma = inside.find(',');
    const std::string_view number = inside.substr(0, comma);
    const auto value =
        parse_integer(number.substr(std::min(number.find_first_not_of(' '), number.size())));
    if (!value || *value < 0)
      return fail(Errc::kUsage, "'{}': '{}' is no index", subject.text, number);
    subject.element.push_back(*value);
    if (comma == std::string_view::npos) return {};
    inside.remove_prefix(comma + 1);
  }
}

tl::unexpected<Error> unknown_name(std::string_view name, const isa::Program& program,
                                   const Names& names) {
  std::vector<std::string> known;
  for (const TensorDecl& decl : program.tensors) known.push_back(decl.name);
  for (const auto& [scalar, reg] : names.scalars) known.push_back(scalar);
  if (known.size() > 30) known.resize(30);
  return fail(Errc::kNotFound, "no register or tensor '{}'; there are r0 .. r255, t0 .. t255, {}",
              name, fmt::join(known, ", "));
}

}  // namespace

Result<Subject> parse_subject(std::string_view text, const isa::Program& program,
                              const Names& names) {
  Subject subject;
  subject.text = text;
  std::vector<std::string_view> brackets;
  if (!take_brackets(text, brackets) || text.empty() || brackets.size() > 2)
    return fail(Errc::kUsage, "'{}' is not NAME, NAME[ROW,COLUMN] or NAME[FIRST..LAST]",
                subject.text);
  const auto decl = program.find_tensor(text);
  const auto scalar = names.scalars.find(text);
  const auto number = parse_register(text, 'r');
  if (!decl && (scalar != names.scalars.end() || number)) {
    if (!brackets.empty())
      return fail(Errc::kUsage, "'{}': a scalar register has no elements", subject.text);
    subject.kind = Subject::Kind::kScalar;
    subject.reg = scalar != names.scalars.end() ? scalar->second : *number;
    return subject;
  }
  if (decl) {
    subject.name = text;
  } else if (const auto reg = parse_register(text, 't')) {
    subject.reg = *reg;
  } else {
    return unknown_name(text, program, names);
  }
  if (decl && program.tensors[*decl].is_array) {
    const auto index = brackets.empty() ? std::nullopt : parse_integer(brackets.front());
    if (!index)
      return fail(Errc::kUsage, "'{}' is an array: {}[INDEX]", subject.name, subject.name);
    subject.index = *index;
    brackets.erase(brackets.begin());
  }
  if (brackets.size() > 1) return fail(Errc::kUsage, "'{}': '{}' is no array", subject.text, text);
  if (!brackets.empty()) PX_CHECK(parse_part(brackets.front(), subject));
  return subject;
}

namespace {

/// A tensor with a register is what its register holds: a view may have been moved.
Result<vm::TensorView> view_of(const Subject& subject, vm::Machine& machine) {
  const isa::Program& program = machine.linked().program();
  std::optional<std::uint8_t> reg;
  if (subject.name.empty()) reg = subject.reg;
  if (!reg) {
    const TensorDecl& decl = program.tensors[*program.find_tensor(subject.name)];
    if (!decl.is_array) reg = decl.home;
  }
  vm::TensorView view;
  if (reg) {
    view = machine.tensor(*reg);
  } else {
    PX_TRY(view, machine.view(subject.name, subject.index));
  }
  if (view.rank == 0 || (view.data == nullptr && view.packed == nullptr))
    return fail(Errc::kNotFound, "{} holds nothing yet", subject.text);
  return view;
}

}  // namespace

Result<Looked> look_at(const Subject& subject, vm::Machine& machine) {
  Looked looked;
  PX_TRY(looked.view, view_of(subject, machine));
  const TensorNumbers numbers(looked.view);
  looked.rows = subject.rows.value_or(RowRange{0, numbers.rows()});
  if (looked.rows.first + looked.rows.count > numbers.rows())
    return fail(Errc::kUsage, "{}: rows {} to {} of {}", subject.text, looked.rows.first,
                looked.rows.first + looked.rows.count - 1, numbers.rows());
  if (subject.element.empty()) return looked;
  if (subject.element.size() != looked.view.rank)
    return fail(Errc::kUsage, "{}: {} indices for {}", subject.text, subject.element.size(),
                looked.view.shape_text());
  std::int64_t row = 0;
  for (std::size_t i = 0; i < subject.element.size(); ++i) {
    if (subject.element[i] >= looked.view.dims[i])
      return fail(Errc::kUsage, "{} is outside {}", subject.text, looked.view.shape_text());
    if (i + 1 < subject.element.size()) row = row * looked.view.dims[i] + subject.element[i];
  }
  looked.element = {row, subject.element.back()};
  looked.rows = {row, 1};
  return looked;
}

}  // namespace pxos::debug
