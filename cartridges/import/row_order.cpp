#include "cartridges/import/row_order.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <cstring>

namespace pxos::cartridges {
namespace {

Result<void> check_range(const std::string& name, std::uint64_t offset, std::uint64_t count,
                         std::uint64_t size) {
  if (range_fits(offset, count, size)) return {};
  return fail(Errc::kUsage, "tensor {}: {} bytes at {} of {}", name, count, offset, size);
}

/// Copies out[0, n) from rows of `row_bytes`; `source_row` says where each row comes from.
template <class SourceRow>
void copy_rows(Bytes bytes, std::uint64_t row_bytes, std::uint64_t offset, MutBytes out,
               const SourceRow& source_row) {
  while (!out.empty()) {
    const std::uint64_t skip = offset % row_bytes;
    const std::uint64_t take = std::min<std::uint64_t>(row_bytes - skip, out.size());
    const Bytes from = bytes.subspan(source_row(offset / row_bytes) * row_bytes + skip, take);
    std::memcpy(out.data(), from.data(), take);
    offset += take;
    out = out.subspan(take);
  }
}

/// Elements [first, first + count) of the transpose, whole elements. Walks the source row by row,
/// so that each of its lines is read once per call.
void gather(Bytes bytes, const TransposedShape& s, std::uint64_t first, MutBytes out) {
  const std::uint64_t count = out.size() / s.element_bytes;
  for (std::uint64_t col = 0; col < s.cols; ++col) {
    // The first element of the range in this column, then one per row.
    const std::uint64_t lead = (col + s.cols - first % s.cols) % s.cols;
    for (std::uint64_t i = lead; i < count; i += s.cols) {
      const std::uint64_t row = (first + i) / s.cols;
      std::memcpy(out.data() + i * s.element_bytes,
                  bytes.data() + (col * s.rows + row) * s.element_bytes, s.element_bytes);
    }
  }
}

}  // namespace

ReadCanonical read_in_place(std::string name, Bytes bytes) {
  return [name = std::move(name), bytes](std::uint64_t offset, MutBytes out) -> Result<void> {
    PX_CHECK(check_range(name, offset, out.size(), bytes.size()));
    if (!out.empty()) std::memcpy(out.data(), bytes.data() + offset, out.size());
    return {};
  };
}

ReadCanonical read_owned(std::string name, ByteVector owned) {
  // Shared: std::function copies its target, and a norm's bytes need not be copied with it.
  const auto kept = std::make_shared<const ByteVector>(std::move(owned));
  return [name = std::move(name), kept](std::uint64_t offset, MutBytes out) -> Result<void> {
    PX_CHECK(check_range(name, offset, out.size(), kept->size()));
    if (!out.empty()) std::memcpy(out.data(), kept->data() + offset, out.size());
    return {};
  };
}

ReadCanonical read_interleaved(std::string name, Bytes bytes, std::uint64_t row_bytes,
                               std::uint64_t head_rows) {
  return [=, name = std::move(name)](std::uint64_t offset, MutBytes out) -> Result<void> {
    PX_CHECK(check_range(name, offset, out.size(), bytes.size()));
    copy_rows(bytes, row_bytes, offset, out, [&](std::uint64_t row) {
      const std::uint64_t in_head = row % head_rows;
      return row - in_head + in_head % 2 * (head_rows / 2) + in_head / 2;
    });
    return {};
  };
}

ReadCanonical read_transposed(std::string name, Bytes bytes, const TransposedShape& shape) {
  return
      [name = std::move(name), bytes, shape](std::uint64_t offset, MutBytes out) -> Result<void> {
        PX_CHECK(check_range(name, offset, out.size(), bytes.size()));
        const std::uint64_t element = shape.element_bytes;
        // Whole elements around the range; a caller that asks for parts of elements is rare.
        if (offset % element == 0 && out.size() % element == 0) {
          gather(bytes, shape, offset / element, out);
          return {};
        }
        const std::uint64_t first = offset / element;
        const std::uint64_t last = ceil_div(offset + out.size(), element);
        ByteVector whole((last - first) * element);
        gather(bytes, shape, first, whole);
        std::memcpy(out.data(), whole.data() + offset % element, out.size());
        return {};
      };
}

ByteVector f32_bytes(std::span<const float> values) {
  ByteWriter out;
  for (const float value : values) out.f32(value);
  return out.take();
}

}  // namespace pxos::cartridges
