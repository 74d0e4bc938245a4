#pragma once
// Element types, expanded from dtypes.def.

#include "pxvm/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace pxos::tensor {

enum class DType : std::uint8_t {
// clang-format off
#define PX_DTYPE(code, Name, text, block_elems, block_bytes, unit_cols, unit_bytes, meaning) k##Name = code,
#include "pxvm/tensor/dtypes.def"
#undef PX_DTYPE
  // clang-format on
};

/// Rows of one packed unit, for every dtype.
inline constexpr std::uint32_t kUnitRows = 16;

struct DTypeInfo {
  DType dtype;
  std::string_view text;
  std::uint32_t block_elems;
  std::uint32_t block_bytes;
  std::uint32_t unit_cols;   ///< 0 when there is no packed form
  std::uint32_t unit_bytes;  ///< 0 when there is no packed form
  std::string_view meaning;
};

/// Requires: `dtype` is a member of the enum.
[[nodiscard]] const DTypeInfo& info(DType dtype);

/// Errors: kUnsupported names the code / text and lists what there is.
Result<DType> dtype_from_code(std::uint32_t code);
Result<DType> dtype_from_text(std::string_view text);

/// Their texts, separated by spaces, for messages.
std::string known_dtypes();

/// Bytes of one canonical row of `cols` elements. Errors: kInvalid if cols is not a multiple of the
/// block, kLimit on overflow.
Result<std::uint64_t> row_bytes(DType dtype, std::uint64_t cols);

}  // namespace pxos::tensor
