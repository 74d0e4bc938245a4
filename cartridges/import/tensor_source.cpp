#include "cartridges/import/tensor_source.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace pxos::cartridges {
namespace {

using tensor::DType;

// Elements converted at a time; a multiple of every block size.
constexpr std::uint64_t kChunkElements = 4096;

std::uint64_t bytes_of(DType dtype, std::uint64_t elements) {
  const tensor::DTypeInfo& info = tensor::info(dtype);
  return elements / info.block_elems * info.block_bytes;
}

/// A tensor's bytes as another dtype, made when they are read. A row is whole blocks of both
/// dtypes, so rows need no care of their own.
struct Conversion {
  DType from;
  DType to;
  std::uint64_t elements;
  ReadCanonical source;

  /// out = converted bytes [offset, offset + out.size()).
  Result<void> read(std::uint64_t offset, MutBytes out) const {
    const std::uint64_t chunk_bytes = bytes_of(to, kChunkElements);
    ByteVector converted(chunk_bytes);
    ByteVector canonical(bytes_of(from, kChunkElements));
    std::vector<float> values(kChunkElements);
    while (!out.empty()) {
      const std::uint64_t first = offset / chunk_bytes * kChunkElements;
      const std::uint64_t count = std::min(kChunkElements, elements - first);
      const std::span<float> chunk = std::span(values).first(count);
      const MutBytes raw = MutBytes(canonical).first(bytes_of(from, count));
      const MutBytes bytes = MutBytes(converted).first(bytes_of(to, count));
      PX_CHECK(source(bytes_of(from, first), raw));
      tensor::dequantize_row(from, raw, chunk);
      tensor::quantize_row(to, chunk, bytes);
      const std::uint64_t skip = offset % chunk_bytes;
      const std::uint64_t take = std::min<std::uint64_t>(bytes.size() - skip, out.size());
      std::memcpy(out.data(), bytes.data() + skip, take);
      offset += take;
      out = out.subspan(take);
    }
    return {};
  }
};

/// What the tensor becomes: vectors f32; matrices `as`, unless their rows are not whole blocks of
/// it.
DType target_type(const ModelTensor& tensor, std::optional<DType> as) {
  if (tensor.shape.size() == 1) return DType::kF32;
  if (!as || static_cast<std::uint64_t>(tensor.shape.back()) % tensor::info(*as).block_elems != 0)
    return tensor.dtype;
  return *as;
}

}  // namespace

pixelfs::TensorInput tensor_source(const ModelTensor& tensor, std::optional<DType> as) {
  const bool is_vector = tensor.shape.size() == 1;
  pixelfs::TensorInput input;
  input.name = tensor.name;
  input.shape = tensor.shape;
  input.layout = is_vector ? pixelfs::SheetLayout::kLinear : pixelfs::SheetLayout::kPacked16;
  input.dtype = target_type(tensor, as);
  if (input.dtype == tensor.dtype) {
    input.read_canonical = tensor.read;
    return input;
  }
  const std::uint64_t size = bytes_of(input.dtype, tensor.elements());
  input.read_canonical =
      [conversion = Conversion{tensor.dtype, input.dtype, tensor.elements(), tensor.read}, size,
       name = tensor.name](std::uint64_t offset, MutBytes out) -> Result<void> {
    if (!range_fits(offset, out.size(), size))
      return fail(Errc::kUsage, "tensor {}: {} bytes at {} of {}", name, out.size(), offset, size);
    return conversion.read(offset, out);
  };
  return input;
}

}  // namespace pxos::cartridges
