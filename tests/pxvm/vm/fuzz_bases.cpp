#include "fuzz_bases.hpp"

#include "assembler/assembler.hpp"
#include "programs/programs.hpp"
#include "pxvm/base/rng.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "tests/pxvm/tensor/block_reference.hpp"

#include <bit>
#include <cstring>
#include <fstream>
#include <iterator>

namespace pxos::test {
namespace {

using isa::TensorDecl;
using tensor::DType;
using tensor::KvFormat;

/// Every kind of tensor register, and shapes that fit together in many ways.
constexpr std::string_view kZoo = R"(.program zoo
.param heads
.param kv_heads
.param hd
.param ctx
.param rope_dims
.param rope_pairs
.param pairing
.param window
.param cap : f32
.param original : f32
.dim T = 1..5
.attr turn = rope(heads: heads, head_dim: hd, dims: rope_dims, base: 10000.0, pairing: pairing)
.attr yarn = rope(heads: heads, head_dim: hd, dims: rope_dims, base: 500.0, pairing: pairing, factor: 4.0, original: original, magnitude: 1.2)
.attr back = attention(heads: heads, kv_heads: kv_heads, head_dim: hd, scale: 0.25)
.attr near = attention(heads: heads, kv_heads: kv_heads, head_dim: hd, scale: 0.5, window: window, softcap: cap)
.attr each = norm(heads: heads, head_dim: hd, eps: 1e-6)
.const eps : f32 = 1e-5
.const no_eps : f32 = 0.0
.const half : f32 = 0.5
.const large : f32 = -3e38
.const whole : i64 = 3
.import w0 : weight[heads*hd, heads*hd] = "w0"
.import w1 : weight[heads*hd, heads*hd] = "w1"
.import w2[3] : weight[heads*hd, heads*hd] = "w2.{}"
.import widen : weight[256, heads*hd] = "widen"
.import narrow0 : weight[heads*hd, 256] = "narrow0"
.import narrow1[2] : weight[heads*hd, 256] = "narrow1.{}"
.import to_kv : weight[kv_heads*hd, heads*hd] = "to_kv"
.import table : weight[19, heads*hd] = "table"
.import gain : f32[heads*hd] = "gain"
.import bias[2] : f32[heads*hd] = "bias.{}"
.import wide_gain : f32[256] = "wide_gain"
.import head_gain : f32[hd] = "head_gain"
.import factors : f32[rope_pairs] = "factors"
.region k[2] : f16[ctx, kv_heads*hd]
.region v[2] : f16[ctx, kv_heads*hd]
.region kept : f32[3, heads*hd]
.temp x : f32[T, heads*hd]
.temp y : f32[T, heads*hd]
.temp z[2] : f32[T, heads*hd]
.temp key : f32[T, kv_heads*hd]
.temp big : f32[T, 256]
.temp more : f32[T, 256]
.temp one : f32[1, heads*hd]
.temp square : f32[heads*hd, heads*hd]
.temp scores : f32[T, 19]
.temp best : f32[1, 4]
.temp ids : i32[T]
.temp top : i32[1, 4]
.temp line : f32[heads*hd]
.temp bytes : u8[40]
.view row : f32[1, heads*hd]
.view two : f32[2, heads*hd]
.entry main(tokens: i32[T], T: i64, pos: i64) -> logits: f32[T, 19]
    halt
)";

constexpr DType kSmallTypes[] = {DType::kF32,    DType::kF16,   DType::kBF16,    DType::kQ8_0,
                                 DType::kQ4_0,   DType::kQ4_1,  DType::kQ5_0,    DType::kQ5_1,
                                 DType::kIQ4_NL, DType::kMXFP4, DType::kU8Affine};
constexpr DType kSuperTypes[] = {DType::kQ2_K, DType::kQ3_K, DType::kQ4_K, DType::kQ5_K,
                                 DType::kQ6_K};

/// Roughly normal; of every 400 numbers one is not tame.
float random_value(CounterRng& rng) {
  static constexpr float kWild[] = {std::numeric_limits<float>::quiet_NaN(),
                                    std::numeric_limits<float>::infinity(),
                                    -3e38F,
                                    1e20F,
                                    1e-40F,
                                    -0.0F};
  if (rng.next_u32() % 400 == 0) return kWild[rng.next_u32() % 6];
  return rng.next_unit_f32() + rng.next_unit_f32() + rng.next_unit_f32() - 1.5F;
}

/// A type that rows of this length can have.
DType random_type(std::int64_t cols, CounterRng& rng) {
  if (cols % 32 != 0) return kSmallTypes[rng.next_u32() % 3];
  const bool super = cols % 256 == 0 && rng.next_u32() % 2 == 0;
  return super ? kSuperTypes[rng.next_u32() % 5] : kSmallTypes[rng.next_u32() % 11];
}

/// Element `n` of canonical bytes of a type without blocks.
float plain_element(const tensor::test::OwnedPacked& packed, std::size_t n) {
  const std::uint8_t* bytes = packed.canonical.data();
  const auto half = [&] {
    return static_cast<std::uint16_t>(bytes[2 * n] + 256 * bytes[2 * n + 1]);
  };
  switch (packed.tensor.dtype) {
    case DType::kF16:
      return oracle_from_half(half());
    case DType::kBF16:
      return std::bit_cast<float>(static_cast<std::uint32_t>(half()) << 16);
    case DType::kU8Affine: {
      const float range = packed.tensor.affine_max - packed.tensor.affine_min;
      return static_cast<float>(bytes[n]) / 255.0F * range + packed.tensor.affine_min;
    }
    default:
      float value = 0;
      std::memcpy(&value, bytes + 4 * n, sizeof value);
      return value;
  }
}

/// The element at (r, c) of a type with blocks, with its scale where a group begins.
void add_block_element(const tensor::test::OwnedPacked& packed, std::int64_t r, std::int64_t c,
                       OracleWeight& out) {
  const tensor::DTypeInfo& entry = tensor::info(packed.tensor.dtype);
  const std::uint8_t* block =
      packed.canonical_row(r).data() + c / entry.block_elems * entry.block_bytes;
  const auto part = tensor::test::reference_element(packed.tensor.dtype, block,
                                                    static_cast<unsigned>(c % entry.block_elems));
  out.values.push_back(part.value());
  out.levels.push_back(part.level);
  out.has_minimum = part.has_minimum;
  if (c % out.group != 0) return;
  out.scales.push_back(part.scale);
  out.minima.push_back(part.minimum);
}

/// What the matrix says, by the descriptions of the formats.
OracleWeight read_weight(const tensor::test::OwnedPacked& packed) {
  OracleWeight out;
  out.rows = packed.tensor.rows;
  out.cols = packed.tensor.cols;
  const DType dtype = packed.tensor.dtype;
  const bool blocks = tensor::info(dtype).block_elems > 1;
  if (blocks) out.group = tensor::test::group_columns(dtype);
  for (std::int64_t n = 0; n < out.rows * out.cols; ++n) {
    if (blocks)
      add_block_element(packed, n / out.cols, n % out.cols, out);
    else
      out.values.push_back(plain_element(packed, static_cast<std::size_t>(n)));
  }
  return out;
}

std::shared_ptr<FuzzMatrix> random_matrix(std::int64_t rows, std::int64_t cols, CounterRng& rng) {
  auto out = std::make_shared<FuzzMatrix>();
  const DType dtype = random_type(cols, rng);
  // Lines with gaps and cut segments, as sheets have them.
  const tensor::test::Layout layout{rng.next_u32() % 2 == 0 ? 0U : 5U, 24, rng.next_u32() % 3};
  if (tensor::info(dtype).block_elems > 1) {
    const auto blocks = static_cast<std::size_t>(rows * cols / tensor::info(dtype).block_elems);
    const bool tame = rng.next_u32() % 8 != 0;
    auto bytes = tensor::test::random_blocks(dtype, blocks, rng.next_u32(), tame);
    out->packed = tensor::test::pack_canonical(dtype, rows, cols, std::move(bytes), layout);
  } else {
    tensor::test::OwnedF32 values(rows, cols);
    for (float& value : values.values)
      value = dtype == DType::kU8Affine ? rng.next_unit_f32() - 0.5F : random_value(rng);
    out->packed = tensor::test::pack_matrix(dtype, values, layout);
  }
  out->oracle = read_weight(out->packed);
  out->before = out->packed.memory;
  return out;
}

/// Integer parameters by what the program or the table says.
std::vector<std::int64_t> symbol_values(const FuzzBase& base) {
  std::vector<std::int64_t> out;
  for (const isa::Symbol& symbol : base.program.symbols) {
    const auto found = base.integers.find(symbol.name);
    const bool known = symbol.default_value && symbol.default_value->is_integer;
    out.push_back(found != base.integers.end() ? found->second
                  : known                      ? symbol.default_value->integer
                                               : 0);
  }
  return out;
}

/// A weight or vector of these extents.
void add_weight(FuzzBase& base, const std::string& name, const std::vector<std::int64_t>& dims,
                CounterRng& rng) {
  if (dims.size() == 2) {
    base.matrices[name] = random_matrix(dims[0], dims[1], rng);
    return;
  }
  const bool divides = name.find("factors") != std::string::npos;
  Floats& values = base.vectors[name];
  for (std::int64_t i = 0; i < dims[0]; ++i)
    values.push_back(divides ? 0.2F + 4 * rng.next_unit_f32() : random_value(rng));
}

/// A weight or vector for every element of every import; of several names the first.
void furnish(FuzzBase& base, CounterRng& rng) {
  const std::vector<std::int64_t> symbols = symbol_values(base);
  for (const TensorDecl& decl : base.program.tensors) {
    if (decl.kind != TensorDecl::Kind::kImport) continue;
    std::vector<std::int64_t> dims;
    for (const isa::Polynomial& dim : decl.dims) dims.push_back(dim.evaluate(symbols).value_or(1));
    const std::int64_t count = decl.is_array ? decl.count.evaluate(symbols).value_or(1) : 1;
    for (std::int64_t k = 0; k < count; ++k) {
      std::string name = decl.patterns.front();
      if (const std::size_t at = name.find("{}"); at != std::string::npos)
        name.replace(at, 2, std::to_string(k));
      add_weight(base, name, dims, rng);
    }
  }
}

isa::Program assembled(std::string_view name, std::string_view text) {
  auto program = assembler::assemble_or_error(
      {{std::string(name), std::string(text)}, programs::read_include, false});
  return program ? program->program() : isa::Program();
}

/// A decoder with rows of 32 numbers and two layers.
void shrink(FuzzBase& base, CounterRng& rng) {
  const bool wide = base.caches == KvFormat::kQ8;  // whose heads are whole blocks
  base.integers = {{"n_layer", 2},
                   {"dim", 32},
                   {"n_head", wide ? 1 : 2},
                   {"n_kv", 1},
                   {"head_dim", wide ? 32 : 16},
                   {"ffn_dim", 64},
                   {"vocab", 37},
                   {"ctx", rng.next_u32() % 2 == 0 ? 9 : 70},
                   {"batch", 4},
                   {"rope_dims", 8},
                   {"rope_pairs", 4},
                   {"positions", 72},
                   {"window", 3},
                   {"window_period", 2},
                   {"nope_period", 2},
                   {"first_ctx", 20},
                   {"width", 12},
                   {"height", 9},
                   {"rope_pairing", rng.next_u32() % 2}};
  base.reals = {{"attn_scale", 0.3}, {"rope_factor", 2.0}};
  if (rng.next_u32() % 2 == 0) base.reals["rope_original"] = 16;
  base.fuel = 160;
}

FuzzBase make_zoo(CounterRng& rng, KvFormat caches, int heads, int kv_heads) {
  FuzzBase base{"zoo", assembled("zoo.pxasm", kZoo), {}, {}, caches, {}, {}, 200, true};
  const int hd = caches == KvFormat::kQ8 ? 32 : 32 / heads;
  base.integers = {{"heads", caches == KvFormat::kQ8 ? 1 : heads},
                   {"kv_heads", caches == KvFormat::kQ8 ? 1 : kv_heads},
                   {"hd", hd},
                   {"ctx", 70},
                   {"rope_dims", 8},
                   {"rope_pairs", 4},
                   {"pairing", heads % 2},
                   {"window", 5}};
  base.reals = {{"cap", heads == 2 ? 0.0 : 7.0}, {"original", heads == 1 ? 0.0 : 64.0}};
  furnish(base, rng);
  return base;
}

std::string case_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t first = text.find("--- main.pxasm\n"), end = text.find("=== output");
  if (first == std::string::npos || end == std::string::npos) return "";
  return text.substr(first + 15, end - first - 15);
}

}  // namespace

