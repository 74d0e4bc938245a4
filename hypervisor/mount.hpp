#pragma once
// One mounted cartridge: mapped sheets, the linked program, the guest that runs it and its
// conversation. Used by one thread at a time (the hypervisor sees to that). The step mutex is held
// only while the guest runs, so that others may read its memory between two steps.

#include "cartridges/cartridge.hpp"
#include "hypervisor/guest_host.hpp"
#include "infinite_map/map.hpp"
#include "pixelfs/sheet.hpp"
#include "pxvm/text/chat_template.hpp"
#include "pxvm/text/tokenizer.hpp"
#include "pxvm/vm/machine.hpp"

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace pxos::hypervisor {

/// What a mount needs of its surroundings; everything outlives the mount.
struct MountContext {
  const tensor::KernelTable* kernels = nullptr;
  ThreadPool* pool = nullptr;
  const std::atomic<bool>* stop = nullptr;
  const HostPorts* ports = nullptr;
  bool fusion = true;  ///< vm::MachineOptions::fusion
};

struct MountLimits {
  std::int64_t context = 0;
  std::int64_t batch = 0;
  std::uint64_t fuel = 0;
  std::uint64_t memory_bytes = 0;
};

/// A program linked to a mount's weights, ready to take over.
struct LinkedReplacement {
  std::shared_ptr<const vm::LinkedProgram> program;
  pixelfs::Image picture;  ///< for the map
};

class Mount {
 public:
  static constexpr std::int64_t kMaxLogitRows = 64;

  /// Maps sheets, verifies and links the forward program, makes guest and session.
  static Result<std::unique_ptr<Mount>> create(std::string name, cartridges::Cartridge cartridge,
                                               const MountContext& context,
                                               const MountLimits& limits);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const cartridges::Cartridge& cartridge() const { return cartridge_; }
  [[nodiscard]] const pixelfs::WeightSet& weights() const { return *weights_; }
  /// Waits for what mounting left to the background: large vocabularies take longer than a mount
  /// may. Errors: those of Tokenizer::create. The hypervisor calls it before each exclusive use.
  Result<void> finish_mounting();
  /// Null without one, and before finish_mounting().
  [[nodiscard]] const text::Tokenizer* tokenizer() const {
    return tokenizer_ ? &*tokenizer_ : nullptr;
  }
  [[nodiscard]] const text::ChatTemplate* chat_template() const {
    return chat_ ? &*chat_ : nullptr;
  }
  [[nodiscard]] vm::Machine& machine() { return *machine_; }
  [[nodiscard]] const vm::Machine& machine() const { return *machine_; }
  [[nodiscard]] bool has_model() const;
  [[nodiscard]] ThreadPool& pool() const { return *pool_; }
  [[nodiscard]] std::int64_t context_length() const { return context_length_; }
  [[nodiscard]] std::int64_t vocabulary_size() const;
  /// Rows of the longest step.
  [[nodiscard]] std::int64_t batch() const { return batch_; }

  /// Links another program to this mount's weights and numbers; changes nothing, from any thread.
  /// Errors: those of linking; kUnsupported when its persistent regions or its entries are not
  /// those of the program that runs.
  Result<LinkedReplacement> link_program(isa::VerifiedProgram program) const;
  /// Puts a linked program in the place of the running one, between two steps; registers and
  /// activations begin anew, the session stays. Requires: it comes from link_program of this mount.
  Result<void> adopt_program(LinkedReplacement replacement);
  /// The session holds keys and values of more than one program: outside the determinism promise,
  /// not to be saved. Ends when the session is empty.
  [[nodiscard]] bool is_mixed() const { return mixed_; }

  /// Tokens whose keys and values are in the session, in order.
  [[nodiscard]] const std::vector<std::int32_t>& history() const { return history_; }
  /// history().size(), readable from any thread.
  [[nodiscard]] std::int64_t position() const { return position_.load(); }
  /// Forgets positions from `length` on.
  void rewind(std::size_t length);

  /// Appends `tokens` to the session in steps of at most `batch` and gives the logits of the last
  /// `n_out` tokens, row-major [n_out, vocab], valid until the next call. After an error the
  /// session is back at the last whole step. Requires: 1 <= n_out <= min(tokens.size(),
  /// kMaxLogitRows). Errors: kLimit when the context is full.
  Result<std::span<const float>> evaluate(std::span<const std::int32_t> tokens, std::int64_t n_out);

  /// Runs an entry without tensor arguments.
  Result<void> run(std::string_view entry);

  /// Locks out the guest while the caller reads its memory; waits at most one step, or until the
  /// running program makes a host call.
  [[nodiscard]] std::unique_lock<std::mutex> pause() const;

  /// What the map shows of this mount.
  [[nodiscard]] Result<std::vector<infinite_map::RegionSpec>> map_regions();

  std::vector<std::string> notes;
  /// The chat so far, for the template.
  std::vector<text::ChatMessage> messages;

 private:
  Mount(std::string name, cartridges::Cartridge cartridge)
      : name_(std::move(name)), cartridge_(std::move(cartridge)) {}

  Result<void> map_sheets();
  Result<void> load_program(const MountContext& context, const MountLimits& limits);
  /// Numbers and weights that programs are linked to.
  Result<void> prepare_inputs(const MountLimits& limits);
  void find_batch();
  Result<void> load_text();
  std::optional<vm::WeightTensor> find_weight(const std::string& tensor_name) const;
  Result<void> step(std::span<const std::int32_t> tokens, std::int64_t n_out);
  void let_readers_in();

  std::string name_;
  cartridges::Cartridge cartridge_;
  pixelfs::Image program_picture_;
  std::optional<pixelfs::WeightSet> weights_;
  std::unique_ptr<GuestHost> host_;
  std::optional<vm::Session> session_;
  vm::LinkInputs inputs_;
  vm::MachineOptions machine_options_;
  std::optional<vm::Machine> machine_;
  bool has_tokenizer_ = false;
  std::future<Result<text::Tokenizer>> tokenizer_in_making_;
  std::optional<text::Tokenizer> tokenizer_;
  std::optional<text::ChatTemplate> chat_;
  ThreadPool* pool_ = nullptr;
  std::int64_t context_length_ = 0;
  std::int64_t batch_ = 0;
  std::atomic<bool> mixed_{false};
  std::vector<std::int32_t> history_;
  std::atomic<std::int64_t> position_{0};
  mutable std::mutex step_mutex_;
  mutable std::atomic<int> readers_waiting_{0};
};

}  // namespace pxos::hypervisor
