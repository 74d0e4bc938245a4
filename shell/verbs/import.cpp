// import: a model file of another system becomes a cartridge.

#include "pxvm/tensor/quantize.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <ctime>
#include <memory>
#include <system_error>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct ImportArguments {
  std::string source;
  std::string output;
  std::string as;
  std::string name;
  int kv_bits = 0;
  std::string tokenizer;
  std::string pre;
  bool overwrite = false;
  bool restart = false;
  bool json = false;
};

std::string now_rfc3339() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// The source's name with .pxa, in the working folder; a folder's name may hold dots.
std::filesystem::path default_output(const std::filesystem::path& source) {
  std::error_code ignored;
  const auto whole = std::filesystem::absolute(source, ignored).lexically_normal();
  const auto last = whole.has_filename() ? whole : whole.parent_path();
  if (std::filesystem::is_directory(last, ignored)) return last.filename().string() + ".pxa";
  return last.filename().replace_extension(".pxa");
}

Result<int> run_import(const ImportArguments& arguments) {
  cartridges::ImportOptions options;
  options.output = arguments.output.empty() ? default_output(arguments.source)
                                            : std::filesystem::path(arguments.output);
  options.name = arguments.name;
  options.tokenizer = arguments.tokenizer;
  options.pre = arguments.pre;
  options.overwrite = arguments.overwrite;
  options.restart = arguments.restart;
  options.created = now_rfc3339();
  options.find_program = find_program;
  if (!arguments.as.empty()) {
    PX_TRY(options.as_dtype, tensor::dtype_from_text(arguments.as));
  }
  if (arguments.kv_bits != 0) options.kv_bits = arguments.kv_bits;
  ProgressBar bar("import");
  options.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); };
  PX_TRY(const cartridges::ImportReport report,
         cartridges::import_model(arguments.source, options));
  if (!report.has_text)
    print_to(stderr, "note: the source has no tokenizer, so the model runs on token ids only\n");
  if (report.resumed_bytes > 0)
    print_to(stderr, "went on behind {:.1f} MB of an earlier import\n",
             static_cast<double>(report.resumed_bytes) / 1e6);
  if (arguments.json) {
    print_out(
        "{{\"cartridge\":\"{}\",\"architecture\":\"{}\",\"tensors\":{},\"parameters\":{},\"bytes\":"
        "{},\"seconds\":{:.3f}}}\n",
        options.output.string(), report.manifest.architecture, report.tensors,
        report.manifest.parameter_count, report.cartridge_bytes, report.seconds);
  } else {
    print_out("{}: {} ({}), {} tensors, {:.1f} M parameters, {:.1f} MB, {:.1f} s\n",
              options.output.string(), report.manifest.title, report.manifest.architecture,
              report.tensors, static_cast<double>(report.manifest.parameter_count) / 1e6,
              static_cast<double>(report.cartridge_bytes) / 1e6, report.seconds);
  }
  return 0;
}

}  // namespace

VerbAction setup_import(VerbSyntax& verb) {
  auto arguments = std::make_shared<ImportArguments>();
  verb.add_option(
          "SOURCE", arguments->source,
          "a GGUF file (the first of several parts), a Hugging Face folder with safetensors, or "
          "a llama2.c checkpoint")
      ->required();
  verb.add_option("-o,--output", arguments->output,
                  "cartridge to write; default: SOURCE's name with .pxa, here");
  verb.add_option("--as", arguments->as,
                  "store every matrix as DTYPE: " + tensor::quantizable_dtypes());
  verb.add_option(
          "--kv-bits", arguments->kv_bits,
          "keys and values as 8 (half the memory), 16 or 32 bits; default 16, with --as f32 32")
      ->one_of_numbers({8, 16, 32});
  verb.add_option("--name", arguments->name, "name of the cartridge; default: the model's own");
  verb.add_option("--tokenizer", arguments->tokenizer,
                  "llama2.c: its tokenizer.bin; default: tokenizer.bin or tok<N>.bin beside it");
  verb.add_option("--pre", arguments->pre,
                  "GGUF: the pre-tokenizer of a BPE vocabulary that names none, e.g. gpt-2");
  verb.add_flag("--restart", arguments->restart,
                "throw away what an interrupted import left instead of going on with it");
  verb.add_flag("-f,--force", arguments->overwrite, "replace an existing cartridge");
  verb.add_flag("--json", arguments->json, "one JSON object");
  return [arguments] { return run_import(*arguments); };
}

}  // namespace pxos::shell
