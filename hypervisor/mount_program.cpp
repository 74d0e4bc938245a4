// A mount's program: found in the cartridge, linked to its weights, replaced while it runs.

#include "hypervisor/mount.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/isa/image.hpp"

#include <algorithm>

namespace pxos::hypervisor {
namespace {

using cartridges::EntryKind;
using isa::TensorDecl;

Result<tensor::KvFormat> cache_format(std::int64_t kv_bits) {
  if (kv_bits == 8) return tensor::KvFormat::kQ8;
  if (kv_bits == 16) return tensor::KvFormat::kF16;
  if (kv_bits == 32) return tensor::KvFormat::kF32;
  return fail(Errc::kUnsupported, "manifest: kv_bits is {}, expected 8, 16 or 32", kv_bits);
}

/// "f16[30][4096, 192]": what a region holds and how often.
std::string region_text(const vm::LinkedProgram& linked, std::size_t decl) {
  const vm::LinkedTensor& tensor = linked.tensors[decl];
  std::string shape;
  for (std::size_t i = 0; i < tensor.rank; ++i)
    shape += fmt::format("{}{}", i == 0 ? "" : ", ", tensor.extents[i].fixed);
  return fmt::format("'{}' [{}][{}], {} bytes", linked.program().tensors[decl].name, tensor.count,
                     shape, tensor.bytes);
}

std::vector<std::size_t> regions_of(const vm::LinkedProgram& linked) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < linked.tensors.size(); ++i) {
    if (linked.program().tensors[i].kind == TensorDecl::Kind::kRegion) out.push_back(i);
  }
  return out;
}

bool is_same_region(const vm::LinkedProgram& a, std::size_t i, const vm::LinkedProgram& b,
                    std::size_t k) {
  const vm::LinkedTensor& one = a.tensors[i];
  const vm::LinkedTensor& other = b.tensors[k];
  const auto same_extent = [](const auto& x, const auto& y) {
    return x.fixed == y.fixed && x.dynamic == y.dynamic;
  };
  return a.program().tensors[i].name == b.program().tensors[k].name &&
         a.program().tensors[i].element == b.program().tensors[k].element &&
         one.caches == other.caches && one.count == other.count && one.bytes == other.bytes &&
         one.offset == other.offset && one.rank == other.rank &&
         std::equal(one.extents.begin(), one.extents.end(), other.extents.begin(), same_extent);
}

/// The session's memory means the same to both.
Result<void> check_regions(const vm::LinkedProgram& running, const vm::LinkedProgram& next) {
  const std::vector<std::size_t> kept = regions_of(running);
  const std::vector<std::size_t> wanted = regions_of(next);
  for (std::size_t i = 0; i < std::max(kept.size(), wanted.size()); ++i) {
    if (i < kept.size() && i < wanted.size() && is_same_region(running, kept[i], next, wanted[i]))
      continue;
    return fail(Errc::kUnsupported,
                "the regions that outlive a call must stay what they are: {} runs now, {} in the "
                "new program",
                i < kept.size() ? region_text(running, kept[i]) : "nothing",
                i < wanted.size() ? region_text(next, wanted[i]) : "nothing");
  }
  return {};
}

/// Whoever calls the running program can call the new one.
Result<void> check_entries(const isa::Program& running, const isa::Program& next) {
  for (const isa::Entry& entry : running.entries) {
    const isa::Entry* other = next.find_entry(entry.name);
    if (other == nullptr)
      return fail(Errc::kUnsupported, "the new program has no entry '{}'", entry.name);
    const auto same = [](const isa::Entry::Argument& a, const isa::Entry::Argument& b) {
      return a.name == b.name && a.kind == b.kind;
    };
    if (!std::equal(entry.arguments.begin(), entry.arguments.end(), other->arguments.begin(),
                    other->arguments.end(), same))
      return fail(Errc::kUnsupported, "entry '{}' takes other arguments in the new program",
                  entry.name);
  }
  return {};
}

}  // namespace

