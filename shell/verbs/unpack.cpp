// unpack: a cartridge's entries as plain files; every picture opens in any viewer.

#include "cartridges/pack.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace pxos::shell {

VerbAction setup_unpack(CLI::App& verb) {
  struct Arguments {
    std::string cartridge, folder;
  };
  auto arguments = std::make_shared<Arguments>();
  verb.add_option("CARTRIDGE", arguments->cartridge, "cartridge (.pxa)")->required();
  verb.add_option("-o,--output", arguments->folder, "folder to write")->required();
  return [arguments]() -> Result<int> {
    PX_TRY(const std::filesystem::path path, find_cartridge(arguments->cartridge));
    PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
    PX_CHECK(cartridges::unpack(cartridge, arguments->folder));
    fmt::print("{}: {} entries\n", arguments->folder, cartridge.manifest().entries.size());
    return 0;
  };
}

}  // namespace pxos::shell
