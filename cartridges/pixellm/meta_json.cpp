#include "cartridges/pixellm/meta_json.hpp"

#include "cartridges/json.hpp"
#include "cartridges/json_guard.hpp"
#include "cartridges/pixellm/model_v0.hpp"

#include <array>
#include <charconv>
#include <cstdlib>

namespace pxos::cartridges::pixellm {
namespace {

constexpr std::size_t kMaxTensors = 64;
constexpr std::uint64_t kMaxSide = 1U << 20U;  // of the picture
constexpr std::int64_t kMaxDimension = std::int64_t{1} << 24U;

/// One tensor's record; whether it fits its neighbours is read_tensors' business.
Result<MetaTensor> read_tensor(const JsonObject& object) {
  MetaTensor out;
  PX_TRY(out.name, object.text("name"));
  PX_TRY(const Json* shape, object.need("shape"));
  if (!shape->is_array() || shape->empty() || shape->size() > 2)
    return fail(Errc::kInvalid, "{}: expected one or two sizes", object.at("shape"));
  std::uint64_t product = 1;
  for (const Json& size : *shape) {
    PX_TRY(const std::int64_t n, JsonObject::as_integer(size, object.at("shape")));
    if (n < 1 || n > kMaxDimension)
      return fail(Errc::kInvalid, "{}: size {}", object.at("shape"), n);
    out.shape.push_back(n);
    product *= static_cast<std::uint64_t>(n);  // at most 2^48
  }
  PX_TRY(const std::string dtype, object.text("dtype"));
  if (dtype != "float32")
    return fail(Errc::kUnsupported, "{}: \"{}\", expected \"float32\"", object.at("dtype"), dtype);
  PX_TRY(out.w_min, object.real("w_min"));
  PX_TRY(out.w_max, object.real("w_max"));
  if (!(out.w_min < out.w_max))
    return fail(Errc::kInvalid, "{}: {} is not below w_max {}", object.at("w_min"), out.w_min,
                out.w_max);
  PX_TRY(out.offset, object.count("offset"));
  PX_TRY(out.length, object.count("length"));
  if (out.length != product)
    return fail(Errc::kInvalid, "{}: {}, the shape has {}", object.at("length"), out.length,
                product);
  return out;
}

/// Tensors follow each other without gaps, names ascend, and the totals are their sums.
Result<void> read_tensors(const JsonObject& top, Meta& out) {
  PX_TRY(const Json* array, top.array_or_null("tensors"));
  if (array == nullptr || array->size() > kMaxTensors)
    return fail(Errc::kInvalid, "{}: expected a list of up to {}", top.at("tensors"), kMaxTensors);
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < array->size(); ++i) {
    const std::string path = fmt::format("{}[{}]", top.at("tensors"), i);
    PX_TRY(const JsonObject object, JsonObject::of((*array)[i], path));
    PX_TRY(MetaTensor tensor, read_tensor(object));
    if (tensor.offset != end)
      return fail(Errc::kInvalid, "{}.offset: {}, the tensor before ends at {}", path,
                  tensor.offset, end);
    if (!out.tensors.empty() && out.tensors.back().name >= tensor.name)
      return fail(Errc::kInvalid, "{}.name: \"{}\" does not ascend", path, tensor.name);
    end += tensor.length;
    out.tensors.push_back(std::move(tensor));
  }
  PX_TRY(out.total_params, top.count("total_params"));
  PX_TRY(out.total_bytes, top.count("total_bytes"));
  if (out.total_params != end)
    return fail(Errc::kInvalid, "{}: {}, the tensors have {}", top.at("total_params"),
                out.total_params, end);
  if (out.total_bytes != round_up(end, 3))
    return fail(Errc::kInvalid, "{}: {}, expected {}", top.at("total_bytes"), out.total_bytes,
                round_up(end, 3));
  return {};
}

/// The picture must hold every byte that was announced.
Result<void> read_size(const JsonObject& top, Meta& out) {
  PX_TRY(const std::uint64_t width, top.count("image_width"));
  PX_TRY(const std::uint64_t height, top.count("image_height"));
  if (width > kMaxSide || height > kMaxSide || width * height * 3 < out.total_bytes)
    return fail(Errc::kInvalid, "{}: a picture of {} x {} does not hold {} bytes",
                top.at("image_width"), width, height, out.total_bytes);
  out.image_width = static_cast<std::uint32_t>(width);
  out.image_height = static_cast<std::uint32_t>(height);
  return {};
}

/// Only the one architecture and quantisation the format ever had.
Result<void> read_architecture(const JsonObject& top, Meta& out) {
  PX_TRY(const Json* value, top.need("architecture"));
  PX_TRY(const JsonObject object, JsonObject::of(*value, top.at("architecture")));
  PX_TRY(const std::string type, object.text("type"));
  if (type != "mlp")
    return fail(Errc::kUnsupported, "{}: \"{}\", expected \"mlp\"", object.at("type"), type);
  PX_TRY(out.vocab, object.integer("vocab_size"));
  PX_TRY(out.dim, object.integer("model_dim"));
  PX_TRY(const std::string quantization, top.text("quantization"));
  if (quantization != "uint8_per_tensor")
    return fail(Errc::kUnsupported, "{}: \"{}\", expected \"uint8_per_tensor\"",
                top.at("quantization"), quantization);
  return {};
}

/// A JSON string literal, other than ASCII escaped, as Python's json writes it.
std::string json_string(std::string_view text) {
  return Json(std::string(text)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

/// Python's indent=2 puts every number of a list on its own line.
void append_tensor(std::string& out, const MetaTensor& tensor) {
  out += "    {\n      \"name\": " + json_string(tensor.name) + ",\n      \"shape\": [\n";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i)
    out += fmt::format("        {}{}\n", tensor.shape[i], i + 1 < tensor.shape.size() ? "," : "");
  out += "      ],\n      \"dtype\": \"float32\",\n";
  out += "      \"w_min\": " + python_number(tensor.w_min) + ",\n";
  out += "      \"w_max\": " + python_number(tensor.w_max) + ",\n";
  out += fmt::format("      \"offset\": {},\n      \"length\": {}\n    }}", tensor.offset,
                     tensor.length);
}

}  // namespace

std::string python_number(double value) {
  std::array<char, 40> text{};
  const auto written =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific);
  // "-d.ddde±xx": the shortest digits, taken apart.
  const std::string_view all(text.data(), static_cast<std::size_t>(written.ptr - text.data()));
  const std::size_t e = all.find('e');
  const int exponent = std::atoi(std::string(all.substr(e + 1)).c_str());
  const std::string sign = all[0] == '-' ? "-" : "";
  std::string digits;
  for (const char c : all.substr(0, e))
    if (c >= '0' && c <= '9') digits += c;
  if (exponent < -4 || exponent > 15) {
    const std::string fraction = digits.size() > 1 ? "." + digits.substr(1) : "";
    return fmt::format("{}{}{}e{}{:02}", sign, digits[0], fraction, exponent < 0 ? '-' : '+',
                       std::abs(exponent));
  }
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

Result<Meta> parse_meta(Bytes json) {
  PX_CHECK(check_json(json, "meta"));
  const Json document = Json::parse(json.begin(), json.end(), nullptr, false);
  PX_TRY(const JsonObject top, JsonObject::of(document, "meta"));
  Meta out;
  PX_TRY(out.model_name, top.text("model_name"));
  PX_TRY(out.version, top.text("version"));
  PX_TRY(out.image_path, top.text("image_path"));
  PX_CHECK(read_architecture(top, out));
  PX_CHECK(read_tensors(top, out));
  PX_CHECK(read_size(top, out));
  PX_CHECK(check_shapes(out));
  return out;
}

std::string meta_json(const Meta& meta) {
  std::string out = "{\n  \"model_name\": " + json_string(meta.model_name) + ",\n";
  out += "  \"version\": " + json_string(meta.version) + ",\n";
  out += fmt::format(
      "  \"architecture\": {{\n    \"type\": \"mlp\",\n    \"vocab_size\": {},\n    \"model_dim\": "
      "{},\n"
      "    \"layers\": [\n      \"embed\",\n      \"hidden\",\n      \"out\"\n    ]\n  }},\n",
      meta.vocab, meta.dim);
  out += "  \"image_path\": " + json_string(meta.image_path) + ",\n";
  out += fmt::format("  \"image_width\": {},\n  \"image_height\": {},\n", meta.image_width,
                     meta.image_height);
  out += fmt::format("  \"total_bytes\": {},\n  \"total_params\": {},\n", meta.total_bytes,
                     meta.total_params);
  out += "  \"quantization\": \"uint8_per_tensor\",\n  \"tensors\": [\n";
  for (std::size_t i = 0; i < meta.tensors.size(); ++i) {
    append_tensor(out, meta.tensors[i]);
    out += i + 1 < meta.tensors.size() ? ",\n" : "\n";
  }
  return out + "  ]\n}";
}

}  // namespace pxos::cartridges::pixellm
