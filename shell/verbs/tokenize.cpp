// tokenize: text to token ids, by the tokenizer of a cartridge, a GGUF or a tokenizer.json, or by
// Pixel-LLM v0's rule, and to a token image.

#include "cartridges/pixellm/protocol.hpp"
#include "pxvm/text/utf8.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/token_source.hpp"
#include "shell/verbs/verb.hpp"

#include <cstdio>
#include <iterator>
#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pxos::shell {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20U;

struct TokenizeArguments {
  std::string text;
  std::string model;
  std::string pre;
  std::string output;
  bool special = false;
  bool no_special = false;
  bool ids_only = false;
  bool pieces = false;
  bool json = false;
};

struct Tokens {
  std::vector<std::int32_t> ids;
  std::vector<std::string> pieces;  ///< valid UTF-8, for display
  std::uint64_t vocabulary = 0;
};

/// "-" is stdin.
Result<std::string> text_of(const std::string& argument) {
  if (argument != "-") return argument;
  std::string text;
  for (int c = std::fgetc(stdin); c != EOF; c = std::fgetc(stdin)) {
    if (text.size() >= kMaxTextBytes)
      return fail(Errc::kLimit, "tokenize: stdin holds more than {} bytes", kMaxTextBytes);
    text += static_cast<char>(c);
  }
  return text;
}

Result<Tokens> tokens_of(const TokenizeArguments& arguments) {
  PX_TRY(const std::string text, text_of(arguments.text));
  Tokens tokens;
  if (arguments.model.empty()) {
    PX_TRY(tokens.ids, pixellm_tokens(text));
    tokens.vocabulary = static_cast<std::uint64_t>(cartridges::pixellm::kVocab);
    return tokens;
  }
  PX_TRY(const text::Tokenizer tokenizer, open_tokenizer(arguments.model, arguments.pre));
  PX_TRY(tokens.ids, tokenizer.encode(text, {!arguments.no_special, arguments.special}));
  tokens.vocabulary = static_cast<std::uint64_t>(tokenizer.size());
  for (const std::int32_t id : tokens.ids)
    tokens.pieces.push_back(text::to_valid_utf8(tokenizer.piece(id, true)));
  return tokens;
}

void print_tokens(const TokenizeArguments& arguments, const Tokens& tokens) {
  if (arguments.json) {
    nlohmann::json out = {{"ids", tokens.ids}, {"vocabulary", tokens.vocabulary}};
    if (!tokens.pieces.empty()) out["pieces"] = tokens.pieces;
    print_out("{}\n", out.dump());
  } else if (arguments.pieces) {
    for (std::size_t i = 0; i < tokens.pieces.size(); ++i)
      print_out("{:>8}  {}\n", tokens.ids[i], nlohmann::json(tokens.pieces[i]).dump());
  } else {
    print_out("{}\n", fmt::join(tokens.ids, " "));
  }
}

Result<int> run_tokenize(const TokenizeArguments& arguments) {
  if (arguments.pieces && arguments.model.empty())
    return fail(Errc::kUsage, "tokenize: --pieces needs --model");
  PX_TRY(const Tokens tokens, tokens_of(arguments));
  print_tokens(arguments, tokens);
  if (arguments.output.empty()) return 0;
  using cartridges::pixellm::encode_input;
  PX_TRY(const pixelfs::Image image,
         encode_input(tokens.ids, cartridges::pixellm::version_for(tokens.vocabulary)));
  PX_CHECK(write_picture(arguments.output, image));
  print_to(stderr, "{}: {} tokens, {} x 1 pixels\n", arguments.output, tokens.ids.size(),
           image.width);
  return 0;
}

}  // namespace

VerbAction setup_tokenize(VerbSyntax& verb) {
  auto arguments = std::make_shared<TokenizeArguments>();
  verb.add_option("TEXT", arguments->text, "text to tokenize; - is stdin")->required();
  verb.add_option("-m,--model", arguments->model,
                  "cartridge, GGUF, tokenizer.json or a folder with one; default: Pixel-LLM v0's "
                  "rule");
  verb.add_option("--pre", arguments->pre,
                  "GGUF: the pre-tokenizer of a BPE vocabulary that names none, e.g. gpt-2");
  verb.add_option("-o,--output", arguments->output, "token image to write (input_tokens.pxi)");
  verb.add_flag("--special", arguments->special, "control tokens spelled in TEXT are themselves");
  verb.add_flag("--no-special", arguments->no_special, "no token in front or behind");
  verb.add_flag("--ids", arguments->ids_only, "ids on one line (the default)");
  verb.add_flag("--pieces", arguments->pieces, "one token a line, with its text")
      ->excludes("--ids");
  verb.add_flag("--json", arguments->json, "one JSON object: ids, pieces, size of the vocabulary");
  return [arguments] { return run_tokenize(*arguments); };
}

}  // namespace pxos::shell
