// Memory, pixel and host instructions: one bounds check each.

#include "pxvm/vm/interpreter.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::vm {
namespace {

/// What of a picture is drawn, and where.
struct Blit {
  std::int64_t to_x = 0, to_y = 0;
  std::int64_t from_x = 0, from_y = 0;
  std::int64_t width = 0, height = 0;
};

/// The part of [at, at + from) that is inside [0, to): where it begins in each, and its length.
struct Overlap {
  std::int64_t to = 0, from = 0, length = 0;
};
Overlap overlap(std::int64_t to, std::int64_t from, std::int64_t at) {
  if (at >= to || at <= -from) return {};
  const std::int64_t skipped = at < 0 ? -at : 0;
  const std::int64_t first = at < 0 ? 0 : at;
  return {first, skipped, std::min(from - skipped, to - first)};
}

Blit clip(std::int64_t to_width, std::int64_t to_height, std::int64_t width, std::int64_t height,
          std::int64_t x, std::int64_t y) {
  const Overlap across = overlap(to_width, width, x);
  const Overlap down = overlap(to_height, height, y);
  const bool none = across.length == 0 || down.length == 0;
  return {across.to, down.to, across.from, down.from, across.length, none ? 0 : down.length};
}

/// One row of a picture: 0 copies, 1 leaves out pixels that are all zero, 2 is exclusive or.
void draw_row(std::int32_t way, std::span<const std::uint8_t> in, std::uint64_t channels,
              std::uint8_t* out) {
  if (way == 0) {
    std::copy(in.begin(), in.end(), out);
    return;
  }
  for (std::size_t at = 0; at < in.size(); at += channels) {
    const auto pixel = in.subspan(at, channels);
    const bool empty = std::all_of(pixel.begin(), pixel.end(), [](auto byte) { return byte == 0; });
    if (way == 1 && empty) continue;
    for (std::size_t k = 0; k < channels; ++k)
      out[at + k] = static_cast<std::uint8_t>(way == 2 ? out[at + k] ^ pixel[k] : pixel[k]);
  }
}

}  // namespace

bool Interpreter::outside(const TensorView& view, std::uint64_t at, std::uint64_t span) {
  const auto first = static_cast<std::int64_t>(at);
  return trap(TrapKind::kOutOfBounds,
              span == 1 ? fmt::format("element {} of {}", first, view.length)
                        : fmt::format("{} bytes from byte {} of {}", span, first, view.length));
}

bool Interpreter::outside_row(const TensorView& view, std::uint64_t x, std::uint64_t y,
                              std::uint64_t span) {
  const std::uint64_t rows = static_cast<std::uint64_t>(view.dims[0]);
  return trap(
      TrapKind::kOutOfBounds,
      fmt::format("({}, {}) of {} x {}", static_cast<std::int64_t>(x), static_cast<std::int64_t>(y),
                  rows == 0 ? 0 : view.length / rows / span, rows));
}

bool Interpreter::overflow(std::size_t depth) {
  return trap(TrapKind::kStack,
              fmt::format("the call stack is full: {} of {} calls, {} of {} registers", depth,
                          kMaxCalls, regs_ - machine_.slots(), kCallSlots));
}

template <class Step>
bool Interpreter::in_pieces(std::uint64_t bytes, Step step) {
  constexpr std::uint64_t kPiece = std::uint64_t{1} << 22U;  // well under a millisecond
  if (!charge(bytes)) return false;
  return kernel([&] {
    for (std::uint64_t first = 0; first < bytes; first += kPiece) {
      if (machine_.options_.stop->load(std::memory_order_relaxed)) return false;
      step(first, std::min(kPiece, bytes - first));
    }
    return true;
  });
}

bool Interpreter::op_fill_pixels(const Record& i) {
  const TensorView& view = t(i.a);
  const auto channels = static_cast<std::uint64_t>(view.dims[2]);
  const std::uint64_t value = r(i.b);
  // By byte: pixels may have more channels than the four that a register holds.
  return in_pieces(view.length, [&](std::uint64_t first, std::uint64_t count) {
    for (std::uint64_t at = first; at < first + count; ++at) {
      const std::uint64_t channel = at % channels;
      if (channel < 4) view.data[at] = static_cast<std::uint8_t>(value >> (8 * channel));
    }
  });
}

