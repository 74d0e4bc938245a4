// GGUF: metadata, tensor table, and every byte range an importer would follow.

#include "cartridges/import/gguf.hpp"
#include "cartridges/import/gguf_model.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // As the importer takes it, with the vocabulary.
  static_cast<void>(pxos::cartridges::gguf_model(pxos::Bytes(data, size)));
  const auto file = pxos::cartridges::GgufFile::parse(pxos::Bytes(data, size));
  if (!file) return 0;
  for (const pxos::cartridges::GgufTensor& tensor : file->tensors()) {
    const pxos::Bytes bytes = file->tensor_bytes(tensor);
    PX_ASSERT(bytes.size() == tensor.bytes);
    PX_ASSERT(bytes.empty() ||
              (bytes.data() >= data && bytes.data() + bytes.size() <= data + size));
  }
  for (const auto& [key, value] : file->metadata()) {
    static_cast<void>(file->find_integer(key));
    static_cast<void>(file->find_real(key));
    static_cast<void>(file->find_text(key));
    static_cast<void>(file->strings(key));
    static_cast<void>(file->floats(key));
    static_cast<void>(file->integers(key));
  }
  return 0;
}
