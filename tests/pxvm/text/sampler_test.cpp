#include "pxvm/text/sampler.hpp"

#include <cmath>
#include <limits>
#include <map>

#include <catch2/catch.hpp>

using namespace pxos;
using namespace pxos::text;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

Sampler make(const SamplerOptions& options) {
  auto sampler = Sampler::create(options);
  REQUIRE(sampler);
  return std::move(*sampler);
}

/// How often each token is chosen in `draws` draws.
std::map<std::int32_t, int> counts(Sampler& sampler, const std::vector<float>& logits, int draws) {
  std::map<std::int32_t, int> out;
  for (int i = 0; i < draws; ++i) {
    const auto token = sampler.next(logits);
    REQUIRE(token);
    ++out[*token];
  }
  return out;
}

/// Logits whose softmax is `shares`.
std::vector<float> logits_of(const std::vector<double>& shares) {
  std::vector<float> out;
  for (const double share : shares) out.push_back(static_cast<float>(std::log(share)) + 3.0F);
  return out;
}

/// |count - n p| within five standard deviations of a binomial.
bool is_near(int count, int draws, double share) {
  return std::fabs(count - draws * share) <= 5.0 * std::sqrt(draws * share * (1 - share));
}

}  // namespace

TEST_CASE("Sampler at temperature 0 takes the largest logit, the lowest id of equals", "[text]") {
  Sampler sampler = make({});
  CHECK(sampler.next(std::vector<float>{1, 3, 2, 3}) == 1);
  CHECK(sampler.next(std::vector<float>{kNan, -5, kNan}) == 1);
  CHECK(sampler.next(std::vector<float>{kNan, -kInf, 0, kInf}) == 3);
  CHECK(sampler.state().random_position == 0);
}

TEST_CASE("Sampler fails when no logit is a number", "[text]") {
  for (const float temperature : {0.0F, 1.0F}) {
    Sampler sampler = make({.temperature = temperature});
    CHECK_FALSE(sampler.next(std::vector<float>{kNan, kNan}));
    CHECK_FALSE(sampler.next(std::vector<float>{-kInf, kNan}));
    CHECK_FALSE(sampler.next(std::vector<float>{}));
  }
}

TEST_CASE("Sampler draws by the softmax of the logits", "[text]") {
  Sampler sampler = make({.temperature = 1.0F, .seed = 11});
  const std::vector<double> shares = {0.1, 0.4, 0.2, 0.3};
  const auto drawn = counts(sampler, logits_of(shares), 40000);
  for (std::int32_t i = 0; i < 4; ++i)
    CHECK(is_near(drawn.at(i), 40000, shares[static_cast<std::size_t>(i)]));
}

TEST_CASE("Sampler's temperature sharpens and flattens", "[text]") {
  // Shares 0.2 and 0.8 at temperature 0.5 are squared: 0.04 : 0.64, that is 1/17.
  Sampler sampler = make({.temperature = 0.5F, .seed = 3});
  const auto drawn = counts(sampler, logits_of({0.2, 0.8}), 40000);
  CHECK(is_near(drawn.at(0), 40000, 1.0 / 17.0));
}

TEST_CASE("Sampler's top-k keeps the first k with ties by id", "[text]") {
  Sampler sampler = make({.temperature = 1.0F, .top_k = 2, .seed = 5});
  const auto drawn = counts(sampler, {1.0F, 2.0F, 1.0F, 1.0F}, 20000);
  CHECK(drawn.size() == 2);
  const double share = std::exp(2.0) / (std::exp(2.0) + std::exp(1.0));
  CHECK(is_near(drawn.at(1), 20000, share));
  CHECK(drawn.count(0) == 1);
}

TEST_CASE("Sampler's top-p keeps the shortest front that is heavy enough", "[text]") {
  const std::vector<float> logits = logits_of({0.15, 0.5, 0.05, 0.3});
  const auto kept = [&](float top_p) {
    Sampler sampler = make({.temperature = 1.0F, .top_p = top_p, .seed = 9});
    return counts(sampler, logits, 4000);
  };
  CHECK(kept(0.4F).size() == 1);
  CHECK(kept(0.7F).size() == 2);
  CHECK(kept(0.9F).size() == 3);
  CHECK(kept(0.99F).size() == 4);
  CHECK(is_near(kept(0.7F).at(1), 4000, 0.5 / 0.8));
}

