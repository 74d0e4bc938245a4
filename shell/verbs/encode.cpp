// encode: Pixel-LLM v0 weights become a picture with its meta.json, or a cartridge.

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

struct EncodeArguments {
  std::string npz;
  std::string output;
};

Result<void> write_cartridge(const cartridges::pixellm::Encoded& encoded,
                             const std::filesystem::path& output) {
  cartridges::ImportOptions options;
  options.output = output;
  options.overwrite = true;
  options.find_program = find_program;
  PX_CHECK(cartridges::pixellm::to_cartridge(encoded.image, encoded.meta, options));
  return {};
}

Result<int> run_encode(const EncodeArguments& arguments) {
  PX_CHECK(keep_input(arguments.npz, arguments.output));
  PX_TRY(const ByteVector npz, read_file(arguments.npz));
  PX_TRY(const auto weights, cartridges::parse_npz(npz));
  PX_TRY(cartridges::pixellm::Encoded encoded, cartridges::pixellm::encode(weights));
  const std::filesystem::path output = arguments.output;
  encoded.meta.image_path = output.filename().string();
  for (const cartridges::pixellm::MetaTensor& tensor : encoded.meta.tensors) {
    print_out("{:<10} {:>7} bytes at {:>7}  range [{:.6f}, {:.6f}]\n", tensor.name, tensor.length,
              tensor.offset, tensor.w_min, tensor.w_max);
  }
  if (output.extension() == ".pxa") {
    PX_CHECK(write_cartridge(encoded, output));
    print_out("{}: cartridge of {} parameters\n", output.string(), encoded.meta.total_params);
    return 0;
  }
  PX_CHECK(write_picture(output, encoded.image));
  const std::filesystem::path meta = std::filesystem::path(output).replace_extension(".meta.json");
  PX_CHECK(write_file_atomic(meta, as_bytes(cartridges::pixellm::meta_json(encoded.meta))));
  print_out("{}: {} x {} pixels, {} bytes of weights; ranges in {}\n", output.string(),
            encoded.image.width, encoded.image.height, encoded.meta.total_bytes, meta.string());
  return 0;
}

}  // namespace

VerbAction setup_encode(VerbSyntax& verb) {
  auto arguments = std::make_shared<EncodeArguments>();
  verb.add_option("WEIGHTS", arguments->npz, "Pixel-LLM v0 weights (.npz)")->required();
  verb.add_option("-o,--output", arguments->output,
                  "picture (.pxi, with .meta.json beside it) or cartridge (.pxa)")
      ->required();
  return [arguments] { return run_encode(*arguments); };
}

}  // namespace pxos::shell
