// Answers under constraints, on real small models: grammars, log-probabilities, beams, and what
// happens when the context is full.

#include "hypervisor/generate.hpp"

#include "cartridges/json_schema.hpp"
#include "pxvm/text/logprobs.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <algorithm>
#include <cmath>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using hypervisor::AskOptions;
using hypervisor::AskReport;
using hypervisor::ContextPolicy;
using hypervisor::FinishReason;
using hypervisor::Mount;
using test::Model;

constexpr const char* kPrompt = "Once upon a time";

AskOptions greedy(std::int64_t tokens) {
  AskOptions options;
  options.max_tokens = tokens;
  options.sampling = text::SamplerOptions{};
  return options;
}

AskReport ask(Model& model, const AskOptions& options, std::string_view prompt = kPrompt) {
  const auto report = model.hypervisor().ask(model.name(), prompt, options);
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  return *report;
}

/// Mean log-probability of `tokens` behind the prompt, by one forward pass after the other.
double mean_logprob(Model& model, const std::vector<std::int32_t>& tokens) {
  double sum = 0;
  model.with([&](Mount& mount) -> Result<void> {
    mount.rewind(0);
    PX_TRY(const auto prompt, mount.tokenizer()->encode(kPrompt));
    auto logits = mount.evaluate(prompt, 1);
    for (const std::int32_t id : tokens) {
      if (!logits) return tl::unexpected<Error>(logits.error());
      sum += static_cast<double>((*logits)[static_cast<std::size_t>(id)]) -
             text::log_normaliser(*logits);
      logits = mount.evaluate({&id, 1}, 1);
    }
    return {};
  });
  return sum / static_cast<double>(tokens.size());
}

TEST_CASE("an answer follows its grammar to the end", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  Model model(file);
  AskOptions options = greedy(60);
  options.grammar = "root ::= \" there was \" (\"a\" | \"an\") \" \" [a-z]{3,8} \".\"";
  const AskReport report = ask(model, options);
  CHECK(report.finish == FinishReason::kStop);
  CHECK(report.text.starts_with(" there was a"));
  CHECK(report.text.ends_with("."));
  options.grammar = "root ::= foo";
  CHECK_FALSE(model.hypervisor().ask(model.name(), kPrompt, options));
}

TEST_CASE("an answer is a document of its schema, sampled too", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  Model model(file);
  const auto grammar = cartridges::json_schema_grammar(as_bytes(
      R"({"type":"object","properties":{"name":{"type":"string","maxLength":12},
          "age":{"type":"integer","minimum":1,"maximum":99}},"required":["name","age"]})"));
  REQUIRE(grammar);
  AskOptions options = greedy(200);
  options.grammar = *grammar;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    options.sampling = text::SamplerOptions{.temperature = 1.5F, .seed = seed};
    const AskReport report = ask(model, options);
    INFO(report.text);
    CHECK(report.finish == FinishReason::kStop);
    CHECK(report.text.find("\"age\"") != std::string::npos);
    CHECK(report.text.find('}') != std::string::npos);
  }
}

TEST_CASE("reported log-probabilities are the model's, and greedy takes the best",
          "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  Model model(file);
  AskOptions options = greedy(8);
  options.logprobs = 3;
  const AskReport report = ask(model, options);
  REQUIRE(report.logprobs.size() == report.tokens.size());
  double sum = 0;
  for (std::size_t i = 0; i < report.tokens.size(); ++i) {
    CHECK(report.logprobs[i].token.id == report.tokens[i]);
    REQUIRE(report.logprobs[i].top.size() == 3);
    CHECK(report.logprobs[i].top[0] == report.logprobs[i].token);
    sum += report.logprobs[i].token.logprob;
  }
  const auto count = static_cast<double>(report.tokens.size());
  CHECK(std::fabs(mean_logprob(model, report.tokens) - sum / count) < 1e-9);
}

TEST_CASE("beams are scored as the model scores them, and beat the greedy answer",
          "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  Model model(file);
  const AskReport plain = ask(model, greedy(12));
  AskOptions options = greedy(12);
  options.beams = 4;
  const AskReport report = ask(model, options);
  REQUIRE(report.beams.size() == 4);
  for (std::size_t i = 0; i < report.beams.size(); ++i) {
    CHECK(std::fabs(report.beams[i].score - mean_logprob(model, report.beams[i].tokens)) < 1e-9);
    if (i > 0) CHECK(report.beams[i].score <= report.beams[i - 1].score);
  }
  CHECK(report.beams[0].score >= mean_logprob(model, plain.tokens));
  CHECK(report.text == report.beams[0].text);
  // Once more, from a session that holds something else: the same beams.
  CHECK(ask(model, options).beams[3].tokens == report.beams[3].tokens);
  options.grammar = "root ::= \"x\"";
  CHECK_FALSE(model.hypervisor().ask(model.name(), kPrompt, options));
}

TEST_CASE("a prompt that begins like the last one is evaluated from where it differs",
          "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  Model model(file);
  const AskReport first = ask(model, greedy(10));
  const AskReport again = ask(model, greedy(10));
  CHECK(again.prompt_tokens == 1);
  CHECK(again.tokens == first.tokens);
  const AskReport other = ask(model, greedy(10), "Once upon a day");
  CHECK(other.prompt_tokens < first.prompt_tokens + 3);
  Model fresh(file);
  CHECK(ask(fresh, greedy(10), "Once upon a day").tokens == other.tokens);
}

TEST_CASE("a full context stops, refuses or shifts, as asked", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  test::ModelOptions small;
  small.context = 32;
  Model model(file, small);
  const AskReport stopped = ask(model, greedy(100));
  CHECK(stopped.finish == FinishReason::kContextFull);
  CHECK(stopped.prompt_tokens + static_cast<std::int64_t>(stopped.tokens.size()) == 33);
  AskOptions refuse = greedy(100);
  refuse.context_policy = ContextPolicy::kRefuse;
  const auto refused = model.hypervisor().ask(model.name(), kPrompt, refuse);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kLimit);
  refuse.max_tokens = 10;
  CHECK(ask(model, refuse).tokens.size() == 10);
  AskOptions shift = greedy(100);
  shift.context_policy = ContextPolicy::kShift;
  const AskReport shifted = ask(model, shift);
  CHECK(shifted.tokens.size() == 100);
  CHECK(shifted.shifted_tokens > 60);
  CHECK(std::equal(stopped.tokens.begin(), stopped.tokens.end(), shifted.tokens.begin()));
}

}  // namespace
}  // namespace pxos
