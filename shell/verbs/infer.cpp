// infer: any model through Pixel Protocol images: token image in, top-k image and heat map out; the
// answer as pictures that grow, if wanted.

#include "cartridges/pixellm/sequence.hpp"
#include "hypervisor/beam_search.hpp"
#include "hypervisor/generate.hpp"
#include "hypervisor/pixel_inference.hpp"
#include "hypervisor/pixel_model.hpp"
#include "pixelfs/kind.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/text/utf8.hpp"
#include "shell/print.hpp"
#include "shell/verbs/scratch_folder.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

namespace pixellm = cartridges::pixellm;
using hypervisor::Mount;
using hypervisor::PixelInference;

struct InferArguments {
  std::string text;
  std::string input;
  std::string model;
  std::string output = ".";
  std::string engine = "cartridge";
  hypervisor::PixelInferenceOptions options;
  std::vector<std::string> emit;
  std::int64_t max_tokens = 64;
  bool chat = false;
  bool verbose = false;

  [[nodiscard]] bool emits(std::string_view what) const {
    return std::find(emit.begin(), emit.end(), what) != emit.end();
  }
};

/// The cartridge to mount: the model itself, or one made from a picture with its meta.json.
Result<std::filesystem::path> cartridge_for(const std::string& model,
                                            const ScratchFolder& scratch) {
  PX_TRY(const std::filesystem::path path, find_cartridge(model));
  PX_TRY(const MappedFile file, MappedFile::open(path));
  if (pixelfs::identify(file.bytes()).kind == pixelfs::FileKind::kCartridge) return path;
  PX_TRY(const auto meta, read_pixellm_meta(path));
  PX_TRY(const pixelfs::Image image, read_picture(path));
  cartridges::ImportOptions options;
  options.output = scratch.path() / "model.pxa";
  options.find_program = find_program;
  PX_CHECK(pixellm::to_cartridge(image, meta, options));
  return options.output;
}

/// The prompt as a picture: the one that was given, or TEXT by the model's own tokens.
Result<pixelfs::Image> input_image(const InferArguments& arguments, Mount& mount) {
  if (!arguments.input.empty()) return read_picture(arguments.input);
  if (!mount.has_model()) {
    PX_TRY(const auto tokens, pixellm_tokens(arguments.text));
    return pixellm::encode_input(tokens, pixellm::ProtocolVersion::kV1);
  }
  std::vector<std::int32_t> tokens;
  if (arguments.chat) {
    if (mount.chat_template() == nullptr)
      return fail(Errc::kUnsupported, "cartridge '{}' has no chat template", mount.name());
    mount.messages = {{"user", arguments.text}};
    PX_TRY(tokens, hypervisor::chat_tokens(mount));
  } else {
    PX_TRY(tokens, mount.tokenizer()->encode(arguments.text, {true, false}));
  }
  return pixellm::encode_input(
      tokens, pixellm::version_for(static_cast<std::uint64_t>(mount.vocabulary_size())));
}

void print_steps(const pixelfs::Image& input, const hypervisor::PixelInference& result) {
  const auto active =
      std::count_if(result.hidden.begin(), result.hidden.end(), [](float h) { return h != 0; });
  print_out("1 decode   {} pixels -> {} tokens\n", input.width,
            input.pixels[0] + 256 * input.pixels[1]);
  print_out("2 embed    mean of their rows -> [{}], first {:.6f} {:.6f} {:.6f}\n",
            result.pooled.size(), result.pooled[0], result.pooled[1], result.pooled[2]);
  print_out("3 hidden   relu -> {} of {} active:", active, result.hidden.size());
  for (std::size_t i = 0; i < result.hidden.size(); ++i) {
    if (result.hidden[i] != 0) print_out(" {}:{:.4f}", i, result.hidden[i]);
  }
  print_out("\n4 logits   [{}]\n", result.logits.size());
  print_out("5 encode   top {} -> {} x 1 pixels, heat map {} x {}\n", result.top_ids.size(),
            result.top_image.width, result.heat_map.width, result.heat_map.height);
}

std::string character(std::int32_t id) {
  if (id < 32 || id == 127) return "";
  std::string out = "'";
  text::append_utf8(out, static_cast<char32_t>(id));
  return out + "'";
}

/// In quotes, control characters and quotes escaped.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '\n')
      out += "\\n";
    else if (code < 32 || code == 127)
      out += fmt::format("\\x{:02x}", code);
    else if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out + "\"";
}

