// The numeric instructions once more, as wide arithmetic that is then cut to size.

#include "checked_machine.hpp"

#include <bit>
#include <cmath>
#include <limits>
#include <string_view>

namespace pxos::test {
namespace {

__extension__ typedef __int128 Wide;
__extension__ typedef unsigned __int128 UnsignedWide;
using vm::TrapKind;

/// An integer type by width and sign.
struct IntType {
  int bits = 64;
  bool sign = true;

  [[nodiscard]] Wide lowest() const { return sign ? -(Wide{1} << (bits - 1)) : 0; }
  [[nodiscard]] Wide highest() const { return (Wide{1} << (sign ? bits - 1 : bits)) - 1; }
  [[nodiscard]] Wide read(std::uint64_t reg) const {
    const Wide low = static_cast<Wide>(reg) & ((Wide{1} << bits) - 1);
    return sign && low > highest() ? low - (Wide{1} << bits) : low;
  }
};

/// A register that holds the low bits of `value`; i32 is sign-extended.
std::uint64_t written(Wide value, int bits) {
  const IntType type{bits, true};
  return static_cast<std::uint64_t>(type.read(static_cast<std::uint64_t>(value)));
}

Wide bit(Wide value, int at) {
  return value >> at & 1;
}

Wide count_leading(Wide value, int bits, int step) {
  int at = step < 0 ? bits - 1 : 0;
  int count = 0;
  for (; at >= 0 && at < bits && bit(value, at) == 0; at += step) ++count;
  return count;
}

Wide ones(Wide value, int bits) {
  Wide count = 0;
  for (int at = 0; at < bits; ++at) count += bit(value, at);
  return count;
}

Wide rotated(Wide value, int bits, int left) {
  Wide out = 0;
  for (int at = 0; at < bits; ++at) out |= bit(value, at) << ((at + left) % bits);
  return out;
}

std::optional<Scalar> divide(std::string_view op, Wide a, Wide b, IntType type) {
  const bool quotient = op.starts_with("div");
  if (!quotient && !op.starts_with("rem")) return std::nullopt;
  if (b == 0) return Scalar{0, TrapKind::kDivide};
  const Wide out = quotient ? a / b : a % b;
  if (out > type.highest()) return Scalar{0, TrapKind::kDivide};
  return Scalar{written(out, type.bits)};
}

std::optional<bool> compare(std::string_view op, Wide a, Wide b) {
  if (op == "eqz") return a == 0;
  if (op == "eq") return a == b;
  if (op == "ne") return a != b;
  if (op.starts_with("lt")) return a < b;
  if (op.starts_with("gt")) return a > b;
  if (op.starts_with("le")) return a <= b;
  if (op.starts_with("ge")) return a >= b;
  return std::nullopt;
}

std::optional<Wide> bitwise(std::string_view op, Wide a, Wide b, int bits) {
  const int count = static_cast<int>(b & (bits - 1));
  if (op == "and") return a & b;
  if (op == "or") return a | b;
  if (op == "xor") return a ^ b;
  if (op == "shl") return a << count;
  if (op == "rotl") return rotated(a, bits, count);
  if (op == "rotr") return rotated(a, bits, bits - count);
  if (op == "clz") return count_leading(a, bits, -1);
  if (op == "ctz") return count_leading(a, bits, 1);
  if (op == "popcnt") return ones(a, bits);
  return std::nullopt;
}

std::optional<Scalar> integer(std::string_view op, std::uint64_t ra, std::uint64_t rb, int bits) {
  const IntType type{bits, !op.ends_with("_u")};
  const Wide a = type.read(ra), b = type.read(rb);
  const IntType plain{bits, false};
  if (const auto divided = divide(op, a, b, type)) return divided;
  if (op.starts_with("shr_")) {
    // Down, whatever the sign: the divisor is a power of two.
    const Wide power = Wide{1} << static_cast<int>(b & (bits - 1));
    const Wide rest = a % power;
    return Scalar{written((a - rest) / power - (rest < 0 ? 1 : 0), bits)};
  }
  if (const auto holds = compare(op, a, b)) return Scalar{*holds ? 1U : 0U};
  if (op == "add") return Scalar{written(a + b, bits)};
  if (op == "sub") return Scalar{written(a - b, bits)};
  // Of a product only the low bits count, which are those of the unsigned one.
  if (op == "mul")
    return Scalar{written(static_cast<Wide>(static_cast<UnsignedWide>(plain.read(ra)) *
                                            static_cast<UnsignedWide>(plain.read(rb))),
                          bits)};
  if (const auto out = bitwise(op, plain.read(ra), plain.read(rb), bits))
    return Scalar{written(*out, bits)};
  return std::nullopt;
}

template <class Float>
Float value_of(std::uint64_t reg) {
  if constexpr (sizeof(Float) == 4) return std::bit_cast<float>(static_cast<std::uint32_t>(reg));
  return static_cast<Float>(std::bit_cast<double>(reg));
}

template <class Float>
std::uint64_t bits_of(Float value) {
  if constexpr (sizeof(Float) == 4)
    return std::isnan(value) ? 0x7FC00000U : std::bit_cast<std::uint32_t>(value);
  else
    return std::isnan(value) ? 0x7FF8000000000000U : std::bit_cast<std::uint64_t>(value);
}

/// Ties to even, by hand.
template <class Float>
Float nearest(Float value) {
  const Float low = std::floor(value), high = std::ceil(value);
  const Float down = value - low, up = high - value;
  Float out = down < up ? low : high;
  if (down == up) out = std::fmod(low, Float{2}) == 0 ? low : high;
  return std::copysign(out, value);
}

template <class Float>
std::optional<Float> arithmetic(std::string_view op, Float a, Float b) {
  if (op == "add") return a + b;
  if (op == "sub") return a - b;
  if (op == "mul") return a * b;
  if (op == "div") return a / b;
  if (op == "sqrt") return std::sqrt(a);
  if (op == "ceil") return std::ceil(a);
  if (op == "floor") return std::floor(a);
  if (op == "trunc") return std::trunc(a);
  if (op == "nearest") return std::isfinite(a) ? nearest(a) : a;
  const bool minimum = op == "min";
  if (!minimum && op != "max") return std::nullopt;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<Float>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) == minimum ? a : b;
  return minimum == (a < b) ? a : b;
}

template <class Float>
std::optional<Scalar> floating(std::string_view op, std::uint64_t ra, std::uint64_t rb) {
  constexpr int kBits = sizeof(Float) * 8;
  const std::uint64_t mask = kBits == 32 ? 0xFFFFFFFFU : ~std::uint64_t{0};
  const std::uint64_t sign = std::uint64_t{1} << (kBits - 1);
  if (op == "abs") return Scalar{ra & mask & ~sign};
  if (op == "neg") return Scalar{(ra & mask) ^ sign};
  if (op == "copysign") return Scalar{(ra & mask & ~sign) | (rb & sign)};
  const Float a = value_of<Float>(ra), b = value_of<Float>(rb);
  if (const auto out = arithmetic(op, a, b)) return Scalar{bits_of(*out)};
  const bool unordered = std::isnan(a) || std::isnan(b);
  if (unordered && (op == "eq" || op == "lt" || op == "gt" || op == "le" || op == "ge"))
    return Scalar{0};
  if (op == "eq") return Scalar{a == b};
  if (op == "ne") return Scalar{unordered || a != b};
  if (op == "lt") return Scalar{a < b};
  if (op == "gt") return Scalar{a > b};
  if (op == "le") return Scalar{a <= b};
  if (op == "ge") return Scalar{a >= b};
  return std::nullopt;
}

/// 64 bits of mantissa hold every value of both sides.
Scalar to_integer(long double value, IntType type, bool saturates) {
  const auto lowest = static_cast<long double>(type.lowest());
  const auto highest = static_cast<long double>(type.highest());
  if (std::isnan(value)) return saturates ? Scalar{0} : Scalar{0, TrapKind::kConversion};
  const long double whole = std::trunc(value);
  if (whole >= lowest && whole <= highest) return {written(static_cast<Wide>(whole), type.bits)};
  if (!saturates) return {0, TrapKind::kConversion};
  return {written(whole < 0 ? type.lowest() : type.highest(), type.bits)};
}

/// `to` and `op` of "to.op", e.g. "i32" and "trunc_sat_f64_u".
std::optional<Scalar> conversion(std::string_view to, std::string_view op, std::uint64_t a) {
  const IntType type{to.ends_with("32") ? 32 : 64, !op.ends_with("_u")};
  if (op == "extend8_s") return Scalar{written(IntType{8}.read(a), 64)};
  if (op == "extend16_s") return Scalar{written(IntType{16}.read(a), 64)};
  if (op == "extend32_s" || op == "extend_i32_s") return Scalar{written(IntType{32}.read(a), 64)};
  if (op == "extend_i32_u") return Scalar{a & 0xFFFFFFFFU};
  if (op == "wrap_i64") return Scalar{written(static_cast<Wide>(a), 32)};
  if (op.starts_with("reinterpret_")) {
    if (to == "i32") return Scalar{written(static_cast<Wide>(a), 32)};
    return Scalar{to == "f32" ? a & 0xFFFFFFFFU : a};
  }
  if (op == "demote_f64") return Scalar{bits_of(static_cast<float>(value_of<double>(a)))};
  if (op == "promote_f32") return Scalar{bits_of(static_cast<double>(value_of<float>(a)))};
  if (op.starts_with("trunc_")) {
    const bool wide = op.find("f64") != op.npos;
    const long double value = wide ? static_cast<long double>(value_of<double>(a))
                                   : static_cast<long double>(value_of<float>(a));
    return to_integer(value, type, op.find("_sat_") != op.npos);
  }
  if (!op.starts_with("convert_")) return std::nullopt;
  const IntType from{op.find("i32") != op.npos ? 32 : 64, type.sign};
  const auto exact = static_cast<long double>(from.read(a));
  return Scalar{to == "f32" ? bits_of(static_cast<float>(exact))
                            : bits_of(static_cast<double>(exact))};
}

}  // namespace

std::optional<Scalar> numeric_oracle(isa::Opcode opcode, std::uint64_t a, std::uint64_t b) {
  const auto code = static_cast<unsigned>(opcode);
  const isa::OpInfo* info = isa::find_opcode(static_cast<std::uint8_t>(code >> 8U),
                                             static_cast<std::uint8_t>(code & 0xFFU));
  const std::string_view type = info->mnemonic.substr(0, 3), op = info->mnemonic.substr(4);
  switch (code >> 8U) {
    case 0x10:
      return integer(op, a, b, 32);
    case 0x20:
      return integer(op, a, b, 64);
    case 0x28:
      return info->mnemonic.starts_with("f32.") ? floating<float>(op, a, b) : std::nullopt;
    case 0x30:
      return floating<double>(op, a, b);
    case 0x38:
      return conversion(type, op, a);
    default:
      return std::nullopt;
  }
}

}  // namespace pxos::test
