#pragma once
// The safetensors container: a length, a JSON table of tensors, their bytes. Everything is checked
// before it is used: the table covers the bytes behind it exactly, without overlap and without
// gap. A SafetensorsFile borrows the bytes it was parsed from ("Keeps": until it dies); immutable
// after parse() and safe to read from any thread.

#include "pxvm/base/bytes.hpp"
#include "pxvm/tensor/dtype.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

struct SafetensorsTensor {
  std::string name;
  std::string dtype_text;              ///< as written: "F32", "BF16", "I64", ...
  std::vector<std::int64_t> shape;     ///< outermost first; empty for a scalar, sizes may be 0
  std::uint64_t offset = 0;            ///< from the start of the file
  std::uint64_t bytes = 0;             ///< product of shape times the element's size
  std::optional<tensor::DType> dtype;  ///< f32, f16 or bf16; empty for what no weight can be
};

class SafetensorsFile {
 public:
  /// Errors: kLimit for a header above 100 MB, more than 2^18 tensors or 8 dimensions; kInvalid
  /// names what is wrong in the header or in which tensor; kUnsupported for an element type that
  /// is not in the format.
  static Result<SafetensorsFile> parse(Bytes file);

  /// Ascending by offset.
  [[nodiscard]] const std::vector<SafetensorsTensor>& tensors() const { return tensors_; }
  /// Null when there is none.
  [[nodiscard]] const SafetensorsTensor* find(std::string_view name) const;
  [[nodiscard]] Bytes tensor_bytes(const SafetensorsTensor& tensor) const;
  /// The free texts of __metadata__.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  SafetensorsFile() = default;
  Bytes file_;
  std::vector<SafetensorsTensor> tensors_;
  std::map<std::string, std::size_t, std::less<>> index_;
  std::map<std::string, std::string> metadata_;
};

/// The table of a model in parts (model.safetensors.index.json): the name of the file each tensor
/// is in. Errors: kInvalid names what is wrong; a file name with a folder in it is refused.
Result<std::map<std::string, std::string>> parse_safetensors_index(Bytes json);

}  // namespace pxos::cartridges
