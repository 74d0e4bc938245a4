#pragma once
// Looks at every weight of a model: NaN and infinite values, and values no trained model has (a
// block scale gone wrong shows as those). Streams with all threads; reads each byte once.

#include "cartridges/pack.hpp"
#include "pixelfs/sheet.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace pxos::cartridges {

/// Magnitudes beyond this are called absurd: weights of trained models stay far below 1000, and
/// products of a few hundred of these overflow f16 caches.
inline constexpr float kAbsurdWeight = 1e4F;

/// What is wrong with one row of a tensor.
struct BadRow {
  std::string tensor;
  std::uint64_t row = 0;
  std::uint64_t nan = 0;
  std::uint64_t infinite = 0;
  std::uint64_t absurd = 0;  ///< finite, magnitude above kAbsurdWeight
  float largest = 0;         ///< magnitude of the largest finite value
};

struct WeightCheck {
  std::vector<BadRow> rows;    ///< the first kListed, by tensor and row
  std::uint64_t bad_rows = 0;  ///< all
  std::uint64_t bad_values = 0;
  std::uint64_t tensors = 0;
  std::uint64_t values = 0;
  std::uint64_t bytes = 0;  ///< canonical
  double seconds = 0;

  static constexpr std::size_t kListed = 1000;
  [[nodiscard]] bool ok() const { return bad_rows == 0; }
};

/// Errors: those of read_canonical.
Result<WeightCheck> check_weights(const pixelfs::WeightSet& weights, std::size_t threads,
                                  const Progress& progress = {});

}  // namespace pxos::cartridges
