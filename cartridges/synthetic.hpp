#pragma once
// Whole models of known shapes with random weights, as real cartridges: the dimensions and the
// program of the original, written through the sheet writer. For measuring speed, not for talking.

#include "cartridges/import/architecture.hpp"
#include "cartridges/import/import.hpp"
#include "pixelfs/sheet.hpp"

#include <span>
#include <string>
#include <string_view>

namespace pxos::cartridges {

struct SyntheticModel {
  std::string_view name;     ///< "qwen2.5-0.5b"
  std::string_view alias;    ///< "0.5b"
  std::string_view program;  ///< the architecture
  ModelShape shape;          ///< `architecture` is filled in by find_synthetic_model
  bool own_head = false;
};

[[nodiscard]] std::span<const SyntheticModel> synthetic_models();
/// By name or alias. Errors: kUsage lists the names.
Result<SyntheticModel> find_synthetic_model(std::string_view name);

/// The tensors of `model` in `weights`: a dtype's name (every matrix has it), or "q4_k_m", the
/// usual mix of Q4_K with Q6_K where it pays most: half of the value and down projections, and the
/// head. A K type falls back where the columns do not fill its block of 256, as is usual: Q4_K to
/// Q5_0, Q5_K to Q5_1, Q6_K to Q8_0, Q2_K and Q3_K to IQ4_NL. Errors: kUnsupported / kInvalid name
/// the dtype.
Result<std::vector<pixelfs::TensorInput>> synthetic_tensors(const SyntheticModel& model,
                                                            std::string_view weights);

/// Writes the cartridge to options.output (as_dtype and name are not used). Memory use does not
/// grow with the model. The same inputs give the same bytes.
/// Errors: kLimit when the disk has no room for it (both sizes); those of the writers.
Result<ImportReport> write_synthetic(const SyntheticModel& model, std::string_view weights,
                                     const ImportOptions& options);

/// Says that a cartridge is what this version of write_synthetic would make.
[[nodiscard]] bool is_current_synthetic(const Manifest& manifest, const SyntheticModel& model,
                                        std::string_view weights);

}  // namespace pxos::cartridges
