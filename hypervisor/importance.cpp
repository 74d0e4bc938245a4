#include "hypervisor/importance.hpp"

#include "pxvm/vm/profile.hpp"

#include <algorithm>
#include <unordered_map>

namespace pxos::hypervisor {
namespace {

/// Sums of squares per column, by matrix.
class Collector {
 public:
  explicit Collector(const pixelfs::WeightSet& weights) {
    for (const pixelfs::WeightTensor& tensor : weights.tensors())
      names_.emplace(&tensor.packed, &tensor.meta.name);
  }

  void add(const tensor::PackedTensor& w, tensor::ConstMatF32 x) {
    Sum& sum = sums_[&w];
    sum.squares.resize(static_cast<std::size_t>(x.cols));
    for (std::int64_t r = 0; r < x.rows; ++r) {
      const float* row = x.row(r);
      for (std::size_t c = 0; c < sum.squares.size(); ++c)
        sum.squares[c] += static_cast<double>(row[c]) * static_cast<double>(row[c]);
    }
    sum.rows += x.rows;
  }

  [[nodiscard]] cartridges::Importance means(std::int64_t tokens) const {
    cartridges::Importance out;
    out.tokens = tokens;
    for (const auto& [matrix, sum] : sums_) {
      const auto name = names_.find(matrix);
      if (name == names_.end() || sum.rows == 0) continue;
      std::vector<float>& means = out.mean_squares[*name->second];
      for (const double squares : sum.squares)
        means.push_back(static_cast<float>(squares / static_cast<double>(sum.rows)));
    }
    return out;
  }

 private:
  struct Sum {
    std::vector<double> squares;
    std::int64_t rows = 0;
  };
  std::unordered_map<const tensor::PackedTensor*, const std::string*> names_;
  std::unordered_map<const tensor::PackedTensor*, Sum> sums_;
};

/// The profile is the mount's only while this lives.
class Tapped {
 public:
  Tapped(vm::Machine& machine, Collector& collector) : machine_(machine) {
    profile_.tap_products([&collector](const tensor::PackedTensor& w, tensor::ConstMatF32 x) {
      collector.add(w, x);
    });
    machine_.set_fusion(false);
    machine_.set_profile(&profile_);
  }
  ~Tapped() { machine_.set_profile(nullptr); }
  Tapped(const Tapped&) = delete;
  Tapped& operator=(const Tapped&) = delete;

 private:
  vm::Machine& machine_;
  vm::Profile profile_;
};

}  // namespace

Result<cartridges::Importance> measure_importance(Mount& mount, std::string_view text,
                                                  const ImportanceOptions& options) {
  if (!mount.has_model())
    return fail(Errc::kUnsupported, "cartridge '{}' has no language model", mount.name());
  if (options.ctx < 2 || options.ctx > mount.context_length())
    return fail(Errc::kUsage, "chunks of {} tokens, expected 2 to {}", options.ctx,
                mount.context_length());
  PX_TRY(std::vector<std::int32_t> tokens, mount.tokenizer()->encode(text, {true, false}));
  if (tokens.size() < 2) return fail(Errc::kUsage, "the text has {} tokens", tokens.size());
  const std::size_t size = std::min(static_cast<std::size_t>(options.ctx), tokens.size());
  std::size_t chunks = tokens.size() / size;
  if (options.max_chunks > 0)
    chunks = std::min(chunks, static_cast<std::size_t>(options.max_chunks));
  const text::Vocabulary& vocabulary = mount.tokenizer()->vocabulary();
  Collector collector(mount.weights());
  const Tapped tapped(mount.machine(), collector);
  const auto rows = static_cast<std::int64_t>(std::min<std::size_t>(size, Mount::kMaxLogitRows));
  for (std::size_t c = 0; c < chunks; ++c) {
    const std::span<std::int32_t> chunk = std::span(tokens).subspan(c * size, size);
    if (vocabulary.add_bos && vocabulary.bos) chunk[0] = *vocabulary.bos;
    mount.rewind(0);
    PX_CHECK(mount.evaluate(chunk, rows));
    if (options.progress)
      options.progress(static_cast<std::int64_t>(c + 1), static_cast<std::int64_t>(chunks));
  }
  mount.rewind(0);
  return collector.means(static_cast<std::int64_t>(chunks * size));
}

}  // namespace pxos::hypervisor
