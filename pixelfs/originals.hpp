#pragma once
// The three original containers, read only and strictly: PXIF and PXFS wrap one file as raw RGB
// behind a header; PXAR is an archive, by itself or inside PXFS (docs/spec/pixelfs.md). Parsers are
// pure functions of the bytes and borrow them; hashes are checked by the verify functions alone, so
// that looking at a large file is cheap. Thread-safe.

#include "pxvm/base/bytes.hpp"
#include "pxvm/base/sha256.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pxos::pixelfs {

/// A file wrapped by PXIF or PXFS.
struct WrappedFile {
  std::uint32_t width = 0;  ///< pixels of the picture it was taken for
  std::uint32_t height = 0;
  Sha256 sha256{};  ///< as the header says
  Bytes content;
};

/// Errors: kInvalid for magic, sizes that disagree, reserved bytes, padding that is not zero;
/// kUnsupported for version and compression.
Result<WrappedFile> parse_pxif(Bytes file);
Result<WrappedFile> parse_pxfs(Bytes file);
/// Errors: kInvalid when the content does not have the hash of the header.
Result<void> verify_wrapped(const WrappedFile& file);

struct ArchiveFile {
  std::string path;  ///< relative, checked by check_entry_name
  Bytes content;
};

struct Archive {
  std::vector<ArchiveFile> files;  ///< in the archive's order
  bool wrapped = false;            ///< found inside PXFS
  WrappedFile wrapper;             ///< when it was
};

/// A PXAR archive, raw or inside PXFS. Errors: as above, and kInvalid for paths that leave the
/// folder, double paths, content outside the archive.
Result<Archive> parse_pxar(Bytes file);

}  // namespace pxos::pixelfs
