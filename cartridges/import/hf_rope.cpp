#include "cartridges/import/hf_rope.hpp"

#include <array>
#include <cmath>
#include <numbers>

namespace pxos::cartridges {
namespace {

struct RopeContext {
  const JsonObject& config;   ///< the whole config
  const JsonObject& scaling;  ///< rope_scaling or rope_parameters
  double base = 0;
  std::int64_t dims = 0;
  std::int64_t positions = 0;
};

/// Writes "<architecture>.rope.<key>".
std::string rope_key(const HfConfig& out, std::string_view key) {
  return fmt::format("{}.rope.{}", out.family->architecture, key);
}

Result<double> positive(const JsonObject& object, std::string_view key) {
  PX_TRY(const double value, object.real(key));
  if (value <= 0 || value > 1e12)
    return fail(Errc::kInvalid, "{}: {} is not in (0, 1e12]", object.at(key), value);
  return value;
}

Result<std::uint32_t> original_context(const RopeContext& rope) {
  const std::string_view key = "original_max_position_embeddings";
  const JsonObject& holder = rope.scaling.find(key) != nullptr ? rope.scaling : rope.config;
  PX_TRY(const std::int64_t value, holder.integer(key));
  if (value < 1 || value > (std::int64_t{1} << 28U))
    return fail(Errc::kInvalid, "{}: {}", holder.at(key), value);
  return static_cast<std::uint32_t>(value);
}

Result<void> read_linear(const RopeContext& rope, HfConfig& out) {
  PX_TRY(const double factor, positive(rope.scaling, "factor"));
  out.metadata.set_text(rope_key(out, "scaling.type"), "linear");
  out.metadata.set_real(rope_key(out, "scaling.factor"), factor);
  return {};
}

Result<void> read_yarn(const RopeContext& rope, HfConfig& out) {
  PX_TRY(const double factor, positive(rope.scaling, "factor"));
  PX_TRY(const std::uint32_t original, original_context(rope));
  // GGUF's readers derive these from the factor; a config that sets them itself means others.
  constexpr std::array<std::pair<std::string_view, double>, 2> kUsual{
      {{"beta_fast", 32}, {"beta_slow", 1}}};
  for (const auto& [key, usual] : kUsual) {
    PX_TRY(const double value, rope.scaling.real_or(key, usual));
    if (value != usual)
      return fail(Errc::kUnsupported, "{}: {} is not supported, {} is", rope.scaling.at(key), value,
                  usual);
  }
  for (const std::string_view key : {"attention_factor", "mscale", "mscale_all_dim"}) {
    const Json* value = rope.scaling.find(key);
    if (value != nullptr && !value->is_null())
      return fail(Errc::kUnsupported, "{} is not supported", rope.scaling.at(key));
  }
  out.metadata.set_text(rope_key(out, "scaling.type"), "yarn");
  out.metadata.set_real(rope_key(out, "scaling.factor"), factor);
  out.metadata.set_integer(rope_key(out, "scaling.original_context_length"), original);
  return {};
}

Result<void> read_llama3(const RopeContext& rope, HfConfig& out) {
  Llama3Scaling scaling;
  PX_TRY(scaling.factor, positive(rope.scaling, "factor"));
  PX_TRY(scaling.low, positive(rope.scaling, "low_freq_factor"));
  PX_TRY(scaling.high, positive(rope.scaling, "high_freq_factor"));
  PX_TRY(const std::uint32_t original, original_context(rope));
  if (scaling.high <= scaling.low)
    return fail(Errc::kInvalid, "{}: {} is not above low_freq_factor {}",
                rope.scaling.at("high_freq_factor"), scaling.high, scaling.low);
  scaling.original_context = original;
  out.made.push_back({"rope_freqs.weight", llama3_factors(scaling, rope.base, rope.dims)});
  return {};
}

/// dims / 2 factors.
Result<std::vector<float>> read_factors(const RopeContext& rope, std::string_view key) {
  PX_TRY(const Json* list, rope.scaling.array_or_null(key));
  const auto count = static_cast<std::size_t>(rope.dims / 2);
  if (list == nullptr || list->size() != count)
    return fail(Errc::kInvalid, "{}: expected {} factors", rope.scaling.at(key), count);
  std::vector<float> out;
  for (const Json& item : *list) {
    PX_TRY(const double value, JsonObject::as_real(item, rope.scaling.at(key)));
    if (value <= 0 || value > 1e6)
      return fail(Errc::kInvalid, "{}: {} is not in (0, 1e6]", rope.scaling.at(key), value);
    out.push_back(static_cast<float>(value));
  }
  return out;
}

/// Two lists of factors and a scale of the attention: sqrt(1 + ln(s) / ln(original)) for a context
/// stretched by s > 1.
Result<void> read_longrope(const RopeContext& rope, HfConfig& out) {
  if (out.family->model_type != "phi3")
    return fail(Errc::kUnsupported, "{}: longrope is known for phi3 only", rope.scaling.at("type"));
  PX_TRY(std::vector<float> longer, read_factors(rope, "long_factor"));
  PX_TRY(std::vector<float> shorter, read_factors(rope, "short_factor"));
  PX_TRY(const std::uint32_t original, original_context(rope));
  const double stretch = static_cast<double>(rope.positions) / static_cast<double>(original);
  const double factor =
      stretch <= 1 ? 1.0
                   : std::sqrt(1.0 + std::log(stretch) / std::log(static_cast<double>(original)));
  if (!std::isfinite(factor))
    return fail(Errc::kInvalid, "{}: {} gives no scale",
                rope.scaling.at("original_max_position_embeddings"), original);
  out.metadata.set_integer(rope_key(out, "scaling.original_context_length"), original);
  out.metadata.set_real(rope_key(out, "scaling.attn_factor"),
                        static_cast<double>(static_cast<float>(factor)));
  out.made.push_back({"rope_factors_long.weight", std::move(longer)});
  out.made.push_back({"rope_factors_short.weight", std::move(shorter)});
  return {};
}

/// Dynamic NTK stretches the base only once a text is longer than max_position_embeddings. That is
/// the longest context an import has, so nothing is ever stretched and nothing is written.
Result<void> read_dynamic(const RopeContext& rope) {
  PX_CHECK(positive(rope.scaling, "factor"));
  return {};
}

Result<void> read_scaling(const RopeContext& rope, HfConfig& out) {
  const bool is_new = rope.scaling.find("rope_type") != nullptr;
  PX_TRY(const std::string kind, rope.scaling.text_or(is_new ? "rope_type" : "type", "default"));
  if (kind == "default") return {};
  if (kind == "linear") return read_linear(rope, out);
  if (kind == "yarn") return read_yarn(rope, out);
  if (kind == "dynamic") return read_dynamic(rope);
  if (kind == "llama3") return read_llama3(rope, out);
  if (kind == "longrope" || kind == "su") return read_longrope(rope, out);
  return fail(Errc::kUnsupported,
              "{}: \"{}\" is not supported (default, linear, dynamic, yarn, llama3, longrope are)",
              rope.scaling.at(is_new ? "rope_type" : "type"), kind);
}

}  // namespace

std::vector<float> llama3_factors(const Llama3Scaling& s, double base, std::int64_t dims) {
  std::vector<float> out;
  for (std::int64_t i = 0; i < dims / 2; ++i) {
    const double frequency =
        std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(dims));
    const double wave = 2.0 * std::numbers::pi / frequency;
    double factor = 1;
    if (wave > s.original_context / s.low) {
      factor = s.factor;
    } else if (wave >= s.original_context / s.high) {
      const double smooth = (s.original_context / wave - s.low) / (s.high - s.low);
      factor = 1.0 / ((1.0 - smooth) / s.factor + smooth);
    }
    out.push_back(static_cast<float>(factor));
  }
  return out;
}

