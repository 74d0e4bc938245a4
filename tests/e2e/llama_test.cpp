// Real LLaMA models through every layer: text, perplexity, bits. Oracles:
// ../shared/conformance/models.

#include "hypervisor/perplexity.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <algorithm>
#include <fstream>
#include <map>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using hypervisor::AskOptions;
using hypervisor::Mount;
using test::Model;
using test::ModelOptions;

/// The sample that the author of stories260K publishes for temperature 0.
constexpr const char* kStories260KText =
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. "
    "One day, she saw a "
    "big, red ball. She wanted to play with it, but it was too high.\n"
    "Lily's mom said, \"Lily, let's go to the park.\" Lily was sad and didn't know what to do. She "
    "said, \"I want to "
    "play with your ball, but I can't find it.\"\n"
    "Lily was sad and didn't know what to do. She said, \"I'm sorry, Lily. I didn't know what to "
    "do.\"\n"
    "Lily didn't want to help her mom, so she said, \"I'm sorry, mom. I didn't know what to do.\" "
    "Her mom said, "
    "\"Don't worry, Lily. We can help you.";

std::string greedy(Model& model, std::string_view prompt, std::int64_t tokens) {
  AskOptions options;
  options.max_tokens = tokens;
  options.sampling = text::SamplerOptions{};
  const auto report = model.hypervisor().ask(model.name(), prompt, options);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  return report->text;
}

/// The block of expected-greedy.txt for one type, without the leading space the SPM decoder adds.
std::string recorded_greedy(const std::filesystem::path& file, std::string_view heading) {
  const std::string all = test::read_text(file);
  const std::size_t at = all.find(heading);
  REQUIRE(at != std::string::npos);
  const std::size_t from = all.find('\n', at) + 1;
  std::string block = all.substr(from, all.find("\n==", from) - from);
  while (!block.empty() && (block.back() == '\n' || block.back() == ' ')) block.pop_back();
  return block.front() == ' ' ? block.substr(1) : block;
}

double perplexity_of(const std::filesystem::path& gguf, const std::filesystem::path& corpus) {
  ModelOptions options;
  options.context = 256;
  Model model(gguf, options);
  const std::string text = test::read_text(corpus);
  double result = 0;
  model.with([&](Mount& mount) -> Result<void> {
    PX_TRY(const auto report, hypervisor::perplexity(mount, text, 256));
    result = report.perplexity;
    return {};
  });
  return result;
}

TEST_CASE("stories260K F32 writes its author's sample, byte for byte", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  Model model(models / "stories260K-gguf/stories260K.gguf");
  const std::string prompt = "Once upon a time";
  const std::string text = prompt + greedy(model, prompt, 400);
  CHECK(text.substr(0, std::string(kStories260KText).size()) == kStories260KText);
}

TEST_CASE("TinyStories-656K F32 writes the recorded text", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  Model model(models / "TinyStories-656K-gguf/derived/TinyStories-656K-F32-fixtok.gguf");
  const std::string expected =
      recorded_greedy(models / "TinyStories-656K-gguf/expected-greedy.txt", "== F32-fixtok");
  const std::string prompt = "Once upon a time";
  std::string text = prompt + greedy(model, prompt, 60);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  CHECK(text == expected);
}

struct Perplexity {
  const char* file;
  double recorded;
  double tolerance;  ///< relative
};

