#pragma once
// Steps every importer shares: sheets streamed into a cartridge, the program's two entries, the
// output check.

#include "cartridges/import/architecture.hpp"
#include "cartridges/import/import.hpp"
#include "cartridges/import/import_journal.hpp"
#include "cartridges/import/metadata.hpp"
#include "cartridges/writer.hpp"
#include "pixelfs/sheet.hpp"

#include <span>

namespace pxos::cartridges {

/// Errors: kUsage when the output exists and may not be replaced, or no program finder was given.
Result<void> check_options(const ImportOptions& options);

/// The hyper-parameters, by the names the programs use.
void describe_shape(const ModelShape& shape, Manifest& out);

/// Errors: kLimit (what is needed, what is there) when the disk of `output` has not `bytes` free
/// and some to spare.
Result<void> check_room(const std::filesystem::path& output, std::uint64_t bytes);
/// The same for memory, by what the kernel says is available; nothing when it does not say.
Result<void> check_memory(std::uint64_t bytes);

/// Writes every sheet of `tensors` as an entry of kind sheet. Progress counts canonical bytes. With
/// a journal: goes on where it says, and notes what is finished.
Result<void> add_sheets(CartridgeWriter& writer, std::span<const pixelfs::TensorInput> tensors,
                        const Progress& progress, ImportJournal* journal = nullptr);

/// All metadata of the source but the tokenizer's arrays, as a GGUF file without tensors: types
/// stay what they were, and whatever reads GGUF reads it.
inline constexpr std::string_view kMetadataEntry = "metadata.gguf";
[[nodiscard]] ByteVector metadata_entry(const Metadata& metadata);

/// "<name>.pxi", "<name>.pxasm" and the texts that one includes.
Result<void> add_program(CartridgeWriter& writer, const ProgramSource& program);

/// Writes manifest and label, makes the file appear, and fills the report's manifest and cartridge
/// size.
Result<void> finish_import(CartridgeWriter writer, Manifest manifest, const ImportOptions& options,
                           ImportReport& report);

}  // namespace pxos::cartridges
