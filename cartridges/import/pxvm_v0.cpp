#include "cartridges/import/pxvm_v0.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

namespace pxos::cartridges {
namespace {

constexpr std::uint64_t kMaxPixels = std::uint64_t{1} << 22U;
constexpr std::uint32_t kMatrixHeader = 3;  ///< columns in front of quantised values
constexpr std::string_view kLetters = "HDARM";

using Pixel = std::array<std::uint8_t, 4>;

/// Requires: inside.
Pixel pixel(const pixelfs::ImageView& image, std::uint32_t x, std::uint32_t y) {
  Pixel out;
  std::memcpy(out.data(), image.pixels.data() + (std::uint64_t{y} * image.width + x) * 4, 4);
  return out;
}

void set_pixel(pixelfs::Image& image, std::uint32_t x, std::uint32_t y, std::uint32_t value) {
  std::uint8_t* at = image.pixels.data() + (std::uint64_t{y} * image.width + x) * 4;
  for (unsigned shift = 0; shift < 32; shift += 8)
    *at++ = static_cast<std::uint8_t>(value >> shift);
}

float as_f32(const Pixel& p) {
  return std::bit_cast<float>(std::uint32_t{p[0]} | std::uint32_t{p[1]} << 8U |
                              std::uint32_t{p[2]} << 16U | std::uint32_t{p[3]} << 24U);
}

bool is_halt(std::uint8_t operation) {
  return operation == 0 || operation == 'H';
}

/// Calls use(instruction) for every instruction before the halt.
template <class Use>
void for_each_instruction(const pixelfs::ImageView& image, Use&& use) {
  for (std::uint32_t x = 0; x < image.width; ++x) {
    const Pixel p = pixel(image, x, 0);
    if (is_halt(p[0])) return;
    use(V0Instruction{p[0], {p[1], p[2], p[3]}});
  }
}

/// Whether `row` starts a matrix with a scale: a byte matrix has only R there, which as f32 is
/// subnormal.
bool has_scale(const pixelfs::ImageView& image, std::uint32_t row) {
  if (row >= image.height || image.width <= kMatrixHeader) return false;
  const Pixel shape = pixel(image, 0, row);
  const float scale = as_f32(pixel(image, 1, row));
  return (shape[0] | shape[1]) != 0 && (shape[2] | shape[3]) != 0 && std::isnormal(scale) &&
         scale > 0;
}

std::string_view macro_of(char letter, V0Dialect dialect) {
  const bool quantised = dialect == V0Dialect::kV020;
  switch (letter) {
    case 'D':
      return "v0_dot";
    case 'A':
      return quantised ? "v0_add" : "v0_add_bytes";
    case 'M':
      return quantised ? "v0_matmul" : "v0_matmul_bytes";
    default:
      return "v0_relu";
  }
}

/// The column where vectors start.
int first_column(V0Dialect dialect) {
  return dialect == V0Dialect::kV001 || dialect == V0Dialect::kV002 ? 0 : 1;
}

/// What is wrong with an instruction before it runs: a string of pxvm_v0.pxasm, or nothing. `skips`
/// tells whether the original went on.
struct Refusal {
  std::string_view message;
  bool skips = true;
};
std::optional<Refusal> refusal(const V0Instruction& instruction, const V0Program& program) {
  const auto letter = v0_letter(instruction, program.dialect);
  if (!letter) return Refusal{"v0_unknown"};
  const std::size_t operands = *letter == 'R' ? 1 : 3;
  for (std::size_t i = 0; i < operands; ++i) {
    if (instruction.row[i] >= program.height) return Refusal{"v0_outside"};
  }
  // The original went on with a changed program; a translation cannot.
  if (v0_result_row(instruction, program.dialect) == 0) return Refusal{"v0_row_0", false};
  return std::nullopt;
}

/// The lines of one instruction.
std::string translate(const V0Instruction& instruction, const V0Program& program, bool compat) {
  if (const auto wrong = refusal(instruction, program)) {
    if (compat && wrong->skips) return {};
    return fmt::format("    trap      {}\n", wrong->message);
  }
  // ReLU of bytes changes nothing.
  if (!v0_result_row(instruction, program.dialect)) return {};
  const char letter = *v0_letter(instruction, program.dialect);
  const std::string_view macro = macro_of(letter, program.dialect);
  if (letter == 'R') return fmt::format("    {} {}\n", macro, instruction.row[0]);
  const bool has_first = macro == "v0_dot" || macro == "v0_add_bytes";
  const std::string first =
      has_first ? fmt::format(", {}", first_column(program.dialect)) : std::string();
  return fmt::format("    {} {}, {}, {}{}\n", macro, instruction.row[0], instruction.row[1],
                     instruction.row[2], first);
}

/// For a string literal of the assembler.
std::string quoted_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (out.size() >= 200) break;
    const bool plain = c >= ' ' && c <= '~' && c != '"' && c != '\\';
    out += plain ? c : '?';
  }
  return out;
}

}  // namespace

