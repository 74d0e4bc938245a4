#pragma once
// Beam search over a mount: the likeliest continuation by mean log-probability, not by one choice
// at a time. The session holds one sequence, so going from beam to beam evaluates the tokens again
// in which they differ: K beams cost up to K times the depth of their fork a step. Deterministic.

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/mount.hpp"

namespace pxos::hypervisor {

/// Continues the session by `prompt` (not empty). The report's text, tokens and finish are the best
/// beam's; `beams` holds all that were kept, best first. Stops at an end token, a stop string of
/// `stops`, options.max_tokens or a full context; the session ends with the best beam in it.
/// One beam is the greedy answer. Errors: kUsage unless 1 <= options.beams <= 64; those of
/// evaluation.
Result<AskReport> beam_search(Mount& mount, std::vector<std::int32_t> prompt,
                              const AskOptions& options, const std::vector<std::string>& stops,
                              const std::atomic<bool>& stop);

}  // namespace pxos::hypervisor
