#include "shell/verbs/support.hpp"

#include "assembler/assembler.hpp"
#include "cartridges/cartridge.hpp"
#include "pixelfs/kind.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/isa/image.hpp"
#include "pxvm/text/utf8.hpp"
#include "shell/print.hpp"

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

namespace pxos::shell {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<isa::Program> picture_program(Bytes png) {
  PX_TRY(const pixelfs::Image image, pixelfs::decode_png(png));
  if (image.channels != 3)
    return fail(Errc::kInvalid, "a program is an RGB picture{}",
                image.channels == 4 ? "; one of the original pxVM is run by `pxos exec`" : "");
  return isa::decode_program({image.width, image.height, image.pixels});
}

Result<isa::Program> cartridge_program(Bytes file, const std::filesystem::path& path) {
  PX_TRY(const cartridges::Cartridge cartridge,
         cartridges::Cartridge::from_bytes(file, path.string()));
  const auto programs = cartridge.of_kind(cartridges::EntryKind::kProgram);
  if (programs.empty()) return fail(Errc::kNotFound, "the cartridge carries no program");
  return picture_program(cartridge.bytes(*programs.front()));
}

}  // namespace

Result<pixelfs::Image> read_picture(const std::filesystem::path& path) {
  PX_TRY(const ByteVector bytes, read_file(path));
  auto image = pixelfs::decode_png(bytes);
  if (!image) return in_context(path.string(), std::move(image).error());
  return image;
}

Result<void> keep_input(const std::filesystem::path& input, const std::filesystem::path& output) {
  std::error_code absent;
  if (!std::filesystem::equivalent(input, output, absent)) return {};
  return fail(Errc::kUsage, "{}: is what is read here, expected another name to write to",
              output.string());
}

Result<void> write_picture(const std::filesystem::path& path, const pixelfs::Image& image) {
  PX_TRY(const ByteVector png, pixelfs::encode_png(image));
  return write_file_atomic(path, png);
}

Result<assembler::AssembleResult> assemble_file(const std::filesystem::path& path) {
  PX_TRY(const ByteVector bytes, read_file(path));
  assembler::AssembleOptions options;
  options.source = {path.string(), std::string(as_text(bytes))};
  // A copy of a program elsewhere still finds what it includes.
  options.include = [folder = path.parent_path()](std::string_view name) -> Result<std::string> {
    const auto text = read_file(folder / name);
    if (!text && text.error().code == Errc::kNotFound) return programs::read_include(name);
    if (!text) return tl::unexpected<Error>(text.error());
    return std::string(as_text(*text));
  };
  return assembler::assemble(options);
}

Result<isa::VerifiedProgram> assembled_program(const assembler::AssembleResult& result) {
  if (result.program) return *result.program;
  std::string text = assembler::render_all(result.diagnostics, result.sources);
  while (text.ends_with('\n')) text.pop_back();
  return fail(Errc::kInvalid, "{}", text);
}

Result<isa::Program> read_program(const std::filesystem::path& path) {
  std::error_code ignored;
  const programs::EmbeddedProgram* shipped = programs::find(path.string());
  if (shipped != nullptr && !std::filesystem::exists(path, ignored))
    return picture_program(shipped->png);
  PX_TRY(const ByteVector bytes, read_file(path));
  if (!pixelfs::is_png(bytes)) {
    PX_TRY(const assembler::AssembleResult result, assemble_file(path));
    PX_TRY(const isa::VerifiedProgram program, assembled_program(result));
    return program.program();
  }
  const auto decode = [&]() -> Result<isa::Program> {
    if (pixelfs::identify(bytes).kind == pixelfs::FileKind::kCartridge)
      return cartridge_program(bytes, path);
    return picture_program(bytes);
  };
  auto program = decode();
  if (!program) return in_context(path.string(), std::move(program).error());
  return program;
}

Result<ByteVector> program_png(const isa::Program& program) {
  PX_TRY(const isa::RgbImage image, isa::encode_program(program));
  return pixelfs::encode_png({image.width, image.height, 3, image.rgb});
}

Result<cartridges::pixellm::Meta> read_pixellm_meta(const std::filesystem::path& picture) {
  std::filesystem::path path = std::filesystem::path(picture).replace_extension(".meta.json");
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) path = picture.parent_path() / "meta.json";
  auto bytes = read_file(path);
  if (!bytes) {
    return fail(
        Errc::kNotFound, "{}: a Pixel-LLM v0 picture needs its ranges in {}, which is not there",
        picture.string(), std::filesystem::path(picture).replace_extension(".meta.json").string());
  }
  auto meta = cartridges::pixellm::parse_meta(*bytes);
  if (!meta) return in_context(path.string(), std::move(meta).error());
  return meta;
}

Result<std::vector<std::int32_t>> pixellm_tokens(std::string_view text) {
  std::vector<std::int32_t> tokens;
  const std::size_t size = text.size();
  while (!text.empty()) {
    const text::Utf8Step step = text::utf8_step(text);
    if (step.kind != text::Utf8Step::Kind::kCharacter) {
      return fail(Errc::kInvalid, "the text is not UTF-8 at byte {}", size - text.size());
    }
    tokens.push_back(static_cast<std::int32_t>(step.code % cartridges::pixellm::kVocab));
    text.remove_prefix(step.length);
  }
  return tokens;
}