Result<void> read_hf_rope(const Json& config, std::int64_t positions, HfConfig& out) {
  PX_TRY(const JsonObject top, JsonObject::of(config, "config.json"));
  const auto is_set = [&](std::string_view key) {
    const Json* value = top.find(key);
    return value != nullptr && !value->is_null();
  };
  const std::string_view name = is_set("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const Json none = Json::object();
  PX_TRY(const JsonObject scaling,
         JsonObject::of(is_set(name) ? *top.find(name) : none, top.at(name)));
  const bool inside = scaling.find("rope_theta") != nullptr;
  const bool outside = !inside && is_set("rope_theta");
  double base = out.family->rope_base;
  if (inside || outside) {
    PX_TRY(base, positive(inside ? scaling : top, "rope_theta"));
  }
  double part = 1;
  if (is_set("partial_rotary_factor")) {
    PX_TRY(part, positive(top, "partial_rotary_factor"));
  }
  const auto dims = static_cast<std::int64_t>(part * static_cast<double>(out.head_dim));
  if (dims < 2 || dims > out.head_dim || dims % 2 != 0)
    return fail(Errc::kInvalid, "{}: {} of a head of {} is no even number of elements",
                top.at("partial_rotary_factor"), part, out.head_dim);
  out.metadata.set_real(rope_key(out, "freq_base"), base);
  out.metadata.set_integer(rope_key(out, "dimension_count"), static_cast<std::uint32_t>(dims));
  return read_scaling({top, scaling, base, dims, positions}, out);
}

}  // namespace pxos::cartridges
