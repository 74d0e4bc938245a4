// Perplexities of the small conformance models in every type, against those a public runtime
// printed (README of the conformance data): 0.1 % for floats, 0.15 % for quantised weights, whose
// activations that runtime rounds in another way. Prints the table.

#include "hypervisor/perplexity.hpp"

#include "tests/e2e/model_fixture.hpp"

#include <cstdio>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

struct Row {
  const char* file;
  double perplexity;
  double tolerance;
};

constexpr double kFloat = 0.001;
constexpr double kQuantised = 0.0015;

constexpr Row kTinyStories[] = {
    {"TinyStories-656K-F32-fixtok.gguf", 31.8601, kFloat},
    {"TinyStories-656K-F16-fixtok.gguf", 31.8598, kFloat},
    {"TinyStories-656K-BF16-fixtok.gguf", 31.8540, kFloat},
    {"TinyStories-656K-Q8_0-fixtok.gguf", 31.8858, kQuantised},
    {"TinyStories-656K-Q5_1-fixtok.gguf", 32.1223, kQuantised},
    {"TinyStories-656K-Q5_0-fixtok.gguf", 32.1247, kQuantised},
    {"TinyStories-656K-Q4_1-fixtok.gguf", 32.9595, kQuantised},
    {"TinyStories-656K-Q4_0-fixtok.gguf", 33.7905, kQuantised},
    {"TinyStories-656K-Q4_K_M-fixtok.gguf", 32.1514, kQuantised},
    {"../TinyStories-656K-Q8_0.gguf", 172.86, kQuantised},  // all token scores equal
};
constexpr Row kStories[] = {
    {"../stories260K.gguf", 4.9636, kFloat},
    {"stories260K-F16.gguf", 4.9635, kFloat},
    {"stories260K-Q8_0.gguf", 4.9705, kQuantised},
    {"stories260K-Q4_0.gguf", 5.3156, kQuantised},
};

void check_table(const std::filesystem::path& folder, std::span<const Row> rows,
                 const std::string& text) {
  for (const Row& row : rows) {
    test::Model model(folder / row.file);
    hypervisor::PerplexityReport report;
    model.with([&](hypervisor::Mount& mount) -> Result<void> {
      PX_TRY(report, hypervisor::perplexity(mount, text, 256));
      return {};
    });
    std::printf("%-40s %9.4f  recorded %9.4f  %+.3f %%\n", row.file, report.perplexity,
                row.perplexity, (report.perplexity / row.perplexity - 1) * 100);
    INFO(row.file);
    CHECK(report.perplexity == Approx(row.perplexity).epsilon(row.tolerance));
  }
}

TEST_CASE("small models have the recorded perplexities in every type", "[conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(models, "models");
  PXOS_CONFORMANCE_OR_SKIP(corpora, "corpora");
  const std::string text = test::read_text(corpora / "tinystories-valid-ts656k-charset-40k.txt");
  check_table(models / "TinyStories-656K-gguf/derived", kTinyStories, text);
  check_table(models / "stories260K-gguf/derived", kStories, text);
}

}  // namespace
}  // namespace pxos
