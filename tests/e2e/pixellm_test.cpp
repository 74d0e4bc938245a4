// Pixel-LLM v0 through Pixel Protocol v1, computed by the pixel program. Oracle:
// ../shared/conformance/pixellm.

#include "cartridges/pixellm/model_v0.hpp"
#include "cartridges/pixellm/protocol.hpp"
#include "hypervisor/pixel_inference.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/base/file.hpp"
#include "tests/e2e/model_fixture.hpp"
#include "tests/e2e/read_png.hpp"

#include <cmath>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace pxos {
namespace {

using hypervisor::Mount;
using hypervisor::PixelInference;
using nlohmann::json;

using test::read_png;

/// The original model of one weight set, as a mounted cartridge.
class PixelLlm {
 public:
  PixelLlm(const std::filesystem::path& folder, const std::string& set) {
    const pixelfs::Image image = read_png(folder / ("pixellm_v0." + set + ".pxi"));
    const auto json_bytes = read_file(folder / ("pixellm_v0." + set + ".meta.json"));
    REQUIRE(json_bytes);
    const auto meta = cartridges::pixellm::parse_meta(*json_bytes);
    INFO((meta ? "" : meta.error().message));
    REQUIRE(meta);
    cartridges::ImportOptions options;
    options.output = folder_ / "pixellm.pxa";
    options.find_program = test::find_embedded_program;
    const auto report = cartridges::pixellm::to_cartridge(image, *meta, options);
    INFO((report ? "" : report.error().message));
    REQUIRE(report);
    auto created = hypervisor::Hypervisor::create({});
    REQUIRE(created);
    hypervisor_ = *std::move(created);
    const auto info = hypervisor_->mount(options.output);
    INFO((info ? "" : info.error().message));
    REQUIRE(info);
    name_ = info->name;
  }

  Result<PixelInference> infer(const pixelfs::Image& input) {
    Result<PixelInference> result;
    const auto done = hypervisor_->with_mount(name_, [&](Mount& mount) -> Result<void> {
      result = hypervisor::pixel_infer(mount, input, {});
      return {};
    });
    REQUIRE(done);
    return result;
  }

 private:
  test::TempFolder folder_;
  std::unique_ptr<hypervisor::Hypervisor> hypervisor_;
  std::string name_;
};

void check_floats(const json& expected, std::span<const float> found, double tolerance) {
  REQUIRE(expected.size() == found.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    INFO("element " << i);
    CHECK(std::abs(expected[i].get<double>() - static_cast<double>(found[i])) <= tolerance);
  }
}

void check_case(const json& expected, const PixelInference& found) {
  constexpr double kTolerance = 1e-5;
  check_floats(expected["pooled_f64"], found.pooled, kTolerance);
  check_floats(expected["hidden_f64"], found.hidden, kTolerance);
  check_floats(expected["logits_f64"], found.logits, kTolerance);
  std::vector<std::uint8_t> prediction;
  for (const json& pixel : expected["prediction_pixels_rgb"]) {
    for (const json& channel : pixel) prediction.push_back(channel.get<std::uint8_t>());
  }
  CHECK(found.top_image.pixels == prediction);
  const json& heat = expected["heatmap_gray"];
  REQUIRE(heat.size() == found.heat_map.pixels.size());
  for (std::size_t i = 0; i < heat.size(); ++i) {
    CHECK(std::abs(heat[i].get<int>() - static_cast<int>(found.heat_map.pixels[i])) <= 1);
  }
}

TEST_CASE("every shared prompt gives the original's tokens, pixels and numbers",
          "[e2e][pixellm][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pixellm");
  const std::string set = GENERATE("untrained", "trained");
  PixelLlm model(folder, set);
  const json expected = json::parse(test::read_text(folder / ("expected." + set + ".json")));
  for (const json& one : expected["cases"]) {
    INFO(set << ": " << one["prompt"]);
    const std::string file = fmt::format("protocol/{}/{:02d}.", set, one["index"].get<int>());
    const pixelfs::Image input = read_png(folder / (file + "input_tokens.pxi"));
    const auto tokens = cartridges::pixellm::decode_input(input, 1024);
    REQUIRE(tokens);
    CHECK(tokens->ids == one["tokens"].get<std::vector<std::int32_t>>());
    const auto found = model.infer(input);
    INFO((found ? "" : found.error().message));
    REQUIRE(found);
    check_case(one, *found);
    CHECK(found->top_image.pixels == read_png(folder / (file + "output_token.pxi")).pixels);
  }
}

TEST_CASE("the untrained set answers 'hello pixels' and 'pxOS' as published",
          "[e2e][pixellm][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pixellm");
  PixelLlm model(folder, "untrained");
  const auto hello = model.infer(read_png(folder / "protocol/untrained/00.input_tokens.pxi"));
  REQUIRE(hello);
  CHECK(fmt::format("[{:.4f}, {:.4f}]", hello->logit_min, hello->logit_max) == "[-0.0773, 0.0826]");
  CHECK(hello->top_ids[0] == 971);
  CHECK(hello->top_ids[1] == 702);
  const auto pxos_prompt = model.infer(read_png(folder / "protocol/untrained/01.input_tokens.pxi"));
  REQUIRE(pxos_prompt);
  CHECK(std::count_if(pxos_prompt->hidden.begin(), pxos_prompt->hidden.end(),
                      [](float h) { return h != 0; }) == 66);
}

TEST_CASE("encoding the original weights gives the committed pixels and meta values",
          "[e2e][pixellm][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pixellm");
  const std::string set = GENERATE("untrained", "trained");
  const auto npz = read_file(folder / ("pixellm_v0." + set + ".npz"));
  REQUIRE(npz);
  const auto weights = cartridges::parse_npz(*npz);
  REQUIRE(weights);
  const auto encoded = cartridges::pixellm::encode(*weights);
  REQUIRE(encoded);
  CHECK(encoded->image.pixels == read_png(folder / ("pixellm_v0." + set + ".pxi")).pixels);
  json ours = json::parse(cartridges::pixellm::meta_json(encoded->meta));
  json theirs = json::parse(test::read_text(folder / ("pixellm_v0." + set + ".meta.json")));
  ours.erase("image_path");
  theirs.erase("image_path");
  CHECK(ours == theirs);
}

pixelfs::Image token_image(std::vector<std::uint8_t> pixels) {
  return {static_cast<std::uint32_t>(pixels.size() / 3), 1, 3, std::move(pixels)};
}

TEST_CASE("the program itself refuses what the protocol forbids", "[e2e][pixellm][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(folder, "pixellm");
  PixelLlm model(folder, "untrained");
  const auto refusal = [&](std::vector<std::uint8_t> pixels) {
    const auto found = model.infer(token_image(std::move(pixels)));
    REQUIRE_FALSE(found);
    CHECK(found.error().code == Errc::kTrap);
    return found.error().message;
  };
  CHECK(refusal({1, 0, 2, 65, 0, 0}).find("version is not 1") != std::string::npos);
  CHECK(refusal({0, 0, 1, 65, 0, 0}).find("prompt is empty") != std::string::npos);
  CHECK(refusal({2, 0, 1, 65, 0, 0}).find("narrower") != std::string::npos);
  CHECK(refusal({1, 0, 1, 0, 4, 0}).find("not below the vocabulary") != std::string::npos);
  CHECK(model.infer(token_image({1, 0, 1, 255, 3, 0, 9, 9, 9}))
            .has_value());  // a wider image than N + 1 is fine
}

}  // namespace
}  // namespace pxos
