// watch: prints a growing sequence picture as it grows, until its final column.

#include "cartridges/cartridge.hpp"
#include "cartridges/pixellm/sequence.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <memory>
#include <thread>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

namespace pixellm = cartridges::pixellm;
using Clock = std::chrono::steady_clock;

/// Half the pause between two writes of a SequenceFile.
constexpr std::chrono::milliseconds kPoll{25};

struct WatchArguments {
  std::string file;
  std::string model;
  double timeout_seconds = 30;
};

Result<std::optional<text::Tokenizer>> tokenizer_of(const std::string& model) {
  if (model.empty()) return std::optional<text::Tokenizer>();
  PX_TRY(const std::filesystem::path path, find_cartridge(model));
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  const auto entries = cartridge.of_kind(cartridges::EntryKind::kTokenizer);
  if (entries.empty()) return fail(Errc::kUnsupported, "{}: no tokenizer in it", path.string());
  PX_TRY(text::Vocabulary vocabulary, text::parse_vocabulary(cartridge.bytes(*entries.front())));
  PX_TRY(text::Tokenizer tokenizer, text::Tokenizer::create(std::move(vocabulary)));
  return std::optional<text::Tokenizer>(std::move(tokenizer));
}

/// Prints what is new. A picture that no longer begins with what was shown is another answer.
class Printer {
 public:
  explicit Printer(const std::optional<text::Tokenizer>& tokenizer) : tokenizer_(tokenizer) {}

  Result<void> show(const pixellm::Sequence& now) {
    const auto differs =
        std::mismatch(shown_.begin(), shown_.end(), now.tokens.begin(), now.tokens.end());
    if (differs.first != shown_.end()) {
      print_out("\n");
      shown_.clear();
    }
    for (std::size_t i = shown_.size(); i < now.tokens.size(); ++i) PX_CHECK(print(now.tokens[i]));
    shown_ = now.tokens;
    if (now.finished) print_out("\n");
    std::fflush(stdout);
    return {};
  }

 private:
  Result<void> print(const pixellm::SequenceToken& token) const {
    if (!tokenizer_) {
      print_out("{}:{:.3f} ", token.id, token.probability);
      return {};
    }
    if (static_cast<std::size_t>(token.id) >= static_cast<std::size_t>(tokenizer_->size()))
      return fail(Errc::kInvalid, "token id {}, the model has {}", token.id, tokenizer_->size());
    if (!tokenizer_->is_end_of_generation(token.id)) print_out("{}", tokenizer_->piece(token.id));
    return {};
  }

  const std::optional<text::Tokenizer>& tokenizer_;
  std::vector<pixellm::SequenceToken> shown_;
};

/// The picture, none while there is no file. The file is replaced, never written in place, so what
/// is read is whole.
Result<std::optional<pixellm::Sequence>> read_sequence(const std::filesystem::path& path) {
  auto bytes = read_file(path, std::uint64_t{64} << 20U);
  if (!bytes && bytes.error().code == Errc::kNotFound) return std::optional<pixellm::Sequence>();
  if (!bytes) return tl::unexpected<Error>(std::move(bytes).error());
  PX_TRY(const pixelfs::Image image, pixelfs::decode_png(*bytes));
  PX_TRY(pixellm::Sequence sequence,
         pixellm::decode_sequence({image.width, image.height, image.channels, image.pixels}));
  return std::optional(std::move(sequence));
}

Result<int> run_watch(const WatchArguments& arguments) {
  const std::filesystem::path path = arguments.file;
  PX_TRY(const auto tokenizer, tokenizer_of(arguments.model));
  Printer printer(tokenizer);
  std::filesystem::file_time_type seen{};
  auto changed = Clock::now();
  while (true) {
    std::error_code missing;
    const auto written = std::filesystem::last_write_time(path, missing);
    if (!missing && written != seen) {
      auto sequence = read_sequence(path);
      if (!sequence) return in_context(path.string(), std::move(sequence).error());
      if (*sequence) {
        PX_CHECK(printer.show(**sequence));
        if ((*sequence)->finished) return 0;
        seen = written;
        changed = Clock::now();
      }
    }
    const double waited = std::chrono::duration<double>(Clock::now() - changed).count();
    if (waited > arguments.timeout_seconds)
      return fail(missing ? Errc::kNotFound : Errc::kIo, "{}: {} for {:g} s", path.string(),
                  missing ? "not there" : "no change and no final column",
                  arguments.timeout_seconds);
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace

VerbAction setup_watch(VerbSyntax& verb) {
  auto arguments = std::make_shared<WatchArguments>();
  verb.add_option("FILE", arguments->file, "sequence picture (output_sequence.pxi)")->required();
  verb.add_option("-m,--model", arguments->model,
                  "cartridge whose tokenizer turns ids into text; without: ids and probabilities");
  verb.add_option("--timeout", arguments->timeout_seconds,
                  "give up when nothing changes for so many seconds")
      ->capture_default_str();
  return [arguments] { return run_watch(*arguments); };
}

}  // namespace pxos::shell
