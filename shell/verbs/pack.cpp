// pack: a folder that unpack wrote, or that an author made, becomes a cartridge.

#include "cartridges/pack.hpp"

#include "shell/print.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {

VerbAction setup_pack(VerbSyntax& verb) {
  struct Arguments {
    std::string folder, output;
  };
  auto arguments = std::make_shared<Arguments>();
  verb.add_option("FOLDER", arguments->folder, "folder with manifest.json and the entries it names")
      ->required();
  verb.add_option("-o,--output", arguments->output, "cartridge to write (.pxa)")->required();
  return [arguments]() -> Result<int> {
    PX_CHECK(cartridges::pack_folder(arguments->folder, arguments->output));
    PX_TRY(const cartridges::Cartridge made, cartridges::Cartridge::open(arguments->output));
    print_out("{}: {} entries, manifest {}\n", arguments->output, made.manifest().entries.size(),
              to_hex(made.manifest_digest()));
    return 0;
  };
}

}  // namespace pxos::shell
