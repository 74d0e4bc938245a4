#include "cartridges/import/metadata.hpp"

#include "pxvm/base/checked.hpp"

#include <array>
#include <bit>

namespace pxos::cartridges {
namespace {

/// Little-endian unsigned value of raw.size() <= 8 bytes.
std::uint64_t load_unsigned(Bytes raw) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) value |= std::uint64_t{raw[i]} << (8 * i);
  return value;
}

std::int64_t load_signed(Bytes raw) {
  const auto shift = static_cast<unsigned>(64 - 8 * raw.size());
  return static_cast<std::int64_t>(load_unsigned(raw) << shift) >> shift;
}

tl::unexpected<Error> wrong_type(std::string_view key, std::string_view expected,
                                 const GgufValue& value) {
  return fail(Errc::kInvalid, "{}: expected {}, found {}", key, expected,
              gguf_type_name(value.type));
}

/// The value itself; kNotFound where it is missing.
template <class T>
Result<T> required(Result<std::optional<T>> found, std::string_view key) {
  if (!found) return tl::unexpected<Error>(std::move(found).error());
  if (!*found) return fail(Errc::kNotFound, "metadata has no {}", key);
  return **found;
}

}  // namespace

std::string_view gguf_type_name(GgufType type) {
  static constexpr std::array<std::string_view, 13> kNames{"u8",  "i8",  "u16",  "i16",    "u32",
                                                           "i32", "f32", "bool", "string", "array",
                                                           "u64", "i64", "f64"};
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? kNames[index] : "unknown";
}

std::uint64_t gguf_fixed_size(GgufType type) {
  switch (type) {
    case GgufType::kU8:
    case GgufType::kI8:
    case GgufType::kBool:
      return 1;
    case GgufType::kU16:
    case GgufType::kI16:
      return 2;
    case GgufType::kU32:
    case GgufType::kI32:
    case GgufType::kF32:
      return 4;
    case GgufType::kU64:
    case GgufType::kI64:
    case GgufType::kF64:
      return 8;
    case GgufType::kString:
    case GgufType::kArray:
      return 0;
  }
  return 0;
}

GgufValue decode_gguf_value(GgufType type, Bytes raw) {
  switch (type) {
    case GgufType::kI8:
    case GgufType::kI16:
    case GgufType::kI32:
    case GgufType::kI64:
      return {type, load_signed(raw)};
    case GgufType::kF32:
      return {type, double{std::bit_cast<float>(static_cast<std::uint32_t>(load_unsigned(raw)))}};
    case GgufType::kF64:
      return {type, std::bit_cast<double>(load_unsigned(raw))};
    case GgufType::kBool:
      return {type, raw[0] != 0};
    default:
      return {type, load_unsigned(raw)};
  }
}

Result<std::optional<std::int64_t>> Metadata::find_integer(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::optional<std::int64_t>();
  if (const auto* value = std::get_if<std::int64_t>(&found->second.value))
    return std::optional(*value);
  const auto* value = std::get_if<std::uint64_t>(&found->second.value);
  if (value == nullptr) return wrong_type(key, "an integer", found->second);
  const auto narrowed = checked_cast<std::int64_t>(*value);
  if (!narrowed) return fail(Errc::kLimit, "{}: {} is too large", key, *value);
  return narrowed;
}

Result<std::optional<double>> Metadata::find_real(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::optional<double>();
  const auto& value = found->second.value;
  if (const auto* real = std::get_if<double>(&value)) return std::optional(*real);
  if (const auto* whole = std::get_if<std::uint64_t>(&value))
    return std::optional(static_cast<double>(*whole));
  if (const auto* whole = std::get_if<std::int64_t>(&value))
    return std::optional(static_cast<double>(*whole));
  return wrong_type(key, "a number", found->second);
}

Result<std::optional<bool>> Metadata::find_flag(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::optional<bool>();
  const auto* value = std::get_if<bool>(&found->second.value);
  if (value == nullptr) return wrong_type(key, "a bool", found->second);
  return std::optional(*value);
}

Result<std::optional<std::string_view>> Metadata::find_text(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::optional<std::string_view>();
  const auto* value = std::get_if<std::string_view>(&found->second.value);
  if (value == nullptr) return wrong_type(key, "a string", found->second);
  return std::optional(*value);
}

