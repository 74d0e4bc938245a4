// Memory, pixel and host instructions: one bounds check each.

#include "pxvm/vm/interpreter.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::vm {

bool Interpreter::element(const TensorView& view, std::uint64_t index, std::uint64_t bytes,
                          std::uint8_t*& address) {
  const auto count = static_cast<std::uint64_t>(view.elements());
  if (index >= count) {
    return trap(TrapKind::kOutOfBounds,
                fmt::format("element {} of {}", static_cast<std::int64_t>(index), count));
  }
  address = view.data + index * bytes;
  return true;
}

bool Interpreter::execute_memory(const Record& i) {
  std::uint8_t* at = nullptr;
  switch (i.action) {
    case Action::kLdU8:
      if (!element(t(i.a), r(i.b), 1, at)) return false;
      r(i.d) = *at;
      return true;
    case Action::kLdI32: {
      if (!element(t(i.a), r(i.b), 4, at)) return false;
      std::int32_t value = 0;
      std::memcpy(&value, at, sizeof value);
      r(i.d) = static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
      return true;
    }
    case Action::kLdF32: {
      if (!element(t(i.a), r(i.b), 4, at)) return false;
      std::uint32_t bits = 0;
      std::memcpy(&bits, at, sizeof bits);
      r(i.d) = bits;
      return true;
    }
    case Action::kStU8:
      if (!element(t(i.a), r(i.b), 1, at)) return false;
      *at = static_cast<std::uint8_t>(r(i.c));
      return true;
    case Action::kStI32:
    case Action::kStF32: {
      if (!element(t(i.a), r(i.b), 4, at)) return false;
      const auto bits = static_cast<std::uint32_t>(r(i.c));
      std::memcpy(at, &bits, sizeof bits);
      return true;
    }
    case Action::kDim:
      return op_dim(i);
    case Action::kHost:
      return op_host(i);
    default:
      return op_pixel(i);
  }
}

bool Interpreter::op_dim(const Record& i) {
  const TensorView& view = t(i.a);
  if (i.imm < 0 || i.imm >= view.rank) {
    return trap(TrapKind::kOutOfBounds, fmt::format("dimension {} of rank {}", i.imm, view.rank));
  }
  r(i.d) = static_cast<std::uint64_t>(view.dims[static_cast<std::size_t>(i.imm)]);
  return true;
}

bool Interpreter::op_pixel(const Record& i) {
  const TensorView& view = t(i.a);
  const auto channels = static_cast<std::uint64_t>(std::min<std::int64_t>(view.dims[2], 4));
  if (i.action == Action::kPxFill) {
    const std::int64_t count = view.dims[0] * view.dims[1];
    if (!charge(static_cast<std::uint64_t>(count))) return false;
    for (std::int64_t p = 0; p < count; ++p) {
      for (std::uint64_t k = 0; k < channels; ++k) {
        view.data[p * view.dims[2] + static_cast<std::int64_t>(k)] =
            static_cast<std::uint8_t>(r(i.b) >> (8 * k));
      }
    }
    return true;
  }
  const std::uint64_t x = r(i.b);
  const std::uint64_t y = r(i.c);
  if (x >= static_cast<std::uint64_t>(view.dims[1]) ||
      y >= static_cast<std::uint64_t>(view.dims[0])) {
    return trap(TrapKind::kOutOfBounds, fmt::format("pixel ({}, {}) of {} x {}", i64(i.b), i64(i.c),
                                                    view.dims[1], view.dims[0]));
  }
  std::uint8_t* pixel = view.data + (y * static_cast<std::uint64_t>(view.dims[1]) + x) *
                                        static_cast<std::uint64_t>(view.dims[2]);
  if (i.action == Action::kPxPut) {
    for (std::uint64_t k = 0; k < channels; ++k)
      pixel[k] = static_cast<std::uint8_t>(r(i.d) >> (8 * k));
    return true;
  }
  std::uint64_t value = 0;
  for (std::uint64_t k = 0; k < channels; ++k)
    value |= static_cast<std::uint64_t>(pixel[k]) << (8 * k);
  r(i.d) = value;
  return true;
}

bool Interpreter::op_host(const Record& i) {
  if (machine_.options_.host == nullptr) return trap(TrapKind::kHost, "this guest has no host");
  const auto call = static_cast<isa::HostCall>(i.imm);
  Result<std::int64_t> result = 0;
  kernel([&] {
    result = machine_.options_.host->call(machine_, call, i64(i.a), i64(i.b), i64(i.c));
    return true;
  });
  if (!result) return trap(TrapKind::kHost, std::move(result.error().message));
  r(i.d) = static_cast<std::uint64_t>(*result);
  return charge(0);
}

}  // namespace pxos::vm
