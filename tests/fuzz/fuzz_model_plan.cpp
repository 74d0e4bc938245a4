// A GGUF file through the table of architectures: whatever is not refused has a program, tensors
// that can be read to their last byte, and hyper-parameters that fit them.

#include "cartridges/import/gguf_model.hpp"
#include "cartridges/import/model_plan.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = pxos::cartridges::gguf_model(pxos::Bytes(data, size));
  if (!file) return 0;
  const auto plan = pxos::cartridges::plan_model(*file);
  if (!plan) return 0;
  PX_ASSERT(!plan->program.empty());
  PX_ASSERT(plan->shape.head_dim > 0 && plan->shape.n_head % plan->shape.n_kv == 0);
  pxos::ByteVector bytes;
  for (const pxos::cartridges::ModelTensor& tensor : plan->tensors) {
    bytes.resize(tensor.bytes());
    PX_ASSERT(tensor.read(0, bytes).has_value());
  }
  return 0;
}
