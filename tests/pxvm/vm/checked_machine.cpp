#include "checked_machine.hpp"

#include "pxvm/isa/flow.hpp"
#include "pxvm/vm/machine.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

namespace pxos::test {
namespace {

__extension__ typedef __int128 Wide;  // a sum of two i64 does not wrap

using isa::Instruction;
using isa::Opcode;
using isa::TensorDecl;
using vm::TrapKind;

std::int64_t unit_of(TensorDecl::Element element) {
  return element == TensorDecl::Element::kU8 ? 1 : 4;
}

std::string_view mnemonic_of(const Instruction& i) {
  return isa::find_opcode(i.family, i.op)->mnemonic;
}

std::uint8_t field_e(const Instruction& i) {
  return static_cast<std::uint8_t>(static_cast<std::uint32_t>(i.imm) >> 16U);
}

std::int64_t sign_extended(std::uint64_t value, int bytes) {
  const int unused = 64 - 8 * bytes;
  return static_cast<std::int64_t>(value << unused) >> unused;
}

}  // namespace

bool CheckedMachine::knows(const isa::Program& program) {
  return std::all_of(program.code.begin(), program.code.end(), [](const Instruction& i) {
    const Opcode opcode = i.opcode();
    if (opcode == Opcode::kHost) return false;
    return i.family < 0x80 || opcode == Opcode::kFill || opcode == Opcode::kCopy ||
           opcode == Opcode::kIota;
  });
}

CheckedMachine::CheckedMachine(const isa::Program& program,
                               const std::vector<std::uint64_t>& consts, std::uint64_t fuel)
    : program_(program), consts_(consts), fuel_(fuel) {
  for (std::size_t i = 0; i < program.tensors.size(); ++i) {
    const TensorDecl& decl = program.tensors[i];
    if (decl.kind == TensorDecl::Kind::kView) continue;
    const auto index = static_cast<std::uint16_t>(i);
    const std::int64_t count = decl.is_array ? decl.count.as_constant().value_or(0) : 1;
    for (std::int64_t k = 0; k < count; ++k) {
      const View view = view_of(index, k);
      memory[view.key].resize(static_cast<std::size_t>(length(view) * view.unit));
    }
  }
}

CheckedMachine::View CheckedMachine::view_of(std::uint16_t decl, std::int64_t index) const {
  View view{{decl, index}, {}, 0, unit_of(program_.tensors[decl].element)};
  for (const isa::Polynomial& dim : program_.tensors[decl].dims)
    view.dims.push_back(dim.as_constant().value_or(0));
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
  broken_promise |= !tensors_.contains(reg) || tensors_[reg].dims.empty();
  return tensors_[reg];
}

std::uint8_t& CheckedMachine::byte(const View& view, std::int64_t offset) {
  static std::uint8_t nowhere = 0;
  std::vector<std::uint8_t>& buffer = memory[view.key];
  const std::int64_t at = view.first * view.unit + offset;
  broken_promise |= at < 0 || at >= static_cast<std::int64_t>(buffer.size());
  return broken_promise ? nowhere : buffer[static_cast<std::size_t>(at)];
}

void CheckedMachine::spend(std::uint64_t units) {
  fuel_used += units;
  if (fuel_used > fuel_) stop(TrapKind::kFuel);
}

void CheckedMachine::run(const isa::Entry& entry) {
  trap = TrapKind::kNone;
  fuel_used = 0;
  slots.assign(vm::kWindowSlots, 0);
  calls_.clear();
  window_ = 0;
  halted_ = false;
  tensors_.clear();
  for (std::size_t i = 0; i < program_.tensors.size(); ++i) {
    const TensorDecl& decl = program_.tensors[i];
    if (!decl.home) continue;
    tensors_[*decl.home] = view_of(static_cast<std::uint16_t>(i), 0);
  }
  next_ = entry.start;
  while (!halted_ && trap == TrapKind::kNone && !broken_promise) step();
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
  } else {
    views(i);
  }
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
    const std::int64_t count = program_.tensors[decl].count.as_constant().value_or(0);
    if (index < 0 || index >= count) return stop(TrapKind::kOutOfBounds);
    tensors_[i.d] = view_of(decl, index);
    return;
  }
  if (i.family != 0x70) return fill_tensor(i);
  const View source = t(i.a);
  View& target = tensors_[i.d];
  if (broken_promise) return;
  const std::int64_t rows = target.dims[0];
  const bool tail = i.opcode() == Opcode::kTail;
  const std::int64_t first = tail ? source.dims[0] - rows : static_cast<std::int64_t>(r(i.b));
  if (first < 0 || first > source.dims[0] - rows) return stop(TrapKind::kOutOfBounds);
  target.key = source.key;
  target.unit = source.unit;
  target.first = source.first + first * source.dims[1];
}

void CheckedMachine::fill_tensor(const Instruction& i) {
  const View to = t(i.d);
  if (broken_promise) return;
  const std::int64_t count = length(to);
  std::vector<std::uint32_t> values;
  for (std::int64_t k = 0; k < count; ++k) {
    std::uint32_t value = static_cast<std::uint32_t>(r(i.b));
    if (i.opcode() == Opcode::kIota)
      value = static_cast<std::uint32_t>(r(i.a) + static_cast<std::uint64_t>(k));
    if (i.opcode() == Opcode::kCopy) {
      value = 0;
      for (int n = 0; n < 4; ++n)
        value |= static_cast<std::uint32_t>(byte(t(i.a), 4 * k + n)) << (8 * n);
    }
    values.push_back(value);
  }
  const auto first = static_cast<std::int64_t>(r(i.a));
  constexpr std::int64_t kEnd = std::int64_t{1} << 31;
  if (i.opcode() == Opcode::kIota && (first < -kEnd || first > kEnd - count))
    return stop(TrapKind::kOutOfBounds);
  spend(1 + static_cast<std::uint64_t>(count) / 1024);
  for (std::int64_t k = 0; trap == TrapKind::kNone && k < count; ++k) {
    for (int n = 0; n < 4; ++n)
      byte(to, 4 * k + n) =
          static_cast<std::uint8_t>(values[static_cast<std::size_t>(k)] >> (8 * n));
  }
}

}  // namespace pxos::test
