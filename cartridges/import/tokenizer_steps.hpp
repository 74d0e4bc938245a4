#pragma once
// The parts of a tokenizer.json around its model: what happens to text before and after it.
// Internal: it shows the JSON type.

#include "cartridges/json.hpp"
#include "pxvm/text/vocabulary.hpp"

#include <string>
#include <vector>

namespace pxos::cartridges {

struct TokenizerSteps {
  text::Normalization normalization = text::Normalization::kNone;
  std::string charsmap;
  bool collapse_spaces = false;
  bool space_sign = false;  ///< spaces become U+2581
  bool space_prefix = false;
  bool prefix_at_start_only = false;
  bool prefix_unless_space = false;
  bool split_words = false;
  bool byte_level = false;
  bool bert_words = false;
  std::vector<std::string> expressions;  ///< as text::find_pre_tokenizer wants them
  std::string first_token, last_token;   ///< what is put around a text; empty = nothing
};

/// Reads normalizer, pre_tokenizer, decoder and post_processor of the document `root`.
/// Errors: kUnsupported naming the step or its option; kInvalid.
Result<TokenizerSteps> read_tokenizer_steps(const JsonObject& root);

}  // namespace pxos::cartridges
