#pragma once
// A cartridge of the same model with smaller weights. Matrices go through f32 one panel of rows at
// a time, on all threads; memory use does not grow with the model. The new weights lie in
// "<output>.parts" until the cartridge is written; the cartridge appears atomically or not at all.

#include "cartridges/cartridge.hpp"
#include "cartridges/pack.hpp"
#include "cartridges/quantize/importance.hpp"
#include "cartridges/quantize/recipe.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace pxos::cartridges {

struct QuantizeOptions {
  std::filesystem::path output;
  QuantizeRecipe recipe;
  Importance importance;  ///< empty: every column counts alike
  std::string name;       ///< of the cartridge; empty: the source's with the recipe's behind it
  std::string created;    ///< RFC 3339, for the manifest; empty is allowed
  bool overwrite = false;
  std::size_t threads = 1;
  Progress progress;  ///< canonical bytes of the source
};

struct QuantizeReport {
  struct Type {
    std::uint64_t tensors = 0;
    std::uint64_t bytes = 0;  ///< canonical
  };
  Manifest manifest;
  std::map<tensor::DType, Type> types;
  std::uint64_t matrix_values = 0;  ///< of all matrices
  std::uint64_t matrix_bytes = 0;   ///< what they take now
  std::uint64_t weighted = 0;       ///< matrices quantised with importance
  std::uint64_t cartridge_bytes = 0;
  double seconds = 0;
};

/// Every entry but the sheets is copied. The manifest names the source as its parent; its
/// self-tests are dropped, since they record the source's answers, and exact caches (kv_bits 32)
/// become the usual ones. A tensor that has its type already keeps its bits. Errors: kUsage when
/// the output exists; kInvalid for importance of another width than the matrix (names both); what
/// open_weights says.
Result<QuantizeReport> quantize_cartridge(const Cartridge& source, const QuantizeOptions& options);

}  // namespace pxos::cartridges
