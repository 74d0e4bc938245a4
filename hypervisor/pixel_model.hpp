#pragma once
// Pixel Protocol for language models: the tokens of a picture go through the model's own forward
// program, what it says comes back as pictures.

#include "cartridges/pixellm/sequence.hpp"
#include "hypervisor/pixel_inference.hpp"

#include <functional>

namespace pxos::hypervisor {

/// Evaluates the picture's tokens from the start and draws the logits of the next token: the top K
/// in the version the picture came in, and the heat map. The session holds the tokens afterwards.
/// Errors: kUsage for options out of range; those of decode_input (a version that cannot name every
/// token is refused with both numbers) and evaluate().
Result<PixelInference> pixel_infer_model(Mount& mount, const pixelfs::Image& input,
                                         const PixelInferenceOptions& options);

/// Called for every token as it is generated.
using OnSequenceToken =
    std::function<Result<void>(const cartridges::pixellm::SequenceToken& token)>;

/// Continues the session greedily, beginning with `first`, whose probability is known: at most
/// `max_tokens` tokens in all, until the model ends, or the context is full. Gives the tokens, the
/// ending one included. Errors: those of evaluate() and on_token.
Result<std::vector<cartridges::pixellm::SequenceToken>> continue_greedily(
    Mount& mount, const cartridges::pixellm::SequenceToken& first, std::int64_t max_tokens,
    const OnSequenceToken& on_token = {});

}  // namespace pxos::hypervisor