std::optional<V0Dialect> v0_dialect(std::string_view name) {
  const auto found = std::find(kV0DialectNames.begin(), kV0DialectNames.end(), name);
  if (found == kV0DialectNames.end()) return std::nullopt;
  return static_cast<V0Dialect>(found - kV0DialectNames.begin());
}

std::optional<char> v0_letter(const V0Instruction& instruction, V0Dialect dialect) {
  const std::uint8_t operation = instruction.operation;
  const std::size_t numbers = dialect == V0Dialect::kV001 ? 2 : kLetters.size();
  if (operation < numbers) return kLetters[operation];
  const bool is_letter = kLetters.find(static_cast<char>(operation)) != std::string_view::npos;
  if (dialect == V0Dialect::kV020 && is_letter) return static_cast<char>(operation);
  return std::nullopt;
}

std::optional<std::uint8_t> v0_result_row(const V0Instruction& instruction, V0Dialect dialect) {
  const auto letter = v0_letter(instruction, dialect);
  if (!letter) return std::nullopt;
  if (*letter != 'R') return instruction.row[2];
  return dialect == V0Dialect::kV020 ? std::optional(instruction.row[0]) : std::nullopt;
}

V0Dialect detect_v0_dialect(const pixelfs::ImageView& image) {
  bool quantised = false;
  bool product = false;
  for_each_instruction(image, [&](const V0Instruction& instruction) {
    const auto letter = v0_letter(instruction, V0Dialect::kV020);
    quantised |= letter && instruction.operation >= kLetters.size();
    if (!letter || *letter == 'D') return;
    product |= *letter == 'M';
    quantised |= has_scale(image, instruction.row[0]);
    quantised |= *letter != 'R' && has_scale(image, instruction.row[1]);
  });
  if (quantised) return V0Dialect::kV020;
  return product ? V0Dialect::kV002Headers : V0Dialect::kV002;
}

Result<V0Program> decode_v0(const pixelfs::ImageView& image, std::optional<V0Dialect> dialect) {
  if (image.channels != 4)
    return fail(Errc::kInvalid, "a pxVM v0 program is an RGBA picture, this one has {} channels",
                image.channels);
  const std::uint64_t pixels = std::uint64_t{image.width} * image.height;
  if (pixels == 0 || pixels > kMaxPixels)
    return fail(Errc::kLimit, "pxVM v0 picture of {} x {} pixels, at most {} are accepted",
                image.width, image.height, kMaxPixels);
  V0Program program{
      dialect ? *dialect : detect_v0_dialect(image), image.width, image.height, {}, false};
  for_each_instruction(image, [&](const V0Instruction& instruction) {
    program.too_long = program.code.size() == V0Program::kSteps;
    if (!program.too_long) program.code.push_back(instruction);
  });
  return program;
}

std::string v0_source(const V0Program& program, const V0Options& options) {
  std::string out = ".program pxvm_v0\n\n.macro v0_refuse message, skip\n";
  out += options.compat ? "    br        \\skip\n" : "    trap      \\message\n";
  out += ".endm\n.include \"pxvm_v0.pxasm\"\n\n.region image : u8[height, width, 4]\n";
  if (program.dialect == V0Dialect::kV020)
    out +=
        ".temp va : f32[height * width]\n.temp vb : f32[height * width]\n"
        ".temp vc : f32[height * width]\n";
  out += fmt::format(".file \"{}\"\n\n.entry main()\n    v0_begin\n", quoted_name(options.name));
  for (std::size_t column = 0; column < program.code.size(); ++column) {
    out += fmt::format(".line {}\n", column + 1);
    out += translate(program.code[column], program, options.compat);
  }
  if (program.too_long && !options.compat) out += "    trap      v0_steps\n";
  return out + "    halt\n";
}