bool Interpreter::op_pixel(const Record& i) {
  const TensorView& view = t(i.a);
  const auto channels = static_cast<std::uint64_t>(std::min<std::int64_t>(view.dims[2], 4));
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

bool Interpreter::op_blit(const Record& i) {
  const TensorView& to = t(i.d);
  const TensorView& from = t(i.a);
  if (r(i.e) >= static_cast<std::uint64_t>(from.dims[0]))
    return trap(TrapKind::kOutOfBounds, fmt::format("picture {} of {}", i64(i.e), from.dims[0]));
  const Blit blit = clip(to.dims[1], to.dims[0], from.dims[2], from.dims[1], i64(i.b), i64(i.c));
  const std::int64_t channels = to.dims[2];
  const std::uint8_t* picture = from.data + i64(i.e) * from.dims[1] * from.dims[2] * channels;
  const auto row_bytes = static_cast<std::uint64_t>(blit.width * channels);
  if (!charge(row_bytes * static_cast<std::uint64_t>(blit.height))) return false;
  return kernel([&] {
    for (std::int64_t y = 0; y < blit.height; ++y) {
      const auto offset = [channels](std::int64_t width, std::int64_t x, std::int64_t row) {
        return (row * width + x) * channels;
      };
      std::uint8_t* out = to.data + offset(to.dims[1], blit.to_x, blit.to_y + y);
      const std::uint8_t* in = picture + offset(from.dims[2], blit.from_x, blit.from_y + y);
      draw_row(i.imm, {in, row_bytes}, static_cast<std::uint64_t>(channels), out);
      if (machine_.options_.stop->load(std::memory_order_relaxed)) return false;
    }
    return true;
  });
}

bool Interpreter::op_fill_bytes(const Record& i) {
  const TensorView& view = t(i.a);
  const std::uint64_t first = r(i.b), count = r(i.c);
  if (first > view.length || count > view.length - first) return outside(view, first, count);
  const auto value = static_cast<std::uint8_t>(r(i.d));
  return in_pieces(count, [&](std::uint64_t at, std::uint64_t bytes) {
    std::memset(view.data + first + at, value, bytes);
  });
}

bool Interpreter::op_copy_bytes(const Record& i) {
  const TensorView& to = t(i.d);
  const TensorView& from = t(i.a);
  const std::uint64_t to_first = r(i.b), from_first = r(i.c), count = r(i.e);
  if (to_first > to.length || count > to.length - to_first) return outside(to, to_first, count);
  if (from_first > from.length || count > from.length - from_first)
    return outside(from, from_first, count);
  std::uint8_t* const out = to.data + to_first;
  const std::uint8_t* const in = from.data + from_first;
  // Pieces of overlapping memory go from that end which is not written yet.
  const bool backwards = out > in && out < in + count;
  return in_pieces(count, [&](std::uint64_t at, std::uint64_t bytes) {
    const std::uint64_t first = backwards ? count - at - bytes : at;
    std::memmove(out + first, in + first, bytes);
  });
}

bool Interpreter::op_string(const Record& i) {
  const auto& strings = linked_.program().strings;
  const bool copies = i.action == Action::kStrCopy;
  const std::uint64_t number = r(copies ? i.c : i.a);
  if (number >= strings.size())
    return trap(TrapKind::kOutOfBounds,
                fmt::format("string {} of {}", static_cast<std::int64_t>(number), strings.size()));
  const std::string& text = strings[number];
  if (i.action == Action::kStrByte) {
    if (r(i.b) >= text.size())
      return trap(TrapKind::kOutOfBounds, fmt::format("byte {} of {}", i64(i.b), text.size()));
    r(i.d) = static_cast<std::uint8_t>(text[r(i.b)]);
    return true;
  }
  if (copies) {
    const TensorView& view = t(i.a);
    const std::uint64_t first = r(i.b);
    if (first > view.length || text.size() > view.length - first)
      return outside(view, first, text.size());
    if (!charge(text.size())) return false;
    std::copy(text.begin(), text.end(), view.data + first);
  }
  r(i.d) = text.size();
  return true;
}

bool Interpreter::op_yield() {
  if (machine_.options_.host != nullptr) machine_.options_.host->turn(machine_);
  return charge(0) && go_on();
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