namespace {

/// The texts that `source` includes, and what those include.
void add_includes(std::string_view source, std::vector<cartridges::IncludedText>& out) {
  for (const programs::EmbeddedText& text : programs::includes()) {
    const auto has_name = [&](const auto& other) { return other.name == text.name; };
    if (source.find(fmt::format(".include \"{}\"", text.name)) == std::string_view::npos) continue;
    if (std::any_of(out.begin(), out.end(), has_name)) continue;
    out.push_back({std::string(text.name), std::string(text.text)});
    add_includes(text.text, out);
  }
}

}  // namespace

Result<cartridges::ProgramSource> find_program(std::string_view architecture) {
  const programs::EmbeddedProgram* program = programs::find(architecture);
  if (program != nullptr && !program->is_demo) {
    cartridges::ProgramSource out{std::string(program->name),
                                  {program->png.begin(), program->png.end()},
                                  std::string(program->source),
                                  {}};
    add_includes(program->source, out.includes);
    return out;
  }
  std::string names;
  for (const programs::EmbeddedProgram& other : programs::all()) {
    if (!other.is_demo) names += (names.empty() ? "" : ", ") + std::string(other.name);
  }
  return fail(Errc::kNotFound, "no forward program for architecture '{}'; there are: {}",
              architecture, names);
}

std::filesystem::path home_folder() {
  if (const std::string own = environment("PXOS_HOME"); !own.empty()) return own;
  if (const std::string data = environment("XDG_DATA_HOME"); !data.empty())
    return std::filesystem::path(data) / "pxos";
  const std::string home = environment("HOME");
  return home.empty() ? std::filesystem::path() : std::filesystem::path(home) / ".local/share/pxos";
}

Result<std::filesystem::path> find_cartridge(const std::string& given) {
  std::error_code ignored;
  if (std::filesystem::exists(given, ignored)) return std::filesystem::path(given);
  const std::filesystem::path shelf = home_folder() / "cartridges";
  for (const std::string& name : {given, given + ".pxa"}) {
    if (given.find('/') == std::string::npos && std::filesystem::exists(shelf / name, ignored))
      return shelf / name;
  }
  return fail(Errc::kNotFound, "{}: no such cartridge, here or in {}", given, shelf.string());
}

Result<Mounted> mount_cartridge(const MountArguments& arguments, hypervisor::HostPorts ports) {
  PX_TRY(const std::filesystem::path path, find_cartridge(arguments.cartridge));
  hypervisor::HypervisorOptions options;
  options.threads = arguments.threads;
  options.home = home_folder();
  options.ports = std::move(ports);
  Mounted mounted;
  PX_TRY(mounted.hypervisor, hypervisor::Hypervisor::create(std::move(options)));
  hypervisor::MountOptions mount;
  mount.context = arguments.context;
  mount.batch = arguments.batch;
  mount.fuel = arguments.fuel;
  PX_TRY(mount.load.mode, parse_load_mode(arguments.load));
  ProgressBar bar("load");
  mount.load.progress = [&](std::uint64_t done, std::uint64_t total) {
    bar.update(done, total);
    return true;
  };
  PX_TRY(mounted.info, mounted.hypervisor->mount(path, mount));
  return mounted;
}

Result<void> with_mounts(
    const Mounted& first, const Mounted& second,
    const std::function<Result<void>(hypervisor::Mount&, hypervisor::Mount&)>& use) {
  return first.hypervisor->with_mount(first.info.name, [&](hypervisor::Mount& one) {
    return second.hypervisor->with_mount(second.info.name,
                                         [&](hypervisor::Mount& other) { return use(one, other); });
  });
}

std::string rfc3339_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

ProgressBar::~ProgressBar() {
  if (visible_) std::fputs("\n", stderr);
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total, std::string_view unit,
                         double unit_size) {
  constexpr std::size_t kCells = 30;
  const auto now = Clock::now();
  if (total == 0) return;
  // The rate is that of this run: from the first report on, without what was done before.
  if (!first_done_ || done < *first_done_) {
    first_done_ = done;
    start_ = now;
  }
  const bool is_terminal = isatty(STDERR_FILENO) != 0;
  // A log wants few lines, and none about what is soon over.
  const auto step = is_terminal ? std::chrono::milliseconds(100) : std::chrono::seconds(10);
  if (!is_terminal && drawn_ == Clock::time_point()) drawn_ = start_;
  if ((visible_ && done == total) ? !is_terminal : now - drawn_ < step) return;
  drawn_ = now;
  visible_ = is_terminal;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const double rate = seconds > 0 ? static_cast<double>(done - *first_done_) / seconds : 0;
  const auto cells = static_cast<std::size_t>(share * kCells);
  const double left = rate > 0 ? static_cast<double>(total - done) / rate : 0;
  const std::string numbers = fmt::format("{:3.0f} %  {:.1f} {}/s  {:.0f} s left", share * 100,
                                          rate / unit_size, unit, left);
  if (is_terminal)
    print_to(stderr, "\r{} [{}{}] {} ", label_, std::string(cells, '#'),
             std::string(kCells - cells, '.'), numbers);
  else
    print_to(stderr, "{} {}\n", label_, numbers);
}

}  // namespace pxos::shell
