// ppl: perplexity of a model on a text, and how far it is from a base model.

#include "hypervisor/perplexity.hpp"
#include "pxvm/base/file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

using hypervisor::ChunkFigures;
using hypervisor::FidelityReport;
using hypervisor::Mount;
using hypervisor::PerplexityReport;

struct PplArguments {
  MountArguments mount;
  std::string base;
  std::string text;
  std::uint64_t bytes = 0;
  bool chunks = false;
  bool json = false;
};

std::string perplexity_json(const PerplexityReport& report, std::int64_t ctx) {
  return fmt::format(
      "\"perplexity\":{:.6f},\"perplexity_error\":{:.6f},\"mean_nll\":{:.8f},\"scored\":{},"
      "\"chunks\":{},\"tokens\":{},\"ctx\":{}",
      report.perplexity, report.perplexity_error, report.mean_nll, report.scored, report.chunks,
      report.tokens, ctx);
}

void print_perplexity(const PerplexityReport& report, std::int64_t ctx) {
  print_out("perplexity {:.4f} ± {:.4f}  ({} tokens scored in {} chunks of {})\n",
            report.perplexity, report.perplexity_error, report.scored, report.chunks, ctx);
}

void print_fidelity_json(const FidelityReport& report, std::int64_t ctx) {
  print_out(
      "{{{},\"base\":{{{}}},\"ratio\":{:.8f},\"ratio_error\":{:.8f},\"kl_mean\":{:.8f},"
      "\"kl_error\":{:.8f},\"kl_median\":{:.8f},\"kl_99\":{:.8f},\"kl_max\":{:.8f},"
      "\"same_top\":{:.6f},\"same_top_error\":{:.6f}}}\n",
      perplexity_json(report.model, ctx), perplexity_json(report.base, ctx), report.ratio.mean,
      report.ratio.error, report.divergence.mean, report.divergence.error, report.divergence_median,
      report.divergence_99, report.divergence_max, report.same_top.mean, report.same_top.error);
}

void print_fidelity(const FidelityReport& report, std::int64_t ctx) {
  print_perplexity(report.model, ctx);
  print_out("base       {:.4f} ± {:.4f}\n", report.base.perplexity, report.base.perplexity_error);
  print_out("ratio      {:.6f} ± {:.6f}\n", report.ratio.mean, report.ratio.error);
  print_out(
      "mean KL    {:.6f} ± {:.6f} nats   median {:.6f}   99 % below {:.6f}   largest {:.6f}\n",
      report.divergence.mean, report.divergence.error, report.divergence_median,
      report.divergence_99, report.divergence_max);
  print_out("same top   {:.3f} ± {:.3f} %\n", report.same_top.mean * 100,
            report.same_top.error * 100);
}

/// A line per chunk on stdout, or a bar on stderr.
hypervisor::ChunkProgress progress_of(const PplArguments& arguments, ProgressBar& bar) {
  if (!arguments.chunks) {
    return [&bar](const ChunkFigures& figures) {
      bar.update(static_cast<std::uint64_t>(figures.done),
                 static_cast<std::uint64_t>(figures.total), "chunks", 1);
    };
  }
  return [](const ChunkFigures& figures) {
    print_out("chunk {:>4} of {}  perplexity {:>10.4f}", figures.done, figures.total,
              figures.perplexity);
    if (figures.divergence) print_out("  mean KL {:.6f}", *figures.divergence);
    print_out("\n");
    std::fflush(stdout);
  };
}

Result<void> compare(const PplArguments& arguments, std::string_view text, Mounted& mounted,
                     ProgressBar& bar) {
  const std::int64_t ctx = arguments.mount.context;
  MountArguments base_mount = arguments.mount;
  base_mount.cartridge = arguments.base;
  PX_TRY(const Mounted base, mount_cartridge(base_mount));
  FidelityReport report;
  PX_CHECK(with_mounts(base, mounted, [&](Mount& base_model, Mount& model) -> Result<void> {
    PX_TRY(report, hypervisor::fidelity(base_model, model, text, ctx, progress_of(arguments, bar)));
    return {};
  }));
  if (arguments.json)
    print_fidelity_json(report, ctx);
  else
    print_fidelity(report, ctx);
  return {};
}

Result<void> measure(const PplArguments& arguments, std::string_view text, Mounted& mounted,
                     ProgressBar& bar) {
  const std::int64_t ctx = arguments.mount.context;
  PerplexityReport report;
  PX_CHECK(mounted.hypervisor->with_mount(mounted.info.name, [&](Mount& mount) -> Result<void> {
    PX_TRY(report, hypervisor::perplexity(mount, text, ctx, progress_of(arguments, bar)));
    return {};
  }));
  if (arguments.json)
    print_out("{{{}}}\n", perplexity_json(report, ctx));
  else
    print_perplexity(report, ctx);
  return {};
}

Result<int> run_ppl(const PplArguments& arguments) {
  PX_TRY(const ByteVector file, read_file(arguments.text));
  std::string_view text = as_text(file);
  if (arguments.bytes != 0) text = text.substr(0, arguments.bytes);
  PX_TRY(Mounted mounted, mount_cartridge(arguments.mount));
  ProgressBar bar("ppl");
  PX_CHECK(arguments.base.empty() ? measure(arguments, text, mounted, bar)
                                  : compare(arguments, text, mounted, bar));
  return 0;
}

}  // namespace

VerbAction setup_ppl(VerbSyntax& verb) {
  auto arguments = std::make_shared<PplArguments>();
  arguments->mount.context = 512;
  verb.add_option("CARTRIDGE", arguments->mount.cartridge, "cartridge with a language model")
      ->required();
  verb.add_option("TEXT", arguments->text, "file of UTF-8 text")->required();
  verb.add_option("--base", arguments->base,
                  "cartridge to compare with: KL divergence, share of equal top tokens, ratio");
  verb.add_option("--ctx", arguments->mount.context, "tokens per chunk")->capture_default_str();
  verb.add_option("--bytes", arguments->bytes, "use only the first bytes of the text");
  verb.add_option("--threads", arguments->mount.threads, "0 = all processors");
  verb.add_flag("--chunks", arguments->chunks, "a line per chunk, with the figures so far");
  verb.add_flag("--json", arguments->json, "one JSON object (with --chunks: the last line)");
  return [arguments] { return run_ppl(*arguments); };
}

}  // namespace pxos::shell