/// A token's text for a table.
std::string piece_text(const Mount& mount, std::int32_t id) {
  if (!mount.has_model()) return character(id);
  return in_quotes(mount.tokenizer()->piece(id));
}

/// The ten most likely tokens of all logits, or K when that is more.
void print_top(const Mount& mount, const PixelInference& result) {
  print_out("logits in [{:.4f}, {:.4f}]\n", result.logit_min, result.logit_max);
  print_out("{:>4} {:>6} {:>10} {:>10} {:>12}  text\n", "rank", "id", "logit", "of listed",
            "probability");
  for (std::size_t i = 0; i < result.top_ids.size(); ++i) {
    // Only the K tokens of the picture have a share of it.
    const std::string listed = result.top_probability[i] > 0
                                   ? fmt::format("{:.2f}%", result.top_probability[i] * 100)
                                   : "-";
    print_out("{:>4} {:>6} {:>10.6f} {:>10} {:>11.4f}%  {}\n", i + 1, result.top_ids[i],
              result.top_logits[i], listed, result.true_probability[i] * 100,
              piece_text(mount, result.top_ids[i]));
  }
}

Result<PixelInference> infer_once(Mount& mount, const pixelfs::Image& input,
                                  const hypervisor::PixelInferenceOptions& options) {
  return mount.has_model() ? hypervisor::pixel_infer_model(mount, input, options)
                           : hypervisor::pixel_infer(mount, input, options);
}

/// The answer, greedily, while its picture grows; its text goes to stdout.
Result<void> emit_sequence(const InferArguments& arguments, Mount& mount,
                           const pixellm::SequenceToken& first) {
  pixellm::SequenceFile file(
      std::filesystem::path(arguments.output) / pixellm::kOutputSequenceFile,
      pixellm::sequence_version_for(static_cast<std::uint64_t>(mount.vocabulary_size())));
  const auto on_token = [&](const pixellm::SequenceToken& token) -> Result<void> {
    if (!mount.tokenizer()->is_end_of_generation(token.id))
      print_out("{}", mount.tokenizer()->piece(token.id));
    std::fflush(stdout);
    return file.add(token);
  };
  PX_TRY(const auto tokens,
         hypervisor::continue_greedily(mount, first, arguments.max_tokens, on_token));
  print_out("\nsequence    {} tokens\n", tokens.size());
  return file.finish();
}

/// The K likeliest answers to the prompt the session holds, by beam search, as one picture.
Result<void> emit_beams(const InferArguments& arguments, Mount& mount) {
  const auto version =
      pixellm::sequence_version_for(static_cast<std::uint64_t>(mount.vocabulary_size()));
  hypervisor::AskOptions options;
  options.beams = arguments.options.top_k;
  options.max_tokens = arguments.max_tokens;
  const std::vector<std::int32_t> prompt = mount.history();
  mount.rewind(0);
  const std::atomic<bool> never{false};
  PX_TRY(const auto report, hypervisor::beam_search(mount, prompt, options, {}, never));
  std::vector<pixellm::Sequence> beams;
  for (const hypervisor::Beam& beam : report.beams) {
    pixellm::Sequence row{version, {}, true};
    for (std::size_t i = 0; i < beam.tokens.size(); ++i)
      row.tokens.push_back({beam.tokens[i], std::min(1.0, std::exp(beam.logprobs[i]))});
    print_out("beam {:>2} {:>9.4f} {}\n", beams.size() + 1, beam.score, in_quotes(beam.text));
    beams.push_back(std::move(row));
  }
  mount.rewind(0);
  PX_TRY(const auto logits, mount.evaluate(prompt, 1));
  static_cast<void>(logits);
  PX_TRY(const pixelfs::Image image, pixellm::encode_beams(beams));
  return write_picture(std::filesystem::path(arguments.output) / pixellm::kOutputBeamsFile, image);
}

Result<void> emit(const InferArguments& arguments, Mount& mount, const PixelInference& prompt) {
  if (arguments.emit.empty()) return {};
  if (!mount.has_model())
    return fail(Errc::kUnsupported,
                "--emit continues a text: this cartridge has no language model");
  if (arguments.emits("beams")) PX_CHECK(emit_beams(arguments, mount));
  if (!arguments.emits("sequence")) return {};
  return emit_sequence(arguments, mount,
                       {prompt.top_ids.front(), std::min(1.0, prompt.true_probability.front())});
}

