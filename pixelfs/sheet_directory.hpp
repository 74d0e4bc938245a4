#pragma once
// The directory in the first scanlines of a sheet: codec and the rules a tensor must obey.
// Byte tables: docs/spec/sheet.md.

#include "pixelfs/sheet.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace pxos::pixelfs {

inline constexpr std::uint32_t kDirectoryHeaderBytes = 64;
inline constexpr std::uint32_t kMaxTensorName = 1024;
inline constexpr std::uint32_t kMaxTensorRank = 8;
/// Unit of element types that have no packed form (I8, I32, U8): plain bytes.
inline constexpr std::uint32_t kLinearUnitBytes = 512;

/// Bytes of one unit of a sheet of this dtype.
[[nodiscard]] std::uint32_t sheet_unit_bytes(tensor::DType dtype);

struct Directory {
  tensor::DType dtype = tensor::DType::kF32;
  std::uint32_t directory_bytes = 0;      ///< header and entries
  std::uint32_t directory_scanlines = 0;  ///< D
  std::uint32_t scanlines = 0;            ///< R, directory included
  std::uint32_t width = 0;
  std::uint32_t unit_bytes = 0;      ///< B
  std::uint32_t units_per_line = 0;  ///< c
  std::uint32_t index = 0;
  std::uint32_t count = 0;
  std::vector<SheetEntry> entries;
};

[[nodiscard]] std::uint64_t entry_bytes(const TensorMeta& meta);
/// Header and entries; directory_bytes is computed here.
[[nodiscard]] ByteVector encode_directory(const Directory& directory);

/// Reads directory_bytes from the first header bytes. Errors: kInvalid for magic; kUnsupported for
/// version.
Result<std::uint32_t> directory_size(Bytes header);
/// Parses and checks everything: digest, counts, extents, slots. Requires: bytes.size() is
/// directory_size().
Result<Directory> decode_directory(Bytes bytes);

}  // namespace pxos::pixelfs
