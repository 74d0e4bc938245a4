#pragma once
// Steps every importer shares: sheets streamed into a cartridge, the program's two entries, the
// output check.

#include "cartridges/import/import.hpp"
#include "cartridges/import/llama_gguf.hpp"
#include "cartridges/writer.hpp"
#include "pixelfs/sheet.hpp"

#include <span>

namespace pxos::cartridges {

/// Errors: kUsage when the output exists and may not be replaced, or no program finder was given.
Result<void> check_options(const ImportOptions& options);

/// The hyper-parameters, by the names the programs use.
void describe_shape(const LlamaShape& shape, Manifest& out);

/// Writes every sheet of `tensors` as an entry of kind sheet. Progress counts canonical bytes.
Result<void> add_sheets(CartridgeWriter& writer, std::span<const pixelfs::TensorInput> tensors,
                        const Progress& progress);

/// "<name>.pxi", "<name>.pxasm" and the texts that one includes.
Result<void> add_program(CartridgeWriter& writer, const ProgramSource& program);

/// Writes manifest and label, makes the file appear, and fills the report's manifest and cartridge
/// size.
Result<void> finish_import(CartridgeWriter writer, Manifest manifest, const ImportOptions& options,
                           ImportReport& report);

}  // namespace pxos::cartridges