Result<std::shared_ptr<const vm::LinkedProgram>> link_v0(const V0Program& program,
                                                         const V0Options& options) {
  const assembler::AssembleOptions text{
      {options.name, v0_source(program, options)}, options.include, true};
  PX_TRY(isa::VerifiedProgram verified, assembler::assemble_or_error(text));
  vm::LinkInputs inputs;
  inputs.integers = {{"width", program.width}, {"height", program.height}};
  inputs.find_weight = [](const std::string&) { return std::nullopt; };
  return vm::link(std::move(verified), inputs);
}

Result<void> run_v0(const std::shared_ptr<const vm::LinkedProgram>& linked,
                    const vm::MachineOptions& options, pixelfs::Image& image) {
  PX_TRY(const vm::Session session, vm::Session::create(*linked));
  PX_TRY(vm::Machine machine, vm::Machine::create(linked, options));
  machine.attach(session);
  PX_TRY(const MutBytes memory, machine.memory("image"));
  if (memory.size() < image.pixels.size())
    return fail(Errc::kUsage, "the translation is of a picture of another size");
  std::copy(image.pixels.begin(), image.pixels.end(), memory.begin());
  const auto done = machine.call("main", {});
  std::copy_n(memory.begin(), image.pixels.size(), image.pixels.begin());
  return done;
}

Result<V0Matrix> read_v0_matrix(const pixelfs::ImageView& image, std::uint32_t row) {
  if (image.channels != 4 || row >= image.height || image.width <= kMatrixHeader)
    return fail(Errc::kInvalid, "row {} of a picture of {} x {} holds no matrix", row, image.width,
                image.height);
  const Pixel shape = pixel(image, 0, row);
  V0Matrix out{shape[0] + 256U * shape[1],
               shape[2] + 256U * shape[3],
               as_f32(pixel(image, 1, row)),
               as_f32(pixel(image, 2, row)),
               {}};
  const std::uint64_t count = std::uint64_t{out.cols} * out.rows;
  const std::uint64_t stride = image.width - kMatrixHeader;
  if (count == 0 || count > stride * (image.height - row))
    return fail(Errc::kInvalid, "matrix at row {}: {} x {} values do not lie in the picture", row,
                out.rows, out.cols);
  out.values.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Pixel p = pixel(image, static_cast<std::uint32_t>(kMatrixHeader + i % stride),
                          static_cast<std::uint32_t>(row + i / stride));
    out.values.push_back(static_cast<float>(p[0]) / out.scale + out.offset);
  }
  return out;
}

Result<void> write_v0_matrix(pixelfs::Image& image, std::uint32_t row, std::uint32_t cols,
                             std::uint32_t rows, std::span<const float> values) {
  const bool finite =
      std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  if (values.empty() || !finite || cols > 0xFFFF || rows > 0xFFFF ||
      std::uint64_t{cols} * rows != values.size())
    return fail(Errc::kUsage, "{} values for a matrix of {} x {}, all finite", values.size(), rows,
                cols);
  if (image.channels != 4 || row >= image.height || image.width <= kMatrixHeader ||
      values.size() > std::uint64_t{image.width - kMatrixHeader} * (image.height - row))
    return fail(Errc::kInvalid, "{} values do not fit into a picture of {} x {} from row {} on",
                values.size(), image.width, image.height, row);
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const float offset = *low;
  const float scale = *low == *high ? 1.0F : 255.0F / (*high - offset);
  set_pixel(image, 0, row, cols | rows << 16U);
  set_pixel(image, 1, row, std::bit_cast<std::uint32_t>(scale));
  set_pixel(image, 2, row, std::bit_cast<std::uint32_t>(offset));
  const std::uint64_t stride = image.width - kMatrixHeader;
  for (std::uint64_t i = 0; i < values.size(); ++i) {
    const std::uint64_t at = (row + i / stride) * image.width + kMatrixHeader + i % stride;
    const float q = std::clamp((values[i] - offset) * scale, 0.0F, 255.0F);
    image.pixels[at * 4] = static_cast<std::uint8_t>(std::lrint(q));
  }
  return {};
}

}  // namespace pxos::cartridges
