// The original containers PXIF, PXFS and PXAR, and every byte an accepted one lends out.

#include "pixelfs/originals.hpp"
#include "tests/fuzz/target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace pixelfs = pxos::pixelfs;
  const pxos::ByteVector file(data, data + size);  // exactly as long, so that overreads are seen
  if (const auto pxif = pixelfs::parse_pxif(file)) {
    static_cast<void>(pixelfs::verify_wrapped(*pxif));
  }
  if (const auto pxfs = pixelfs::parse_pxfs(file)) {
    static_cast<void>(pixelfs::verify_wrapped(*pxfs));
  }
  volatile std::uint32_t sum = 0;  // volatile keeps the reads
  if (const auto archive = pixelfs::parse_pxar(file)) {
    for (const pixelfs::ArchiveFile& entry : archive->files) {
      if (!entry.content.empty()) sum = sum + entry.content.front() + entry.content.back();
    }
  }
  return 0;
}
