#pragma once
// The numbers in scalar registers, with WebAssembly's meaning. A register is 64 bits: an i32 lies
// in the low half and is read from there, but written sign-extended; an f32 lies in the low half
// with zeros above. Where IEEE leaves a NaN's bits open, the result is the canonical one, so that
// bits never depend on the order in which a compiler puts operands. Private to vm; no libm beyond
// functions that are exact.

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace pxos::vm::numeric {

/// Why an operation has no result.
enum class Fault : std::uint8_t { kNone, kDivideByZero, kOverflow, kNotAnInteger };

inline constexpr std::uint32_t kNan32 = 0x7FC00000;
inline constexpr std::uint64_t kNan64 = 0x7FF8000000000000;

// Registers to values.
inline std::uint32_t u32(std::uint64_t r) {
  return static_cast<std::uint32_t>(r);
}
inline std::int32_t s32(std::uint64_t r) {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(r));
}
inline std::int64_t s64(std::uint64_t r) {
  return static_cast<std::int64_t>(r);
}
inline float f32(std::uint64_t r) {
  return std::bit_cast<float>(u32(r));
}
inline double f64(std::uint64_t r) {
  return std::bit_cast<double>(r);
}

// Values to registers.
inline std::uint64_t of(std::int64_t value) {
  return static_cast<std::uint64_t>(value);
}
inline std::uint64_t of(std::int32_t value) {
  return of(std::int64_t{value});
}
inline std::uint64_t of(std::uint32_t value) {
  return of(static_cast<std::int32_t>(value));
}
inline std::uint64_t of(float value) {
  return value != value ? kNan32 : std::bit_cast<std::uint32_t>(value);
}
inline std::uint64_t of(double value) {
  return value != value ? kNan64 : std::bit_cast<std::uint64_t>(value);
}

inline constexpr std::uint32_t kSign32 = 0x80000000;
inline constexpr std::uint64_t kSign64 = 0x8000000000000000;

/// IEEE 754-2019 minimum and maximum: NaN if either is, -0 below +0. Equal values have equal bits
/// but for zeros, whose signs are joined.
template <class Float, class Bits>
std::uint64_t minimum(Float a, Float b) {
  if (a != a || b != b) return of(std::numeric_limits<Float>::quiet_NaN());
  if (a == b) return std::bit_cast<Bits>(a) | std::bit_cast<Bits>(b);
  return std::bit_cast<Bits>(a < b ? a : b);
}
template <class Float, class Bits>
std::uint64_t maximum(Float a, Float b) {
  if (a != a || b != b) return of(std::numeric_limits<Float>::quiet_NaN());
  if (a == b) return std::bit_cast<Bits>(a) & std::bit_cast<Bits>(b);
  return std::bit_cast<Bits>(a > b ? a : b);
}

/// Quotient and remainder, truncated. Signed overflow is -2^(n-1) / -1 only; the remainder by -1 is
/// 0 for every dividend, though the processor's instruction would fault.
template <class Int>
Fault quotient(Int a, Int b, std::uint64_t& out) {
  if (b == 0) return Fault::kDivideByZero;
  if constexpr (std::numeric_limits<Int>::is_signed) {
    if (b == -1 && a == std::numeric_limits<Int>::min()) return Fault::kOverflow;
  }
  out =
      sizeof(Int) == 4 ? of(static_cast<std::uint32_t>(a / b)) : static_cast<std::uint64_t>(a / b);
  return Fault::kNone;
}
template <class Int>
Fault remainder(Int a, Int b, std::uint64_t& out) {
  if (b == 0) return Fault::kDivideByZero;
  Int rest = 0;
  if (!std::numeric_limits<Int>::is_signed || b != static_cast<Int>(-1)) rest = a % b;
  out = sizeof(Int) == 4 ? of(static_cast<std::uint32_t>(rest)) : static_cast<std::uint64_t>(rest);
  return Fault::kNone;
}

/// The values of Int as reals: kLowest <= trunc(x) < kEnd. Both are powers of two, exact in f32.
template <class Int>
struct Range {
  static constexpr double kEnd =
      2.0 * static_cast<double>(std::uint64_t{1} << (std::numeric_limits<Int>::digits - 1U));
  static constexpr double kLowest = std::numeric_limits<Int>::is_signed ? -kEnd : 0.0;
};

template <class Int>
std::uint64_t register_of(Int value) {
  return sizeof(Int) == 4 ? of(static_cast<std::uint32_t>(value))
                          : static_cast<std::uint64_t>(value);
}

/// trunc(value) as Int. Faults for NaN and outside of Int.
template <class Int, class Float>
Fault truncate(Float value, std::uint64_t& out) {
  const Float whole = std::trunc(value);
  const bool fits = whole >= static_cast<Float>(Range<Int>::kLowest) &&
                    whole < static_cast<Float>(Range<Int>::kEnd);
  if (!fits) return Fault::kNotAnInteger;
  out = register_of(static_cast<Int>(whole));
  return Fault::kNone;
}

/// The same clamped to Int; 0 for NaN.
template <class Int, class Float>
std::uint64_t saturate(Float value) {
  std::uint64_t out = 0;
  if (value != value || truncate<Int>(value, out) == Fault::kNone) return out;
  return register_of(value < 0 ? std::numeric_limits<Int>::min() : std::numeric_limits<Int>::max());
}

}  // namespace pxos::vm::numeric
