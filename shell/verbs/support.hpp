#pragma once
// What several verbs share: files and pictures by path, programs, a mounted cartridge, progress on
// stderr.

#include "assembler/assembler.hpp"
#include "cartridges/import/import.hpp"
#include "cartridges/pixellm/model_v0.hpp"
#include "hypervisor/hypervisor.hpp"
#include "hypervisor/mount.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/isa/program.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace pxos::shell {

/// Reads a PNG; errors carry the path.
Result<pixelfs::Image> read_picture(const std::filesystem::path& path);
/// Writes a PNG atomically.
Result<void> write_picture(const std::filesystem::path& path, const pixelfs::Image& image);
/// Errors: kUsage when `output` is the file `input`, under whatever name: writing would lose it.
Result<void> keep_input(const std::filesystem::path& input, const std::filesystem::path& output);

/// A program from `.pxasm` text (assembled, diagnostics in the error), from a program picture or
/// from a cartridge (its first program); where there is no such file, the one of this name that
/// ships with pxos.
Result<isa::Program> read_program(const std::filesystem::path& path);
/// Assembles a `.pxasm` file; mistakes are diagnostics of the result. What it includes is looked
/// for beside it, then among the programs that ship.
Result<assembler::AssembleResult> assemble_file(const std::filesystem::path& path);
/// The program of an assembly that succeeded. Errors: the diagnostics, rendered.
Result<isa::VerifiedProgram> assembled_program(const assembler::AssembleResult& result);
/// The program as the PNG a cartridge carries.
Result<ByteVector> program_png(const isa::Program& program);

/// meta.json of a Pixel-LLM v0 picture: PICTURE with .meta.json for its suffix, else meta.json
/// beside it.
Result<cartridges::pixellm::Meta> read_pixellm_meta(const std::filesystem::path& picture);

/// Text as Pixel-LLM v0 tokens: code point mod 1024. Errors: kInvalid for text that is not UTF-8.
Result<std::vector<std::int32_t>> pixellm_tokens(std::string_view text);

/// The program that ships for an architecture, for importers.
Result<cartridges::ProgramSource> find_program(std::string_view architecture);

/// Where trust records, cartridges and the log live: PXOS_HOME, else XDG_DATA_HOME/pxos, else
/// ~/.local/share/pxos.
[[nodiscard]] std::filesystem::path home_folder();

/// A path to a cartridge: as given when it exists, else NAME(.pxa) in the home's cartridges folder.
Result<std::filesystem::path> find_cartridge(const std::string& given);

/// One hypervisor with one cartridge mounted.
struct Mounted {
  std::unique_ptr<hypervisor::Hypervisor> hypervisor;
  hypervisor::MountInfo info;
};
struct MountArguments {
  std::string cartridge;
  std::size_t threads = 0;
  std::int64_t context = 0;
  std::int64_t batch = 0;
  std::uint64_t fuel = 0;
  std::string load = "mmap";  ///< parse_load_mode
};
Result<Mounted> mount_cartridge(const MountArguments& arguments, hypervisor::HostPorts ports = {});

/// Exclusive use of one mount of each of two hypervisors.
Result<void> with_mounts(
    const Mounted& first, const Mounted& second,
    const std::function<Result<void>(hypervisor::Mount&, hypervisor::Mount&)>& use);

/// The time of day as manifests record it.
[[nodiscard]] std::string rfc3339_now();

/// A bar with rate and time left on stderr, redrawn a few times a second; when stderr is no
/// terminal a line every ten seconds.
class ProgressBar {
 public:
  explicit ProgressBar(std::string label) : label_(std::move(label)) {}
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void update(std::uint64_t done, std::uint64_t total, std::string_view unit = "MB",
              double unit_size = 1e6);

 private:
  using Clock = std::chrono::steady_clock;
  std::string label_;
  Clock::time_point start_{};  ///< of the first report
  Clock::time_point drawn_{};
  std::optional<std::uint64_t> first_done_;
  bool visible_ = false;
};

}  // namespace pxos::shell
