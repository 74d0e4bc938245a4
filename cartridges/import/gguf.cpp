#include "cartridges/import/gguf.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace pxos::cartridges {
namespace {

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kMaxKeyBytes = 65535;
constexpr std::uint64_t kMaxTensorNameBytes = 1024;
constexpr std::uint32_t kMaxDims = 4;
constexpr std::uint64_t kMaxAlignment = std::uint64_t{1} << 20U;
// The fewest bytes a metadata pair (key length, type, one byte of value) and a tensor record
// (name length, n_dims, one dimension, type, offset) can take; they bound the counts of a file.
constexpr std::uint64_t kMinPairBytes = 13;
constexpr std::uint64_t kMinTensorBytes = 32;

struct ForeignType {
  std::uint32_t code;
  std::string_view name;
};
// Tensor types that exist elsewhere; only their names are known here, for the refusal.
constexpr std::array<ForeignType, 15> kForeignTypes{{
    {9, "q8_1"},
    {15, "q8_k"},
    {16, "iq2_xxs"},
    {17, "iq2_xs"},
    {18, "iq3_xxs"},
    {19, "iq1_s"},
    {21, "iq3_s"},
    {22, "iq2_s"},
    {23, "iq4_xs"},
    {25, "i16"},
    {27, "i64"},
    {28, "f64"},
    {29, "iq1_m"},
    {34, "tq1_0"},
    {35, "tq2_0"},
}};

/// Reads the parts of a file in order.
class Parser {
 public:
  explicit Parser(Bytes file) : reader_(file), file_size_(file.size()) {}

  struct Header {
    std::uint32_t version;
    std::uint64_t tensors;
    std::uint64_t pairs;
  };

  Result<Header> header() {
    PX_TRY(const std::uint32_t magic, reader_.u32("GGUF magic"));
    if (magic != kMagic) return fail(Errc::kInvalid, "not a GGUF file: bad magic 0x{:08x}", magic);
    PX_TRY(const std::uint32_t version, reader_.u32("GGUF version"));
    // A version never uses the upper half, so only a byte-swapped one has its low half empty.
    if (version != 0 && (version & 0xFFFFU) == 0)
      return fail(Errc::kUnsupported, "big-endian GGUF file (version field 0x{:08x})", version);
    if (version < 2 || version > 3)
      return fail(Errc::kUnsupported, "GGUF version {} at byte 4; versions 2 and 3 can be read",
                  version);
    PX_TRY(const std::uint64_t tensors, reader_.u64("GGUF tensor count"));
    PX_TRY(const std::uint64_t pairs, reader_.u64("GGUF metadata count"));
    if (pairs > reader_.remaining() / kMinPairBytes)
      return fail(Errc::kInvalid, "GGUF metadata count {} cannot fit in {} bytes", pairs,
                  reader_.remaining());
    if (tensors > reader_.remaining() / kMinTensorBytes)
      return fail(Errc::kInvalid, "GGUF tensor count {} cannot fit in {} bytes", tensors,
                  reader_.remaining());
    return Header{version, tensors, pairs};
  }

  Result<std::pair<std::string, GgufValue>> pair() {
    PX_TRY(const std::string_view key, string(kMaxKeyBytes, "metadata key"));
    if (key.empty() || key.find('\0') != std::string_view::npos)
      return fail(Errc::kInvalid, "GGUF metadata key before byte {} is empty or holds a NUL",
                  position());
    PX_TRY(const GgufType type, value_type());
    auto value = this->value(type);
    if (!value) return in_context(key, std::move(value).error());
    return std::pair{std::string(key), *std::move(value)};
  }

  Result<GgufTensor> tensor() {
    GgufTensor tensor;
    PX_TRY(const std::string_view name, string(kMaxTensorNameBytes, "tensor name"));
    if (name.empty() || name.find('\0') != std::string_view::npos)
      return fail(Errc::kInvalid, "GGUF tensor name before byte {} is empty or holds a NUL",
                  position());
    tensor.name = name;
    PX_TRY(const std::uint32_t n_dims, reader_.u32("number of dimensions"));
    if (n_dims < 1 || n_dims > kMaxDims)
      return fail(Errc::kInvalid, "tensor {}: {} dimensions, expected 1 to {}", name, n_dims,
                  kMaxDims);
    for (std::uint32_t i = 0; i < n_dims; ++i) {
      PX_TRY(const std::uint64_t ne, reader_.u64("tensor dimension"));
      tensor.ne.push_back(ne);
    }
    PX_TRY(const std::uint32_t type, reader_.u32("tensor type"));
    PX_TRY(tensor.dtype, tensor_type(name, type));
    PX_TRY(tensor.offset, reader_.u64("tensor offset"));
    PX_TRY(tensor.bytes, tensor_size(tensor));
    return tensor;
  }

