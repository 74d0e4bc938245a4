#pragma once
// What this process holds in memory, with the kinds apart: a mapped weight sheet is not memory the
// model costs, an anonymous copy of it is. Linux only (/proc/self, mincore). Stateless,
// thread-safe.

#include "pxvm/base/bytes.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pxos {

/// All in bytes. resident = anonymous + file_mapped_resident.
struct MemoryReport {
  std::uint64_t address_space = 0;         ///< everything mapped, touched or not
  std::uint64_t resident = 0;              ///< pages in this process's page tables
  std::uint64_t anonymous = 0;             ///< of these: heap, stacks, private copies
  std::uint64_t file_mapped_resident = 0;  ///< of these: pages of files, which the kernel may drop
  std::uint64_t peak_resident = 0;  ///< since the process started; counted by the kernel in batches
  std::uint64_t swapped = 0;
};

/// Errors: kIo when /proc is not there, kInvalid when it does not say what it should.
Result<MemoryReport> memory_report();

/// The pure part: texts of /proc/self/smaps_rollup and /proc/self/status.
Result<MemoryReport> parse_memory_report(std::string_view rollup, std::string_view status);

/// Bytes of `mapping` that can be read without waiting for the disk. Of a file these are pages in
/// the page cache, whoever brought them there; a page counts with the part that lies in `mapping`.
/// Requires: all of it is mapped. 0 when the kernel does not tell.
[[nodiscard]] std::uint64_t resident_bytes(Bytes mapping);

/// "12.0 MB resident: 2.0 MB anonymous, 10.0 MB of files; 30.0 MB mapped" for a person.
[[nodiscard]] std::string to_text(const MemoryReport& report);

}  // namespace pxos
