#include "cartridges/export/gguf_writer.hpp"

#include "cartridges/import/gguf.hpp"
#include "pxvm/base/checked.hpp"

namespace pxos::cartridges {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint32_t kVersion = 3;
constexpr std::uint32_t kFirstOwnCode = 128;  // dtypes.def: below this, codes are GGUF's
constexpr std::size_t kMaxDims = 4;

std::uint32_t code(GgufType type) {
  return static_cast<std::uint32_t>(type);
}

void put(ByteWriter& out, std::string_view text) {
  out.u64(text.size());
  out.bytes(as_bytes(text));
}

}  // namespace

void GgufWriter::start(std::string_view key, std::uint32_t type) {
  put(pairs_, key);
  pairs_.u32(type);
  ++pair_count_;
}

void GgufWriter::start_array(std::string_view key, std::uint32_t element, std::uint64_t count) {
  start(key, code(GgufType::kArray));
  pairs_.u32(element);
  pairs_.u64(count);
}

void GgufWriter::text(std::string_view key, std::string_view value) {
  start(key, code(GgufType::kString));
  put(pairs_, value);
}

void GgufWriter::u32(std::string_view key, std::uint32_t value) {
  start(key, code(GgufType::kU32));
  pairs_.u32(value);
}

void GgufWriter::flag(std::string_view key, bool value) {
  start(key, code(GgufType::kBool));
  pairs_.u8(value ? 1 : 0);
}

void GgufWriter::real(std::string_view key, double value) {
  const auto narrow = static_cast<float>(value);
  const bool fits = static_cast<double>(narrow) == value;
  start(key, code(fits ? GgufType::kF32 : GgufType::kF64));
  if (fits)
    pairs_.f32(narrow);
  else
    pairs_.f64(value);
}

void GgufWriter::texts(std::string_view key, std::span<const std::string> values) {
  start_array(key, code(GgufType::kString), values.size());
  for (const std::string& value : values) put(pairs_, value);
}

void GgufWriter::floats(std::string_view key, std::span<const float> values) {
  start_array(key, code(GgufType::kF32), values.size());
  for (const float value : values) pairs_.f32(value);
}

void GgufWriter::i32s(std::string_view key, std::span<const std::int32_t> values) {
  start_array(key, code(GgufType::kI32), values.size());
  for (const std::int32_t value : values) pairs_.i32(value);
}

void GgufWriter::value(std::string_view key, const GgufValue& value) {
  if (const auto* array = std::get_if<GgufArray>(&value.value)) {
    start_array(key, code(array->element), array->count);
    pairs_.bytes(array->raw);
    for (const std::string_view item : array->strings) put(pairs_, item);
    return;
  }
  start(key, code(value.type));
  if (const auto* text = std::get_if<std::string_view>(&value.value)) return put(pairs_, *text);
  if (const auto* flag = std::get_if<bool>(&value.value)) return pairs_.u8(*flag ? 1 : 0);
  if (const auto* real = std::get_if<double>(&value.value))
    return value.type == GgufType::kF32 ? pairs_.f32(static_cast<float>(*real)) : pairs_.f64(*real);
  const auto* whole = std::get_if<std::int64_t>(&value.value);
  const auto bits =
      whole != nullptr ? static_cast<std::uint64_t>(*whole) : std::get<std::uint64_t>(value.value);
  // Little-endian: the low bytes, as many as the type has.
  for (std::uint64_t i = 0; i < gguf_fixed_size(value.type); ++i)
    pairs_.u8(static_cast<std::uint8_t>(bits >> (8 * i)));
}

Result<void> GgufWriter::tensor(std::string_view name, std::span<const std::int64_t> shape,
                                tensor::DType dtype, std::uint64_t bytes) {
  const auto number = static_cast<std::uint32_t>(dtype);
  if (number >= kFirstOwnCode)
    return fail(Errc::kUnsupported, "tensor {}: GGUF has no type for {}", name,
                tensor::info(dtype).text);
  if (shape.empty() || shape.size() > kMaxDims)
    return fail(Errc::kUnsupported, "tensor {}: {} dimensions, GGUF has 1 to {}", name,
                shape.size(), kMaxDims);
  put(tensors_, name);
  tensors_.u32(static_cast<std::uint32_t>(shape.size()));
  for (std::size_t i = shape.size(); i > 0; --i)
    tensors_.u64(static_cast<std::uint64_t>(shape[i - 1]));
  tensors_.u32(number);
  tensors_.u64(data_bytes_);
  ++tensor_count_;
  data_bytes_ += round_up(bytes, kAlignment);
  return {};
}

ByteVector GgufWriter::front() const {
  ByteWriter out;
  out.u32(kMagic);
  out.u32(kVersion);
  out.u64(tensor_count_);
  out.u64(pair_count_);
  out.bytes(pairs_.view());
  out.bytes(tensors_.view());
  out.pad_to(kAlignment);
  return out.take();
}

}  // namespace pxos::cartridges
