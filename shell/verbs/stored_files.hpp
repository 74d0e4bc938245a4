#pragma once
// What several verbs do with pictures and containers that hold files: volumes, and the original
// PXIF, PXFS and PXAR. A volume is read without mapping it, so memory does not grow with it.

#include "pixelfs/kind.hpp"
#include "pixelfs/volume.hpp"

#include <filesystem>

namespace pxos::shell {

/// True for the kinds this header is about.
[[nodiscard]] bool holds_files(pixelfs::FileKind kind);

Result<pixelfs::Volume> open_volume(const std::filesystem::path& path);

/// Prints what is in it, two spaces in front of every line.
Result<void> show_stored_files(pixelfs::FileKind kind, const std::filesystem::path& path);

/// Checks every byte; prints each damaged place. Errors: kInvalid with their number.
Result<int> verify_stored_files(pixelfs::FileKind kind, const std::filesystem::path& path);

/// Writes all files below `folder`, or none when one of them is there already; returns how many.
/// The content of a PXIF or PXFS file, which has no name, gets the container's without its suffix.
Result<std::size_t> unpack_stored_files(pixelfs::FileKind kind, const std::filesystem::path& path,
                                        const std::filesystem::path& folder);

}  // namespace pxos::shell
