#pragma once
// The hypervisor mounts cartridges, runs their programs as sandboxed guests and answers for what
// they may use. A mount maps the cartridge's sheets, verifies and links its program and places its
// regions on the map.
//
// Threads: every member may be called from any thread. Guests run one at a time on the caller's
// thread (plus the tensor pool); a call that would run one while another runs waits for it.
// interrupt() never waits.

#include "cartridges/cartridge.hpp"
#include "hypervisor/ports.hpp"
#include "infinite_map/geometry.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/isa/verify.hpp"
#include "pxvm/text/logprobs.hpp"
#include "pxvm/text/sampler.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::hypervisor {

struct HypervisorOptions {
  std::size_t threads = 0;     ///< 0 = usable_processors()
  std::string kernels;         ///< "" = the fastest; else scalar | avx2 | avx512
  std::filesystem::path home;  ///< trust records and the log live here; empty = keep nothing
  HostPorts ports;             ///< where guests' host calls go
};

/// What a guest may take for activations and regions when nobody says: 3/4 of physical memory, in
/// bytes.
[[nodiscard]] std::uint64_t default_memory_cap();

struct MountOptions {
  std::string name;                ///< empty = the manifest's name, made unique
  std::int64_t context = 0;        ///< KV positions; 0 = min(model's, 4096)
  std::int64_t batch = 0;          ///< prefill step; 0 = the program's default
  std::uint64_t fuel = 0;          ///< instruction budget of one call; 0 = unlimited
  std::uint64_t memory_bytes = 0;  ///< cap on KV + activations; 0 = 3/4 of physical memory
  LoadOptions load{};              ///< of the cartridge file
};

/// What `mounts`, `info` and `ps` show.
struct MountInfo {
  std::string name;
  std::string path;
  std::string title;
  std::string architecture;
  std::string program;  ///< name of the forward program
  std::uint64_t parameters = 0;
  std::uint64_t weight_bytes = 0;  ///< mapped, shared
  std::uint64_t arena_bytes = 0;   ///< activations, reserved
  std::uint64_t kv_bytes = 0;      ///< reserved
  std::int64_t context = 0;
  std::int64_t position = 0;  ///< tokens in the conversation
  bool has_model = false;     ///< has a `forward` entry and a tokenizer: `ask` works
  bool has_chat = false;
  bool mixed = false;              ///< the conversation was made by more than one program
  bool fast_path = true;           ///< every sheet is executed in place
  std::vector<std::string> notes;  ///< e.g. "sheet f32.0.pxi was re-saved: decoded, not mapped"
  double mount_seconds = 0;
};

enum class FinishReason : std::uint8_t { kStop, kLength, kContextFull, kInterrupted };
[[nodiscard]] std::string_view to_string(FinishReason reason);

/// What happens when a context is full.
enum class ContextPolicy : std::uint8_t {
  kStop,    ///< the answer ends there, and the report says so
  kRefuse,  ///< nothing is started that may not fit: prompt and max_tokens are checked first
  kShift,   ///< the first token and the newer half stay and are evaluated again
};

struct AskOptions {
  bool chat = false;  ///< apply the chat template and keep the conversation
  bool fresh = true;  ///< forget what the session held before (ignored for chat)
  std::int64_t max_tokens = 256;
  std::optional<text::SamplerOptions> sampling;  ///< empty = the manifest's defaults
  std::vector<std::string> stop;                 ///< extra stop strings
  std::string grammar;                           ///< GBNF the answer must follow; empty = none
  std::int64_t logprobs = -1;  ///< report each token's, and this many likelier ones; -1 = none
  std::int64_t beams = 1;      ///< above 1: beam search in place of sampling
  ContextPolicy context_policy = ContextPolicy::kStop;
  /// Runs on the calling thread between two tokens, when no instruction is under way; an error ends
  /// the generation. The hypervisor sets it.
  std::function<Result<void>()> between_tokens;
  /// Receives valid UTF-8 as it is generated, on the calling thread.
  std::function<void(std::string_view)> on_text;
};

/// A generated token's log-probability in the model's own distribution.
struct ReportedLogprob {
  text::TokenLogprob token;
  std::vector<text::TokenLogprob> top;  ///< likeliest first
};

