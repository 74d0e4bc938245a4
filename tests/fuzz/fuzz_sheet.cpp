// Weight sheets: fast path, slow path, directory, and every address a reader of an accepted sheet
// may touch.

#include "pixelfs/sheet.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>
#include <utility>
#include <vector>

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace pixelfs = pxos::pixelfs;
  // A mapped file is page-aligned; the fast path needs 16, and a vector has them.
  const pxos::ByteVector file(data, data + size);
  pixelfs::SheetOpen options;
  options.limits = {.max_width = 16'000, .max_height = 16'000, .max_pixels = 1U << 20U};
  auto sheet = pixelfs::Sheet::open(file, options);
  if (!sheet) return 0;
  volatile std::uint32_t sum = 0;  // volatile keeps the reads
  for (std::uint32_t line = 0; line < sheet->scanlines(); ++line) {
    const pxos::Bytes payload = sheet->scanline(line);
    if (!payload.empty()) sum = sum + payload.front() + payload.back();
  }
  std::vector<pixelfs::Sheet> sheets;
  sheets.push_back(std::move(*sheet));
  const auto weights = pixelfs::WeightSet::open(std::move(sheets));
  if (!weights) return 0;
  static_cast<void>(weights->verify());
  for (const pixelfs::WeightTensor& tensor : weights->tensors()) {
    pxos::ByteVector row(std::min<std::uint64_t>(tensor.extent.canonical_bytes, 4096));
    static_cast<void>(weights->read_canonical(tensor, 0, row));
  }
  return 0;
}
