#pragma once
// GGUF model files (versions 2 and 3, little-endian): metadata and the tensor table, every number
// checked against the file before it is used. A GgufFile borrows the bytes it was parsed from
// ("Keeps": until it dies); it is immutable after parse() and safe to read from any thread.

#include "cartridges/import/metadata.hpp"
#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

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
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  /// The same, for whoever needs it without the file; it still borrows the bytes.
  [[nodiscard]] Metadata take_metadata() && { return std::move(metadata_); }
  [[nodiscard]] const std::vector<GgufTensor>& tensors() const { return tensors_; }
  /// Null when there is none.
  [[nodiscard]] const GgufTensor* find_tensor(std::string_view name) const;
  /// Canonical bytes, in place.
  [[nodiscard]] Bytes tensor_bytes(const GgufTensor& tensor) const;

  // The getters of metadata().
  [[nodiscard]] bool has(std::string_view key) const { return metadata_.has(key); }
  [[nodiscard]] auto find_integer(std::string_view key) const {
    return metadata_.find_integer(key);
  }
  [[nodiscard]] auto find_real(std::string_view key) const { return metadata_.find_real(key); }
  [[nodiscard]] auto find_flag(std::string_view key) const { return metadata_.find_flag(key); }
  [[nodiscard]] auto find_text(std::string_view key) const { return metadata_.find_text(key); }
  [[nodiscard]] auto integer(std::string_view key) const { return metadata_.integer(key); }
  [[nodiscard]] auto real(std::string_view key) const { return metadata_.real(key); }
  [[nodiscard]] auto text(std::string_view key) const { return metadata_.text(key); }
  [[nodiscard]] auto strings(std::string_view key) const { return metadata_.strings(key); }
  [[nodiscard]] auto floats(std::string_view key) const { return metadata_.floats(key); }
  [[nodiscard]] auto integers(std::string_view key) const { return metadata_.integers(key); }

 private:
  GgufFile() = default;
  Bytes file_;
  std::uint32_t version_ = 0;
  std::uint64_t alignment_ = 32;
  Metadata metadata_;
  std::vector<GgufTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> tensor_index_;
};

}  // namespace pxos::cartridges