Result<void> Mount::prepare_inputs(const MountLimits& limits) {
  const cartridges::Manifest& manifest = cartridge_.manifest();
  inputs_.integers = manifest.integers;
  inputs_.reals = manifest.reals;
  inputs_.memory_cap_bytes = limits.memory_bytes;
  const auto kv_bits = manifest.integers.find("kv_bits");
  if (kv_bits != manifest.integers.end()) {
    PX_TRY(inputs_.caches, cache_format(kv_bits->second));
  }
  inputs_.find_weight = [this](const std::string& tensor_name) { return find_weight(tensor_name); };
  constexpr std::int64_t kDefaultContext = 4096;
  const auto trained = inputs_.integers.find("ctx");
  if (trained != inputs_.integers.end()) {
    context_length_ =
        limits.context > 0 ? limits.context : std::min(trained->second, kDefaultContext);
    if (context_length_ > trained->second) {
      notes.push_back(fmt::format("context {} is longer than the {} the model knows",
                                  context_length_, trained->second));
    }
    trained->second = context_length_;
  }
  if (limits.batch > 0) inputs_.integers["batch"] = limits.batch;
  return {};
}

Result<void> Mount::load_program(const MountContext& context, const MountLimits& limits) {
  const auto programs = cartridge_.of_kind(EntryKind::kProgram);
  if (programs.empty()) return fail(Errc::kInvalid, "cartridge '{}' carries no program", name_);
  PX_TRY(program_picture_, pixelfs::decode_png(cartridge_.bytes(*programs.front())));
  if (program_picture_.channels != 3) {
    return fail(Errc::kInvalid, "{}: a program is an RGB picture, this one has {} channels",
                programs.front()->name, program_picture_.channels);
  }
  PX_TRY(isa::Program program, isa::decode_program({program_picture_.width, program_picture_.height,
                                                    program_picture_.pixels}));
  PX_TRY(isa::VerifiedProgram verified, isa::verify_or_error(std::move(program)));
  PX_CHECK(prepare_inputs(limits));
  PX_TRY(std::shared_ptr<const vm::LinkedProgram> linked, vm::link(std::move(verified), inputs_));

  pool_ = context.pool;
  host_ = std::make_unique<GuestHost>(*context.ports, cartridge_.manifest().capabilities, 0);
  host_->at_quiescent_point([this] { let_readers_in(); });
  machine_options_ = {context.kernels, context.pool, context.stop,
                      host_.get(),     limits.fuel,  context.fusion};
  PX_TRY(session_, vm::Session::create(*linked));
  PX_TRY(machine_, vm::Machine::create(linked, machine_options_));
  machine_->attach(*session_);
  find_batch();
  return {};
}

void Mount::find_batch() {
  const vm::LinkedProgram& linked = machine_->linked();
  for (std::size_t i = 0; i < linked.program().symbols.size(); ++i) {
    if (linked.program().symbols[i].name == "T") batch_ = linked.dim_range[i].second;
  }
}

Result<LinkedReplacement> Mount::link_program(isa::VerifiedProgram program) const {
  PX_TRY(isa::RgbImage picture, isa::encode_program(program.program()));
  LinkedReplacement out;
  PX_TRY(out.program, vm::link(std::move(program), inputs_));
  PX_CHECK(check_regions(machine_->linked(), *out.program));
  PX_CHECK(check_entries(machine_->linked().program(), out.program->program()));
  out.picture = {picture.width, picture.height, 3, std::move(picture.rgb)};
  return out;
}

Result<void> Mount::adopt_program(LinkedReplacement replacement) {
  PX_TRY(vm::Machine next, vm::Machine::create(std::move(replacement.program), machine_options_));
  const std::scoped_lock lock(step_mutex_);
  machine_ = std::move(next);
  machine_->attach(*session_);
  program_picture_ = std::move(replacement.picture);
  find_batch();
  if (!history_.empty()) mixed_ = true;
  return {};
}

}  // namespace pxos::hypervisor
