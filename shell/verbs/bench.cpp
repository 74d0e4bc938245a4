// bench: speed beside the limits of this machine, measured in the same run.

#include "cartridges/cartridge.hpp"
#include "cartridges/synthetic.hpp"
#include "hypervisor/benchmark.hpp"
#include "pxvm/base/file.hpp"
#include "shell/bench_report.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>
#include <unistd.h>

namespace pxos::shell {
namespace {

namespace fs = std::filesystem;

struct BenchArguments {
  std::string cartridge;
  std::string shape;
  std::string dtype = "q8_0";
  std::string compare;
  std::size_t threads = 0;
  double threshold = 0.05;
  hypervisor::BenchmarkOptions options;
  std::optional<std::int64_t> depth;  ///< as asked for; else that of `options`, where it fits
  bool keep = false;
  bool json = false;
  bool markdown = false;
};

/// Removes a file or folder at scope exit, unless it is to stay.
class Removal {
 public:
  explicit Removal(fs::path path) : path_(std::move(path)) {}
  ~Removal() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  Removal(const Removal&) = delete;
  Removal& operator=(const Removal&) = delete;
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

/// The file a synthetic model is kept in.
fs::path synthetic_path(const cartridges::SyntheticModel& model, const std::string& dtype) {
  return home_folder() / "cache" / "bench" / fmt::format("{}-{}.pxa", model.name, dtype);
}

/// Writes the model unless a current one is there. True: it was written now.
Result<bool> make_synthetic(const cartridges::SyntheticModel& model, const std::string& dtype,
                            const fs::path& path) {
  if (const auto found = cartridges::Cartridge::open(path);
      found && cartridges::is_current_synthetic(found->manifest(), model, dtype))
    return false;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return fail(Errc::kIo, "{}: {}", path.parent_path().string(), error.message());
  cartridges::ImportOptions options;
  options.output = path;
  options.overwrite = true;
  options.find_program = find_program;
  ProgressBar bar("writing " + path.filename().string());
  options.progress = [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); };
  PX_CHECK(cartridges::write_synthetic(model, dtype, options));
  return true;
}

/// Positions the works need, within what the model knows. A depth that does not fit is left out
/// when nobody asked for it.
Result<std::int64_t> fit_context(const fs::path& path, bool depth_wanted,
                                 hypervisor::BenchmarkOptions& options) {
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  const auto& integers = cartridge.manifest().integers;
  const auto trained = integers.find("ctx");
  const std::int64_t limit = trained != integers.end() ? trained->second : 0;
  if (!depth_wanted && options.depth + options.decode_tokens > limit) options.depth = 0;
  return std::max(options.prefill_tokens, options.depth + options.decode_tokens + 1);
}

/// Worst of a few interrupted prefills; 0 when the prefill is too short to be interrupted.
Result<double> worst_interrupt(hypervisor::Hypervisor& hypervisor, const std::string& name) {
  double worst = 0;
  for (int i = 0; i < 3; ++i) {
    PX_CHECK(hypervisor.with_mount(name, [&](hypervisor::Mount& mount) -> Result<void> {
      PX_TRY(const auto seconds,
             hypervisor::measure_interrupt(mount, [&] { hypervisor.interrupt(); }));
      worst = std::max(worst, seconds.value_or(0));
      return {};
    }));
  }
  return worst;
}

struct Measured {
  hypervisor::MountInfo info;
  hypervisor::BenchmarkReport report;
};

/// A home of its own, so that the first mount is one of an unknown file.
Result<Measured> measure(const fs::path& path, const BenchArguments& arguments) {
  hypervisor::BenchmarkOptions work = arguments.options;
  work.depth = arguments.depth.value_or(work.depth);
  PX_TRY(const std::int64_t context, fit_context(path, arguments.depth.has_value(), work));
  const Removal home(fs::temp_directory_path() / fmt::format("pxos-bench-{}", getpid()));
  std::error_code error;
  fs::create_directories(home.path(), error);
  hypervisor::HypervisorOptions options;
  options.threads = arguments.threads;
  options.home = home.path();
  PX_TRY(const auto hypervisor, hypervisor::Hypervisor::create(std::move(options)));
  PX_TRY(hypervisor::MountInfo info, hypervisor->mount(path, {{}, context}));
  const double first_mount = info.mount_seconds;
  PX_CHECK(hypervisor->unmount(info.name));
  Measured out;
  PX_TRY(out.info, hypervisor->mount(path, {{}, context}));
  PX_CHECK(hypervisor->with_mount(out.info.name, [&](hypervisor::Mount& mount) -> Result<void> {
    PX_TRY(out.report, hypervisor::benchmark(mount, work));
    return {};
  }));
  PX_TRY(out.report.interrupt_seconds, worst_interrupt(*hypervisor, out.info.name));
  out.report.first_mount_seconds = first_mount;
  out.report.second_mount_seconds = out.info.mount_seconds;
  out.report.kernels = hypervisor->kernels();
  return out;
}

Result<int> show(const Measured& measured, const BenchArguments& arguments) {
  const TableStyle style = arguments.markdown ? TableStyle::kMarkdown : TableStyle::kPlain;
  const std::string json = bench_json(measured.info, measured.report);
  print_out("{}", arguments.json ? json : bench_text(measured.info, measured.report, style));
  if (arguments.compare.empty()) return 0;
  PX_TRY(const ByteVector then, read_file(arguments.compare));
  PX_TRY(const Comparison comparison, compare_benches(std::string(as_text(then)), arguments.compare,
                                                      json, arguments.threshold, style));
  // The object on stdout stays one object.
  print_to(arguments.json ? stderr : stdout, "\n{}", comparison.table);
  if (!comparison.regression.empty()) return fail(Errc::kLimit, "{}", comparison.regression);
  return 0;
}

Result<int> run_bench(const BenchArguments& arguments) {
  if (arguments.cartridge.empty() == arguments.shape.empty())
    return fail(Errc::kUsage, "bench needs a cartridge or --shape, one of the two");
  if (arguments.shape.empty()) {
    PX_TRY(const fs::path path, find_cartridge(arguments.cartridge));
    PX_TRY(const Measured measured, measure(path, arguments));
    return show(measured, arguments);
  }
  PX_TRY(const auto model, cartridges::find_synthetic_model(arguments.shape));
  const fs::path path = synthetic_path(model, arguments.dtype);
  PX_TRY(const bool is_new, make_synthetic(model, arguments.dtype, path));
  const Removal removal(is_new && !arguments.keep ? path : fs::path());
  PX_TRY(const Measured measured, measure(path, arguments));
  return show(measured, arguments);
}

std::string shape_names() {
  std::string names;
  for (const cartridges::SyntheticModel& model : cartridges::synthetic_models())
    names += fmt::format("{}{}", names.empty() ? "" : ", ", model.name);
  return names;
}

}  // namespace

VerbAction setup_bench(VerbSyntax& verb) {
  auto arguments = std::make_shared<BenchArguments>();
  hypervisor::BenchmarkOptions& options = arguments->options;
  verb.add_option("CARTRIDGE", arguments->cartridge, "cartridge with a language model");
  verb.add_option("--shape", arguments->shape,
                  "instead: a model of this shape with random weights, no download: " +
                      shape_names() + " (or 0.5b, 1.5b, 7b, 1b, 135m)");
  verb.add_option("--dtype", arguments->dtype,
                  "its weights: q8_0, q4_0, f16 ... (docs/reference/dtypes.md) or q4_k_m")
      ->capture_default_str();
  verb.add_flag("--keep", arguments->keep,
                "keep the model in PXOS_HOME/cache/bench for the next time (0.5b q8_0: 0.5 GB, 7b "
                "q4_0: 4.3 GB); without it the file is removed afterwards");
  verb.add_option("--threads", arguments->threads, "0 = all processors");
  verb.add_option("--prefill", options.prefill_tokens, "prompt tokens")->capture_default_str();
  verb.add_option("--decode", options.decode_tokens, "generated tokens")->capture_default_str();
  verb.add_option(
      "--depth", arguments->depth,
      "tokens in the cache for the third work, 0 = leave it out; default 4096 where the "
      "model knows as many");
  verb.add_option("--repeat", options.repeats, "runs; the median counts")->capture_default_str();
  verb.add_flag("--json", arguments->json, "one JSON object");
  verb.add_flag("--md", arguments->markdown, "tables in Markdown");
  verb.add_option("--compare", arguments->compare,
                  "an earlier --json report: show ratios, exit with 1 when a share fell");
  verb.add_option("--threshold", arguments->threshold, "how far a share may fall")
      ->capture_default_str();
  return [arguments] { return run_bench(*arguments); };
}

}  // namespace pxos::shell
