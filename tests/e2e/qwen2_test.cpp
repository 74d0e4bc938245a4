// programs/qwen2.pxasm against an independent forward pass: plain loops in double precision,
// written from the equations, over the bytes of a random GGUF file.

#include "cartridges/import/gguf.hpp"
#include "pxvm/base/file.hpp"
#include "tests/cartridges/tiny_llama.hpp"
#include "tests/e2e/model_fixture.hpp"

#include <cmath>
#include <cstring>

#include <catch2/catch.hpp>

namespace pxos {
namespace {

using Row = std::vector<double>;

constexpr std::uint32_t kLayers = 3, kDim = 64, kHeads = 4, kKv = 2, kFfn = 96, kHead = 16;
constexpr double kBase = 1e6, kEps = 1e-5;

test::TinyLlama random_model(bool own_head) {
  test::TinyLlama model;
  model.architecture = "qwen2";
  model.layers = kLayers;
  model.dim = kDim;
  model.heads = kHeads;
  model.kv = kKv;
  model.ffn = kFfn;
  model.rope = kHead;
  model.seed = 7;
  model.extra = [own_head](test::GgufBuilder& file) {
    file.key_f32("qwen2.rope.freq_base", static_cast<float>(kBase));
    if (!own_head) return;
    ByteWriter head;
    for (std::uint32_t i = 0; i < kDim * 9; ++i)
      head.f32(static_cast<float>(i * 37 % 101) / 101 - 0.5F);
    file.tensor("output.weight", {kDim, 9}, 0, head.view());
  };
  return model;
}

/// The equations of the model, one token after another, keys and values kept whole.
class Reference {
 public:
  explicit Reference(const cartridges::GgufFile& file)
      : file_(file), keys_(kLayers), values_(kLayers) {}

  Row forward(std::int32_t token) {
    const Row embedding = tensor("token_embd.weight");
    const auto at = embedding.begin() + static_cast<std::ptrdiff_t>(token) * kDim;
    Row x(at, at + kDim);
    for (std::uint32_t layer = 0; layer < kLayers; ++layer) {
      const std::string blk = "blk." + std::to_string(layer) + ".";
      const Row mixed = attention(blk, layer, norm(x, blk + "attn_norm.weight"));
      add(x, product(blk + "attn_output.weight", mixed));
      const Row xn = norm(x, blk + "ffn_norm.weight");
      Row gate = product(blk + "ffn_gate.weight", xn);
      const Row up = product(blk + "ffn_up.weight", xn);
      for (std::size_t i = 0; i < gate.size(); ++i) gate[i] *= up[i] / (1 + std::exp(-gate[i]));
      add(x, product(blk + "ffn_down.weight", gate));
    }
    const bool own_head = file_.find_tensor("output.weight") != nullptr;
    return product(own_head ? "output.weight" : "token_embd.weight", norm(x, "output_norm.weight"));
  }

 private:
  Row tensor(const std::string& name) const {
    const cartridges::GgufTensor* found = file_.find_tensor(name);
    REQUIRE(found != nullptr);
    std::vector<float> values(found->elements());
    std::memcpy(values.data(), file_.tensor_bytes(*found).data(), values.size() * 4);
    return {values.begin(), values.end()};
  }

  Row product(const std::string& name, const Row& x) const {
    const Row w = tensor(name);
    Row y(w.size() / x.size());
    for (std::size_t m = 0; m < y.size(); ++m)
      for (std::size_t n = 0; n < x.size(); ++n) y[m] += w[m * x.size() + n] * x[n];
    return y;
  }

  static void add(Row& x, const Row& y) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  }

  Row norm(const Row& x, const std::string& gain_name) const {
    const Row gain = tensor(gain_name);
    double squares = 0;
    for (const double value : x) squares += value * value;
    Row y(x);
    for (std::size_t i = 0; i < y.size(); ++i)
      y[i] *= gain[i] / std::sqrt(squares / static_cast<double>(y.size()) + kEps);
    return y;
  }