TEST_CASE("Sampler's top-p counts shares of what top-k left", "[text]") {
  // Of the first two, 0.5 has the share 0.625: enough for 0.6 there, not in the whole.
  Sampler sampler = make({.temperature = 1.0F, .top_k = 2, .top_p = 0.6F, .seed = 9});
  CHECK(counts(sampler, logits_of({0.15, 0.5, 0.05, 0.3}), 1000).size() == 1);
}

TEST_CASE("Sampler's min-p keeps what is likely enough beside the best", "[text]") {
  Sampler sampler = make({.temperature = 2.0F, .min_p = 0.25F, .seed = 2});
  const auto drawn = counts(sampler, logits_of({0.15, 0.5, 0.05, 0.3}), 4000);
  CHECK(drawn.size() == 3);
  CHECK(drawn.count(2) == 0);
}

TEST_CASE("Sampler's repeat penalty divides and multiplies, once, in its window", "[text]") {
  Sampler sampler = make({.repeat_penalty = 2.0F, .repeat_last_n = 2});
  sampler.accept(0);
  sampler.accept(0);
  CHECK(sampler.next(std::vector<float>{3.0F, 1.4F}) == 0);  // 1.5 > 1.4: not divided twice
  CHECK(sampler.next(std::vector<float>{3.0F, 1.6F}) == 1);
  CHECK(sampler.next(std::vector<float>{-1.0F, -1.5F}) == 1);
  sampler.accept(1);
  sampler.accept(1);
  CHECK(sampler.next(std::vector<float>{3.0F, 1.6F}) == 0);  // 0 left the window
  sampler.accept(7);                                         // outside of the logits: ignored
  CHECK(sampler.next(std::vector<float>{3.0F, 1.6F}) == 0);
}

TEST_CASE("Sampler gives the same tokens for the same seed, others for another", "[text]") {
  const std::vector<float> logits(1000, 0.0F);
  const auto run = [&](std::uint64_t seed) {
    Sampler sampler = make({.temperature = 1.0F, .seed = seed});
    std::vector<std::int32_t> out;
    for (int i = 0; i < 20; ++i) out.push_back(*sampler.next(logits));
    return out;
  };
  CHECK(run(1) == run(1));
  CHECK(run(1) != run(2));
}

TEST_CASE("Sampler goes on from a restored state", "[text]") {
  const SamplerOptions options{
      .temperature = 1.0F, .repeat_penalty = 1.3F, .repeat_last_n = 3, .seed = 4};
  const std::vector<float> logits(50, 1.0F);
  Sampler sampler = make(options);
  for (int i = 0; i < 5; ++i) sampler.accept(*sampler.next(logits));
  const SamplerState state = sampler.state();
  CHECK(state.random_position == 10);
  CHECK(state.recent.size() == 3);
  Sampler other = make(options);
  other.restore(state);
  CHECK(other.state() == state);
  for (int i = 0; i < 10; ++i) {
    const auto token = sampler.next(logits);
    CHECK(other.next(logits) == *token);
    sampler.accept(*token);
    other.accept(*token);
  }
}

TEST_CASE("Sampler draws the same whether a filter keeps everything or is off", "[text]") {
  std::vector<float> logits;
  for (int i = 0; i < 500; ++i) logits.push_back(std::sin(static_cast<float>(i) * 1.7F));
  Sampler off = make({.temperature = 0.9F, .seed = 8});
  Sampler all = make({.temperature = 0.9F, .top_k = 500, .min_p = 1e-9F, .seed = 8});
  for (int i = 0; i < 200; ++i) CHECK(off.next(logits) == all.next(logits).value());
}

TEST_CASE("Sampler survives infinite logits and tiny temperatures", "[text]") {
  Sampler sampler =
      make({.temperature = 1e-38F, .top_k = 3, .top_p = 0.9F, .min_p = 0.1F, .seed = 1});
  CHECK(sampler.next(std::vector<float>{1, kInf, kNan, -kInf}) == 1);
  CHECK(sampler.next(std::vector<float>{1, 2, 3}) == 2);
}

TEST_CASE("Sampler::create names an option outside its range", "[text]") {
  for (const SamplerOptions& options :
       {SamplerOptions{.temperature = -1.0F}, SamplerOptions{.temperature = kNan},
        SamplerOptions{.top_p = 0.0F}, SamplerOptions{.top_p = 1.5F}, SamplerOptions{.min_p = 2.0F},
        SamplerOptions{.repeat_penalty = 0.0F}, SamplerOptions{.repeat_last_n = 1000000}}) {
    const auto sampler = Sampler::create(options);
    REQUIRE_FALSE(sampler);
    CHECK(sampler.error().code == Errc::kUsage);
  }
}

