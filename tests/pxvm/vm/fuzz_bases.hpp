#pragma once
// Programs to start from: every program that ships, with parameters so small that a call is cheap,
// text cases, and a zoo with a tensor of every kind. Each comes with numbers for its parameters and
// random weights for its imports, for linking and for the checked machine.

#include "checked_machine.hpp"
#include "pxvm/base/rng.hpp"
#include "pxvm/vm/link.hpp"
#include "tests/pxvm/tensor/tensor_fixture.hpp"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace pxos::test {

struct FuzzMatrix {
  tensor::test::OwnedPacked packed;
  OracleWeight oracle;
  std::vector<std::vector<std::uint8_t>> before;  ///< what the packed memory was
};

struct FuzzBase {
  std::string name;
  isa::Program program;
  std::map<std::string, std::int64_t> integers;
  std::map<std::string, double> reals;
  tensor::KvFormat caches = tensor::KvFormat::kF16;
  std::map<std::string, std::shared_ptr<FuzzMatrix>> matrices;
  std::map<std::string, Floats> vectors;
  std::uint64_t fuel = 60;
  bool is_zoo = false;  ///< code is made by random_tensor_code

  /// Keeps pointers to this.
  [[nodiscard]] vm::LinkInputs inputs() const;
  /// The memory of every matrix is what it was.
  [[nodiscard]] bool weights_untouched() const;
};

/// In a fixed order; one seed, the same weights. `cases` are paths of text cases; those whose
/// program does not assemble alone are left out.
[[nodiscard]] std::vector<FuzzBase> fuzz_bases(std::uint64_t seed,
                                               const std::vector<std::string>& cases);

/// Replaces the code of a zoo by tensor instructions on its registers, most of which fit.
void random_tensor_code(isa::Program& program, CounterRng& rng);

}  // namespace pxos::test
