#include "cartridges/quantize/recipe.hpp"

#include "pxvm/tensor/quantize.hpp"

#include <array>
#include <charconv>

namespace pxos::cartridges {
namespace {

using tensor::DType;

struct Mix {
  std::string_view name;
  DType dtype, better;
};
constexpr std::array<Mix, 3> kMixes{{{"q3_k_m", DType::kQ3_K, DType::kQ5_K},
                                     {"q4_k_m", DType::kQ4_K, DType::kQ6_K},
                                     {"q5_k_m", DType::kQ5_K, DType::kQ6_K}}};

/// Bits per value, blocks' scales included.
double bits_of(DType dtype) {
  const tensor::DTypeInfo& info = tensor::info(dtype);
  return 8.0 * info.block_bytes / info.block_elems;
}

/// Layer number of "blk.N.rest"; -1 for other names.
std::int64_t layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  std::int64_t layer = -1;
  const auto read = std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), layer);
  return read.ec == std::errc{} && layer >= 0 ? layer : -1;
}

bool is_head(const MatrixPlace& matrix) {
  return matrix.name == (matrix.own_head ? "output.weight" : "token_embd.weight");
}

/// Rule 3.
bool matters_more(const MatrixPlace& matrix) {
  if (!matrix.name.ends_with(".attn_v.weight") && !matrix.name.ends_with(".ffn_down.weight"))
    return false;
  const std::int64_t layer = layer_of(matrix.name);
  const std::int64_t eighth = matrix.layers / 8;
  return layer >= 0 &&
         (layer < eighth || layer >= 7 * matrix.layers / 8 || (layer - eighth) % 3 == 2);
}

DType wanted(const QuantizeRecipe& recipe, const MatrixPlace& matrix) {
  for (const QuantizeRecipe::Override& row : recipe.overrides)
    if (matrix.name.find(row.part) != std::string_view::npos) return row.dtype;
  if (is_head(matrix) && bits_of(recipe.dtype) < bits_of(DType::kQ6_K)) return DType::kQ6_K;
  if (recipe.better && matters_more(matrix)) return *recipe.better;
  return recipe.dtype;
}

DType fallback(DType dtype) {
  switch (dtype) {
    case DType::kQ2_K:
    case DType::kQ3_K:
      return DType::kIQ4_NL;
    case DType::kQ4_K:
      return DType::kQ5_0;
    case DType::kQ5_K:
      return DType::kQ5_1;
    case DType::kQ6_K:
      return DType::kQ8_0;
    default:
      return DType::kF16;
  }
}

}  // namespace

std::string recipe_names() {
  std::string names = tensor::quantizable_dtypes();
  for (const Mix& mix : kMixes) names += " " + std::string(mix.name);
  return names;
}

Result<QuantizeRecipe> find_recipe(std::string_view name) {
  for (const Mix& mix : kMixes)
    if (mix.name == name) return QuantizeRecipe{std::string(name), mix.dtype, mix.better, {}};
  const auto dtype = tensor::dtype_from_text(name);
  if (!dtype || !tensor::can_quantize(*dtype))
    return fail(Errc::kUsage, "quantize to '{}': expected one of {}", name, recipe_names());
  return QuantizeRecipe{std::string(name), *dtype, std::nullopt, {}};
}

Result<QuantizeRecipe::Override> parse_override(std::string_view text) {
  const std::size_t at = text.find('=');
  if (at == 0 || at == std::string_view::npos)
    return fail(Errc::kUsage, "'{}': expected PART=TYPE, e.g. ffn_down=q6_k", text);
  const auto dtype = tensor::dtype_from_text(text.substr(at + 1));
  if (!dtype || !tensor::can_quantize(*dtype))
    return fail(Errc::kUsage, "'{}': type '{}', expected one of {}", text, text.substr(at + 1),
                tensor::quantizable_dtypes());
  return QuantizeRecipe::Override{std::string(text.substr(0, at)), *dtype};
}

DType type_for(const QuantizeRecipe& recipe, const MatrixPlace& matrix) {
  DType dtype = wanted(recipe, matrix);
  // Two steps at most: 256 -> 32 -> 1.
  while (matrix.cols % tensor::info(dtype).block_elems != 0) dtype = fallback(dtype);
  return dtype;
}

}  // namespace pxos::cartridges
