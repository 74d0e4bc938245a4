#include "pxvm/text/sampler_options.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

namespace pxos::text {
namespace {

constexpr std::uint32_t kMaxWindow = 65536;

/// In the order of SamplerStep.
constexpr std::array<std::string_view, 8> kStepNames = {
    "penalties", "dry", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"};

/// A real option and the values it may take. NaN is in no range.
struct Range {
  std::string_view name;
  float SamplerOptions::*field;
  float low;
  float high;
  bool low_excluded = false;
};
constexpr float kLargest = 1e30F;
constexpr std::array<Range, 15> kRanges = {{
    {"temperature", &SamplerOptions::temperature, 0, kLargest},
    {"top-p", &SamplerOptions::top_p, 0, 1, true},
    {"min-p", &SamplerOptions::min_p, 0, 1},
    {"repeat penalty", &SamplerOptions::repeat_penalty, 0, kLargest, true},
    {"presence penalty", &SamplerOptions::presence_penalty, -kLargest, kLargest},
    {"frequency penalty", &SamplerOptions::frequency_penalty, -kLargest, kLargest},
    {"typical-p", &SamplerOptions::typical_p, 0, 1, true},
    {"XTC probability", &SamplerOptions::xtc_probability, 0, 1},
    {"XTC threshold", &SamplerOptions::xtc_threshold, 0, 1},
    {"dynamic temperature range", &SamplerOptions::dynamic_range, 0, kLargest},
    {"dynamic temperature exponent", &SamplerOptions::dynamic_exponent, 0, kLargest, true},
    {"DRY multiplier", &SamplerOptions::dry_multiplier, 0, kLargest},
    {"DRY base", &SamplerOptions::dry_base, 1, kLargest},
    {"mirostat tau", &SamplerOptions::mirostat_tau, 0, kLargest},
    {"mirostat rate", &SamplerOptions::mirostat_rate, 0, 1, true},
}};

Result<void> check_lists(const SamplerOptions& o) {
  if (!std::is_sorted(o.dry_breakers.begin(), o.dry_breakers.end()))
    return fail(Errc::kUsage, "DRY breakers are not ascending");
  for (const auto& [id, bias] : o.logit_bias) {
    if (id < 0 || std::isnan(bias) || bias > kLargest)
      return fail(Errc::kUsage, "logit bias {} for token {}", bias, id);
  }
  return {};
}

}  // namespace

Result<void> validate(const SamplerOptions& o) {
  for (const Range& range : kRanges) {
    const float value = o.*range.field;
    const bool inside =
        value <= range.high && (range.low_excluded ? value > range.low : value >= range.low);
    if (!inside)
      return fail(Errc::kUsage, "{} {}, expected {} {} and at most {}", range.name, value,
                  range.low_excluded ? "above" : "at least", range.low, range.high);
  }
  for (const std::uint32_t window : {o.repeat_last_n, o.dry_last_n}) {
    if (window > kMaxWindow)
      return fail(Errc::kUsage, "repeat window {}, at most {}", window, kMaxWindow);
  }
  return check_lists(o);
}

Result<std::vector<SamplerStep>> parse_sampler_order(std::string_view text) {
  std::vector<SamplerStep> order;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view name = text.substr(0, end);
    const auto found = std::find(kStepNames.begin(), kStepNames.end(), name);
    if (found == kStepNames.end())
      return fail(Errc::kUsage, "unknown sampler '{}', expected some of {}", name,
                  fmt::join(kStepNames, ";"));
    const auto step = static_cast<SamplerStep>(found - kStepNames.begin());
    if (std::find(order.begin(), order.end(), step) != order.end())
      return fail(Errc::kUsage, "sampler '{}' comes twice", name);
    order.push_back(step);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return order;
}

std::string sampler_order_text(const std::vector<SamplerStep>& order) {
  std::string out;
  for (const SamplerStep step : order) {
    if (!out.empty()) out += ';';
    out += kStepNames[static_cast<std::size_t>(step)];
  }
  return out;
}

}  // namespace pxos::text
