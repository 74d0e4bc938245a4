// quantize: a cartridge of the same model with smaller weights, or a table of what each type costs.

#include "cartridges/quantize/quantize.hpp"

#include "hypervisor/perplexity.hpp"
#include "pixelfs/kind.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/processors.hpp"
#include "shell/print.hpp"
#include "shell/verbs/scratch_folder.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

namespace fs = std::filesystem;
using cartridges::QuantizeOptions;
using cartridges::QuantizeReport;

struct QuantizeArguments {
  std::string source;
  std::string to;
  std::string output;
  std::string importance;
  std::string name;
  std::vector<std::string> overrides;
  std::string table;
  std::vector<std::string> types{"f16",  "q8_0", "q6_k", "q5_k",   "q5_1", "q5_0",
                                 "q4_k", "q4_1", "q4_0", "iq4_nl", "q3_k", "q2_k"};
  std::uint64_t bytes = 0;
  std::int64_t ctx = 512;
  std::size_t threads = 0;
  bool overwrite = false;
  bool json = false;
};

/// The source as a cartridge: as it is, or imported into `scratch`.
Result<fs::path> source_cartridge(const std::string& source, const ScratchFolder& scratch) {
  PX_TRY(const fs::path path, find_cartridge(source));
  {
    PX_TRY(const MappedFile file, MappedFile::open(path));
    if (pixelfs::identify(file.bytes()).kind == pixelfs::FileKind::kCartridge) return path;
  }
  cartridges::ImportOptions options;
  options.output = scratch.path() / "source.pxa";
  options.find_program = find_program;
  PX_CHECK(cartridges::import_model(path, options));
  return options.output;
}

Result<QuantizeOptions> options_for(const QuantizeArguments& arguments, const std::string& to) {
  QuantizeOptions options;
  PX_TRY(options.recipe, cartridges::find_recipe(to));
  for (const std::string& text : arguments.overrides) {
    PX_TRY(const auto row, cartridges::parse_override(text));
    options.recipe.overrides.push_back(row);
  }
  if (!arguments.importance.empty()) {
    PX_TRY(const ByteVector file, read_file(arguments.importance));
    auto importance = cartridges::parse_importance(file);
    if (!importance) return in_context(arguments.importance, std::move(importance).error());
    options.importance = *std::move(importance);
  }
  options.name = arguments.name;
  options.created = rfc3339_now();
  options.overwrite = arguments.overwrite;
  options.threads = arguments.threads != 0 ? arguments.threads : usable_processors();
  return options;
}

double bits_per_value(const QuantizeReport& report) {
  return 8.0 * static_cast<double>(report.matrix_bytes) /
         static_cast<double>(std::max<std::uint64_t>(1, report.matrix_values));
}

std::string types_text(const QuantizeReport& report) {
  std::string out;
  for (const auto& [dtype, type] : report.types)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", type.tensors, tensor::info(dtype).text);
  return out;
}

Result<int> run_quantize(const QuantizeArguments& arguments) {
  const fs::path output = arguments.output.empty() ? fs::path(arguments.source).stem().string() +
                                                         "-" + arguments.to + ".pxa"
                                                   : arguments.output;
  PX_TRY(QuantizeOptions options, options_for(arguments, arguments.to));
  options.output = output;
  PX_TRY(const ScratchFolder scratch, ScratchFolder::create(output.parent_path()));
  PX_TRY(const fs::path path, source_cartridge(arguments.source, scratch));
  PX_TRY(const cartridges::Cartridge source, cartridges::Cartridge::open(path));
  ProgressBar bar("quantize");
  options.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); };
  PX_TRY(const QuantizeReport report, cartridges::quantize_cartridge(source, options));
  if (arguments.json) {
    print_out(
        "{{\"cartridge\":\"{}\",\"bits_per_value\":{:.4f},\"bytes\":{},\"weighted\":{},"
        "\"seconds\":{:.3f}}}\n",
        output.string(), bits_per_value(report), report.cartridge_bytes, report.weighted,
        report.seconds);
    return 0;
  }
  print_out("{}: {}; {:.2f} bits per value, {:.1f} MB, {:.1f} s\n", output.string(),
            types_text(report), bits_per_value(report),
            static_cast<double>(report.cartridge_bytes) / 1e6, report.seconds);
  if (report.weighted != 0) print_out("{} matrices by importance\n", report.weighted);
  return 0;
}

