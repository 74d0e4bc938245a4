#include "shell/verbs/debug_target.hpp"

#include "hypervisor/generate.hpp"
#include "hypervisor/guest_host.hpp"
#include "hypervisor/hypervisor.hpp"
#include "pixelfs/kind.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/tensor/kernels/select.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

/// What a guest prints, until the debugger shows it.
struct Console {
  std::string text;
  std::string take() { return std::exchange(text, ""); }
};

hypervisor::HostPorts debug_ports(Console& console, const std::string& screenshot) {
  hypervisor::HostPorts ports;
  ports.console = [&console](std::string_view text) { console.text += text; };
  ports.present = [&console, screenshot](const pixelfs::Image& image) {
    if (!screenshot.empty() && !write_picture(screenshot, image))
      console.text += fmt::format("{}: cannot be written\n", screenshot);
  };
  return ports;
}

DebuggerPorts debugger_ports(Console& console) {
  DebuggerPorts ports;
  ports.write_picture = [](const std::filesystem::path& path, const isa::RgbImage& image) {
    return write_picture(path, {image.width, image.height, 3, image.rgb});
  };
  ports.take_console = [&console] { return console.take(); };
  return ports;
}

/// Ids "1,2,3".
Result<std::vector<std::int32_t>> parse_tokens(const std::string& text) {
  std::vector<std::int32_t> tokens;
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  while (true) {
    std::int32_t id = 0;
    const auto parsed = std::from_chars(at, end, id);
    if (parsed.ec != std::errc() || id < 0)
      return fail(Errc::kUsage, "--tokens '{}', expected ids as 1,2,3", text);
    tokens.push_back(id);
    if (parsed.ptr == end) return tokens;
    if (*parsed.ptr != ',') return fail(Errc::kUsage, "--tokens '{}', expected ids as 1,2,3", text);
    at = parsed.ptr + 1;
  }
}

/// The forward calls of a prompt and of the likeliest tokens after it.
class ModelCalls {
 public:
  ModelCalls(hypervisor::Mount& mount, std::vector<std::int32_t> prompt, std::int64_t new_tokens,
             Console& console)
      : mount_(mount),
        pending_(std::move(prompt)),
        left_(new_tokens),
        batch_(mount.batch()),
        console_(console) {}

  Result<std::optional<debug::GuestCall>> next(vm::Machine& machine) {
    if (pending_.empty()) PX_CHECK(choose(machine));
    if (pending_.empty()) return std::optional<debug::GuestCall>();
    const std::size_t rows = std::min(pending_.size(), static_cast<std::size_t>(batch_));
    ByteVector bytes(rows * sizeof(std::int32_t));
    std::memcpy(bytes.data(), pending_.data(), bytes.size());
    pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(rows));
    debug::GuestCall call{"forward",
                          {position_, 1},
                          {{"T", static_cast<std::int64_t>(rows)}},
                          {{"tokens", std::move(bytes)}}};
    position_ += static_cast<std::int64_t>(rows);
    return std::optional(std::move(call));
  }

 private:
  /// The likeliest token; none when that was the last one asked for.
  Result<void> choose(vm::Machine& machine) {
    PX_TRY(const vm::TensorView view, machine.view("logits"));
    const auto* logits = reinterpret_cast<const float*>(view.data);
    const std::int64_t count = view.elements();
    const auto id = static_cast<std::int32_t>(std::max_element(logits, logits + count) - logits);
    const text::Tokenizer* tokenizer = mount_.tokenizer();
    console_.text += tokenizer != nullptr
                         ? fmt::format("token {} \"{}\"\n", id, tokenizer->piece(id))
                         : fmt::format("token {}\n", id);
    const bool ends = tokenizer != nullptr && tokenizer->is_end_of_generation(id);
    if (--left_ > 0 && !ends) pending_.push_back(id);
    return {};
  }

  hypervisor::Mount& mount_;
  std::vector<std::int32_t> pending_;
  std::int64_t position_ = 0;
  std::int64_t left_;
  std::int64_t batch_;
  Console& console_;
};

/// The texts a cartridge carries, assembled: names, and lines where they are those of its program.
DebugSource cartridge_source(const cartridges::Cartridge& cartridge, const isa::Program& program) {
  const auto texts = cartridge.of_kind(cartridges::EntryKind::kSource);
  if (texts.empty() || program.debug.files.empty()) return {};
  assembler::AssembleOptions options;
  options.include = [&](std::string_view name) -> Result<std::string> {
    const cartridges::ManifestEntry* entry = cartridge.find(name);
    if (entry == nullptr) return programs::read_include(name);
    return std::string(as_text(cartridge.bytes(*entry)));
  };
  for (const cartridges::ManifestEntry* text : texts) {
    options.source = {program.debug.files.front(), std::string(as_text(cartridge.bytes(*text)))};
    const assembler::AssembleResult result = assembler::assemble(options);
    if (result.program && result.program->program().code == program.code) return source_of(result);
  }
  return {};
}

Result<std::vector<std::int32_t>> prompt_tokens(const DebugArguments& arguments,
                                                const hypervisor::Mount& mount) {
  if (!arguments.tokens.empty()) return parse_tokens(arguments.tokens);
  if (mount.tokenizer() == nullptr)
    return fail(Errc::kUsage, "{} has no tokenizer: give its ids with --tokens", mount.name());
  PX_TRY(auto tokens, mount.tokenizer()->encode(arguments.prompt, {true, false}));
  if (tokens.empty()) return fail(Errc::kUsage, "the prompt is empty");
  return tokens;
}

