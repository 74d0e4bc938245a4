#pragma once
// Text generation over a mount: prompt -> tokens -> forward steps -> sampler -> text, streamed as
// valid UTF-8.

#include "hypervisor/hypervisor.hpp"
#include "hypervisor/mount.hpp"

namespace pxos::hypervisor {

/// Runs on the calling thread until a stop token, a stop string, the token limit, a full context or
/// `stop`. An interruption is not an error: the report says so and the conversation keeps what was
/// generated.
Result<AskReport> generate(Mount& mount, std::string_view prompt, const AskOptions& options,
                           const std::atomic<bool>& stop);

/// The manifest's sampling defaults.
[[nodiscard]] text::SamplerOptions default_sampling(const cartridges::Manifest& manifest);

/// Tokens of a conversation rendered through the chat template, ready for the next answer.
Result<std::vector<std::int32_t>> chat_tokens(const Mount& mount);

}  // namespace pxos::hypervisor
