#pragma once
// The way out of a cartridge: the tensors' canonical bytes, bit for bit what was imported, each
// checked against its digest as it is written.

#include "cartridges/cartridge.hpp"
#include "cartridges/pack.hpp"

#include <filesystem>

namespace pxos::cartridges {

struct ExportReport {
  std::uint64_t tensors = 0;
  std::uint64_t bytes = 0;  ///< canonical, of all tensors
};

/// One file per tensor, "<name>.<dtype>", and index.json with name, dtype, shape (outermost first),
/// file, bytes and XXH3-128 of each. `folder` is made; errors: kUsage when it is there and not
/// empty, kInvalid for a tensor whose bytes do not have their digest or whose name is no file name.
Result<ExportReport> export_tensors(const Cartridge& cartridge, const std::filesystem::path& folder,
                                    const Progress& progress = {});

/// A GGUF file with metadata, tokenizer, chat template and tensors that imports again to the same
/// logits. How exact the caches are (kv_bits) is no matter of GGUF: choose it again at the import.
/// The file appears whole or not at all and replaces what was there.
/// The metadata is the source's own where the cartridge keeps it (entry metadata.gguf, as written
/// by the importer), else made from manifest and tokenizer. Errors: kUnsupported for a tokenizer or
/// types GGUF does not have; kInvalid for a tensor whose bytes do not have their digest.
Result<ExportReport> export_gguf(const Cartridge& cartridge, const std::filesystem::path& file,
                                 const Progress& progress = {});

}  // namespace pxos::cartridges
