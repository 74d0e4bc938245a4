// inspect: says what a file is, why we think so, and what is in it; draws the map of a cartridge.

#include "cartridges/import/gguf.hpp"
#include "cartridges/import/npz.hpp"
#include "cartridges/pixellm/protocol.hpp"
#include "cartridges/weight_check.hpp"
#include "cartridges/weights.hpp"
#include "pixelfs/kind.hpp"
#include "pixelfs/sheet.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/base/processors.hpp"
#include "shell/print.hpp"
#include "shell/verbs/exec_v0.hpp"
#include "shell/verbs/stored_files.hpp"
#include "shell/verbs/support.hpp"
#include "shell/verbs/verb.hpp"

#include <memory>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

struct InspectArguments {
  std::string file;
  std::string png;
  std::string place;
  std::uint32_t size = 1600;
  std::size_t threads = 0;
  bool check = false;
};

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

Result<void> show_cartridge(const std::filesystem::path& path) {
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  const cartridges::Manifest& manifest = cartridge.manifest();
  print_out("  name        {} {}\n  title       {}\n  kind        {}\n", manifest.name,
            manifest.version, manifest.title, manifest.manifest_kind);
  print_out("  licence     {}\n  created     {} by {} ({})\n  manifest    {}\n", manifest.licence,
            manifest.created, manifest.creator_name, manifest.creator_kind,
            to_hex(cartridge.manifest_digest()));
  if (!manifest.architecture.empty()) {
    print_out("  model       {}, {:.2f} M parameters\n", manifest.architecture,
              static_cast<double>(manifest.parameter_count) / 1e6);
  }
  for (const auto& [key, value] : manifest.integers) print_out("  {:<11} {}\n", key, value);
  for (const auto& [key, value] : manifest.reals) print_out("  {:<11} {}\n", key, value);
  print_out("  entries\n");
  for (const cartridges::ManifestEntry& entry : manifest.entries) {
    print_out("    {:<10} {:<28} {:>12} bytes at {}\n", entry.kind_text, entry.name, entry.size,
              entry.offset);
  }
  return {};
}

Result<void> show_sheet(Bytes file) {
  PX_TRY(const pixelfs::Sheet sheet, pixelfs::Sheet::open(file));
  print_out(
      "  dtype       {}\n  sheet       {} of {}\n  picture     {} x {}, {} directory scanlines\n",
      tensor::info(sheet.dtype()).text, sheet.index() + 1, sheet.count(), sheet.width(),
      sheet.scanlines(), sheet.directory_scanlines());
  print_out("  execution   {}\n  tensors\n",
            sheet.in_place() ? "in place (zero-copy)" : "decoded: " + sheet.slow_reason());
  for (const pixelfs::SheetEntry& entry : sheet.entries()) {
    print_out("    {:<32} {:<18} {:<20} {}\n", entry.meta.name, shape_text(entry.meta.shape),
              pixelfs::layout_name(entry.meta.layout), to_hex(entry.digest));
  }
  return {};
}

Result<void> show_program(const std::filesystem::path& path) {
  PX_TRY(const isa::Program program, read_program(path));
  print_out("  program     {}\n  code        {} instructions\n  tensors     {}\n  entries    ",
            program.name, program.code.size(), program.tensors.size());
  for (const isa::Entry& entry : program.entries) print_out(" {}", entry.name);
  print_out("\n");
  return {};
}

Result<void> show_protocol(const std::filesystem::path& path) {
  PX_TRY(const pixelfs::Image image, read_picture(path));
  constexpr std::uint64_t kAnyVocabulary = 65536;
  if (const auto input = cartridges::pixellm::decode_input(image, kAnyVocabulary)) {
    print_out("  as input    {} tokens: {}\n", input->ids.size(), fmt::join(input->ids, " "));
  }
  if (const auto output = cartridges::pixellm::decode_output(image)) {
    print_out("  as output   id: confidence\n");
    for (const auto& prediction : output->predictions)
      print_out("    {:>6}: {:.4f}\n", prediction.id, prediction.confidence);
  }
  return {};
}

Result<void> show_gguf(Bytes file) {
  PX_TRY(const cartridges::GgufFile gguf, cartridges::GgufFile::parse(file));
  print_out("  version     {}\n  tensors     {}\n", gguf.version(), gguf.tensors().size());
  for (const auto& tensor : gguf.tensors()) {
    print_out("    {:<32} {:<20} {}\n", tensor.name, shape_text(tensor.shape()),
              tensor::info(tensor.dtype).text);
  }
  return {};
}

Result<void> show_npz(Bytes file) {
  PX_TRY(const auto arrays, cartridges::parse_npz(file));
  for (const cartridges::NpyArray& array : arrays)
    print_out("  {:<12} {}\n", array.name, shape_text(array.shape));
  return {};
}

Result<void> show(pixelfs::FileKind kind, const std::filesystem::path& path, Bytes file) {
  switch (kind) {
    case pixelfs::FileKind::kCartridge:
      return show_cartridge(path);
    case pixelfs::FileKind::kSheet:
      return show_sheet(file);
    case pixelfs::FileKind::kProgram:
      return show_program(path);
    case pixelfs::FileKind::kProtocolInput:
    case pixelfs::FileKind::kProtocolOutput:
    case pixelfs::FileKind::kPixelLlmV0:
      return show_protocol(path);
    case pixelfs::FileKind::kPxvmV0:
      return show_v0(path);
    case pixelfs::FileKind::kGguf:
      return show_gguf(file);
    case pixelfs::FileKind::kNpz:
      return show_npz(file);
    default:
      return holds_files(kind) ? show_stored_files(kind, path) : Result<void>{};
  }
}

