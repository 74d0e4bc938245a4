#pragma once
// GGUF model files (versions 2 and 3, little-endian): metadata and the tensor table, every number
// checked against the file before it is used. A GgufFile borrows the bytes it was parsed from
// ("Keeps": until it dies); it is immutable after parse() and safe to read from any thread.

#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pxos::cartridges {

/// Value types of GGUF metadata, with their codes.
enum class GgufType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};
[[nodiscard]] std::string_view gguf_type_name(GgufType type);

/// An array of one element type; never an array of arrays.
struct GgufArray {
  GgufType element = GgufType::kU8;
  std::uint64_t count = 0;
  Bytes raw;                              ///< fixed-size elements, little-endian, in place
  std::vector<std::string_view> strings;  ///< only for kString, in place
};

/// One metadata value. Integers of every width become the 64-bit type of their sign.
struct GgufValue {
  GgufType type = GgufType::kU8;
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string_view, GgufArray> value;
};

struct GgufTensor {
  std::string name;
  std::vector<std::uint64_t>
      ne;  ///< GGUF order: ne[0] is the contiguous dimension; 1 to 4 dimensions
  tensor::DType dtype = tensor::DType::kF32;
  std::uint64_t offset = 0;  ///< from the start of the file
  std::uint64_t bytes = 0;   ///< canonical size

  [[nodiscard]] std::uint64_t elements() const;
  /// Outermost first, last = contiguous.
  [[nodiscard]] std::vector<std::int64_t> shape() const;
};

class GgufFile {
 public:
  /// Errors: kInvalid (what is wrong, at which byte or in which key or tensor); kUnsupported for
  /// version 1, future versions, big-endian files and tensor types this build does not have (names
  /// the tensor).
  static Result<GgufFile> parse(Bytes file);

  [[nodiscard]] std::uint32_t version() const { return version_; }
  [[nodiscard]] std::uint64_t alignment() const { return alignment_; }
  [[nodiscard]] const std::map<std::string, GgufValue, std::less<>>& metadata() const {
    return metadata_;
  }
  [[nodiscard]] const std::vector<GgufTensor>& tensors() const { return tensors_; }
  /// Null when there is none.
  [[nodiscard]] const GgufTensor* find_tensor(std::string_view name) const;
  /// Canonical bytes, in place.
  [[nodiscard]] Bytes tensor_bytes(const GgufTensor& tensor) const;

  [[nodiscard]] bool has(std::string_view key) const {
    return metadata_.find(key) != metadata_.end();
  }
  // Typed getters. The plain form fails with kNotFound when the key is missing; find_* gives
  // nullopt then. Both fail with kInvalid (key, expected and found type) when the value has another
  // type.
  [[nodiscard]] Result<std::optional<std::int64_t>> find_integer(std::string_view key) const;
  [[nodiscard]] Result<std::optional<double>> find_real(
      std::string_view key) const;  ///< integers convert
  [[nodiscard]] Result<std::optional<bool>> find_flag(std::string_view key) const;
  [[nodiscard]] Result<std::optional<std::string_view>> find_text(std::string_view key) const;
  [[nodiscard]] Result<std::int64_t> integer(std::string_view key) const;
  [[nodiscard]] Result<double> real(std::string_view key) const;
  [[nodiscard]] Result<std::string_view> text(std::string_view key) const;

  // Arrays, converted; empty when the key is missing.
  [[nodiscard]] Result<std::vector<std::string_view>> strings(std::string_view key) const;
  [[nodiscard]] Result<std::vector<float>> floats(std::string_view key) const;
  [[nodiscard]] Result<std::vector<std::int64_t>> integers(std::string_view key) const;

 private:
  GgufFile() = default;
  Bytes file_;
  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 32;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> tensor_index_;
};

}  // namespace pxos::cartridges
