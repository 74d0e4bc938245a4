// Pictures of the original pxVM v0: decoded, translated, verified, linked, run with a small budget.
// Input: dialect and mode, width, height, then pixels; what is missing is zero.

#include "cartridges/import/pxvm_v0.hpp"
#include "programs/programs.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>

namespace {

constexpr std::uint64_t kFuel = 20'000;

using pxos::cartridges::V0Program;
using Linked = std::shared_ptr<const pxos::vm::LinkedProgram>;

/// The translator's own text must always be a sound program. Assembling it costs more than all the
/// rest, and most inputs have the program of the one before: that one is kept.
Linked translated(const V0Program& program, bool compat) {
  struct Kept {
    std::string source;
    std::uint32_t width = 0, height = 0;
    Linked linked;
  };
  static Kept kept;
  const pxos::cartridges::V0Options options{"f", compat, pxos::programs::read_include};
  const std::string source = pxos::cartridges::v0_source(program, options);
  const bool same =
      kept.source == source && kept.width == program.width && kept.height == program.height;
  if (same) return kept.linked;
  auto linked = pxos::cartridges::link_v0(program, options);
  PX_ASSERT(linked.has_value());
  kept = {source, program.width, program.height, *std::move(linked)};
  return kept.linked;
}

void translate_and_run(pxos::pixelfs::Image image, pxos::cartridges::V0Dialect dialect,
                       bool compat) {
  const auto program = pxos::cartridges::decode_v0(image, dialect);
  if (!program) return;
  pxos::ThreadPool pool(1);
  const std::atomic<bool> stop{false};
  static_cast<void>(pxos::cartridges::run_v0(
      translated(*program, compat),
      {pxos::tensor::available_kernels().front(), &pool, &stop, nullptr, kFuel, true}, image));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::uint32_t width = 1 + data[1] % 64U;
  const std::uint32_t height = 1 + data[2] % 64U;
  pxos::pixelfs::Image image{width, height, 4, pxos::ByteVector(std::size_t{width} * height * 4)};
  std::copy_n(data + 3, std::min(size - 3, image.pixels.size()), image.pixels.begin());
  static_cast<void>(pxos::cartridges::detect_v0_dialect(image));
  for (std::uint32_t row = 0; row < height; ++row)
    static_cast<void>(pxos::cartridges::read_v0_matrix(image, row));
  const auto dialect = static_cast<pxos::cartridges::V0Dialect>(data[0] % 4U);
  translate_and_run(std::move(image), dialect, (data[0] & 4U) != 0);
  return 0;
}