/// Mounts the cartridge and draws its map, or the place that was asked for.
Result<void> draw_map(const InspectArguments& arguments) {
  MountArguments mount;
  mount.cartridge = arguments.file;
  PX_TRY(const Mounted mounted, mount_cartridge(mount));
  const infinite_map::Rect bounds = mounted.hypervisor->map_bounds(arguments.place);
  if (bounds.empty())
    return fail(Errc::kNotFound, "{}: the map has no place '{}'", arguments.file, arguments.place);
  // Zoomed in, whole picture pixels a map pixel; the shorter side never vanishes.
  const std::int64_t longest = std::max(bounds.width, bounds.height);
  const double scale = longest <= arguments.size
                           ? static_cast<double>(arguments.size / longest)
                           : static_cast<double>(arguments.size) / static_cast<double>(longest);
  const auto pixels = [&](std::int64_t side) {
    return static_cast<std::uint32_t>(std::max(16.0, static_cast<double>(side) * scale));
  };
  const pixelfs::Image image =
      mounted.hypervisor->render_map(bounds, pixels(bounds.width), pixels(bounds.height));
  PX_CHECK(write_picture(arguments.png, image));
  print_out("  map         {} x {} at ({}, {}) -> {} ({} x {})\n", bounds.width, bounds.height,
            bounds.x, bounds.y, arguments.png, image.width, image.height);
  return {};
}

void print_bad_row(const cartridges::BadRow& row) {
  print_out("  bad         {} row {}:", row.tensor, row.row);
  if (row.nan != 0) print_out(" {} NaN", row.nan);
  if (row.infinite != 0) print_out(" {} infinite", row.infinite);
  if (row.absurd != 0) print_out(" {} absurd (up to {:g})", row.absurd, row.largest);
  print_out("\n");
}

/// Looks at every weight; the value is the exit code.
Result<int> check_values(const std::filesystem::path& path, std::size_t threads) {
  PX_TRY(const cartridges::Cartridge cartridge, cartridges::Cartridge::open(path));
  PX_TRY(const pixelfs::WeightSet weights, cartridges::open_weights(cartridge));
  ProgressBar bar("check");
  PX_TRY(const cartridges::WeightCheck report,
         cartridges::check_weights(
             weights, threads != 0 ? threads : usable_processors(),
             [&](std::uint64_t done, std::uint64_t total) { bar.update(done, total); }));
  if (cartridge.poisoned()) return fail(Errc::kIo, "{} shrank while it was read", path.string());
  for (const cartridges::BadRow& row : report.rows) print_bad_row(row);
  if (report.bad_rows > report.rows.size())
    print_out("  bad         and {} more rows\n", report.bad_rows - report.rows.size());
  print_out("  check       {} tensors, {} values, {:.2f} s{}\n", report.tensors, report.values,
            report.seconds, report.ok() ? ": all finite" : "");
  if (!report.ok())
    return fail(Errc::kInvalid, "{}: {} bad values in {} rows", path.string(), report.bad_values,
                report.bad_rows);
  return 0;
}

Result<int> run_inspect(const InspectArguments& arguments) {
  PX_TRY(const std::filesystem::path path, find_cartridge(arguments.file));
  if (!arguments.png.empty()) PX_CHECK(keep_input(path, arguments.png));
  PX_TRY(const MappedFile file, MappedFile::open(path));
  const pixelfs::Identified found = pixelfs::identify(file.bytes());
  print_out("{}: {} ({})\n", path.string(), pixelfs::kind_name(found.kind), found.reason);
  PX_CHECK(show(found.kind, path, file.bytes()));
  if (!arguments.png.empty()) {
    if (found.kind != pixelfs::FileKind::kCartridge)
      return fail(Errc::kUsage, "--png draws the map of a cartridge");
    PX_CHECK(draw_map(arguments));
  }
  if (!arguments.check) return 0;
  if (found.kind != pixelfs::FileKind::kCartridge)
    return fail(Errc::kUsage, "--check looks at the weights of a cartridge");
  return check_values(path, arguments.threads);
}

}  // namespace

VerbAction setup_inspect(VerbSyntax& verb) {
  auto arguments = std::make_shared<InspectArguments>();
  verb.add_option("FILE", arguments->file, "any file")->required();
  verb.add_flag(
      "--check", arguments->check,
      "look at every weight: NaN, infinite and absurd values; exit code 1 when there are");
  verb.add_option("--threads", arguments->threads, "of --check; 0 = all processors");
  verb.add_option("--png", arguments->png, "draw the cartridge's map to this picture");
  verb.add_option(
      "--place", arguments->place,
      "of the map, draw what is called so: a tensor, or the beginning of names (blk.3)");
  verb.add_option("--size", arguments->size, "pixels of the picture's longer side")
      ->capture_default_str();
  return [arguments] { return run_inspect(*arguments); };
}

}  // namespace pxos::shell
