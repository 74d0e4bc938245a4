// imatrix: measures how much each column of a model's matrices matters, for `quantize --imatrix`.

#include "hypervisor/importance.hpp"
#include "pxvm/base/file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct ImatrixArguments {
  MountArguments mount;
  std::string text;
  std::string output;
  std::uint64_t bytes = 0;
  std::int64_t chunks = 0;
};

Result<int> run_imatrix(const ImatrixArguments& arguments) {
  PX_TRY(const ByteVector file, read_file(arguments.text));
  std::string_view text = as_text(file);
  if (arguments.bytes != 0) text = text.substr(0, arguments.bytes);
  PX_TRY(const Mounted mounted, mount_cartridge(arguments.mount));
  ProgressBar bar("imatrix");
  hypervisor::ImportanceOptions options;
  options.ctx = arguments.mount.context;
  options.max_chunks = arguments.chunks;
  options.progress = [&](std::int64_t done, std::int64_t total) {
    bar.update(static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(total), "chunks", 1);
  };
  cartridges::Importance importance;
  PX_CHECK(mounted.hypervisor->with_mount(
      mounted.info.name, [&](hypervisor::Mount& mount) -> Result<void> {
        PX_TRY(importance, hypervisor::measure_importance(mount, text, options));
        return {};
      }));
  PX_TRY(const ByteVector sheet, cartridges::serialize(importance));
  PX_CHECK(write_file_atomic(arguments.output, sheet));
  print_out("{}: {} matrices, measured over {} tokens\n", arguments.output,
            importance.mean_squares.size(), importance.tokens);
  return 0;
}

}  // namespace

VerbAction setup_imatrix(VerbSyntax& verb) {
  auto arguments = std::make_shared<ImatrixArguments>();
  arguments->mount.context = 512;
  verb.add_option("CARTRIDGE", arguments->mount.cartridge, "cartridge with a language model")
      ->required();
  verb.add_option("TEXT", arguments->text, "file of UTF-8 text, like what the model will read")
      ->required();
  verb.add_option("-o,--output", arguments->output, "importance file to write (a sheet)")
      ->required();
  verb.add_option("--ctx", arguments->mount.context, "tokens per chunk")->capture_default_str();
  verb.add_option("--bytes", arguments->bytes, "use only the first bytes of the text");
  verb.add_option("--chunks", arguments->chunks, "use only the first chunks");
  verb.add_option("--threads", arguments->mount.threads, "0 = all processors");
  return [arguments] { return run_imatrix(*arguments); };
}

}  // namespace pxos::shell
