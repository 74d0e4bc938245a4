#include "cartridges/import/safetensors.hpp"

#include "cartridges/json.hpp"
#include "cartridges/json_guard.hpp"
#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>

namespace pxos::cartridges {
namespace {

using tensor::DType;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kMaxTensors = std::size_t{1} << 18U;
constexpr std::size_t kMaxDims = 8;
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 62U;
// A tensor's row: name, dtype, a shape and two offsets, with their keys.
constexpr std::uint64_t kMaxValues = kMaxTensors * (8 + kMaxDims);

struct ElementType {
  std::string_view text;
  std::uint64_t bytes;
  std::optional<DType> dtype;
};
constexpr std::array<ElementType, 15> kElementTypes{{{"F32", 4, DType::kF32},
                                                     {"F16", 2, DType::kF16},
                                                     {"BF16", 2, DType::kBF16},
                                                     {"F64", 8, {}},
                                                     {"I64", 8, {}},
                                                     {"U64", 8, {}},
                                                     {"I32", 4, {}},
                                                     {"U32", 4, {}},
                                                     {"I16", 2, {}},
                                                     {"U16", 2, {}},
                                                     {"I8", 1, {}},
                                                     {"U8", 1, {}},
                                                     {"BOOL", 1, {}},
                                                     {"F8_E4M3", 1, {}},
                                                     {"F8_E5M2", 1, {}}}};

Result<ElementType> element_type(const std::string& text, const std::string& where) {
  for (const ElementType& type : kElementTypes)
    if (type.text == text) return type;
  return fail(Errc::kUnsupported, "{}: element type \"{}\" is not known", where, text);
}

/// Two offsets inside the data, first <= second.
Result<void> read_range(const JsonObject& object, std::uint64_t data_bytes,
                        SafetensorsTensor& out) {
  const std::string where = object.at("data_offsets");
  PX_TRY(const Json* pair, object.array_or_null("data_offsets"));
  if (pair == nullptr || pair->size() != 2)
    return fail(Errc::kInvalid, "{}: expected two offsets", where);
  PX_TRY(const std::int64_t begin, JsonObject::as_integer((*pair)[0], where));
  PX_TRY(const std::int64_t end, JsonObject::as_integer((*pair)[1], where));
  if (begin < 0 || end < begin || static_cast<std::uint64_t>(end) > data_bytes)
    return fail(Errc::kInvalid, "{}: [{}, {}] lies outside the {} bytes of data", where, begin, end,
                data_bytes);
  out.offset = static_cast<std::uint64_t>(begin);
  out.bytes = static_cast<std::uint64_t>(end - begin);
  return {};
}

/// The shape, and its product times the element's size, which the offsets must span exactly.
Result<void> read_shape(const JsonObject& object, const ElementType& type, SafetensorsTensor& out) {
  const std::string where = object.at("shape");
  PX_TRY(const Json* sizes, object.array_or_null("shape"));
  if (sizes == nullptr) return fail(Errc::kInvalid, "{} is missing", where);
  if (sizes->size() > kMaxDims)
    return fail(Errc::kLimit, "{}: {} dimensions, at most {}", where, sizes->size(), kMaxDims);
  std::uint64_t elements = 1;
  for (const Json& size : *sizes) {
    PX_TRY(const std::int64_t n, JsonObject::as_integer(size, where));
    if (n < 0) return fail(Errc::kInvalid, "{}: a size is {}", where, n);
    const auto product = checked_mul(elements, static_cast<std::uint64_t>(n));
    if (!product || *product > kMaxElements)
      return fail(Errc::kInvalid, "{}: the product overflows", where);
    elements = *product;
    out.shape.push_back(n);
  }
  const auto bytes = checked_mul(elements, type.bytes);
  if (!bytes || *bytes != out.bytes)
    return fail(Errc::kInvalid, "{}: {} elements of {} do not fill the {} bytes of data_offsets",
                where, elements, type.text, out.bytes);
  return {};
}

Result<SafetensorsTensor> read_tensor(const std::string& name, const Json& value,
                                      std::uint64_t data_bytes) {
  PX_TRY(const JsonObject object, JsonObject::of(value, "tensor " + name));
  SafetensorsTensor out;
  out.name = name;
  PX_TRY(out.dtype_text, object.text("dtype"));
  PX_TRY(const ElementType type, element_type(out.dtype_text, object.at("dtype")));
  out.dtype = type.dtype;
  PX_CHECK(read_range(object, data_bytes, out));
  PX_CHECK(read_shape(object, type, out));
  return out;
}

/// Tensors follow each other from the first byte of the data to the last.
Result<void> check_cover(const std::vector<SafetensorsTensor>& sorted, std::uint64_t data_bytes) {
  std::uint64_t end = 0;
  for (const SafetensorsTensor& tensor : sorted) {
    if (tensor.offset != end)
      return fail(Errc::kInvalid, "tensor {} begins at {} of the data, {} at {}", tensor.name,
                  tensor.offset,
                  tensor.offset < end ? "inside the one before it, which ends"
                                      : "behind a gap: the one before it ends",
                  end);
    end += tensor.bytes;
  }
  if (end != data_bytes)
    return fail(Errc::kInvalid, "the tensors end at {} of {} bytes of data", end, data_bytes);
  return {};
}

Result<std::map<std::string, std::string>> read_texts(const Json& value) {
  PX_TRY(const JsonObject object, JsonObject::of(value, "__metadata__"));
  std::map<std::string, std::string> out;
  for (const auto& [key, text] : object.json().items()) {
    PX_TRY(out[key], JsonObject::as_text(text, object.at(key)));
  }
  return out;
}

Result<Json> parse_guarded(Bytes text, std::string_view what, const JsonLimits& limits) {
  PX_CHECK(check_json(text, what, limits));
  Json out = Json::parse(text.begin(), text.end(), nullptr, false);
  if (out.is_discarded()) return fail(Errc::kInvalid, "{}: not JSON", what);
  return out;
}

}  // namespace

Result<SafetensorsFile> SafetensorsFile::parse(Bytes file) {
  ByteReader reader(file);
  PX_TRY(const std::uint64_t length, reader.u64("safetensors header length"));
  if (length > kMaxHeaderBytes)
    return fail(Errc::kLimit, "safetensors header of {} bytes, at most {}", length,
                kMaxHeaderBytes);
  PX_TRY(const Bytes header, reader.bytes(length, "safetensors header"));
  PX_TRY(const Json json,
         parse_guarded(header, "safetensors header", {kMaxHeaderBytes, 4, kMaxValues}));
  if (!json.is_object()) return fail(Errc::kInvalid, "safetensors header: expected an object");
  if (json.size() > kMaxTensors)
    return fail(Errc::kLimit, "safetensors header: {} tensors, at most {}", json.size(),
                kMaxTensors);
  SafetensorsFile out;
  out.file_ = file;
  for (const auto& [name, value] : json.items()) {
    if (name == "__metadata__") {
      PX_TRY(out.metadata_, read_texts(value));
      continue;
    }
    PX_TRY(SafetensorsTensor tensor, read_tensor(name, value, reader.remaining()));
    out.tensors_.push_back(std::move(tensor));
  }
  std::stable_sort(out.tensors_.begin(), out.tensors_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.offset, a.bytes) < std::pair(b.offset, b.bytes);
  });
  PX_CHECK(check_cover(out.tensors_, reader.remaining()));
  for (std::size_t i = 0; i < out.tensors_.size(); ++i) {
    out.tensors_[i].offset += kLengthBytes + length;
    out.index_.emplace(out.tensors_[i].name, i);
  }
  return out;
}

