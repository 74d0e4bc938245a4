// gemma-3-270m (Q4_K_M: Q4_K, Q6_K, Q5_0, Q8_0), real weights for gemma3.pxasm: two windows, two
// rotations, four norms a layer, a vocabulary of 262 144. The file comes from
// programs/fetch_gemma3.sh (or PXOS_GEMMA3_GGUF), whose terms are the user's to accept; without it
// these tests say so and check nothing.

#include "hypervisor/generate.hpp"
#include "hypervisor/perplexity.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using hypervisor::Mount;

std::optional<std::filesystem::path> gemma3_file() {
  const auto environment = [](const char* name) -> std::filesystem::path {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return value != nullptr ? value : "";
  };
  std::filesystem::path path = environment("PXOS_GEMMA3_GGUF");
  if (path.empty()) {
    std::filesystem::path cache = environment("XDG_CACHE_HOME");
    if (cache.empty()) cache = environment("HOME") / ".cache";
    path = cache / "pxos" / "gemma-3-270m-q4_k_m.gguf";
  }
  if (std::filesystem::exists(path)) return path;
  test::skip("gemma-3-270m is not there (programs/fetch_gemma3.sh)");
  return std::nullopt;
}

TEST_CASE("gemma-3-270m keeps its perplexity over windows and all context", "[gemma3]") {
  const auto gguf = gemma3_file();
  if (!gguf) return;
  PXOS_CONFORMANCE_OR_SKIP(corpus, "corpora/wikitext-2-raw-test.txt");
  test::ModelOptions options;
  options.context = 1024;
  test::Model model(*gguf, options);
  const std::string text = test::read_text(corpus).substr(0, 60000);
  model.with([&](Mount& mount) -> Result<void> {
    CHECK(mount.machine().linked().program().name == "gemma3");
    PX_TRY(const auto report, hypervisor::perplexity(mount, text, 512));
    // A public runtime finds 15.462 with activations rounded its way.
    INFO("perplexity " << report.perplexity << " over " << report.scored);
    CHECK(std::abs(report.perplexity / 15.462 - 1) < 0.003);
    return {};
  });
}

TEST_CASE("gemma-3-270m continues a text", "[gemma3]") {
  const auto gguf = gemma3_file();
  if (!gguf) return;
  test::ModelOptions options;
  options.context = 256;
  test::Model model(*gguf, options);
  model.with([&](Mount& mount) -> Result<void> {
    PX_TRY(auto tokens, mount.tokenizer()->encode("Monday, Tuesday, Wednesday,"));
    std::string said;
    for (int i = 0; i < 6; ++i) {
      PX_TRY(const auto logits, mount.evaluate(tokens, 1));
      const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
      tokens = {static_cast<std::int32_t>(best)};
      said += mount.tokenizer()->decode(tokens);
    }
    INFO(said);
    CHECK(said.find("Thursday") != std::string::npos);
    return {};
  });
}

}  // namespace
}  // namespace pxos
