// conform: runs two Pixel Protocol implementations on the same token images and compares what they
// write. A command is called as: CMD --input input_tokens.pxi --out FOLDER, and writes
// output_token.pxi and, if it makes one, logits_heatmap.pxi there. `pxos infer --model M` is such a
// command.

#include "cartridges/pixellm/protocol.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

namespace pixellm = cartridges::pixellm;

constexpr std::array kPrompts = {
    "hello pixels", "pxOS", "a", " ", "def ", "caf\xC3\xA9 \xCE\xBB\xE2\x86\x92", "0123456789"};

struct ConformArguments {
  std::string first, second;
  std::vector<std::string> prompts;
  std::string folder;
};

/// 'text' as one word for the system's shell.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

Result<void> run_command(const std::string& command, const std::filesystem::path& input,
                         const std::filesystem::path& folder) {
  std::error_code ignored;
  std::filesystem::create_directories(folder, ignored);
  const std::string line =
      fmt::format("{} --input {} --out {} >{}", command, quoted(input.string()),
                  quoted(folder.string()), quoted((folder / "stdout.txt").string()));
  const int status = std::system(line.c_str());
  if (status != 0)
    return fail(Errc::kInvalid, "'{}' ended with status {} on {}", command, status, input.string());
  return {};
}

int largest_difference(const pixelfs::Image& a, const pixelfs::Image& b) {
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i) {
    largest =
        std::max(largest, std::abs(static_cast<int>(a.pixels[i]) - static_cast<int>(b.pixels[i])));
  }
  return largest;
}

/// What differs between two folders of output; empty when they conform.
Result<std::string> difference(const std::filesystem::path& a, const std::filesystem::path& b) {
  constexpr int kHeatTolerance = 1;
  for (const auto& [file, tolerance] : {std::pair{pixellm::kOutputTokenFile, 0},
                                        std::pair{pixellm::kHeatmapFile, kHeatTolerance}}) {
    const bool in_a = std::filesystem::exists(a / file);
    const bool in_b = std::filesystem::exists(b / file);
    if (file == pixellm::kHeatmapFile && !in_a && !in_b) continue;
    PX_TRY(const pixelfs::Image one, read_picture(a / file));
    PX_TRY(const pixelfs::Image two, read_picture(b / file));
    if (one.width != two.width || one.height != two.height || one.channels != two.channels) {
      return fmt::format("{}: {} x {} x {} and {} x {} x {}", file, one.width, one.height,
                         one.channels, two.width, two.height, two.channels);
    }
    const int largest = largest_difference(one, two);
    if (largest > tolerance)
      return fmt::format("{}: bytes differ by up to {}, allowed {}", file, largest, tolerance);
  }
  return std::string();
}

Result<int> run_conform(const ConformArguments& arguments) {
  std::vector<std::string> prompts = arguments.prompts;
  if (prompts.empty())
    for (const char* prompt : kPrompts) prompts.emplace_back(prompt);
  std::size_t failures = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const std::filesystem::path folder =
        std::filesystem::path(arguments.folder) / fmt::format("{:02}", i);
    std::error_code ignored;
    std::filesystem::create_directories(folder, ignored);
    PX_TRY(const auto tokens, pixellm_tokens(prompts[i]));
    PX_TRY(const pixelfs::Image image,
           pixellm::encode_input(tokens, pixellm::ProtocolVersion::kV1));
    const std::filesystem::path input = folder / pixellm::kInputTokensFile;
    PX_CHECK(write_picture(input, image));
    PX_CHECK(run_command(arguments.first, input, folder / "a"));
    PX_CHECK(run_command(arguments.second, input, folder / "b"));
    PX_TRY(const std::string found, difference(folder / "a", folder / "b"));
    print_out("{:<24} {}\n", prompts[i], found.empty() ? "equal" : "DIFFERENT: " + found);
    if (!found.empty()) ++failures;
  }
  if (failures != 0) {
    return fail(Errc::kInvalid, "{} of {} prompts differ; the images are in {}", failures,
                prompts.size(), arguments.folder);
  }
  return 0;
}

}  // namespace

VerbAction setup_conform(VerbSyntax& verb) {
  auto arguments = std::make_shared<ConformArguments>();
  verb.add_option("CMD_A", arguments->first, "command; called with --input IMAGE --out FOLDER")
      ->required();
  verb.add_option("CMD_B", arguments->second, "the other command")->required();
  verb.add_option("-p,--prompt", arguments->prompts,
                  "prompt to try (repeatable); default: a built-in set");
  verb.add_option("-o,--out", arguments->folder, "folder that keeps every image")
      ->default_val("conform-out");
  return [arguments] { return run_conform(*arguments); };
}

}  // namespace pxos::shell
