#pragma once
// Programs of the original pxVM v0: RGBA pictures with instructions in row 0 and vectors and
// matrices in the rows below (docs/spec/pxvm_v0.md). They run by translation: one macro of
// programs/pxvm_v0.pxasm per instruction, assembled, verified, linked and executed like any
// program; the picture becomes the region `image`. Pure functions; any picture is answered with a
// result, a trap or an error.

#include "assembler/assembler.hpp"
#include "pixelfs/png.hpp"
#include "pxvm/vm/machine.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pxos::cartridges {

/// What the instructions mean changed three times while the number 0 stayed.
enum class V0Dialect : std::uint8_t {
  kV001,         ///< bytes; DOT only
  kV002,         ///< bytes; vectors from column 0
  kV002Headers,  ///< bytes; vectors from column 1, behind a header
  kV020,         ///< quantised matrices; letters are opcodes, too
};
inline constexpr std::array<std::string_view, 4> kV0DialectNames{"v001", "v002", "v002h", "v020"};

[[nodiscard]] std::optional<V0Dialect> v0_dialect(std::string_view name);

/// One pixel of row 0: (operation, a, b, c).
struct V0Instruction {
  std::uint8_t operation = 0;         ///< as stored: a number or a letter
  std::array<std::uint8_t, 3> row{};  /// first rows of the operands, the last one is the result's
};

/// The operation's letter (D A R M), or nullopt when the dialect has no such operation.
[[nodiscard]] std::optional<char> v0_letter(const V0Instruction& instruction, V0Dialect dialect);
/// The row it writes; nullopt for an unknown operation and one that changes nothing.
[[nodiscard]] std::optional<std::uint8_t> v0_result_row(const V0Instruction& instruction,
                                                        V0Dialect dialect);

struct V0Program {
  V0Dialect dialect = V0Dialect::kV020;
  std::uint32_t width = 0, height = 0;
  std::vector<V0Instruction> code;  ///< up to the halt, the end of the row or kSteps
  bool too_long = false;            ///< there is more than kSteps

  static constexpr std::size_t kSteps = 1024;  ///< the original ran no more
};

/// Letters, or numbers whose matrices have a scale pixel, are v020; other numbers v002, with
/// headers as soon as there is a matrix product. Requires: RGBA.
[[nodiscard]] V0Dialect detect_v0_dialect(const pixelfs::ImageView& image);

/// Errors: kInvalid when the picture is not RGBA; kLimit above 2^22 pixels.
Result<V0Program> decode_v0(const pixelfs::ImageView& image, std::optional<V0Dialect> dialect = {});

struct V0Options {
  std::string name = "v0";           ///< in traps: NAME:column of the instruction + 1
  bool compat = false;               ///< skip what the original skipped, instead of a trap
  assembler::IncludeReader include;  ///< gives pxvm_v0.pxasm
};

/// The translation as pixel assembly.
[[nodiscard]] std::string v0_source(const V0Program& program, const V0Options& options);

/// The translation, linked. Errors: those of the include reader.
Result<std::shared_ptr<const vm::LinkedProgram>> link_v0(const V0Program& program,
                                                         const V0Options& options);

/// Runs a linked translation over `image` in place, all of it or up to the error.
/// Errors: kTrap, kInterrupted, kLimit (fuel).
Result<void> run_v0(const std::shared_ptr<const vm::LinkedProgram>& linked,
                    const vm::MachineOptions& options, pixelfs::Image& image);

/// A quantised matrix: value = q / scale + offset, q in 0..255.
struct V0Matrix {
  std::uint32_t cols = 0, rows = 0;
  float scale = 1, offset = 0;
  std::vector<float> values;  ///< row-major
};
/// Errors: kInvalid when it does not lie inside the picture or has no elements.
Result<V0Matrix> read_v0_matrix(const pixelfs::ImageView& image, std::uint32_t row);
/// Quantises `values` (scale = 255 / (max - min), offset = min) into the picture from `row` on;
/// only R of the data pixels changes. Errors: kUsage when cols * rows is not their number or a
/// value is not finite; kInvalid when they do not fit in the picture.
Result<void> write_v0_matrix(pixelfs::Image& image, std::uint32_t row, std::uint32_t cols,
                             std::uint32_t rows, std::span<const float> values);

}  // namespace pxos::cartridges