Result<std::int64_t> Metadata::integer(std::string_view key) const {
  return required(find_integer(key), key);
}
Result<double> Metadata::real(std::string_view key) const {
  return required(find_real(key), key);
}
Result<std::string_view> Metadata::text(std::string_view key) const {
  return required(find_text(key), key);
}

Result<std::vector<std::string_view>> Metadata::strings(std::string_view key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return std::vector<std::string_view>();
  const auto* array = std::get_if<GgufArray>(&found->second.value);
  if (array == nullptr || array->element != GgufType::kString)
    return wrong_type(key, "an array of strings", found->second);
  return array->strings;
}

Result<std::vector<float>> Metadata::floats(std::string_view key) const {
  std::vector<float> out;
  const auto found = values_.find(key);
  if (found == values_.end()) return out;
  const auto* array = std::get_if<GgufArray>(&found->second.value);
  if (array == nullptr || array->element != GgufType::kF32)
    return wrong_type(key, "an array of f32", found->second);
  out.reserve(array->count);
  for (std::uint64_t i = 0; i < array->count; ++i)
    out.push_back(std::bit_cast<float>(
        static_cast<std::uint32_t>(load_unsigned(array->raw.subspan(i * 4, 4)))));
  return out;
}

Result<std::vector<std::int64_t>> Metadata::integers(std::string_view key) const {
  std::vector<std::int64_t> out;
  const auto found = values_.find(key);
  if (found == values_.end()) return out;
  const auto* array = std::get_if<GgufArray>(&found->second.value);
  const std::uint64_t size = array == nullptr ? 0 : gguf_fixed_size(array->element);
  if (size == 0) return wrong_type(key, "an array of integers", found->second);
  out.reserve(array->count);
  for (std::uint64_t i = 0; i < array->count; ++i) {
    const GgufValue value = decode_gguf_value(array->element, array->raw.subspan(i * size, size));
    if (const auto* number = std::get_if<std::int64_t>(&value.value)) {
      out.push_back(*number);
      continue;
    }
    if (const auto* flag = std::get_if<bool>(&value.value)) {
      out.push_back(*flag ? 1 : 0);
      continue;
    }
    const auto* number = std::get_if<std::uint64_t>(&value.value);
    const auto narrowed = number == nullptr ? std::nullopt : checked_cast<std::int64_t>(*number);
    if (!narrowed) return wrong_type(key, "an array of integers", found->second);
    out.push_back(*narrowed);
  }
  return out;
}

bool Metadata::insert(std::string key, GgufValue value) {
  return values_.emplace(std::move(key), std::move(value)).second;
}

void Metadata::set(std::string_view key, GgufValue value) {
  values_.insert_or_assign(std::string(key), std::move(value));
}

void Metadata::set_integer(std::string_view key, std::uint32_t value) {
  set(key, {GgufType::kU32, std::uint64_t{value}});
}

void Metadata::set_real(std::string_view key, double value) {
  const bool fits = static_cast<double>(static_cast<float>(value)) == value;
  set(key, {fits ? GgufType::kF32 : GgufType::kF64, value});
}

void Metadata::set_flag(std::string_view key, bool value) {
  set(key, {GgufType::kBool, value});
}

void Metadata::set_text(std::string_view key, std::string_view value) {
  set(key, {GgufType::kString, std::string_view(owned_.emplace_back(value))});
}

void Metadata::set_array(std::string_view key, GgufType element, std::uint64_t count, Bytes raw) {
  const std::string& kept = owned_.emplace_back(as_text(raw));
  set(key, {GgufType::kArray, GgufArray{element, count, as_bytes(kept), {}}});
}

void Metadata::set_integers(std::string_view key, std::span<const std::int32_t> values) {
  ByteWriter raw;
  for (const std::int32_t value : values) raw.i32(value);
  set_array(key, GgufType::kI32, values.size(), raw.view());
}

void Metadata::set_reals(std::string_view key, std::span<const float> values) {
  ByteWriter raw;
  for (const float value : values) raw.f32(value);
  set_array(key, GgufType::kF32, values.size(), raw.view());
}

void Metadata::set_flags(std::string_view key, const std::vector<bool>& values) {
  ByteWriter raw;
  for (const bool value : values) raw.u8(value ? 1 : 0);
  set_array(key, GgufType::kBool, values.size(), raw.view());
}

void Metadata::erase(std::string_view key) {
  const auto found = values_.find(key);
  if (found != values_.end()) values_.erase(found);
}

}  // namespace pxos::cartridges
