#pragma once
// The tokenizer of whatever file holds one, for the verbs that only need that.

#include "pxvm/text/tokenizer.hpp"

#include <string>
#include <string_view>

namespace pxos::shell {

/// From a cartridge (a path or a name in the store), a GGUF model, a tokenizer.json or a folder
/// with one (its tokenizer_config.json is read too). `pre` stands for
/// the pre-tokenizer that an old GGUF does not name. Errors name the file.
Result<text::Tokenizer> open_tokenizer(const std::string& given, std::string_view pre = {});

}  // namespace pxos::shell
