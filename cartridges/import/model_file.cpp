#include "cartridges/import/model_file.hpp"

#include "pxvm/base/checked.hpp"

namespace pxos::cartridges {
namespace {

constexpr std::size_t kMaxDims = 4;
// Keeps element counts inside signed 64 bits everywhere later.
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 62U;

/// Errors: kInvalid, without the tensor's name.
Result<void> check_shape(const ModelTensor& tensor) {
  if (tensor.shape.empty() || tensor.shape.size() > kMaxDims)
    return fail(Errc::kInvalid, "{} dimensions, expected 1 to {}", tensor.shape.size(), kMaxDims);
  std::uint64_t elements = 1;
  for (const std::int64_t n : tensor.shape) {
    if (n < 1) return fail(Errc::kInvalid, "a dimension is {}", n);
    const auto product = checked_mul(elements, static_cast<std::uint64_t>(n));
    if (!product || *product > kMaxElements) return fail(Errc::kInvalid, "dimensions overflow");
    elements = *product;
  }
  const auto cols = static_cast<std::uint64_t>(tensor.shape.back());
  PX_TRY(const std::uint64_t row, tensor::row_bytes(tensor.dtype, cols));
  if (!checked_mul(row, elements / cols)) return fail(Errc::kInvalid, "size overflows");
  return {};
}

}  // namespace

std::uint64_t ModelTensor::elements() const {
  std::uint64_t product = 1;
  for (const std::int64_t n : shape) product *= static_cast<std::uint64_t>(n);
  return product;
}

std::uint64_t ModelTensor::bytes() const {
  const tensor::DTypeInfo& info = tensor::info(dtype);
  return elements() / info.block_elems * info.block_bytes;
}

Result<void> ModelTensors::add(ModelTensor tensor) {
  auto checked = check_shape(tensor);
  if (!checked) return in_context("tensor " + tensor.name, std::move(checked).error());
  if (!index_.emplace(tensor.name, tensors_.size()).second)
    return fail(Errc::kInvalid, "tensor {} appears twice", tensor.name);
  tensors_.push_back(std::move(tensor));
  return {};
}

const ModelTensor* ModelTensors::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

std::uint64_t ModelFile::source_bytes() const {
  std::uint64_t total = 0;
  for (const MappedFile& source : sources) total += source.bytes().size();
  return total;
}

Result<void> ModelFile::check_sources() const {
  for (const MappedFile& source : sources)
    if (source.poisoned()) return fail(Errc::kIo, "a source file shrank while it was read");
  return {};
}

}  // namespace pxos::cartridges