namespace {

using Steps = std::vector<SamplerStep>;

/// What one next() drew from: id to share.
std::map<std::int32_t, double> shares(Sampler& sampler, const std::vector<float>& logits) {
  REQUIRE(sampler.next(logits));
  double total = 0;
  for (const Sampler::Candidate& c : sampler.drawn_from()) total += c.logit;
  std::map<std::int32_t, double> out;
  for (const Sampler::Candidate& c : sampler.drawn_from()) out[c.id] = c.logit / total;
  return out;
}

using Shares = std::map<std::int32_t, double>;

void check_shares(const Shares& found, const Shares& expected) {
  REQUIRE(found.size() == expected.size());
  for (const auto& [id, share] : expected) {
    REQUIRE(found.count(id) == 1);
    CHECK(std::fabs(found.at(id) - share) < 1e-6);  // the logits are f32
  }
}

}  // namespace

TEST_CASE("Sampler's typical-p keeps what surprises as much as the mean", "[text]") {
  // Shares 1/2 1/4 1/8 1/8: entropy 1.75 bits. Distances 0.75, 0.25, 1.25, 1.25: token 1, then 0.
  const std::vector<float> logits = logits_of({0.5, 0.25, 0.125, 0.125});
  Sampler one = make({.temperature = 1.0F, .typical_p = 0.2F});
  check_shares(shares(one, logits), {{1, 1.0}});
  Sampler two = make({.temperature = 1.0F, .typical_p = 0.7F});
  check_shares(shares(two, logits), {{0, 2.0 / 3}, {1, 1.0 / 3}});
}

TEST_CASE("Sampler's XTC leaves only the least likely of the likely", "[text]") {
  const std::vector<float> logits = logits_of({0.4, 0.3, 0.2, 0.1});
  Sampler always = make({.temperature = 1.0F, .xtc_probability = 1.0F, .xtc_threshold = 0.15F});
  check_shares(shares(always, logits), {{2, 2.0 / 3}, {3, 1.0 / 3}});
  // One token above the threshold: nothing goes.
  Sampler alone = make({.temperature = 1.0F, .xtc_probability = 1.0F, .xtc_threshold = 0.35F});
  CHECK(shares(alone, logits).size() == 4);
  Sampler off = make({.temperature = 1.0F, .xtc_probability = 1.0F, .xtc_threshold = 0.51F});
  CHECK(shares(off, logits).size() == 4);
  CHECK(off.state().random_position == 2);
}

TEST_CASE("Sampler's XTC acts as often as it is asked to", "[text]") {
  Sampler half =
      make({.temperature = 1.0F, .seed = 21, .xtc_probability = 0.5F, .xtc_threshold = 0.15F});
  int acted = 0;
  for (int i = 0; i < 4000; ++i)
    acted += shares(half, logits_of({0.4, 0.3, 0.2, 0.1})).size() == 2 ? 1 : 0;
  CHECK(is_near(acted, 4000, 0.5));
}

TEST_CASE("Sampler's presence and frequency penalties are taken off", "[text]") {
  Sampler sampler =
      make({.temperature = 1.0F, .presence_penalty = 0.5F, .frequency_penalty = 0.25F});
  for (const std::int32_t id : {0, 0, 1}) sampler.accept(id);
  // exp(-1.0), exp(-0.75) and 1 over their sum.
  const double total = std::exp(-1.0) + std::exp(-0.75) + 1.0;
  check_shares(shares(sampler, {2.0F, 2.0F, 2.0F}),
               {{0, std::exp(-1.0) / total}, {1, std::exp(-0.75) / total}, {2, 1.0 / total}});
}

