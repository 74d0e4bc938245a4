#include "cartridges/import/tensor_source.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/quantize.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace pxos::cartridges {
namespace {

using tensor::DType;

// Elements dequantised at a time; a multiple of every block size.
constexpr std::uint64_t kChunkElements = 4096;

/// The canonical bytes of a quantised tensor as if they were f32: out = f32 bytes [offset, offset +
/// out.size()). Works on chunks of blocks; a tensor's rows are whole blocks, so rows need no care
/// of their own.
void read_as_f32(DType dtype, Bytes canonical, std::uint64_t offset, MutBytes out) {
  const tensor::DTypeInfo& info = tensor::info(dtype);
  const std::uint64_t elements = canonical.size() / info.block_bytes * info.block_elems;
  std::array<float, kChunkElements> chunk{};
  while (!out.empty()) {
    const std::uint64_t first = offset / 4 / kChunkElements * kChunkElements;
    const std::uint64_t count = std::min(kChunkElements, elements - first);
    const Bytes blocks = canonical.subspan(first / info.block_elems * info.block_bytes,
                                           count / info.block_elems * info.block_bytes);
    tensor::dequantize_row(dtype, blocks, std::span(chunk).first(count));
    const std::uint64_t skip = offset - first * 4;
    const std::uint64_t take = std::min<std::uint64_t>(count * 4 - skip, out.size());
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(chunk.data());
    std::memcpy(out.data(), bytes + skip, take);
    offset += take;
    out = out.subspan(take);
  }
}

}  // namespace

pixelfs::TensorInput tensor_source(const GgufFile& file, const GgufTensor& tensor,
                                   std::optional<DType> as) {
  const bool is_vector = tensor.ne.size() == 1;
  pixelfs::TensorInput input;
  input.name = tensor.name;
  input.shape = tensor.shape();
  input.layout = is_vector ? pixelfs::SheetLayout::kLinear : pixelfs::SheetLayout::kPacked16;
  input.dtype = is_vector ? DType::kF32 : as.value_or(tensor.dtype);
  const Bytes canonical = file.tensor_bytes(tensor);
  const DType from = tensor.dtype;
  const std::uint64_t size = input.dtype == from ? tensor.bytes : tensor.elements() * 4;
  const bool converts = input.dtype != from;
  input.read_canonical = [canonical, from, size, converts, name = tensor.name](
                             std::uint64_t offset, MutBytes out) -> Result<void> {
    if (!range_fits(offset, out.size(), size))
      return fail(Errc::kUsage, "tensor {}: {} bytes at {} of {}", name, out.size(), offset, size);
    if (converts)
      read_as_f32(from, canonical, offset, out);
    else if (!out.empty())
      std::memcpy(out.data(), canonical.data() + offset, out.size());
    return {};
  };
  return input;
}

}  // namespace pxos::cartridges
