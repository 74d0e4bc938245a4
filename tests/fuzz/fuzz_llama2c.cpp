// Checkpoints of llama2.c: header, sizes, and the values of every tensor.

#include "cartridges/import/llama2c.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const pxos::Bytes bytes(data, size);
  static_cast<void>(pxos::cartridges::is_llama2c(bytes));
  const auto model = pxos::cartridges::llama2c_model(bytes);
  if (!model) return 0;
  for (const auto& tensor : model->tensors) {
    pxos::ByteVector values(tensor.bytes());
    PX_ASSERT(tensor.read(0, values).has_value());
  }
  return 0;
}
