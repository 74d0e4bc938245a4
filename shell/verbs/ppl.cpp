// ppl: perplexity of a model on a text.

#include "hypervisor/perplexity.hpp"
#include "pxvm/base/file.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct PplArguments {
  MountArguments mount;
  std::string text;
  std::uint64_t bytes = 0;
  bool json = false;
};

Result<int> run_ppl(PplArguments arguments) {
  PX_TRY(const ByteVector file, read_file(arguments.text));
  std::string_view text = as_text(file);
  if (arguments.bytes != 0) text = text.substr(0, arguments.bytes);
  const std::int64_t ctx = arguments.mount.context;
  PX_TRY(Mounted mounted, mount_cartridge(arguments.mount));
  hypervisor::PerplexityReport report;
  ProgressBar bar("ppl");
  PX_CHECK(mounted.hypervisor->with_mount(
      mounted.info.name, [&](hypervisor::Mount& mount) -> Result<void> {
        const auto progress = [&](std::int64_t done, std::int64_t total) {
          bar.update(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(total), "chunks",
                     1);
        };
        PX_TRY(report, hypervisor::perplexity(mount, text, ctx, progress));
        return {};
      }));
  if (arguments.json) {
    fmt::print(
        "{{\"perplexity\":{:.6f},\"mean_nll\":{:.8f},\"scored\":{},\"chunks\":{},\"tokens\":{},"
        "\"ctx\":{}}}\n",
        report.perplexity, report.mean_nll, report.scored, report.chunks, report.tokens, ctx);
  } else {
    fmt::print("perplexity {:.4f}  ({} tokens scored in {} chunks of {})\n", report.perplexity,
               report.scored, report.chunks, ctx);
  }
  return 0;
}

}  // namespace

VerbAction setup_ppl(CLI::App& verb) {
  auto arguments = std::make_shared<PplArguments>();
  arguments->mount.context = 512;
  verb.add_option("CARTRIDGE", arguments->mount.cartridge, "cartridge with a language model")
      ->required();
  verb.add_option("TEXT", arguments->text, "file of UTF-8 text")->required();
  verb.add_option("--ctx", arguments->mount.context, "tokens per chunk")->capture_default_str();
  verb.add_option("--bytes", arguments->bytes, "use only the first bytes of the text");
  verb.add_option("--threads", arguments->mount.threads, "0 = all processors");
  verb.add_flag("--json", arguments->json, "one JSON object");
  return [arguments] { return run_ppl(*arguments); };
}

}  // namespace pxos::shell