struct Beam {
  std::string text;
  std::vector<std::int32_t> tokens;
  std::vector<double> logprobs;  ///< of each token after those before it
  double logprob = 0;            ///< sum
  double score = 0;              ///< mean of its tokens
};

struct AskReport {
  std::string text;
  std::vector<std::int32_t> tokens;  ///< generated
  std::int64_t prompt_tokens = 0;    ///< evaluated now
  double prefill_seconds = 0;
  double decode_seconds = 0;
  FinishReason finish = FinishReason::kStop;
  std::vector<ReportedLogprob> logprobs;  ///< of tokens, where asked for
  std::vector<Beam> beams;                ///< best first, where asked for
  std::int64_t shifted_tokens = 0;        ///< that left the context (ContextPolicy::kShift)
};

struct ReloadOptions {
  bool replay = false;  ///< evaluate the conversation again under the new program
};

/// What a reload cost. The guest stood still for `pause_seconds` only; linking went on beside it.
struct ReloadReport {
  double link_seconds = 0;
  double pause_seconds = 0;
  double replay_seconds = 0;
  std::int64_t position = 0;  ///< tokens in the conversation at that moment
  bool mixed = false;         ///< it now holds keys and values of both programs
};

/// One line of the execution log.
struct LogEntry {
  std::int64_t unix_ms = 0;
  std::string what;     ///< mount, run, ask, deny, trap, unmount ...
  std::string subject;  ///< mount name
  std::string digest;   ///< manifest digest, hex
  std::string result;
  double seconds = 0;
};

class Mount;  // hypervisor/mount.hpp: program, weights, session; for tools that need more than this
              // surface

class Hypervisor {
 public:
  static Result<std::unique_ptr<Hypervisor>> create(HypervisorOptions options);
  ~Hypervisor();
  Hypervisor(const Hypervisor&) = delete;
  Hypervisor& operator=(const Hypervisor&) = delete;

  /// Mounts a cartridge file. Errors carry the reason; nothing stays half mounted.
  Result<MountInfo> mount(const std::filesystem::path& path, const MountOptions& options = {});
  /// The same for bytes that outlive the mount (the embedded welcome cartridge).
  Result<MountInfo> mount_bytes(Bytes bytes, const std::string& name,
                                const MountOptions& options = {});
  Result<void> unmount(const std::string& name);
  [[nodiscard]] std::vector<MountInfo> mounts() const;
  Result<MountInfo> info(const std::string& name) const;

  /// Generates text from `prompt` with the model of `name`.
  Result<AskReport> ask(const std::string& name, std::string_view prompt,
                        const AskOptions& options);
  /// Puts another program in the place of the one that `name` runs, keeping its conversation. While
  /// it generates, the change is made between two tokens; otherwise now. Waits until it is made.
  /// Errors: those of linking, kUnsupported when regions or entries differ; then the old program
  /// runs on.
  Result<ReloadReport> reload(const std::string& name, isa::VerifiedProgram program,
                              const ReloadOptions& options = {});
  /// Runs an entry that takes no arguments ("main"); console and screen go to the ports.
  Result<void> run_program(const std::string& name, std::string_view entry = "main");

  /// Makes the running guest stop within 100 ms; harmless when none runs. Async-signal-safe.
  void interrupt();

  /// Draws the map: a copy of the viewport, made between two tokens.
  [[nodiscard]] pixelfs::Image render_map(const infinite_map::Viewport& viewport,
                                          std::uint32_t width, std::uint32_t height) const;
  /// Around everything, or around the regions that `place` names (Map::bounds_of); empty when there
  /// are none.
  [[nodiscard]] infinite_map::Rect map_bounds(std::string_view place = {}) const;

  [[nodiscard]] std::vector<LogEntry> log() const;
  [[nodiscard]] std::string kernels() const;
  [[nodiscard]] std::size_t threads() const;

  /// For tools of the same process (bench, ppl, infer): exclusive use of a mount while the callback
  /// runs.
  Result<void> with_mount(const std::string& name, const std::function<Result<void>(Mount&)>& use);

 private:
  Hypervisor();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pxos::hypervisor
