// infer: a Pixel-LLM through Pixel Protocol images: token image in, top-k image and heat map out.

#include "cartridges/pixellm/protocol.hpp"
#include "hypervisor/pixel_inference.hpp"
#include "pixelfs/kind.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/text/utf8.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <unistd.h>

namespace pxos::shell {
namespace {

namespace pixellm = cartridges::pixellm;

struct InferArguments {
  std::string text;
  std::string input;
  std::string model;
  std::string output = ".";
  hypervisor::PixelInferenceOptions options;
  bool verbose = false;
};

/// A folder under the system's temporary one, gone at scope exit.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "pxos-infer-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
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

Result<pixelfs::Image> input_image(const InferArguments& arguments) {
  if (!arguments.input.empty()) return read_picture(arguments.input);
  PX_TRY(const auto tokens, pixellm_tokens(arguments.text));
  return pixellm::encode_input(tokens, pixellm::ProtocolVersion::kV1);
}

void print_steps(const pixelfs::Image& input, const hypervisor::PixelInference& result) {
  const auto active =
      std::count_if(result.hidden.begin(), result.hidden.end(), [](float h) { return h != 0; });
  fmt::print("1 decode   {} pixels -> {} tokens\n", input.width,
             input.pixels[0] + 256 * input.pixels[1]);
  fmt::print("2 embed    mean of their rows -> [{}], first {:.6f} {:.6f} {:.6f}\n",
             result.pooled.size(), result.pooled[0], result.pooled[1], result.pooled[2]);
  fmt::print("3 hidden   relu -> {} of {} active:", active, result.hidden.size());
  for (std::size_t i = 0; i < result.hidden.size(); ++i) {
    if (result.hidden[i] != 0) fmt::print(" {}:{:.4f}", i, result.hidden[i]);
  }
  fmt::print("\n4 logits   [{}]\n", result.logits.size());
  fmt::print("5 encode   top {} -> {} x 1 pixels, heat map {} x {}\n", result.top_ids.size(),
             result.top_image.width, result.heat_map.width, result.heat_map.height);
}

std::string character(std::int32_t id) {
  if (id < 32 || id == 127) return "";
  std::string out = "'";
  text::append_utf8(out, static_cast<char32_t>(id));
  return out + "'";
}

/// The ten most likely tokens of all logits, or K when that is more.
void print_top(const hypervisor::PixelInference& result) {
  fmt::print("logits in [{:.4f}, {:.4f}]\n", result.logit_min, result.logit_max);
  fmt::print("{:>4} {:>6} {:>10} {:>10} {:>12}  char\n", "rank", "id", "logit", "of listed",
             "probability");
  for (std::size_t i = 0; i < result.top_ids.size(); ++i) {
    // Only the K tokens of the picture have a share of it.
    const std::string listed = result.top_probability[i] > 0
                                   ? fmt::format("{:.2f}%", result.top_probability[i] * 100)
                                   : "-";
    fmt::print("{:>4} {:>6} {:>10.6f} {:>10} {:>11.4f}%  {}\n", i + 1, result.top_ids[i],
               result.top_logits[i], listed, result.true_probability[i] * 100,
               character(result.top_ids[i]));
  }
}

Result<int> run_infer(const InferArguments& arguments) {
  if (arguments.text.empty() == arguments.input.empty()) {
    return fail(Errc::kUsage, "infer wants either TEXT or --input IMAGE");
  }
  const ScratchFolder scratch;
  PX_TRY(const std::filesystem::path cartridge, cartridge_for(arguments.model, scratch));
  PX_TRY(const pixelfs::Image input, input_image(arguments));
  MountArguments mount;
  mount.cartridge = cartridge.string();
  PX_TRY(Mounted mounted, mount_cartridge(mount));
  hypervisor::PixelInference listed;
  hypervisor::PixelInference result;
  PX_CHECK(mounted.hypervisor->with_mount(
      mounted.info.name, [&](hypervisor::Mount& model) -> Result<void> {
        hypervisor::PixelInferenceOptions ten = arguments.options;
        ten.top_k = std::max<std::int64_t>(10, ten.top_k);
        PX_TRY(listed, hypervisor::pixel_infer(model, input, ten));
        PX_TRY(result, hypervisor::pixel_infer(model, input, arguments.options));
        return {};
      }));
  // The picture carries the softmax over its own K tokens; the table shows that figure where there
  // is one.
  std::copy(result.top_probability.begin(), result.top_probability.end(),
            listed.top_probability.begin());
  std::fill(
      listed.top_probability.begin() + static_cast<std::ptrdiff_t>(result.top_probability.size()),
      listed.top_probability.end(), 0.0F);
  if (arguments.verbose) print_steps(input, result);
  print_top(listed);
  const std::filesystem::path folder = arguments.output;
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  PX_CHECK(write_picture(folder / pixellm::kInputTokensFile, input));
  PX_CHECK(write_picture(folder / pixellm::kOutputTokenFile, result.top_image));
  PX_CHECK(write_picture(folder / pixellm::kHeatmapFile, result.heat_map));
  return 0;
}

}  // namespace

VerbAction setup_infer(CLI::App& verb) {
  auto arguments = std::make_shared<InferArguments>();
  verb.add_option("TEXT", arguments->text, "prompt");
  verb.add_option("--input", arguments->input, "token image (input_tokens.pxi) instead of TEXT");
  verb.add_option("-m,--model", arguments->model,
                  "cartridge, or Pixel-LLM v0 picture with its meta.json")
      ->default_val("pixellm_v0");
  verb.add_option("-o,--out", arguments->output, "folder for the images")->capture_default_str();
  verb.add_option("-k,--top-k", arguments->options.top_k, "tokens in the output image")
      ->capture_default_str();
  verb.add_option("--heatmap-width", arguments->options.heatmap_width, "pixels")
      ->capture_default_str();
  verb.add_flag("-v,--verbose", arguments->verbose, "show the five steps and every active unit");
  return [arguments] { return run_infer(*arguments); };
}

}  // namespace pxos::shell