const SafetensorsTensor* SafetensorsFile::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &tensors_[found->second];
}

Bytes SafetensorsFile::tensor_bytes(const SafetensorsTensor& tensor) const {
  return file_.subspan(tensor.offset, tensor.bytes);
}

Result<std::map<std::string, std::string>> parse_safetensors_index(Bytes text) {
  constexpr std::string_view kWhat = "safetensors index";
  PX_TRY(const Json json, parse_guarded(text, kWhat, {kMaxHeaderBytes, 4, kMaxValues}));
  PX_TRY(const JsonObject top, JsonObject::of(json, std::string(kWhat)));
  PX_TRY(const Json* map, top.need("weight_map"));
  PX_TRY(const JsonObject files, JsonObject::of(*map, top.at("weight_map")));
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : files.json().items()) {
    PX_TRY(std::string file, JsonObject::as_text(value, files.at(name)));
    // A plain name beside the index; anything else would read files nobody pointed at.
    const bool is_plain = !file.empty() && file.front() != '.' &&
                          file.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
    if (!is_plain)
      return fail(Errc::kInvalid, "{}: \"{}\" is not a plain file name", files.at(name), file);
    out.emplace(name, std::move(file));
  }
  if (out.empty()) return fail(Errc::kInvalid, "{} is empty", top.at("weight_map"));
  return out;
}

}  // namespace pxos::cartridges
