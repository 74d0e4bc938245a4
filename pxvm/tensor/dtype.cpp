#include "pxvm/tensor/dtype.hpp"

#include "pxvm/base/checked.hpp"

#include <algorithm>
#include <array>

namespace pxos::tensor {
namespace {

constexpr std::array kInfos = {
// clang-format off
#define PX_DTYPE(code, Name, text, block_elems, block_bytes, unit_cols, unit_bytes, meaning) \
  DTypeInfo{DType::k##Name, text, block_elems, block_bytes, unit_cols, unit_bytes, meaning},
#include "pxvm/tensor/dtypes.def"
#undef PX_DTYPE
    // clang-format on
};

static_assert(std::ranges::is_sorted(kInfos, std::ranges::less_equal{}, &DTypeInfo::dtype) &&
                  std::ranges::adjacent_find(kInfos, {}, &DTypeInfo::dtype) == kInfos.end(),
              "dtypes.def: codes ascend and are unique");

}  // namespace

std::string known_dtypes() {
  std::string names;
  for (const DTypeInfo& entry : kInfos) {
    if (!names.empty()) names += ' ';
    names += entry.text;
  }
  return names;
}

const DTypeInfo& info(DType dtype) {
  const auto found = std::ranges::find(kInfos, dtype, &DTypeInfo::dtype);
  PX_ASSERT(found != kInfos.end());
  return *found;
}

Result<DType> dtype_from_code(std::uint32_t code) {
  for (const DTypeInfo& entry : kInfos) {
    if (static_cast<std::uint32_t>(entry.dtype) == code) return entry.dtype;
  }
  return fail(Errc::kUnsupported, "dtype code {}: expected one of {}", code, known_dtypes());
}

Result<DType> dtype_from_text(std::string_view text) {
  for (const DTypeInfo& entry : kInfos) {
    if (entry.text == text) return entry.dtype;
  }
  return fail(Errc::kUnsupported, "dtype '{}': expected one of {}", text, known_dtypes());
}

Result<std::uint64_t> row_bytes(DType dtype, std::uint64_t cols) {
  const DTypeInfo& entry = info(dtype);
  if (cols % entry.block_elems != 0) {
    return fail(Errc::kInvalid, "{} row of {} elements: expected a multiple of {}", entry.text,
                cols, entry.block_elems);
  }
  const auto bytes =
      checked_mul<std::uint64_t>(cols / entry.block_elems, std::uint64_t{entry.block_bytes});
  if (!bytes) return fail(Errc::kLimit, "{} row of {} elements: size overflows", entry.text, cols);
  return *bytes;
}

}  // namespace pxos::tensor
