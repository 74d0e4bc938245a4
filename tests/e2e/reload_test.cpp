// Hot reload on a real small model: the program is replaced between two tokens, the conversation
// stays.

#include "assembler/assembler.hpp"
#include "hypervisor/generate.hpp"
#include "programs/programs.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <thread>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using hypervisor::AskOptions;
using hypervisor::AskReport;
using hypervisor::ReloadReport;
using test::Model;

constexpr const char* kPrompt = "Once upon a time";

std::string llama() {
  return std::string(programs::find("llama")->source);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// No layer adds its feed-forward part any more: other text, same regions.
std::string without_feed_forward() {
  return replaced(llama(), "    feed_forward l\n    add       x, x, delta",
                  "    feed_forward l\n    copy      x, x");
}

isa::VerifiedProgram assemble(const std::string& text) {
  auto program =
      assembler::assemble_or_error({{"llama.pxasm", text}, programs::read_include, true});
  INFO((program ? "" : program.error().message));
  REQUIRE(program);
  return *std::move(program);
}

AskOptions greedy(std::int64_t tokens) {
  AskOptions options;
  options.max_tokens = tokens;
  options.sampling = text::SamplerOptions{};
  return options;
}

/// Asks, and reloads `text` from another thread once `after` pieces of text are out.
std::pair<AskReport, ReloadReport> ask_and_reload(Model& model, const std::string& text,
                                                  const hypervisor::ReloadOptions& options) {
  Result<ReloadReport> reload;
  std::thread reloading;
  int pieces = 0;
  AskOptions ask = greedy(60);
  // From the tenth piece on every token waits a little for the other thread: its program takes over
  // long before the answer ends, however late that thread gets a processor.
  std::atomic<bool> reloaded{false};
  ask.on_text = [&](std::string_view) {
    if (++pieces == 10) {
      reloading = std::thread([&, program = assemble(text)]() mutable {
        reload = model.hypervisor().reload(model.name(), std::move(program), options);
        reloaded = true;
      });
    }
    if (pieces >= 10 && !reloaded) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  };
  const auto report = model.hypervisor().ask(model.name(), kPrompt, ask);
  reloading.join();
  INFO((report ? "" : report.error().message));
  REQUIRE(report);
  INFO((reload ? "" : reload.error().message));
  REQUIRE(reload);
  return {*report, *reload};
}

TEST_CASE("the same program in its own place changes not one token", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  Model model(file, {});
  const auto expected = model.hypervisor().ask(model.name(), kPrompt, greedy(60));
  REQUIRE(expected);
  const auto [report, reload] = ask_and_reload(model, llama(), {});
  CHECK(report.tokens == expected->tokens);
  CHECK(reload.position > 5);
  CHECK(reload.position < 60);
  CHECK(reload.mixed);
  CHECK(model.hypervisor().info(model.name())->mixed);
  model.with([](hypervisor::Mount& mount) -> Result<void> {
    mount.rewind(0);
    CHECK_FALSE(mount.is_mixed());
    return {};
  });
}

TEST_CASE("another program takes over in the middle, and a replay makes it the whole truth",
          "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  Model model(file, {});
  const auto old_answer = model.hypervisor().ask(model.name(), kPrompt, greedy(60));
  REQUIRE(old_answer);
  const auto [mixed, first] = ask_and_reload(model, without_feed_forward(), {});
  CHECK(first.mixed);
  const auto at = static_cast<std::ptrdiff_t>(first.position - 5);  // behind the prompt
  CHECK(std::equal(mixed.tokens.begin(), mixed.tokens.begin() + at, old_answer->tokens.begin()));
  CHECK(mixed.tokens != old_answer->tokens);

  Model again(file, {});
  const auto [replayed, second] = ask_and_reload(again, without_feed_forward(), {true});
  CHECK_FALSE(second.mixed);
  CHECK(second.replay_seconds > 0);
  again.with([&](hypervisor::Mount& mount) -> Result<void> {
    // What the session holds is what the new program alone would have made.
    const std::vector<std::int32_t> history = mount.history();
    std::int32_t last = replayed.tokens.back();
    PX_TRY(const auto logits, mount.evaluate({&last, 1}, 1));
    const std::uint64_t hash = test::logit_hash(logits);
    mount.rewind(0);
    PX_CHECK(mount.evaluate(history, 1));
    PX_TRY(const auto fresh, mount.evaluate({&last, 1}, 1));
    CHECK(test::logit_hash(fresh) == hash);
    return {};
  });
}

TEST_CASE("a program that does not fit leaves the old one running", "[e2e][conformance]") {
  PXOS_CONFORMANCE_OR_SKIP(file, "models/stories260K-gguf/stories260K.gguf");
  Model model(file, {});
  const auto expected = model.hypervisor().ask(model.name(), kPrompt, greedy(20));
  REQUIRE(expected);
  const auto reload = [&](const std::string& text) {
    const auto done = model.hypervisor().reload(model.name(), assemble(text));
    return done ? std::string() : done.error().message;
  };
  CHECK(reload(llama() + ".region more : f32[4]\n").find("nothing runs now, 'more'") !=
        std::string::npos);
  CHECK(reload(replaced(llama(), "forward(", "backward(")).find("no entry 'forward'") !=
        std::string::npos);
  CHECK(reload(replaced(llama(), "blk.{}.attn_norm.weight", "blk.{}.nowhere"))
            .find("blk.0.nowhere") != std::string::npos);
  CHECK_FALSE(model.hypervisor().info(model.name())->mixed);
  const auto after = model.hypervisor().ask(model.name(), kPrompt, greedy(20));
  REQUIRE(after);
  CHECK(after->tokens == expected->tokens);
  CHECK(model.hypervisor().reload("nobody", assemble(llama())).error().code == Errc::kNotFound);
}

}  // namespace
}  // namespace pxos