TEST_CASE("Sampler's DRY punishes going on with a repetition, more the longer it is", "[text]") {
  SamplerOptions options{.temperature = 1.0F, .dry_multiplier = 0.5F, .dry_base = 2.0F};
  // 1 2 3 | 5 1 2 3: token 5 would make 4 of 4... the common part "1 2 3" was followed by 5.
  const std::vector<std::int32_t> said = {1, 2, 3, 5, 1, 2, 3};
  Sampler sampler = make(options);
  for (const std::int32_t id : said) sampler.accept(id);
  // n = 3, allowed 2: 0.5 * 2^1 = 1 off token 5.
  const double total = 5.0 + std::exp(-1.0);
  check_shares(shares(sampler, std::vector<float>(6, 0.0F)), {{0, 1 / total},
                                                              {1, 1 / total},
                                                              {2, 1 / total},
                                                              {3, 1 / total},
                                                              {4, 1 / total},
                                                              {5, std::exp(-1.0) / total}});
  options.dry_breakers = {2};
  Sampler broken = make(options);
  for (const std::int32_t id : said) broken.accept(id);
  check_shares(
      shares(broken, {0, 0, 0, 0, 0, 0}),
      {{0, 1 / 6.0}, {1, 1 / 6.0}, {2, 1 / 6.0}, {3, 1 / 6.0}, {4, 1 / 6.0}, {5, 1 / 6.0}});
}

TEST_CASE("Sampler's dynamic temperature follows the entropy", "[text]") {
  // Uniform: the entropy is ln n, so t = 1 + 0.5. Then the shares stay uniform: look at two levels.
  const std::vector<float> logits = {0.0F, 1.0F};
  const double p = 1 / (1 + std::exp(-1.0));
  const double entropy = -(p * std::log(p) + (1 - p) * std::log(1 - p));
  const double t = 0.5 + 1.0 * std::pow(entropy / std::log(2.0), 2.0);
  Sampler sampler = make({.temperature = 1.0F, .dynamic_range = 0.5F, .dynamic_exponent = 2.0F});
  const double high = 1 / (1 + std::exp(-1.0 / t));
  check_shares(shares(sampler, logits), {{0, 1 - high}, {1, high}});
}

TEST_CASE("Sampler's mirostat cuts surprise and steers towards its target", "[text]") {
  // Surprises 1, 2, 3, 3 bits; mu starts at 2 tau = 2.2: the last two go.
  Sampler sampler = make({.temperature = 1.0F, .mirostat_tau = 1.1F, .mirostat_rate = 0.5F});
  const std::vector<float> logits = logits_of({0.5, 0.25, 0.125, 0.125});
  check_shares(shares(sampler, logits), {{0, 2.0 / 3}, {1, 1.0 / 3}});
  const double mu = sampler.state().mirostat_mu;
  const auto after = [](double share) { return 2.2 - 0.5 * (-std::log2(share) - 1.1); };
  CHECK((std::fabs(mu - after(2.0 / 3)) < 1e-5 || std::fabs(mu - after(1.0 / 3)) < 1e-5));
}

TEST_CASE("Sampler adds the logit bias first and obeys the mask", "[text]") {
  Sampler greedy = make({.logit_bias = {{2, 5.0F}, {1, -kInf}, {99, 1.0F}}});
  CHECK(greedy.next(std::vector<float>{1, 9, 0}) == 2);
  Sampler plain = make({});
  const std::vector<std::uint64_t> mask = {0b101};
  CHECK(plain.next(std::vector<float>{1, 9, 0}, mask) == 0);
  CHECK_FALSE(plain.next(std::vector<float>{1, 9, 0}, std::vector<std::uint64_t>{0}));
  Sampler drawn = make({.temperature = 1.0F});
  REQUIRE(drawn.next(std::vector<float>{0, 9, 0}, mask));
  CHECK(drawn.drawn_from().size() == 2);
}

TEST_CASE("Sampler's steps work in the order asked for", "[text]") {
  // At temperature 1 the best two share 0.75; at 2 they share less, so top-p keeps more.
  const std::vector<float> logits = logits_of({0.5, 0.25, 0.125, 0.125});
  Sampler before = make({.temperature = 2.0F, .top_p = 0.7F});
  CHECK(shares(before, logits).size() == 2);
  SamplerOptions options{.temperature = 2.0F, .top_p = 0.7F};
  options.order = {SamplerStep::kTemperature, SamplerStep::kTopP};
  Sampler after = make(options);
  CHECK(shares(after, logits).size() == 3);
  options.order = {SamplerStep::kTemperature};  // left out is off
  Sampler without = make(options);
  CHECK(shares(without, logits).size() == 4);
  // A penalty behind top-k changes what is left, not what is chosen from.
  SamplerOptions late{.temperature = 1.0F, .top_k = 1, .repeat_penalty = 10.0F};
  late.order = {SamplerStep::kTopK, SamplerStep::kPenalties};
  Sampler penalised = make(late);
  penalised.accept(0);
  CHECK(penalised.next(logits) == 0);
}
