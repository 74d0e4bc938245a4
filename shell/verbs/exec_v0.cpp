#include "shell/verbs/exec_v0.hpp"

#include "cartridges/import/npy.hpp"
#include "cartridges/import/pxvm_v0.hpp"
#include "pixelfs/kind.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/file.hpp"
#include "pxvm/base/mapped_file.hpp"
#include "pxvm/tensor/kernels/select.hpp"
#include "shell/print.hpp"
#include "shell/verbs/support.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace pxos::shell {
namespace {

using cartridges::V0Dialect;
using cartridges::V0Program;
constexpr std::size_t kShownValues = 8;

std::string_view name_of(char letter) {
  switch (letter) {
    case 'D':
      return "dot";
    case 'A':
      return "add";
    case 'R':
      return "relu";
    default:
      return "matmul";
  }
}

/// "1=h.npy": the vector or matrix of the file goes to row 1.
Result<void> put_row(const std::string& argument, pixelfs::Image& image) {
  const std::size_t equals = argument.find('=');
  std::uint32_t row = 0;
  const char* end = argument.data() + std::min(equals, argument.size());
  const auto parsed = std::from_chars(argument.data(), end, row);
  if (equals == std::string::npos || parsed.ec != std::errc() || parsed.ptr != end)
    return fail(Errc::kUsage, "--row wants ROW=FILE.npy, found '{}'", argument);
  const std::string path = argument.substr(equals + 1);
  PX_TRY(const ByteVector bytes, read_file(path));
  PX_TRY(const cartridges::NpyArray array, cartridges::parse_npy(bytes, path));
  if (array.shape.empty() || array.shape.size() > 2)
    return fail(Errc::kUsage, "{}: a row takes a vector or a matrix, this has {} dimensions", path,
                array.shape.size());
  constexpr std::int64_t kMost = 0xFFFF;
  const std::int64_t rows = array.shape.size() == 2 ? array.shape[0] : 1;
  return cartridges::write_v0_matrix(
      image, row, static_cast<std::uint32_t>(std::min(array.shape.back(), kMost)),
      static_cast<std::uint32_t>(std::min(rows, kMost)), array.values);
}

template <class Value>
std::string first_values(const std::vector<Value>& values) {
  const std::size_t shown = std::min(values.size(), kShownValues);
  return fmt::format(
      "{}{}", fmt::join(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(shown), " "),
      shown < values.size() ? " .." : "");
}

/// A quantised result: its range, the largest value and where it is.
std::string matrix_text(const cartridges::V0Matrix& matrix) {
  const auto largest = std::max_element(matrix.values.begin(), matrix.values.end());
  return fmt::format("{} x {}, scale {}, offset {}, largest {} at {}: {}", matrix.rows, matrix.cols,
                     matrix.scale, matrix.offset, *largest, largest - matrix.values.begin(),
                     first_values(matrix.values));
}

/// Bytes of a row; behind the header when the instruction wrote one.
std::string bytes_text(const pixelfs::Image& image, std::uint32_t row, bool has_header) {
  const std::uint8_t* first = image.pixels.data() + std::size_t{row} * image.width * 4;
  std::vector<int> values;
  for (std::uint32_t x = has_header ? 1 : 0; x < image.width; ++x)
    values.push_back(first[std::size_t{x} * 4]);
  if (!has_header) return first_values(values);
  return fmt::format("{} x {}: {}", first[2] + 256 * first[3], first[0] + 256 * first[1],
                     first_values(values));
}

/// What the last instruction that wrote to `row` left there.
std::string result_text(const pixelfs::Image& image, char letter, std::uint32_t row,
                        V0Dialect dialect) {
  const std::uint8_t* first = image.pixels.data() + std::size_t{row} * image.width * 4;
  if (letter == 'D') return fmt::format("{}", first[0] + 256 * first[1]);
  const auto matrix = cartridges::read_v0_matrix(image, row);
  if (dialect == V0Dialect::kV020 && matrix) return matrix_text(*matrix);
  return bytes_text(image, row, letter == 'M');
}

void print_results(const pixelfs::Image& image, const V0Program& program) {
  std::vector<char> wrote(256);
  for (const auto& instruction : program.code) {
    const auto row = cartridges::v0_result_row(instruction, program.dialect);
    if (row && *row < image.height)
      wrote[*row] = *cartridges::v0_letter(instruction, program.dialect);
  }
  for (std::uint32_t row = 0; row < wrote.size(); ++row) {
    if (wrote[row] != 0)
      print_out("row {:>3}  {}\n", row, result_text(image, wrote[row], row, program.dialect));
  }
}

Result<std::optional<V0Dialect>> chosen_dialect(const std::string& name) {
  if (name == "auto") return std::optional<V0Dialect>();
  const auto dialect = cartridges::v0_dialect(name);
  if (!dialect)
    return fail(Errc::kUsage, "--dialect {}: there are auto, {}", name,
                fmt::join(cartridges::kV0DialectNames, ", "));
  return dialect;
}

Result<void> run(const V0Program& program, const cartridges::V0Options& translation,
                 std::uint64_t fuel, pixelfs::Image& image) {
  PX_TRY(const auto linked, cartridges::link_v0(program, translation));
  PX_TRY(const tensor::KernelTable* kernels, tensor::select_kernels_from_environment());
  ThreadPool pool(1);  // scalar code only
  const std::atomic<bool> stop{false};
  return cartridges::run_v0(linked, {kernels, &pool, &stop, nullptr, fuel, true}, image);
}

}  // namespace

