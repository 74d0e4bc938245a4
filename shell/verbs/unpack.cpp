// unpack: what a cartridge, a volume or an original archive holds, as plain files; every picture of
// a cartridge opens in any viewer.

#include "cartridges/pack.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/stored_files.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {

namespace {

Result<std::size_t> unpack_any(const std::filesystem::path& path, const std::string& folder) {
  PX_TRY(const MappedFile file, MappedFile::open(path));
  const pixelfs::FileKind kind = pixelfs::identify(file.bytes()).kind;
  if (holds_files(kind)) return unpack_stored_files(kind, path, folder);
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  PX_CHECK(cartridges::unpack(cartridge, folder));
  return cartridge.manifest().entries.size();
}

}  // namespace

VerbAction setup_unpack(VerbSyntax& verb) {
  struct Arguments {
    std::string cartridge, folder;
  };
  auto arguments = std::make_shared<Arguments>();
  verb.add_option("CARTRIDGE", arguments->cartridge, "cartridge (.pxa), volume, PXAR, PXFS or PXIF")
      ->required();
  verb.add_option("-o,--output", arguments->folder, "folder to write")->required();
  return [arguments]() -> Result<int> {
    PX_TRY(const std::filesystem::path path, find_cartridge(arguments->cartridge));
    PX_TRY(const std::size_t entries, unpack_any(path, arguments->folder));
    print_out("{}: {} entries\n", arguments->folder, entries);
    return 0;
  };
}

}  // namespace pxos::shell