  [[nodiscard]] std::uint64_t position() const { return reader_.position(); }

 private:
  /// Length and bytes, in place. Errors: kLimit before the bytes are looked at.
  Result<std::string_view> string(std::uint64_t max_bytes, std::string_view what) {
    PX_TRY(const std::uint64_t length, reader_.u64(what));
    if (length > max_bytes)
      return fail(Errc::kLimit, "GGUF {} at byte {}: {} bytes, at most {}", what, position(),
                  length, max_bytes);
    PX_TRY(const Bytes bytes, reader_.bytes(length, what));
    return as_text(bytes);
  }

  Result<GgufType> value_type() {
    PX_TRY(const std::uint32_t code, reader_.u32("value type"));
    if (code > static_cast<std::uint32_t>(GgufType::kF64))
      return fail(Errc::kInvalid, "unknown GGUF value type {} before byte {}", code, position());
    return static_cast<GgufType>(code);
  }

  Result<GgufValue> value(GgufType type) {
    if (type == GgufType::kArray) return array();
    if (type == GgufType::kString) {
      PX_TRY(const std::string_view text, string(file_size_, "string value"));
      return GgufValue{type, text};
    }
    PX_TRY(const Bytes raw, reader_.bytes(gguf_fixed_size(type), "value"));
    return decode_gguf_value(type, raw);
  }

  /// The count is bounded by the bytes left before anything is reserved: a file can ask for at most
  /// twice its size.
  Result<GgufValue> array() {
    GgufArray out;
    PX_TRY(out.element, value_type());
    PX_TRY(out.count, reader_.u64("array length"));
    if (out.element == GgufType::kArray)
      return fail(Errc::kUnsupported, "nested arrays are not accepted");
    const bool is_text = out.element == GgufType::kString;
    const std::uint64_t least = is_text ? 8 : gguf_fixed_size(out.element);
    if (out.count > reader_.remaining() / least)
      return fail(Errc::kInvalid, "array of {} elements cannot fit in the {} bytes left", out.count,
                  reader_.remaining());
    if (!is_text) {
      PX_TRY(out.raw, reader_.bytes(out.count * least, "array"));
      return GgufValue{GgufType::kArray, std::move(out)};
    }
    out.strings.reserve(out.count);
    for (std::uint64_t i = 0; i < out.count; ++i) {
      PX_TRY(const std::string_view text, string(file_size_, "array string"));
      out.strings.push_back(text);
    }
    return GgufValue{GgufType::kArray, std::move(out)};
  }

  /// Codes from 128 on are ours and never come from a GGUF file.
  static Result<tensor::DType> tensor_type(std::string_view name, std::uint32_t code) {
    if (code < 128) {
      const auto dtype = tensor::dtype_from_code(code);
      if (dtype) return *dtype;
    }
    const auto* foreign = std::find_if(kForeignTypes.begin(), kForeignTypes.end(),
                                       [&](const ForeignType& t) { return t.code == code; });
    if (foreign != kForeignTypes.end())
      return fail(Errc::kUnsupported, "tensor {}: type {} is not supported, expected one of {}",
                  name, foreign->name, tensor::known_dtypes());
    return fail(Errc::kInvalid, "tensor {}: unknown type {}", name, code);
  }

  /// Canonical bytes of the tensor; products are checked, so {2^32, 2^32} does not wrap to nothing.
  static Result<std::uint64_t> tensor_size(const GgufTensor& tensor) {
    std::uint64_t rows = 1;
    std::uint64_t elements = 1;
    for (std::size_t i = 0; i < tensor.ne.size(); ++i) {
      if (tensor.ne[i] < 1)
        return fail(Errc::kInvalid, "tensor {}: dimension {} is 0", tensor.name, i);
      const auto product = checked_mul(elements, tensor.ne[i]);
      // Elements stay below 2^63 so that shapes fit signed arithmetic everywhere later.
      if (!product || *product > std::uint64_t{1} << 62U)
        return fail(Errc::kInvalid, "tensor {}: dimensions overflow", tensor.name);
      elements = *product;
      if (i > 0) rows *= tensor.ne[i];
    }
    auto row = tensor::row_bytes(tensor.dtype, tensor.ne[0]);
    if (!row) return in_context("tensor " + tensor.name, std::move(row).error());
    const auto bytes = checked_mul(*row, rows);
    if (!bytes) return fail(Errc::kInvalid, "tensor {}: size overflows", tensor.name);
    return *bytes;
  }