bool is_v0_program(const std::filesystem::path& path) {
  const auto file = MappedFile::open(path);
  return file && pixelfs::identify(file->bytes()).kind == pixelfs::FileKind::kPxvmV0;
}

Result<int> exec_v0(const std::filesystem::path& path, const ExecV0Options& options) {
  PX_TRY(pixelfs::Image image, read_picture(path));
  PX_TRY(const auto dialect, chosen_dialect(options.dialect));
  for (const std::string& row : options.rows) PX_CHECK(put_row(row, image));
  PX_TRY(const V0Program program, cartridges::decode_v0(image, dialect));
  const cartridges::V0Options translation{path.filename().string(), options.compat,
                                          programs::read_include};
  if (options.source) {
    print_out("{}", cartridges::v0_source(program, translation));
    return 0;
  }
  PX_CHECK(run(program, translation, options.fuel, image));
  print_results(image, program);
  if (!options.output.empty()) PX_CHECK(write_picture(options.output, image));
  return 0;
}

Result<void> show_v0(const std::filesystem::path& path) {
  PX_TRY(const pixelfs::Image image, read_picture(path));
  const auto decoded = cartridges::decode_v0(image);
  if (!decoded) {  // any RGBA picture may look like one by its first pixel
    print_out("  not run     {}\n", decoded.error().message);
    return {};
  }
  const V0Program& program = *decoded;
  print_out("  dialect     {}\n  code        {} instructions\n",
            cartridges::kV0DialectNames[static_cast<std::size_t>(program.dialect)],
            program.code.size());
  for (std::size_t column = 0; column < program.code.size(); ++column) {
    const auto& [operation, row] = program.code[column];
    const auto letter = cartridges::v0_letter(program.code[column], program.dialect);
    if (!letter)
      print_out("  {:>4}  unknown {} {} {} {}\n", column, operation, row[0], row[1], row[2]);
    else if (*letter == 'R')
      print_out("  {:>4}  {:<8} {}\n", column, name_of(*letter), row[0]);
    else
      print_out("  {:>4}  {:<8} {} {} -> {}\n", column, name_of(*letter), row[0], row[1], row[2]);
  }
  return {};
}

}  // namespace pxos::shell
