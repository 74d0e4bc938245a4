#pragma once
// What an import has finished, so that one that was killed goes on instead of beginning anew: a
// text file beside the partial cartridge, one line per step, each with its checksum. Lines are only
// ever appended; a line that is damaged or cut off ends what is believed. Not thread-safe.
//
//   <16 hex: XXH3-64 of the rest of the line> import 1 <guard>
//   <16 hex> digest <tensor> <32 hex>            digest of a tensor's canonical bytes
//   <16 hex> kept <bytes>                        the partial file is whole up to here, and synced

#include "pxvm/base/bytes.hpp"
#include "pxvm/base/hash.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

namespace pxos::cartridges {

struct JournalState {
  std::string guard;  ///< names source, options and plan; empty: no journal
  std::map<std::size_t, Xxh128> digests;
  std::uint64_t kept = 0;
};

/// Never fails: what cannot be read is not believed.
[[nodiscard]] JournalState parse_journal(Bytes text);

class ImportJournal {
 public:
  /// Goes on with the journal at `path` when it has this guard, else starts a new one.
  /// Errors: kIo.
  static Result<ImportJournal> open(const std::filesystem::path& path, const std::string& guard);

  [[nodiscard]] const JournalState& state() const { return state_; }
  Result<void> add_digest(std::size_t tensor, const Xxh128& digest);
  Result<void> add_kept(std::uint64_t bytes);
  /// The import is done: the file is removed.
  void remove();

 private:
  Result<void> append(const std::string& line);
  std::filesystem::path path_;
  JournalState state_;
  std::ofstream out_;
};

}  // namespace pxos::cartridges
