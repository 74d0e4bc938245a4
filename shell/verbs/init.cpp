// init: fresh Pixel-LLM v0 weights.

#include "cartridges/import/npz.hpp"
#include "cartridges/pixellm/model_v0.hpp"
#include "pxvm/base/file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct InitArguments {
  std::string architecture;
  std::string output;
  std::uint64_t seed = 42;
};

Result<int> run_init(const InitArguments& arguments) {
  if (arguments.architecture != "pixellm_v0") {
    return fail(Errc::kUsage, "cannot initialise '{}', only pixellm_v0", arguments.architecture);
  }
  const auto weights = cartridges::pixellm::init_weights(arguments.seed);
  PX_TRY(const ByteVector npz, cartridges::write_npz(weights));
  PX_CHECK(write_file_atomic(arguments.output, npz));
  std::uint64_t parameters = 0;
  for (const cartridges::NpyArray& tensor : weights) {
    print_out("{:<10} [{}]  {} parameters\n", tensor.name, fmt::join(tensor.shape, ", "),
              tensor.values.size());
    parameters += tensor.values.size();
  }
  print_out("{}: {} parameters, {:.2f} MB as f32, seed {}\n", arguments.output, parameters,
            static_cast<double>(parameters) * 4 / 1e6, arguments.seed);
  return 0;
}

}  // namespace

VerbAction setup_init(VerbSyntax& verb) {
  auto arguments = std::make_shared<InitArguments>();
  verb.add_option("ARCHITECTURE", arguments->architecture, "pixellm_v0")->required();
  verb.add_option("-o,--output", arguments->output, "weights to write (.npz)")->required();
  verb.add_option("--seed", arguments->seed, "seed of the generator")->capture_default_str();
  return [arguments] { return run_init(*arguments); };
}

}  // namespace pxos::shell
