#pragma once
// Arithmetic on sizes that come from outside: every multiply and add is overflow-checked.

#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>

namespace pxos {

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_add(T a, T b) {
  T out{};
  return __builtin_add_overflow(a, b, &out) ? std::nullopt : std::optional<T>(out);
}

template <std::integral T>
[[nodiscard]] constexpr std::optional<T> checked_mul(T a, T b) {
  T out{};
  return __builtin_mul_overflow(a, b, &out) ? std::nullopt : std::optional<T>(out);
}

/// `value` as To when it is representable there.
template <std::integral To, std::integral From>
[[nodiscard]] constexpr std::optional<To> checked_cast(From value) {
  To out{};
  return __builtin_add_overflow(value, From{0}, &out) ? std::nullopt : std::optional<To>(out);
}

/// True when [offset, offset + length) lies inside [0, size).
[[nodiscard]] constexpr bool range_fits(std::uint64_t offset, std::uint64_t length,
                                        std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

/// ceil(value / unit) for unit > 0, without overflow.
[[nodiscard]] constexpr std::uint64_t ceil_div(std::uint64_t value, std::uint64_t unit) {
  return value / unit + (value % unit != 0 ? 1 : 0);
}

/// Smallest multiple of `unit` that is >= value; the caller knows that it does not overflow.
[[nodiscard]] constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return ceil_div(value, unit) * unit;
}

}  // namespace pxos
