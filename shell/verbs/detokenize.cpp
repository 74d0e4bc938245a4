// detokenize: token ids back to text.

#include "shell/print.hpp"
#include "shell/verbs/token_source.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pxos::shell {
namespace {

struct DetokenizeArguments {
  std::vector<std::int32_t> ids;
  std::string model;
  bool special = false;
  bool json = false;
};

Result<int> run_detokenize(const DetokenizeArguments& arguments) {
  PX_TRY(const text::Tokenizer tokenizer, open_tokenizer(arguments.model));
  for (const std::int32_t id : arguments.ids) {
    if (id < 0 || id >= tokenizer.size())
      return fail(Errc::kInvalid, "detokenize: id {} outside a vocabulary of {}", id,
                  tokenizer.size());
  }
  const std::string text =
      tokenizer.decode(arguments.ids, {.show_control = arguments.special, .strip_prefix = true});
  print_out("{}\n", arguments.json ? nlohmann::json{{"text", text}}.dump() : text);
  return 0;
}

}  // namespace

VerbAction setup_detokenize(VerbSyntax& verb) {
  auto arguments = std::make_shared<DetokenizeArguments>();
  verb.add_option("ID", arguments->ids, "token ids")->required();
  verb.add_option("-m,--model", arguments->model,
                  "cartridge, GGUF, tokenizer.json or a folder with one")
      ->required();
  verb.add_flag("--special", arguments->special, "spell control tokens");
  verb.add_flag("--json", arguments->json, "one JSON object: text");
  return [arguments] { return run_detokenize(*arguments); };
}

}  // namespace pxos::shell