Result<debug::CallSource> calls_of(const DebugArguments& arguments, hypervisor::Mount& mount,
                                   Console& console) {
  if (mount.machine().linked().program().find_entry("forward") == nullptr) {
    return debug::CallSource(
        [entry = arguments.entry](vm::Machine&,
                                  std::size_t done) -> Result<std::optional<debug::GuestCall>> {
          if (done > 0) return std::optional<debug::GuestCall>();
          return std::optional<debug::GuestCall>(debug::GuestCall{entry, {}, {}, {}});
        });
  }
  PX_TRY(std::vector<std::int32_t> tokens, prompt_tokens(arguments, mount));
  auto calls =
      std::make_shared<ModelCalls>(mount, std::move(tokens), arguments.new_tokens, console);
  return debug::CallSource(
      [calls](vm::Machine& machine, std::size_t) { return calls->next(machine); });
}

Result<int> debug_cartridge(const DebugArguments& arguments,
                            const std::function<Result<int>(Debugger&)>& session) {
  Console console;
  PX_TRY(Mounted mounted,
         mount_cartridge(arguments.mount, debug_ports(console, arguments.screenshot)));
  std::optional<assembler::AssembleResult> other;
  if (!arguments.program.empty()) {
    PX_TRY(other, assemble_file(arguments.program));
    PX_TRY(isa::VerifiedProgram program, assembled_program(*other));
    PX_CHECK(mounted.hypervisor->reload(mounted.info.name, std::move(program)));
  }
  int code = 0;
  PX_CHECK(mounted.hypervisor->with_mount(
      mounted.info.name, [&](hypervisor::Mount& mount) -> Result<void> {
        DebugSource source =
            other ? source_of(*other)
                  : cartridge_source(mount.cartridge(), mount.machine().linked().program());
        PX_TRY(debug::CallSource calls, calls_of(arguments, mount, console));
        PX_TRY(const auto timeline, debug::Timeline::create(mount.machine(), std::move(calls)));
        Debugger debugger(*timeline, mount.machine().linked_program(), std::move(source),
                          debugger_ports(console));
        PX_TRY(code, session(debugger));
        return {};
      }));
  return code;
}

struct Read {
  std::optional<isa::VerifiedProgram> program;
  DebugSource source;
};

/// Text is assembled here, for its names, and so is what ships; pictures come without.
Result<Read> read_target(const std::string& path) {
  std::optional<assembler::AssembleResult> assembled;
  std::error_code ignored;
  const programs::EmbeddedProgram* shipped = programs::find(path);
  if (shipped != nullptr && !std::filesystem::exists(path, ignored)) {
    assembled = assembler::assemble(
        {{path + ".pxasm", std::string(shipped->source)}, programs::read_include, true});
  } else if (std::filesystem::path(path).extension() == ".pxasm") {
    PX_TRY(assembled, assemble_file(path));
  }
  Read read;
  if (assembled) {
    PX_TRY(read.program, assembled_program(*assembled));
    read.source = source_of(*assembled);
    return read;
  }
  PX_TRY(isa::Program program, read_program(path));
  PX_TRY(read.program, isa::verify_or_error(std::move(program)));
  return read;
}

Result<int> debug_program(const DebugArguments& arguments,
                          const std::function<Result<int>(Debugger&)>& session) {
  PX_TRY(Read read, read_target(arguments.mount.cartridge));
  vm::LinkInputs inputs;
  inputs.memory_cap_bytes = hypervisor::default_memory_cap();
  inputs.find_weight = [](const std::string&) { return std::nullopt; };
  PX_TRY(const auto linked, vm::link(*std::move(read.program), inputs));
  PX_TRY(const tensor::KernelTable* kernels, tensor::select_kernels_from_environment());
  ThreadPool pool(arguments.mount.threads != 0 ? arguments.mount.threads : usable_processors());
  std::atomic<bool> stop{false};
  Console console;
  ExecHostOptions world = arguments.host;
  world.screenshot = arguments.screenshot;
  PX_TRY(const auto outside, ExecHost::create(world, stop));
  hypervisor::HostPorts ports = outside->ports();
  ports.console = [&console](std::string_view text) { console.text += text; };
  hypervisor::GuestHost host(
      ports,
      {"console", "screen", "clock", "random", "keys", "mouse", "gamepad", "tokens", "files"}, 0);
  PX_TRY(const vm::Session memory, vm::Session::create(*linked));
  vm::MachineOptions options;
  options.kernels = kernels;
  options.pool = &pool;
  options.stop = &stop;
  options.host = &host;
  PX_TRY(vm::Machine machine, vm::Machine::create(linked, options));
  machine.attach(memory);
  const auto once = [&](vm::Machine&, std::size_t done) -> Result<std::optional<debug::GuestCall>> {
    if (done > 0) return std::optional<debug::GuestCall>();
    return std::optional<debug::GuestCall>(debug::GuestCall{arguments.entry, {}, {}, {}});
  };
  PX_TRY(const auto timeline, debug::Timeline::create(machine, once));
  Debugger debugger(*timeline, linked, std::move(read.source), debugger_ports(console));
  return session(debugger);
}

/// A cartridge by path or by name in the store; everything else is a program.
bool is_cartridge(const std::string& given) {
  const auto path = find_cartridge(given);
  if (!path) return false;
  const auto file = MappedFile::open(*path);
  return file && pixelfs::identify(file->bytes()).kind == pixelfs::FileKind::kCartridge;
}

}  // namespace

Result<int> with_debugger(const DebugArguments& arguments,
                          const std::function<Result<int>(Debugger&)>& session) {
  return is_cartridge(arguments.mount.cartridge) ? debug_cartridge(arguments, session)
                                                 : debug_program(arguments, session);
}

}  // namespace pxos::shell