/// Two inferences: one lists at least ten tokens for people, one makes the pictures.
Result<void> infer_with(const InferArguments& arguments, Mount& mount) {
  PX_TRY(const pixelfs::Image input, input_image(arguments, mount));
  hypervisor::PixelInferenceOptions ten = arguments.options;
  ten.top_k = std::max(std::min<std::int64_t>(10, mount.vocabulary_size()), ten.top_k);
  PX_TRY(PixelInference listed, infer_once(mount, input, ten));
  PX_TRY(const PixelInference result, infer_once(mount, input, arguments.options));
  // The picture carries the softmax over its own K tokens; the table shows that figure where there
  // is one.
  std::copy(result.top_probability.begin(), result.top_probability.end(),
            listed.top_probability.begin());
  std::fill(
      listed.top_probability.begin() + static_cast<std::ptrdiff_t>(result.top_probability.size()),
      listed.top_probability.end(), 0.0F);
  if (arguments.verbose && !mount.has_model()) print_steps(input, result);
  print_top(mount, listed);
  const std::filesystem::path folder = arguments.output;
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  PX_CHECK(write_picture(folder / pixellm::kInputTokensFile, input));
  PX_CHECK(write_picture(folder / pixellm::kOutputTokenFile, result.top_image));
  PX_CHECK(write_picture(folder / pixellm::kHeatmapFile, result.heat_map));
  return emit(arguments, mount, result);
}

/// A watcher that is started beside this must not take the last answer for this one.
void remove_old_answers(const InferArguments& arguments) {
  std::error_code absent;
  const std::filesystem::path folder = arguments.output;
  if (arguments.emits("sequence"))
    std::filesystem::remove(folder / pixellm::kOutputSequenceFile, absent);
  if (arguments.emits("beams")) std::filesystem::remove(folder / pixellm::kOutputBeamsFile, absent);
}

Result<int> run_infer(const InferArguments& arguments) {
  if (arguments.text.empty() == arguments.input.empty()) {
    return fail(Errc::kUsage, "infer wants either TEXT or --input IMAGE");
  }
  remove_old_answers(arguments);
  PX_TRY(const ScratchFolder scratch, ScratchFolder::create({}));
  PX_TRY(const std::filesystem::path cartridge, cartridge_for(arguments.model, scratch));
  MountArguments mount;
  mount.cartridge = cartridge.string();
  const bool plain = arguments.engine == "pxvm";
  if (plain) mount.threads = 1;
  PX_TRY(const Mounted mounted, mount_cartridge(mount));
  PX_CHECK(mounted.hypervisor->with_mount(mounted.info.name, [&](Mount& model) {
    if (plain) model.machine().set_fusion(false);
    return infer_with(arguments, model);
  }));
  return 0;
}

}  // namespace

VerbAction setup_infer(VerbSyntax& verb) {
  auto arguments = std::make_shared<InferArguments>();
  verb.add_option("TEXT", arguments->text, "prompt");
  verb.add_option("--input", arguments->input, "token image (input_tokens.pxi) instead of TEXT");
  verb.add_option("-m,--model", arguments->model,
                  "cartridge, or Pixel-LLM v0 picture with its meta.json")
      ->default_val("pixellm_v0");
  verb.add_option("-o,--out", arguments->output, "folder for the images")->capture_default_str();
  verb.add_option("--engine", arguments->engine,
                  "cartridge: as mounted, fused and on all threads; pxvm: the program alone, one "
                  "instruction after another. The pictures are the same")
      ->one_of({"cartridge", "pxvm"})
      ->capture_default_str();
  verb.add_option("-k,--top-k", arguments->options.top_k, "tokens in the output image")
      ->capture_default_str();
  verb.add_option("--heatmap-width", arguments->options.heatmap_width, "pixels")
      ->capture_default_str();
  verb.add_option("--emit", arguments->emit,
                  "sequence: the answer as output_sequence.pxi while it grows; beams: the K "
                  "likeliest answers (beam search), as output_beams.pxi")
      ->delimiter(',')
      ->one_of({"sequence", "beams"});
  verb.add_option("-n", arguments->max_tokens, "tokens of a sequence or beam, at most")
      ->in_range(1, 65534)
      ->capture_default_str();
  verb.add_flag("--chat", arguments->chat, "TEXT as a message, through the chat template");
  verb.add_flag("-v,--verbose", arguments->verbose,
                "Pixel-LLM: show the five steps and every active unit");
  return [arguments] { return run_infer(*arguments); };
}

}  // namespace pxos::shell