  /// Element i of a head turns against element i + half.
  static void turn(Row& heads, std::size_t position) {
    constexpr std::size_t kHalf = kHead / 2;
    for (std::size_t head = 0; head < heads.size(); head += kHead) {
      for (std::size_t i = 0; i < kHalf; ++i) {
        const double angle =
            static_cast<double>(position) * std::pow(kBase, -2.0 * static_cast<double>(i) / kHead);
        double& a = heads[head + i];
        double& b = heads[head + i + kHalf];
        const double turned = a * std::cos(angle) - b * std::sin(angle);
        b = a * std::sin(angle) + b * std::cos(angle);
        a = turned;
      }
    }
  }

  Row projected(const std::string& blk, const std::string& what, const Row& xn) const {
    Row y = product(blk + what + ".weight", xn);
    add(y, tensor(blk + what + ".bias"));
    return y;
  }

  Row attention(const std::string& blk, std::uint32_t layer, const Row& xn) {
    Row q = projected(blk, "attn_q", xn);
    Row k = projected(blk, "attn_k", xn);
    turn(q, keys_[layer].size());
    turn(k, keys_[layer].size());
    keys_[layer].push_back(k);
    values_[layer].push_back(projected(blk, "attn_v", xn));
    Row mixed(q.size());
    for (std::size_t head = 0; head < kHeads; ++head) mix(layer, head, q, mixed);
    return mixed;
  }

  void mix(std::uint32_t layer, std::size_t head, const Row& q, Row& mixed) const {
    const std::size_t kv = head / (kHeads / kKv) * kHead;
    Row weights;
    double sum = 0;
    for (const Row& key : keys_[layer]) {
      double dot = 0;
      for (std::size_t i = 0; i < kHead; ++i) dot += q[head * kHead + i] * key[kv + i];
      weights.push_back(std::exp(dot / std::sqrt(double{kHead})));
      sum += weights.back();
    }
    for (std::size_t p = 0; p < weights.size(); ++p)
      for (std::size_t i = 0; i < kHead; ++i)
        mixed[head * kHead + i] += weights[p] / sum * values_[layer][p][kv + i];
  }

  const cartridges::GgufFile& file_;
  std::vector<std::vector<Row>> keys_, values_;
};

/// The largest difference between the mount's logits and the reference's, and the largest logit.
std::pair<double, double> difference(const ByteVector& gguf,
                                     const std::vector<std::int32_t>& tokens) {
  test::TempFolder folder;
  REQUIRE(write_file_atomic(folder / "model.gguf", gguf));
  test::ModelOptions options;
  options.as_f32 = true;  // f32 weights, f32 caches: what is left is the order of the sums
  test::Model model(folder / "model.gguf", options);
  std::vector<float> found;
  model.with([&](hypervisor::Mount& mount) -> Result<void> {
    PX_TRY(const auto logits, mount.evaluate(tokens, static_cast<std::int64_t>(tokens.size())));
    found.assign(logits.begin(), logits.end());
    return {};
  });
  const auto file = cartridges::GgufFile::parse(gguf);
  REQUIRE(file);
  Reference reference(*file);
  double worst = 0, largest = 0;
  std::size_t at = 0;
  for (const std::int32_t token : tokens) {
    for (const double expected : reference.forward(token)) {
      worst = std::max(worst, std::abs(expected - static_cast<double>(found.at(at++))));
      largest = std::max(largest, std::abs(expected));
    }
  }
  CHECK(at == found.size());
  return {worst, largest};
}

TEST_CASE("qwen2 gives the logits of the equations, tied and with a head of its own", "[e2e]") {
  std::vector<std::int32_t> tokens;
  for (std::int32_t i = 0; i < 48; ++i) tokens.push_back(i * i % 9);
  for (const bool own_head : {false, true}) {
    const auto [worst, largest] = difference(random_model(own_head).build(), tokens);
    INFO("own head " << own_head << ": " << worst << " of " << largest);
    CHECK(largest > 0.5);  // or the comparison says nothing
    // Sums of up to 96 f32 products over three layers: some hundred roundings of 2^-24.
    CHECK(worst < 2e-5 * largest);
  }
}

}  // namespace
}  // namespace pxos
