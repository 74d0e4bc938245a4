#include "checked_machine.hpp"

#include "pxvm/isa/flow.hpp"
#include "pxvm/vm/machine.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

#include <fmt/format.h>

namespace pxos::test {
namespace {

__extension__ typedef __int128 Wide;  // a sum of two i64 does not wrap

using isa::Instruction;
using isa::Opcode;
using isa::TensorDecl;
using vm::TrapKind;

std::int64_t unit_of(TensorDecl::Element element) {
  if (element == TensorDecl::Element::kF16) return 2;
  return element == TensorDecl::Element::kU8 ? 1 : 4;
}

std::string_view mnemonic_of(const Instruction& i) {
  return isa::find_opcode(i.family, i.op)->mnemonic;
}

std::uint8_t field_e(const Instruction& i) {
  return static_cast<std::uint8_t>(static_cast<std::uint32_t>(i.imm) >> 16U);
}

/// An f32 or an f16.
float number_at(std::span<const std::uint8_t> bytes) {
  if (bytes.size() == 2)
    return oracle_from_half(static_cast<std::uint16_t>(bytes[0] + 256 * bytes[1]));
  float value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::int64_t sign_extended(std::uint64_t value, int bytes) {
  const int unused = 64 - 8 * bytes;
  return static_cast<std::int64_t>(value << unused) >> unused;
}

}  // namespace

std::optional<std::int64_t> checked_host(std::uint32_t call, std::uint64_t a, std::uint64_t b,
                                         std::uint64_t c) {
  const std::uint64_t mixed = (a * 3 + b * 5 + c * 7 + call) * 0x9e37'79b9'7f4a'7c15U;
  if (mixed >> 60U == 0) return std::nullopt;
  return static_cast<std::int64_t>(mixed >> 56U) - 8;
}

CheckedMachine::CheckedMachine(const CheckedWorld& world)
    : world_(world),
      program_(world.linked.program()),
      consts_(world.linked.consts),
      symbols_(world.linked.symbols) {
  for (std::size_t i = 0; i < program_.tensors.size(); ++i) reserve(static_cast<std::uint16_t>(i));
}

std::int64_t CheckedMachine::evaluate(const isa::Polynomial& value) const {
  Wide out = 0;
  for (const isa::Polynomial::Term& term : value.terms()) {
    Wide product = term.coefficient;
    for (const isa::SymbolId id : term.symbols) product *= symbols_.at(id);
    out += product;
  }
  return static_cast<std::int64_t>(out);
}

/// Memory of a declaration at its largest extents, in portions of 64 bytes per element of an array.
void CheckedMachine::reserve(std::uint16_t decl) {
  const TensorDecl& declared = program_.tensors[decl];
  if (declared.kind == TensorDecl::Kind::kView) return;
  if (declared.kind == TensorDecl::Kind::kImport) return take_vectors(decl);
  std::int64_t bytes = unit_of(declared.element);
  for (const isa::Polynomial& dim : declared.dims) bytes *= evaluate(dim);
  if (declared.element == TensorDecl::Element::kF16) {
    const bool region = declared.kind == TensorDecl::Kind::kRegion;
    const std::int64_t cols = evaluate(declared.dims.back());
    const auto format = region ? world_.caches : tensor::KvFormat::kF16;
    bytes = cols == 0 ? 0 : bytes / 2 / cols * tensor::kv_row_bytes(format, cols);
  }
  const std::int64_t count = declared.is_array ? evaluate(declared.count) : 1;
  for (std::int64_t k = 0; k < count; ++k)
    memory[{decl, k}].resize(static_cast<std::size_t>((bytes + 63) / 64 * 64));
}

/// Imported vectors are memory that nothing may write.
void CheckedMachine::take_vectors(std::uint16_t decl) {
  const TensorDecl& declared = program_.tensors[decl];
  const std::int64_t count = declared.is_array ? evaluate(declared.count) : 1;
  for (std::int64_t k = 0; k < count; ++k) {
    const Floats* values = world_.find_vector(import_name(declared, k));
    if (values == nullptr) continue;
    Buffer& bytes = memory[{decl, k}];
    bytes.resize(values->size() * sizeof(float));
    std::memcpy(bytes.data(), values->data(), bytes.size());
  }
}

/// The first name that the world knows, with the index where the pattern has braces.
std::string CheckedMachine::import_name(const TensorDecl& decl, std::int64_t index) const {
  for (std::string name : decl.patterns) {
    if (const std::size_t at = name.find("{}"); at != std::string::npos)
      name.replace(at, 2, std::to_string(index));
    if (world_.find_matrix(name) != nullptr || world_.find_vector(name) != nullptr) return name;
  }
  return "";
}

std::optional<CheckedMachine::View> CheckedMachine::view_of(std::uint16_t decl,
                                                            std::int64_t index) {
  const TensorDecl& declared = program_.tensors[decl];
  View view{{decl, index}, {}, 0, unit_of(declared.element)};
  for (const isa::Polynomial& dim : declared.dims) {
    view.dims.push_back(evaluate(dim));
    if (view.dims.back() < 0) return std::nullopt;
  }
  if (declared.kind == TensorDecl::Kind::kView) return view;
  if (declared.kind == TensorDecl::Kind::kImport) {
    const std::string name = import_name(declared, index);
    view.matrix = world_.find_matrix(name);
    if (view.matrix != nullptr) return view;
  }
  view.buffer = &memory.at(view.key);
  // Caches of this kind have the same extents in every call.
  const bool cache =
      declared.element == TensorDecl::Element::kF16 && declared.kind == TensorDecl::Kind::kRegion;
  if (!cache && static_cast<std::size_t>(length(view) * view.unit) > view.buffer->size())
    return std::nullopt;
  return view;
}

std::int64_t CheckedMachine::length(const View& view) {
  std::int64_t out = 1;
  for (const std::int64_t dim : view.dims) out *= dim;
  return out;
}

/// A frame is a promise of the verifier: what is beyond it belongs to others.
std::uint64_t& CheckedMachine::r(std::uint8_t reg) {
  const std::size_t at = window_ + reg;
  if (at >= slots.size()) slots.resize(at + 1);
  return slots[at];
}

CheckedMachine::View& CheckedMachine::t(std::uint8_t reg) {
  broken_promise |= !tensors_[reg];
  if (!tensors_[reg]) tensors_[reg] = View{{}, {0, 0, 0, 0}};
  return *tensors_[reg];
}

std::uint8_t& CheckedMachine::byte(const View& view, std::int64_t offset) {
  static std::uint8_t nowhere = 0;
  const std::int64_t at = view.first * view.unit + offset;
  broken_promise |=
      view.buffer == nullptr || at < 0 || at >= static_cast<std::int64_t>(view.buffer->size());
  return broken_promise ? nowhere : (*view.buffer)[static_cast<std::size_t>(at)];
}

void CheckedMachine::spend(std::uint64_t units) {
  fuel_used += units;
  if (fuel_used > world_.fuel) stop(TrapKind::kFuel);
}

bool CheckedMachine::pay(std::int64_t work) {
  spend(1 + static_cast<std::uint64_t>(work) / 1024);
  return trap == TrapKind::kNone;
}

bool CheckedMachine::set_symbol(const std::string& name, std::int64_t value) {
  for (std::size_t i = 0; i < program_.symbols.size(); ++i) {
    const isa::Symbol& symbol = program_.symbols[i];
    if (symbol.name != name) continue;
    const bool dim = symbol.kind == isa::Symbol::Kind::kDim;
    if (dim && (value < evaluate(symbol.lowest) || value > evaluate(symbol.highest))) return false;
    if (dim || symbol.kind == isa::Symbol::Kind::kArgument) symbols_[i] = value;
  }
  return true;
}

bool CheckedMachine::begin(const isa::Entry& entry, const CheckedCall& call) {
  halted_ = true;
  slots.assign(vm::kWindowSlots, 0);
  std::size_t next = 0;
  for (const isa::Entry::Argument& argument : entry.arguments) {
    if (argument.kind == isa::Entry::ArgKind::kTensor) continue;
    if (next == call.scalars.size()) return false;
    const std::int64_t value = call.scalars[next++];
    slots[argument.reg] = static_cast<std::uint64_t>(value);
    const bool names_dim = argument.kind == isa::Entry::ArgKind::kI64;
    if (names_dim && !set_symbol(argument.name, value)) return false;
  }
  if (next != call.scalars.size()) return false;
  for (const auto& [name, value] : call.dims) {
    if (!set_symbol(name, value)) return false;
  }
  for (const isa::Entry::Requirement& requirement : entry.requirements) {
    if (evaluate(requirement.lhs) > evaluate(requirement.rhs)) return false;
  }
  for (std::size_t i = 0; i < program_.tensors.size(); ++i) {
    const TensorDecl& decl = program_.tensors[i];
    if (!decl.home) continue;
    tensors_[*decl.home] = view_of(static_cast<std::uint16_t>(i), 0);
    if (!tensors_[*decl.home]) return false;
  }
  trap = TrapKind::kNone;
  fuel_used = 0;
  calls_.clear();
  window_ = 0;
  halted_ = false;
  next_ = entry.start;
  return true;
}

std::string CheckedMachine::settle(const std::function<std::span<const std::uint8_t>(Key)>& found) {
  if (!pending) return "";
  const Pending waiting = *std::exchange(pending, std::nullopt);
  const std::span<const std::uint8_t> theirs = found(waiting.key);
  Buffer& mine = memory.at(waiting.key);
  for (std::size_t n = 0; n < waiting.values.size(); ++n) {
    const std::size_t at = static_cast<std::size_t>(waiting.first) + waiting.unit * n;
    if (at + waiting.unit > std::min(mine.size(), theirs.size()))
      return "an element is outside of its tensor";
    const float value = number_at(theirs.subspan(at, waiting.unit));
    const Interval& right = waiting.values[n];
    ++elements;
    unsure += right.is_any() ? 1U : 0U;
    if (!right.holds(value)) {
      return fmt::format("{}[{}] element {}: found {:.9g}, expected {:.9g} to {:.9g}{}",
                         program_.tensors[waiting.key.first].name, waiting.key.second, n, value,
                         right.lo, right.hi, right.only_nan() ? " (NaN)" : "");
    }
    std::copy_n(theirs.begin() + static_cast<std::ptrdiff_t>(at), waiting.unit,
                mine.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return "";
}

void CheckedMachine::step() {
  broken_promise |= next_ >= program_.code.size();
  if (broken_promise) return;
  pc = next_++;
  const Instruction& i = program_.code[pc];
  const isa::OpInfo* info = isa::find_opcode(i.family, i.op);
  broken_promise |= info == nullptr;
  if (broken_promise) return;
  const bool loads_imm = info->mnemonic == "i32.const" || info->mnemonic == "i64.const";
  if (loads_imm) {
    r(i.d) = static_cast<std::uint64_t>(std::int64_t{i.imm});
  } else if (i.opcode() == Opcode::kI64AddI) {
    r(i.d) = r(i.a) + static_cast<std::uint64_t>(std::int64_t{i.imm});
  } else if (info->mnemonic.ends_with("const")) {
    r(i.d) = consts_.at(static_cast<std::size_t>(i.imm));
  } else if (i.family >= 0x10 && i.family <= 0x38) {
    const bool binary = info->operand_at(isa::Field::kB).has_value();
    const auto result = numeric_oracle(i.opcode(), r(i.a), binary ? r(i.b) : 0);
    broken_promise |= !result;
    if (!result) return;
    if (result->trap != TrapKind::kNone) return stop(result->trap);
    r(i.d) = result->value;
  } else if (i.family == 0x08) {
    control(i);
  } else if (i.family == 0x50) {
    if (!element_access(i)) pixels(i);
  } else if (i.opcode() == Opcode::kHost) {
    host(i);
  } else if (i.family == 0x70) {
    views(i);
  } else {
    tensor(i);
  }
}

void CheckedMachine::host(const Instruction& i) {
  const auto result = checked_host(static_cast<std::uint32_t>(i.imm), r(i.a), r(i.b), r(i.c));
  if (!result) return stop(TrapKind::kHost);
  r(i.d) = static_cast<std::uint64_t>(*result);
  spend(1);
}

void CheckedMachine::control(const Instruction& i) {
  switch (i.opcode()) {
    case Opcode::kHalt:
      halted_ = true;
      return;
    case Opcode::kTrap:
      return stop(TrapKind::kExplicit);
    case Opcode::kMov:
      r(i.d) = r(i.a);
      return;
    case Opcode::kSelect:
      r(i.d) = r(i.c) != 0 ? r(i.a) : r(i.b);
      return;
    case Opcode::kFrame:
      broken_promise = true;
      return;
    case Opcode::kCall:
      return call(i);
    case Opcode::kRet:
      broken_promise |= calls_.empty();
      if (broken_promise) return;
      next_ = calls_.back().return_pc;
      window_ = calls_.back().window;
      calls_.pop_back();
      return;
    case Opcode::kYield:
      return spend(1);
    default:
      return branch(i);
  }
}

void CheckedMachine::branch(const Instruction& i) {
  const std::string_view name = mnemonic_of(i);
  bool taken = name == "br";
  if (name == "br.z" || name == "br.nz") taken = (r(i.a) == 0) == (name == "br.z");
  if (name.starts_with("br.f32.") || name.starts_with("br.f64.")) {
    const bool wide = name[4] == '6';
    const std::string compare = (wide ? "f64." : "f32.") + std::string(name.substr(7));
    taken = numeric_oracle(isa::find_mnemonic(compare)->opcode, r(i.a), r(i.b))->value != 0;
  } else if (name.size() == 5 || name.ends_with("_u")) {  // br.lt, br.le_u; br.nz is above
    const std::string order = std::string(name.substr(3));
    const bool equality = order == "eq" || order == "ne";
    const std::string compare = "i64." + order + (equality || order.ends_with("_u") ? "" : "_s");
    const isa::OpInfo* info = isa::find_mnemonic(compare);
    if (info != nullptr) taken = numeric_oracle(info->opcode, r(i.a), r(i.b))->value != 0;
  }
  if (!taken) return;
  const std::int64_t target = static_cast<std::int64_t>(pc) + 1 + i.imm;
  broken_promise |= target < 0 || target >= static_cast<std::int64_t>(program_.code.size());
  const auto to = static_cast<std::size_t>(target);
  if (to <= pc) spend(1 + (pc - to) / 1024);
  next_ = to;
}

void CheckedMachine::call(const Instruction& i) {
  const auto frame_at = static_cast<std::size_t>(static_cast<std::int64_t>(pc) + 1 + i.imm);
  broken_promise |=
      frame_at >= program_.code.size() || program_.code[frame_at].opcode() != Opcode::kFrame;
  if (broken_promise) return;
  const auto frame = static_cast<std::size_t>(program_.code[frame_at].imm);
  if (calls_.size() == vm::kMaxCalls || window_ + i.a + frame > vm::kCallSlots)
    return stop(TrapKind::kStack);
  spend(1 + program_.code.size() / 1024);
  if (trap != TrapKind::kNone) return;
  calls_.push_back({pc + 1, window_});
  window_ += i.a;
  next_ = frame_at + 1;
}

/// ld and st of all widths, by name: "ld.s16", "st.f32.at".
bool CheckedMachine::element_access(const Instruction& i) {
  std::string_view name = mnemonic_of(i);
  const bool loads = name.starts_with("ld.");
  if (!loads && !name.starts_with("st.")) return false;
  const bool at = name.ends_with(".at");
  name = name.substr(3, name.size() - (at ? 6 : 3));
  const int bytes = std::stoi(std::string(name.substr(1))) / 8;
  const View& view = t(i.a);
  if (broken_promise) return true;
  const auto x = static_cast<std::int64_t>(r(i.b)), y = static_cast<std::int64_t>(r(i.c));
  const std::int64_t all = length(view) * view.unit;
  std::int64_t offset = 0;
  if (at) {
    const std::int64_t row = view.dims[0] == 0 ? 0 : all / view.dims[0];
    if (y < 0 || y >= view.dims[0] || x < 0 || x >= row / bytes)
      return stop(TrapKind::kOutOfBounds), true;
    offset = y * row + x * bytes;
  } else {
    if (x < 0 || x > all / view.unit || (all - x * view.unit) < bytes)
      return stop(TrapKind::kOutOfBounds), true;
    offset = x * view.unit;
  }
  access(i, loads, offset, bytes, name[0] == 's' || name[0] == 'i');
  return true;
}

void CheckedMachine::access(const Instruction& i, bool loads, std::int64_t offset, int bytes,
                            bool sign) {
  const View& view = t(i.a);
  const bool at = mnemonic_of(i).ends_with(".at");
  std::uint64_t value = loads ? 0 : r(at ? i.d : i.c);
  for (int k = 0; k < bytes; ++k) {
    if (loads) value |= static_cast<std::uint64_t>(byte(view, offset + k)) << (8 * k);
    if (!loads) byte(view, offset + k) = static_cast<std::uint8_t>(value >> (8 * k));
  }
  if (loads) r(i.d) = sign ? static_cast<std::uint64_t>(sign_extended(value, bytes)) : value;
}

void CheckedMachine::pixels(const Instruction& i) {
  const Opcode opcode = i.opcode();
  if (opcode == Opcode::kPxBlit) return blit(i);
  if (opcode == Opcode::kDim) {
    const View& view = t(i.a);
    broken_promise |= i.imm < 0 || static_cast<std::size_t>(i.imm) >= view.dims.size();
    if (!broken_promise)
      r(i.d) = static_cast<std::uint64_t>(view.dims[static_cast<std::size_t>(i.imm)]);
    return;
  }
  const bool single = opcode == Opcode::kPxGet || opcode == Opcode::kPxPut;
  if (!single && opcode != Opcode::kPxFill) return bytes(i);
  const View& view = t(i.a);
  const std::int64_t height = view.dims[0], width = view.dims[1], channels = view.dims[2];
  const std::int64_t shown = std::min<std::int64_t>(channels, 4);
  if (opcode == Opcode::kPxFill) {
    spend(1 + static_cast<std::uint64_t>(length(view)) / 1024);
    for (std::int64_t p = 0; trap == TrapKind::kNone && p < height * width; ++p) {
      for (std::int64_t k = 0; k < shown; ++k)
        byte(view, p * channels + k) = static_cast<std::uint8_t>(r(i.b) >> (8 * k));
    }
    return;
  }
  const auto x = static_cast<std::int64_t>(r(i.b)), y = static_cast<std::int64_t>(r(i.c));
  if (x < 0 || x >= width || y < 0 || y >= height) return stop(TrapKind::kOutOfBounds);
  std::uint64_t value = 0;
  for (std::int64_t k = 0; k < shown; ++k) {
    std::uint8_t& at = byte(view, (y * width + x) * channels + k);
    if (opcode == Opcode::kPxPut) at = static_cast<std::uint8_t>(r(i.d) >> (8 * k));
    value |= static_cast<std::uint64_t>(at) << (8 * k);
  }
  if (opcode == Opcode::kPxGet) r(i.d) = value;
}

/// Pixel by pixel of the picture, and those that fall outside are left out.
void CheckedMachine::blit(const Instruction& i) {
  const View to = t(i.d), from = t(i.a);
  const std::uint8_t e = field_e(i);
  const int way = static_cast<int>(static_cast<std::uint32_t>(i.imm) & 0xFFFFU);
  const auto picture = static_cast<std::int64_t>(r(e));
  if (picture < 0 || picture >= from.dims[0]) return stop(TrapKind::kOutOfBounds);
  const std::int64_t channels = to.dims[2], height = from.dims[1], width = from.dims[2];
  std::uint64_t drawn = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> pixels;
  for (std::int64_t n = 0; n < width * height; ++n) {
    const Wide x = static_cast<Wide>(static_cast<std::int64_t>(r(i.b))) + n % width;
    const Wide y = static_cast<Wide>(static_cast<std::int64_t>(r(i.c))) + n / width;
    if (x < 0 || y < 0 || x >= to.dims[1] || y >= to.dims[0]) continue;
    pixels.emplace_back(static_cast<std::int64_t>(y * to.dims[1] + x) * channels,
                        (picture * width * height + n) * channels);
    drawn += static_cast<std::uint64_t>(channels);
  }
  spend(1 + drawn / 1024);
  if (trap != TrapKind::kNone) return;
  for (const auto& [out, in] : pixels) {
    bool empty = true;
    for (std::int64_t k = 0; k < channels; ++k) empty = empty && byte(from, in + k) == 0;
    for (std::int64_t k = 0; k < channels && !(way == 1 && empty); ++k) {
      const std::uint8_t value = byte(from, in + k);
      std::uint8_t& at = byte(to, out + k);
      at = static_cast<std::uint8_t>(way == 2 ? at ^ value : value);
    }
  }
}

void CheckedMachine::bytes(const Instruction& i) {
  const bool fills = i.opcode() == Opcode::kMemFill;
  if (!fills && i.opcode() != Opcode::kMemCopy) return strings(i);
  const View to = t(fills ? i.a : i.d), from = t(i.a);
  const auto to_first = static_cast<std::int64_t>(r(i.b));
  const auto from_first = fills ? 0 : static_cast<std::int64_t>(r(i.c));
  const auto count = static_cast<std::int64_t>(r(fills ? i.c : field_e(i)));
  const auto inside = [count](std::int64_t first, std::int64_t all) {
    return first >= 0 && count >= 0 && first <= all && count <= all - first;
  };
  if (!inside(to_first, length(to)) || !inside(from_first, length(from)))
    return stop(TrapKind::kOutOfBounds);
  spend(1 + static_cast<std::uint64_t>(count) / 1024);
  if (trap != TrapKind::kNone) return;
  std::vector<std::uint8_t> buffer;
  for (std::int64_t k = 0; k < count; ++k)
    buffer.push_back(fills ? static_cast<std::uint8_t>(r(i.d)) : byte(from, from_first + k));
  for (std::int64_t k = 0; k < count; ++k)
    byte(to, to_first + k) = buffer[static_cast<std::size_t>(k)];
}

void CheckedMachine::strings(const Instruction& i) {
  const bool copies = i.opcode() == Opcode::kStrCopy;
  const std::uint64_t number = r(copies ? i.c : i.a);
  if (number >= program_.strings.size()) return stop(TrapKind::kOutOfBounds);
  const std::string& text = program_.strings[number];
  const std::uint64_t first = r(i.b);
  if (i.opcode() == Opcode::kStrByte) {
    if (first >= text.size()) return stop(TrapKind::kOutOfBounds);
    r(i.d) = static_cast<std::uint8_t>(text[first]);
    return;
  }
  if (copies) {
    const View view = t(i.a);
    const auto all = static_cast<std::uint64_t>(length(view));
    if (first > all || text.size() > all - first) return stop(TrapKind::kOutOfBounds);
    spend(1 + text.size() / 1024);
    if (trap != TrapKind::kNone) return;
    for (std::size_t k = 0; k < text.size(); ++k)
      byte(view, static_cast<std::int64_t>(first + k)) = static_cast<std::uint8_t>(text[k]);
  }
  r(i.d) = text.size();
}

void CheckedMachine::views(const Instruction& i) {
  if (i.opcode() == Opcode::kBind) {
    const auto decl = static_cast<std::uint16_t>(i.imm);
    const auto index = static_cast<std::int64_t>(r(i.a));
    if (index < 0 || index >= evaluate(program_.tensors[decl].count))
      return stop(TrapKind::kOutOfBounds);
    tensors_[i.d] = view_of(decl, index);
    if (!tensors_[i.d]) stop(TrapKind::kOutOfBounds);
    return;
  }
  const View source = t(i.a);
  View& target = t(i.d);
  broken_promise |= source.buffer == nullptr;
  if (broken_promise) return;
  const std::int64_t rows = target.dims[0];
  const bool tail = i.opcode() == Opcode::kTail;
  const std::int64_t first = tail ? source.dims[0] - rows : static_cast<std::int64_t>(r(i.b));
  if (first < 0 || first > source.dims[0] - rows) return stop(TrapKind::kOutOfBounds);
  const std::vector<std::int64_t> dims = target.dims;
  target = source;
  target.dims = dims;
  target.first = source.first + first * source.dims[1];
}

}  // namespace pxos::test
