#pragma once
// The keys of one architecture in a model's metadata ("llama.block_count"), with the ranges that
// hyper-parameters have. Borrows the metadata.

#include "cartridges/import/metadata.hpp"

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace pxos::cartridges {

class ModelKeys {
 public:
  /// Far above any model; keeps every product of two of them inside 64 bits.
  static constexpr std::int64_t kMaxValue = std::int64_t{1} << 28U;

  ModelKeys(const Metadata& metadata, std::string_view architecture)
      : metadata_(metadata), prefix_(std::string(architecture) + ".") {}

  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  [[nodiscard]] std::string full(std::string_view name) const {
    return prefix_ + std::string(name);
  }
  [[nodiscard]] bool has(std::string_view name) const { return metadata_.has(full(name)); }

  /// In [1, kMaxValue]. Errors: kNotFound, kInvalid.
  [[nodiscard]] Result<std::int64_t> positive(std::string_view name) const {
    PX_TRY(const std::int64_t value, metadata_.integer(full(name)));
    if (value < 1 || value > kMaxValue)
      return fail(Errc::kInvalid, "{}: {} is not in [1, {}]", full(name), value, kMaxValue);
    return value;
  }
  [[nodiscard]] Result<std::int64_t> positive_or(std::string_view name,
                                                 std::int64_t fallback) const {
    if (!has(name)) return fallback;
    return positive(name);
  }
  /// In [0, kMaxValue]; 0 when it is missing.
  [[nodiscard]] Result<std::int64_t> count(std::string_view name) const {
    PX_TRY(const auto value, metadata_.find_integer(full(name)));
    if (value && (*value < 0 || *value > kMaxValue))
      return fail(Errc::kInvalid, "{}: {} is not in [0, {}]", full(name), *value, kMaxValue);
    return value.value_or(0);
  }
  /// In (0, limit]. `fallback` of 0: the key must be there.
  [[nodiscard]] Result<double> real(std::string_view name, double limit, double fallback) const {
    PX_TRY(const auto found, metadata_.find_real(full(name)));
    if (!found && fallback == 0) return metadata_.real(full(name));
    const double value = found.value_or(fallback);
    if (!std::isfinite(value) || value <= 0 || value > limit)
      return fail(Errc::kInvalid, "{}: {} is not in (0, {}]", full(name), value, limit);
    return value;
  }
  /// Errors: kUnsupported when the key is there with another value than the one that changes
  /// nothing.
  [[nodiscard]] Result<void> neutral(std::string_view name, double wanted) const {
    PX_TRY(const auto value, metadata_.find_real(full(name)));
    if (!value || *value == wanted) return {};
    return fail(Errc::kUnsupported, "{}: {} is not supported yet (only {} is)", full(name), *value,
                wanted);
  }

 private:
  const Metadata& metadata_;
  std::string prefix_;
};

}  // namespace pxos::cartridges
