#pragma once
// How much the columns of a model's matrices matter: what the model multiplies them with while it
// reads a text. The real forward pass runs, one instruction at a time, and every matrix product
// shows its operands.

#include "cartridges/quantize/importance.hpp"
#include "hypervisor/mount.hpp"

#include <functional>

namespace pxos::hypervisor {

struct ImportanceOptions {
  std::int64_t ctx = 512;                                               ///< tokens per chunk
  std::int64_t max_chunks = 0;                                          ///< 0 = all of the text
  std::function<void(std::int64_t done, std::int64_t total)> progress;  ///< chunks
};

/// Reads `text` in chunks of ctx tokens (BOS first where the model wants it); a text shorter than
/// that is one chunk. Matrices see every token, the head the last 64 of a chunk. The mount is left
/// unfused: the same bits, slower. Errors: kUsage for fewer than 2 tokens or a chunk that does not
/// fit; those of evaluate().
Result<cartridges::Importance> measure_importance(Mount& mount, std::string_view text,
                                                  const ImportanceOptions& options = {});

}  // namespace pxos::hypervisor
