#include "hypervisor/mount.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <thread>

namespace pxos::hypervisor {

using cartridges::EntryKind;

Result<std::unique_ptr<Mount>> Mount::create(std::string name, cartridges::Cartridge cartridge,
                                             const MountContext& context,
                                             const MountLimits& limits) {
  std::unique_ptr<Mount> mount(new Mount(std::move(name), std::move(cartridge)));
  PX_CHECK(mount->map_sheets());
  PX_CHECK(mount->load_program(context, limits));
  PX_CHECK(mount->load_text());
  return mount;
}

Result<void> Mount::map_sheets() {
  std::vector<pixelfs::Sheet> sheets;
  for (const cartridges::ManifestEntry* entry : cartridge_.of_kind(EntryKind::kSheet)) {
    auto sheet = pixelfs::Sheet::open(cartridge_.bytes(*entry));
    if (!sheet) return in_context(entry->name, std::move(sheet).error());
    if (!sheet->in_place()) {
      notes.push_back(
          fmt::format("sheet {} is decoded, not mapped: {}", entry->name, sheet->slow_reason()));
    }
    sheets.push_back(*std::move(sheet));
  }
  PX_TRY(weights_, pixelfs::WeightSet::open(std::move(sheets)));
  return {};
}

std::optional<vm::WeightTensor> Mount::find_weight(const std::string& tensor_name) const {
  const pixelfs::WeightTensor* found = weights_->find(tensor_name);
  if (found == nullptr) return std::nullopt;
  vm::WeightTensor weight;
  weight.name = tensor_name;
  weight.dtype = found->meta.dtype;
  weight.shape = found->meta.shape;
  weight.affine = found->meta.affine;
  if (found->meta.layout == pixelfs::SheetLayout::kLinear) {
    weight.linear = found->linear;
  } else {
    weight.packed = &found->packed;
    if (found->meta.layout == pixelfs::SheetLayout::kPacked16Transposed) {
      weight.shape = {found->packed.rows, found->packed.cols};
    }
  }
  return weight;
}

Result<void> Mount::load_text() {
  const auto entries = cartridge_.of_kind(EntryKind::kTokenizer);
  if (!entries.empty()) {
    PX_TRY(text::Vocabulary vocabulary, text::parse_vocabulary(cartridge_.bytes(*entries.front())));
    has_tokenizer_ = true;
    tokenizer_in_making_ =
        std::async(std::launch::async, [parsed = std::move(vocabulary)]() mutable {
          return text::Tokenizer::create(std::move(parsed));
        });
  }
  if (!cartridge_.manifest().chat_template.empty()) {
    auto chat = text::ChatTemplate::parse(cartridge_.manifest().chat_template);
    if (chat) {
      chat_ = *std::move(chat);
    } else {
      notes.push_back("chat template not usable: " + chat.error().message);
    }
  }
  return {};
}

Result<void> Mount::finish_mounting() {
  if (!tokenizer_in_making_.valid()) return {};
  auto made = tokenizer_in_making_.get();
  if (!made) {
    has_tokenizer_ = false;
    return tl::unexpected<Error>(std::move(made).error());
  }
  tokenizer_ = *std::move(made);
  return {};
}

bool Mount::has_model() const {
  return has_tokenizer_ && machine_->linked().program().find_entry("forward") != nullptr;
}

std::int64_t Mount::vocabulary_size() const {
  const auto& integers = cartridge_.manifest().integers;
  const auto it = integers.find("vocab");
  return it != integers.end() ? it->second : 0;
}

void Mount::rewind(std::size_t length) {
  history_.resize(std::min(length, history_.size()));
  if (history_.empty()) mixed_ = false;
  position_.store(static_cast<std::int64_t>(history_.size()));
}

std::unique_lock<std::mutex> Mount::pause() const {
  readers_waiting_.fetch_add(1);
  std::unique_lock<std::mutex> lock(step_mutex_);
  readers_waiting_.fetch_sub(1);
  return lock;
}

/// Called by the guest's thread, which holds the step mutex, between two instructions.
void Mount::let_readers_in() {
  if (readers_waiting_.load() == 0) return;
  step_mutex_.unlock();
  while (readers_waiting_.load() > 0) std::this_thread::yield();
  step_mutex_.lock();
}

Result<void> Mount::step(std::span<const std::int32_t> tokens, std::int64_t n_out) {
  while (readers_waiting_.load() > 0) std::this_thread::yield();
  const std::scoped_lock lock(step_mutex_);
  PX_TRY(const MutBytes input, machine_->memory("tokens"));
  std::memcpy(input.data(), tokens.data(), tokens.size_bytes());
  const auto rows = static_cast<std::int64_t>(tokens.size());
  PX_CHECK(machine_->call("forward",
                          {{static_cast<std::int64_t>(history_.size()), n_out}, {{"T", rows}}}));
  history_.insert(history_.end(), tokens.begin(), tokens.end());
  position_.store(static_cast<std::int64_t>(history_.size()));
  return {};
}

Result<std::span<const float>> Mount::evaluate(std::span<const std::int32_t> tokens,
                                               std::int64_t n_out) {
  // A model of token ids without text has no tokenizer, but it can be asked.
  if (machine_->linked().program().find_entry("forward") == nullptr)
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", name_);
  if (n_out < 1 || n_out > kMaxLogitRows || n_out > static_cast<std::int64_t>(tokens.size())) {
    return fail(Errc::kUsage, "logits of {} of {} tokens asked for", n_out, tokens.size());
  }
  const std::size_t room = static_cast<std::size_t>(context_length_) - history_.size();
  if (tokens.size() > room) {
    return fail(Errc::kLimit, "context full: {} tokens do not fit into the {} left of {}",
                tokens.size(), room, context_length_);
  }
  while (!tokens.empty()) {
    // The last step must hold all n_out rows; the ones before it need one.
    std::size_t count = std::min(tokens.size(), static_cast<std::size_t>(batch_));
    const std::size_t after = tokens.size() - count;
    if (after > 0 && after < static_cast<std::size_t>(n_out))
      count -= static_cast<std::size_t>(n_out) - after;
    const bool is_last = count == tokens.size();
    PX_CHECK(step(tokens.first(count), is_last ? n_out : 1));
    tokens = tokens.subspan(count);
  }
  PX_TRY(const vm::TensorView logits, machine_->view("logits"));
  return std::span<const float>(reinterpret_cast<const float*>(logits.data),
                                static_cast<std::size_t>(logits.elements()));
}

Result<void> Mount::run(std::string_view entry) {
  const std::scoped_lock lock(step_mutex_);
  return machine_->call(entry, {});
}

}  // namespace pxos::hypervisor
