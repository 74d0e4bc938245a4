#pragma once
// Real models for end-to-end tests: imports a conformance GGUF into a temporary cartridge and
// mounts it.

#include "cartridges/import/import.hpp"
#include "hypervisor/hypervisor.hpp"
#include "hypervisor/mount.hpp"
#include "tests/support/conformance.hpp"
#include "tests/support/temp_folder.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <catch2/catch.hpp>

namespace pxos::test {

/// The embedded program for an architecture, as importers want it.
Result<cartridges::ProgramSource> find_embedded_program(std::string_view architecture);

struct ModelOptions {
  std::size_t threads = 2;
  std::string kernels;  ///< empty: PXOS_KERNELS or the fastest
  bool as_f32 = false;
  std::int64_t context = 0;
  std::int64_t batch = 0;
  bool ids_only = false;  ///< a model without text: it has no tokenizer
  cartridges::FindProgram find_program = find_embedded_program;
};

/// A mounted model with everything it lives in.
class Model {
 public:
  /// Fails the test when the import or the mount fails.
  Model(const std::filesystem::path& gguf, const ModelOptions& options = {});

  [[nodiscard]] hypervisor::Hypervisor& hypervisor() { return *hypervisor_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::filesystem::path cartridge() const { return folder_ / "model.pxa"; }
  /// Exclusive use of the mount; fails the test on error.
  void with(const std::function<Result<void>(hypervisor::Mount&)>& use);

 private:
  TempFolder folder_;
  std::unique_ptr<hypervisor::Hypervisor> hypervisor_;
  std::string name_;
};

/// Imports `gguf` to `output` with the embedded programs; fails the test on error.
void import_gguf(const std::filesystem::path& gguf, const std::filesystem::path& output,
                 bool as_f32 = false,
                 const cartridges::FindProgram& find_program = find_embedded_program);

/// XXH3-64 of f32 values with every NaN made the canonical one.
[[nodiscard]] std::uint64_t logit_hash(std::span<const float> logits);

/// The default model's GGUF: PXOS_SMOLLM2_GGUF, else the cache folder. Without one the test is
/// counted as skipped.
[[nodiscard]] std::optional<std::filesystem::path> smollm2_file();

/// The whole file; fails the test when it is not there.
[[nodiscard]] std::string read_text(const std::filesystem::path& path);

}  // namespace pxos::test