vm::LinkInputs FuzzBase::inputs() const {
  vm::LinkInputs out;
  out.integers = integers;
  out.reals = reals;
  out.caches = caches;
  out.memory_cap_bytes = std::uint64_t{1} << 20U;
  out.find_weight = [this](const std::string& wanted) -> std::optional<vm::WeightTensor> {
    if (const auto it = matrices.find(wanted); it != matrices.end()) {
      const tensor::PackedTensor& packed = it->second->packed.tensor;
      return vm::WeightTensor{wanted, packed.dtype, {packed.rows, packed.cols}, &packed, {}, {}};
    }
    const auto it = vectors.find(wanted);
    if (it == vectors.end()) return std::nullopt;
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(it->second.data()),
                      it->second.size() * sizeof(float));
    return vm::WeightTensor{wanted,  DType::kF32, {static_cast<std::int64_t>(it->second.size())},
                            nullptr, bytes,       {}};
  };
  return out;
}

bool FuzzBase::weights_untouched() const {
  return std::all_of(matrices.begin(), matrices.end(), [](const auto& entry) {
    return entry.second->packed.memory == entry.second->before;
  });
}

std::vector<FuzzBase> fuzz_bases(std::uint64_t seed, const std::vector<std::string>& cases) {
  CounterRng rng(seed ^ 0x6261'7365U);
  std::vector<FuzzBase> out;
  const auto keep = [&out](FuzzBase base) {
    if (!base.program.code.empty()) out.push_back(std::move(base));
  };
  for (const programs::EmbeddedProgram& program : programs::all()) {
    constexpr KvFormat kFormats[] = {KvFormat::kF16, KvFormat::kF32, KvFormat::kQ8};
    // Demos have no weights that could differ.
    for (int n = 0; n < (program.is_demo ? 1 : 3); ++n) {
      FuzzBase base{std::string(program.name),
                    assembled(program.name, program.source),
                    {},
                    {},
                    kFormats[n],
                    {},
                    {},
                    60,
                    false};
      if (!program.is_demo) shrink(base, rng);
      furnish(base, rng);
      keep(std::move(base));
    }
  }
  for (const std::string& path : cases) {
    FuzzBase base{"case", assembled("case.pxasm", case_text(path)), {}, {}, {}, {}, {}, 60, false};
    furnish(base, rng);
    keep(std::move(base));
  }
  for (int n = 0; n < 3; ++n) {
    keep(make_zoo(rng, KvFormat::kF16, 2, 1));
    keep(make_zoo(rng, KvFormat::kF32, 2, 2));
    keep(make_zoo(rng, KvFormat::kQ8, 1, 1));
    keep(make_zoo(rng, KvFormat::kF16, 4, 2));
  }
  return out;
}

}  // namespace pxos::test