  ByteReader reader_;
  std::uint64_t file_size_;
};

/// 32 unless the file says otherwise.
Result<std::uint64_t> read_alignment(const Metadata& metadata) {
  const auto found = metadata.find("general.alignment");
  if (found == metadata.end()) return std::uint64_t{32};
  const auto* value = std::get_if<std::uint64_t>(&found->second.value);
  if (value == nullptr) return fail(Errc::kInvalid, "general.alignment is not an unsigned integer");
  if (!std::has_single_bit(*value) || *value > kMaxAlignment)
    return fail(Errc::kInvalid, "general.alignment {} is not a power of two up to {}", *value,
                kMaxAlignment);
  return *value;
}

/// Makes offsets absolute; each must be aligned, inside the file and apart from the others.
Result<void> place_tensors(std::vector<GgufTensor>& tensors, std::uint64_t data_start,
                           std::uint64_t alignment, std::uint64_t file_size) {
  std::vector<const GgufTensor*> order;
  order.reserve(tensors.size());
  for (GgufTensor& tensor : tensors) {
    if (tensor.offset % alignment != 0)
      return fail(Errc::kInvalid, "tensor {}: offset {} is not a multiple of {}", tensor.name,
                  tensor.offset, alignment);
    const auto absolute = checked_add(data_start, tensor.offset);
    if (!absolute || !range_fits(*absolute, tensor.bytes, file_size))
      return fail(Errc::kInvalid, "tensor {}: {} bytes at {} + {} lie outside the file of {} bytes",
                  tensor.name, tensor.bytes, data_start, tensor.offset, file_size);
    tensor.offset = *absolute;
    order.push_back(&tensor);
  }
  std::sort(order.begin(), order.end(),
            [](const GgufTensor* a, const GgufTensor* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->bytes)
      return fail(Errc::kInvalid, "tensors {} and {} overlap at byte {}", order[i - 1]->name,
                  order[i]->name, order[i]->offset);
  return {};
}

}  // namespace

std::uint64_t GgufTensor::elements() const {
  std::uint64_t product = 1;
  for (const std::uint64_t n : ne) product *= n;  // checked at parse time
  return product;
}

std::vector<std::int64_t> GgufTensor::shape() const {
  std::vector<std::int64_t> out;
  for (auto n = ne.rbegin(); n != ne.rend(); ++n) out.push_back(static_cast<std::int64_t>(*n));
  return out;
}

Result<GgufFile> GgufFile::parse(Bytes file) {
  Parser parser(file);
  PX_TRY(const Parser::Header header, parser.header());
  GgufFile out;
  out.file_ = file;
  out.version_ = header.version;
  for (std::uint64_t i = 0; i < header.pairs; ++i) {
    PX_TRY(auto pair, parser.pair());
    if (out.metadata_.has(pair.first))
      return fail(Errc::kInvalid, "GGUF metadata key {} appears twice", pair.first);
    static_cast<void>(out.metadata_.insert(std::move(pair.first), std::move(pair.second)));
  }
  PX_TRY(out.alignment_, read_alignment(out.metadata_));
  for (std::uint64_t i = 0; i < header.tensors; ++i) {
    PX_TRY(auto tensor, parser.tensor());
    if (!out.tensor_index_.emplace(tensor.name, out.tensors_.size()).second)
      return fail(Errc::kInvalid, "GGUF tensor {} appears twice", tensor.name);
    out.tensors_.push_back(std::move(tensor));
  }
  const std::uint64_t data_start = round_up(parser.position(), out.alignment_);
  PX_CHECK(place_tensors(out.tensors_, data_start, out.alignment_, file.size()));
  return out;
}

const GgufTensor* GgufFile::find_tensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

Bytes GgufFile::tensor_bytes(const GgufTensor& tensor) const {
  return file_.subspan(tensor.offset, tensor.bytes);
}

}  // namespace pxos::cartridges
