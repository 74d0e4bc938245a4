// verify: every digest of a cartridge, sheet or volume; or a Pixel-LLM v0 picture against the
// weights it was made from.

#include "pxvm/isa/verify.hpp"

#include "cartridges/pixellm/model_v0.hpp"
#include "pixelfs/kind.hpp"
#include "pixelfs/sheet.hpp"
#include "pxvm/base/file.hpp"
#include "shell/print.hpp"
#include "shell/verbs/stored_files.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

Result<pixelfs::WeightSet> sheets_of(const cartridges::Cartridge& cartridge) {
  std::vector<pixelfs::Sheet> sheets;
  for (const cartridges::ManifestEntry* entry : cartridge.of_kind(cartridges::EntryKind::kSheet)) {
    auto sheet = pixelfs::Sheet::open(cartridge.bytes(*entry));
    if (!sheet) return in_context(entry->name, std::move(sheet).error());
    sheets.push_back(*std::move(sheet));
  }
  return pixelfs::WeightSet::open(std::move(sheets));
}

Result<int> verify_cartridge(const std::filesystem::path& path) {
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  PX_CHECK(cartridge.verify());
  PX_TRY(const pixelfs::WeightSet weights, sheets_of(cartridge));
  ProgressBar bar("verify");
  PX_CHECK(weights.verify([&](std::uint64_t done, std::uint64_t total) {
    bar.update(done, total);
    return true;
  }));
  print_out("{}: ok: {} entries, {} tensors, manifest {}\n", path.string(),
            cartridge.manifest().entries.size(), weights.tensors().size(),
            to_hex(cartridge.manifest_digest()));
  return 0;
}

Result<int> verify_sheet(const std::filesystem::path& path, Bytes file) {
  PX_TRY(pixelfs::Sheet sheet, pixelfs::Sheet::open(file));
  const std::string how = sheet.in_place() ? "in place" : "decoded: " + sheet.slow_reason();
  const std::size_t entries = sheet.entries().size();
  if (sheet.count() > 1) {  // the other sheets of the series hold the rest of some tensors
    PX_CHECK(sheet.verify_framing());
    print_out(
        "{}: framing ok ({}): sheet {} of {}, {} tensors; their digests need the whole series\n",
        path.string(), how, sheet.index() + 1, sheet.count(), entries);
    return 0;
  }
  std::vector<pixelfs::Sheet> sheets;
  sheets.push_back(std::move(sheet));
  PX_TRY(const pixelfs::WeightSet weights, pixelfs::WeightSet::open(std::move(sheets)));
  PX_CHECK(weights.verify());
  print_out("{}: ok ({}): {} tensors\n", path.string(), how, entries);
  return 0;
}

Result<int> verify_pixellm(const std::string& npz, const std::filesystem::path& picture) {
  PX_TRY(const ByteVector weights_bytes, read_file(npz));
  PX_TRY(const auto weights, cartridges::parse_npz(weights_bytes));
  PX_TRY(const pixelfs::Image image, read_picture(picture));
  PX_TRY(const auto meta, read_pixellm_meta(picture));
  PX_TRY(const auto errors, cartridges::pixellm::compare(weights, image, meta));
  bool all_within = true;
  print_out("{:<10} {:>14} {:>14}\n", "tensor", "largest error", "half a step");
  for (const auto& error : errors) {
    print_out("{:<10} {:>14.3e} {:>14.3e}  {}\n", error.name, error.largest, error.half_step,
              error.within ? "ok" : "TOO LARGE");
    all_within &= error.within;
  }
  if (!all_within) return fail(Errc::kInvalid, "{} is not a picture of {}", picture.string(), npz);
  return 0;
}

Result<int> verify_any(const std::filesystem::path& path) {
  PX_TRY(const MappedFile file, MappedFile::open(path));
  const pixelfs::Identified found = pixelfs::identify(file.bytes());
  switch (found.kind) {
    case pixelfs::FileKind::kCartridge:
      return verify_cartridge(path);
    case pixelfs::FileKind::kSheet:
      return verify_sheet(path, file.bytes());
    case pixelfs::FileKind::kProgram: {
      PX_TRY(isa::Program program, read_program(path));
      PX_TRY(const isa::VerifiedProgram verified, isa::verify_or_error(std::move(program)));
      print_out("{}: ok: program '{}', {} instructions\n", path.string(), verified.program().name,
                verified.program().code.size());
      return 0;
    }
    default:
      if (holds_files(found.kind)) return verify_stored_files(found.kind, path);
      return fail(Errc::kUnsupported, "{}: nothing to verify in {}", path.string(), found.reason);
  }
}

}  // namespace

VerbAction setup_verify(VerbSyntax& verb) {
  struct Arguments {
    std::string first, second;
  };
  auto arguments = std::make_shared<Arguments>();
  verb.add_option("FILE", arguments->first,
                  "cartridge, sheet, program, volume or original container; or the npz of a "
                  "Pixel-LLM picture")
      ->required();
  verb.add_option("PICTURE", arguments->second, "Pixel-LLM v0 picture to compare with the npz");
  return [arguments]() -> Result<int> {
    if (!arguments->second.empty()) return verify_pixellm(arguments->first, arguments->second);
    PX_TRY(const std::filesystem::path path, find_cartridge(arguments->first));
    return verify_any(path);
  };
}

}  // namespace pxos::shell