TEST_CASE("perplexities of the small models are the recorded ones", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(data, ".");
  const auto row = GENERATE(
      Perplexity{"stories260K-gguf/stories260K.gguf", 4.9636, 0.001},
      Perplexity{"stories260K-gguf/derived/stories260K-F16.gguf", 4.9635, 0.001},
      Perplexity{"stories260K-gguf/derived/stories260K-Q8_0.gguf", 4.9705, 0.0015},
      Perplexity{"stories260K-gguf/derived/stories260K-Q4_0.gguf", 5.3156, 0.0015},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-F32-fixtok.gguf", 31.8601, 0.001},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-F16-fixtok.gguf", 31.8598, 0.001},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-BF16-fixtok.gguf", 31.8540, 0.001},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-Q8_0-fixtok.gguf", 31.8858,
                 0.0015},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-Q5_1-fixtok.gguf", 32.1223,
                 0.0015},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-Q5_0-fixtok.gguf", 32.1247,
                 0.0015},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-Q4_K_M-fixtok.gguf", 32.1514,
                 0.0015},
      // Nobody recorded this one: it is what the dequantised weights give with float activations.
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-IQ4_NL-fixtok.gguf", 33.1384,
                 0.0015},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-Q4_1-fixtok.gguf", 32.9595,
                 0.0015},
      Perplexity{"TinyStories-656K-gguf/derived/TinyStories-656K-Q4_0-fixtok.gguf", 33.7905,
                 0.0015});
  const double found = perplexity_of(data / "models" / row.file,
                                     data / "corpora/tinystories-valid-ts656k-charset-40k.txt");
  INFO(row.file << ": " << found << ", recorded " << row.recorded);
  CHECK(std::abs(found - row.recorded) <= row.tolerance * row.recorded);
}

/// Logits of every position of `tokens`, evaluated in one piece.
std::vector<std::vector<float>> all_logits(Model& model, const std::vector<std::int32_t>& tokens) {
  std::vector<std::vector<float>> rows;
  model.with([&](Mount& mount) -> Result<void> {
    mount.rewind(0);
    for (std::size_t at = 0; at < tokens.size(); at += Mount::kMaxLogitRows) {
      const std::size_t count = std::min<std::size_t>(tokens.size() - at, Mount::kMaxLogitRows);
      PX_TRY(const auto logits,
             mount.evaluate({tokens.data() + at, count}, static_cast<std::int64_t>(count)));
      const std::size_t width = logits.size() / count;
      for (std::size_t i = 0; i < count; ++i) {
        rows.emplace_back(logits.begin() + static_cast<std::ptrdiff_t>(i * width),
                          logits.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
      }
    }
    return {};
  });
  return rows;
}

std::size_t top(const std::vector<float>& row) {
  return static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin());
}

float gap_to_second(std::vector<float> row) {
  std::nth_element(row.begin(), row.begin() + 1, row.end(), std::greater<>());
  return row[0] - row[1];
}

/// Positions where `expected` is sure by more than 0.25 and `found` prefers another token.
std::size_t disagreements(const std::vector<std::vector<float>>& expected,
                          const std::vector<std::vector<float>>& found) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (gap_to_second(expected[i]) > 0.25F && top(found[i]) != top(expected[i])) ++count;
  }
  return count;
}

TEST_CASE("quantised types agree with float arithmetic wherever that is sure",
          "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  const std::string folder = "TinyStories-656K-gguf/";
  const std::string text =
      recorded_greedy(models / (folder + "expected-greedy.txt"), "== F32-fixtok");
  Model reference(models / (folder + "derived/TinyStories-656K-F32-fixtok.gguf"));
  std::vector<std::int32_t> tokens;
  reference.with([&](Mount& mount) -> Result<void> {
    PX_TRY(tokens, mount.tokenizer()->encode(text));
    return {};
  });
  const auto original = all_logits(reference, tokens);
  for (const std::string type : {"F16", "BF16", "Q8_0", "Q5_1", "Q4_0", "Q4_1", "IQ4_NL"}) {
    const auto file = models / (folder + "derived/TinyStories-656K-" + type + "-fixtok.gguf");
    Model model(file);
    const auto found = all_logits(model, tokens);
    // The same weights with float activations: what differs from this is the runtime's arithmetic.
    ModelOptions options;
    options.as_f32 = true;
    Model exact(file, options);
    const auto same_weights = all_logits(exact, tokens);
    INFO(type);
    CHECK(disagreements(same_weights, found) == 0);
    // Weights of 4 or 5 bits are another model than the F32 original, whatever runs them.
    if (type.find_first_of("45") == std::string::npos) CHECK(disagreements(original, found) == 0);
    if (type.starts_with("Q4")) CHECK(disagreements(original, same_weights) > 0);
  }
}

}  // namespace
}  // namespace pxos