/// One row: the model as `type`, measured against the source.
Result<void> print_row(const QuantizeArguments& arguments, const std::string& type,
                       const fs::path& source, const fs::path& folder, std::string_view text) {
  PX_TRY(QuantizeOptions options, options_for(arguments, type));
  options.output = folder / (type + ".pxa");
  options.overwrite = true;
  QuantizeReport made;
  {
    PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(source));
    PX_TRY(made, cartridges::quantize_cartridge(cartridge, options));
  }
  MountArguments mount;
  mount.context = arguments.ctx;
  mount.threads = arguments.threads;
  mount.cartridge = source.string();
  PX_TRY(const Mounted base, mount_cartridge(mount));
  mount.cartridge = options.output.string();
  PX_TRY(const Mounted mounted, mount_cartridge(mount));
  hypervisor::FidelityReport report;
  PX_CHECK(with_mounts(
      base, mounted, [&](hypervisor::Mount& base_model, hypervisor::Mount& model) -> Result<void> {
        PX_TRY(report, hypervisor::fidelity(base_model, model, text, arguments.ctx));
        return {};
      }));
  print_out(
      "| {} | {} | {:.2f} | {:.1f} | {:.4f} ± {:.4f} | {:.4f} ± {:.4f} | {:.5f} ± {:.5f} | "
      "{:.2f} |\n",
      type, types_text(made), bits_per_value(made), static_cast<double>(made.cartridge_bytes) / 1e6,
      report.model.perplexity, report.model.perplexity_error, report.ratio.mean, report.ratio.error,
      report.divergence.mean, report.divergence.error, report.same_top.mean * 100);
  std::fflush(stdout);
  std::error_code ignored;
  fs::remove(options.output, ignored);
  return {};
}

Result<int> run_table(const QuantizeArguments& arguments) {
  PX_TRY(const ByteVector file, read_file(arguments.table));
  std::string_view text = as_text(file);
  if (arguments.bytes != 0) text = text.substr(0, arguments.bytes);
  PX_TRY(const ScratchFolder scratch, ScratchFolder::create({}));
  PX_TRY(const fs::path source, source_cartridge(arguments.source, scratch));
  print_out(
      "| to | tensors | bits per value | MB | perplexity | ratio | mean KL | same top % |\n"
      "|---|---|---:|---:|---:|---:|---:|---:|\n");
  for (const std::string& type : arguments.types)
    PX_CHECK(print_row(arguments, type, source, scratch.path(), text));
  return 0;
}

Result<int> run(const QuantizeArguments& arguments) {
  if (arguments.table.empty() == arguments.to.empty())
    return fail(Errc::kUsage, "quantize wants either --to TYPE or --table TEXT");
  return arguments.table.empty() ? run_quantize(arguments) : run_table(arguments);
}

}  // namespace

VerbAction setup_quantize(VerbSyntax& verb) {
  auto arguments = std::make_shared<QuantizeArguments>();
  verb.add_option("SOURCE", arguments->source, "cartridge, or model file that import reads")
      ->required();
  verb.add_option("--to", arguments->to, "one of: " + cartridges::recipe_names());
  verb.add_option("-o,--output", arguments->output, "cartridge to write; default: SOURCE-TYPE.pxa");
  verb.add_option("--imatrix", arguments->importance,
                  "importance file (pxos imatrix): what errors are weighed by");
  verb.add_option("--tensor", arguments->overrides,
                  "PART=TYPE: tensors with PART in their name become TYPE; may be repeated");
  verb.add_option("--name", arguments->name, "name of the cartridge; default: the source's + TYPE");
  verb.add_option("--table", arguments->table,
                  "instead: measure every type on this text against SOURCE, print a table");
  verb.add_option("--types", arguments->types, "rows of the table, separated by commas")
      ->delimiter(',');
  verb.add_option("--ctx", arguments->ctx, "tokens per chunk of the table")->capture_default_str();
  verb.add_option("--bytes", arguments->bytes, "use only the first bytes of the table's text");
  verb.add_option("--threads", arguments->threads, "0 = all processors");
  verb.add_flag("-f,--force", arguments->overwrite, "replace an existing cartridge");
  verb.add_flag("--json", arguments->json, "one JSON object");
  return [arguments] { return run(*arguments); };
}

}  // namespace pxos::shell
