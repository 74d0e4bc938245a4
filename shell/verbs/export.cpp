// export: the tensors of a cartridge as they were before the import, as files or as a GGUF model.

#include "cartridges/export/export.hpp"

#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct ExportArguments {
  std::string cartridge, output;
  bool gguf = false;
  bool overwrite = false;
};

/// The cartridge's name with .gguf, in the working folder.
std::filesystem::path default_output(const std::filesystem::path& cartridge) {
  return cartridge.filename().replace_extension(".gguf");
}

Result<int> run_export(const ExportArguments& arguments) {
  std::filesystem::path output = arguments.output;
  const bool as_gguf = arguments.gguf || output.extension() == ".gguf";
  std::error_code ignored;
  if (output.empty() && !as_gguf)
    return fail(Errc::kUsage, "export: -o FOLDER, -o F.gguf or --gguf says what to write");
  PX_TRY(const std::filesystem::path path, find_cartridge(arguments.cartridge));
  if (output.empty()) output = default_output(path);
  if (as_gguf && !arguments.overwrite && std::filesystem::exists(output, ignored))
    return fail(Errc::kUsage, "{}: already exists", output.string());
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  ProgressBar bar("export");
  const auto progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); };
  PX_TRY(const cartridges::ExportReport report,
         as_gguf ? cartridges::export_gguf(cartridge, output, progress)
                 : cartridges::export_tensors(cartridge, output, progress));
  print_out("{}: {} tensors, {:.1f} MB, every digest checked\n", output.string(), report.tensors,
            static_cast<double>(report.bytes) / 1e6);
  return 0;
}

}  // namespace

VerbAction setup_export(VerbSyntax& verb) {
  auto arguments = std::make_shared<ExportArguments>();
  verb.add_option("CARTRIDGE", arguments->cartridge, "cartridge with weights")->required();
  verb.add_option("-o,--output", arguments->output,
                  "F.gguf: a model file with metadata and tokenizer; else a folder: one file of "
                  "canonical bytes per tensor, and index.json");
  verb.add_flag("--gguf", arguments->gguf,
                "a GGUF model whatever its name; default: CARTRIDGE's name with .gguf, here");
  verb.add_flag("-f,--force", arguments->overwrite, "replace an existing F.gguf");
  return [arguments] { return run_export(*arguments); };
}

}  // namespace pxos::shell
