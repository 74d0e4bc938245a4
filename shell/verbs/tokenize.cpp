// tokenize: text to token ids, by a cartridge's tokenizer or Pixel-LLM v0's rule, and to a token
// image.

#include "cartridges/pixellm/protocol.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct TokenizeArguments {
  std::string text;
  std::string model;
  std::string output;
};

struct Tokens {
  std::vector<std::int32_t> ids;
  std::uint64_t vocabulary = 0;
};

Result<Tokens> tokens_of(const TokenizeArguments& arguments) {
  Tokens tokens;
  if (arguments.model.empty()) {
    PX_TRY(tokens.ids, pixellm_tokens(arguments.text));
    tokens.vocabulary = static_cast<std::uint64_t>(cartridges::pixellm::kVocab);
    return tokens;
  }
  PX_TRY(const std::filesystem::path path, find_cartridge(arguments.model));
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  const auto entries = cartridge.of_kind(cartridges::EntryKind::kTokenizer);
  if (entries.empty()) return fail(Errc::kUnsupported, "{}: no tokenizer in it", path.string());
  PX_TRY(text::Vocabulary vocabulary, text::parse_vocabulary(cartridge.bytes(*entries.front())));
  PX_TRY(const text::Tokenizer tokenizer, text::Tokenizer::create(std::move(vocabulary)));
  PX_TRY(tokens.ids, tokenizer.encode(arguments.text));
  tokens.vocabulary = static_cast<std::uint64_t>(tokenizer.size());
  return tokens;
}

Result<int> run_tokenize(const TokenizeArguments& arguments) {
  PX_TRY(const Tokens tokens, tokens_of(arguments));
  fmt::print("{}\n", fmt::join(tokens.ids, " "));
  if (arguments.output.empty()) return 0;
  using cartridges::pixellm::encode_input;
  PX_TRY(const pixelfs::Image image,
         encode_input(tokens.ids, cartridges::pixellm::version_for(tokens.vocabulary)));
  PX_CHECK(write_picture(arguments.output, image));
  fmt::print(stderr, "{}: {} tokens, {} x 1 pixels\n", arguments.output, tokens.ids.size(),
             image.width);
  return 0;
}

}  // namespace

VerbAction setup_tokenize(CLI::App& verb) {
  auto arguments = std::make_shared<TokenizeArguments>();
  verb.add_option("TEXT", arguments->text, "text to tokenize")->required();
  verb.add_option("-m,--model", arguments->model,
                  "cartridge whose tokenizer counts; default: Pixel-LLM v0's rule");
  verb.add_option("-o,--output", arguments->output, "token image to write (input_tokens.pxi)");
  return [arguments] { return run_tokenize(*arguments); };
}

}  // namespace pxos::shell
