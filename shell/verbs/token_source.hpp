#pragma once
// The tokenizer of whatever file holds one, for the verbs that only need that.

#include "pxvm/text/tokenizer.hpp"

#include <string>

namespace pxos::shell {

/// From a cartridge (a path or a name in the store), a GGUF model, a tokenizer.json or a folder
/// with one (its tokenizer_config.json is read too). Errors name the file.
Result<text::Tokenizer> open_tokenizer(const std::string& given);

}  // namespace pxos::shell
