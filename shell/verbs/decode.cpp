// decode: a Pixel-LLM v0 picture back to weights.

#include "cartridges/import/npz.hpp"
#include "cartridges/pixellm/model_v0.hpp"
#include "pxvm/base/file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {

VerbAction setup_decode(VerbSyntax& verb) {
  struct Arguments {
    std::string picture, output;
  };
  auto arguments = std::make_shared<Arguments>();
  verb.add_option("PICTURE", arguments->picture, "Pixel-LLM v0 picture (.pxi) with its meta.json")
      ->required();
  verb.add_option("-o,--output", arguments->output, "weights to write (.npz)")->required();
  return [arguments]() -> Result<int> {
    PX_CHECK(keep_input(arguments->picture, arguments->output));
    PX_TRY(const pixelfs::Image image, read_picture(arguments->picture));
    PX_TRY(const auto meta, read_pixellm_meta(arguments->picture));
    PX_TRY(const auto weights, cartridges::pixellm::decode(image, meta));
    PX_TRY(const ByteVector npz, cartridges::write_npz(weights));
    PX_CHECK(write_file_atomic(arguments->output, npz));
    print_out("{}: {} tensors, {} bytes\n", arguments->output, weights.size(), npz.size());
    return 0;
  };
}

}  // namespace pxos::shell
