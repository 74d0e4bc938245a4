#include "pxvm/vm/link.hpp"

#include "pxvm/base/checked.hpp"
#include "pxvm/isa/declarations.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include <fmt/format.h>

namespace pxos::vm {
namespace {

using isa::Number;
using isa::Program;
using isa::Symbol;
using isa::TensorDecl;

constexpr std::uint64_t kAlignment = 64;
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 40;

std::uint8_t element_bytes(TensorDecl::Element element) {
  switch (element) {
    case TensorDecl::Element::kF32:
    case TensorDecl::Element::kI32:
      return 4;
    case TensorDecl::Element::kF16:
      return 2;
    case TensorDecl::Element::kU8:
      return 1;
    case TensorDecl::Element::kWeight:
      return 0;
  }
  return 0;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

/// Fills one LinkedProgram from front to back; every member function needs the ones before it.
class Linker {
 public:
  Linker(const Program& program, const LinkInputs& inputs, LinkedProgram& out)
      : program_(program), inputs_(inputs), out_(out), names_(program.symbol_names()) {}

  Result<void> run() {
    PX_CHECK(bind_params());
    PX_CHECK(bound_dims());
    PX_CHECK(evaluate_consts());
    PX_CHECK(evaluate_attrs());
    for (std::size_t i = 0; i < program_.tensors.size(); ++i) PX_CHECK(lay_out(i));
    return check_memory();
  }

 private:
  Result<Number> param_value(const Symbol& symbol) const {
    if (const auto it = inputs_.integers.find(symbol.name); it != inputs_.integers.end())
      return Number::of(it->second);
    if (symbol.kind == Symbol::Kind::kRealParam) {
      if (const auto it = inputs_.reals.find(symbol.name); it != inputs_.reals.end())
        return Number::of(it->second);
    }
    if (symbol.default_value) return *symbol.default_value;
    return fail(Errc::kNotFound,
                "program '{}' needs parameter '{}', which the cartridge does not give",
                program_.name, symbol.name);
  }

  Result<void> bind_params() {
    for (const Symbol& symbol : program_.symbols) {
      Number value;
      if (symbol.kind == Symbol::Kind::kIntParam || symbol.kind == Symbol::Kind::kRealParam) {
        PX_TRY(value, param_value(symbol));
        if (symbol.kind == Symbol::Kind::kIntParam && !value.is_integer) {
          return fail(Errc::kInvalid, "parameter '{}' must be an integer, found {}", symbol.name,
                      value.real);
        }
      }
      numbers_.push_back(value);
      out_.symbols.push_back(value.is_integer ? value.integer : 0);
    }
    return {};
  }

  Result<void> bound_dims() {
    out_.dim_range.resize(program_.symbols.size());
    for (std::size_t i = 0; i < program_.symbols.size(); ++i) {
      const Symbol& symbol = program_.symbols[i];
      if (symbol.kind != Symbol::Kind::kDim) continue;
      PX_TRY(const std::int64_t lowest, symbol.lowest.evaluate(out_.symbols));
      PX_TRY(const std::int64_t highest, symbol.highest.evaluate(out_.symbols));
      if (lowest < 0 || highest < lowest || highest > kMaxExtent) {
        return fail(Errc::kInvalid, "dimension '{}' has the range {}..{}", symbol.name, lowest,
                    highest);
      }
      out_.dim_range[i] = {lowest, highest};
      out_.symbols[i] = highest;
      numbers_[i] = Number::of(highest);
    }
    return {};
  }

  Result<void> evaluate_consts() {
    for (const isa::ScalarConst& constant : program_.consts) {
      PX_TRY(const Number value, constant.value.evaluate(numbers_));
      if (constant.type == isa::ScalarConst::Type::kI64 && !value.is_integer)
        return fail(Errc::kInvalid, "constant '{}' is not an integer", constant.name);
      out_.consts.push_back(register_bits(constant.type, value));
    }
    return {};
  }

  static std::uint64_t register_bits(isa::ScalarConst::Type type, const Number& value) {
    switch (type) {
      case isa::ScalarConst::Type::kI64:
        return static_cast<std::uint64_t>(value.integer);
      case isa::ScalarConst::Type::kF32:
        return std::bit_cast<std::uint32_t>(static_cast<float>(value.as_real()));
      case isa::ScalarConst::Type::kF64:
        break;
    }
    return std::bit_cast<std::uint64_t>(value.as_real());
  }

  Result<void> evaluate_attrs() {
    for (const isa::AttrRecord& record : program_.attrs) {
      std::vector<Number> values;
      for (const auto& field : record.fields) {
        PX_TRY(const Number value, field.value.evaluate(numbers_));
        values.push_back(value);
      }
      // Records that end early were made before the other fields existed: those have defaults.
      const auto infos = isa::attr_fields(record.kind);
      for (std::size_t i = values.size(); i < infos.size(); ++i)
        values.push_back(Number::of(infos[i].default_value.value_or(0)));
      PX_TRY(const LinkedAttr attr, linked_attr(record, values));
      out_.attrs.push_back(attr);
    }
    return {};
  }

  static Result<LinkedAttr> linked_attr(const isa::AttrRecord& record,
                                        const std::vector<Number>& values) {
    LinkedAttr attr;
    switch (record.kind) {
      case isa::AttrRecord::Kind::kRope: {
        PX_TRY(attr.rope, rope_params(record, values));
        break;
      }
      case isa::AttrRecord::Kind::kAttention: {
        PX_TRY(attr.attention, attention_params(record, values));
        break;
      }
      case isa::AttrRecord::Kind::kNorm:
        attr.norm_eps = static_cast<float>(values[2].as_real());
        if (values[0].integer < 1 || values[1].integer < 1 || !(attr.norm_eps >= 0)) {
          return fail(Errc::kInvalid, "norm '{}': heads {}, head_dim {}, eps {} is not a norm",
                      record.name, values[0].integer, values[1].integer, attr.norm_eps);
        }
        break;
    }
    return attr;
  }

  static Result<tensor::RopeParams> rope_params(const isa::AttrRecord& record,
                                                const std::vector<Number>& values) {
    tensor::RopeParams rope;
    rope.heads = values[0].integer;
    rope.head_dim = values[1].integer;
    rope.dims = values[2].integer;
    rope.base = static_cast<float>(values[3].as_real());
    const auto pairing = static_cast<std::int64_t>(values[4].as_real());
    rope.pairing = pairing == 0 ? tensor::RopePairing::kAdjacent : tensor::RopePairing::kHalves;
    const bool sound = rope.heads > 0 && rope.head_dim > 0 && rope.dims > 0 &&
                       rope.dims <= rope.head_dim && rope.dims % 2 == 0 && rope.base >= 1 &&
                       std::isfinite(rope.base) && (pairing == 0 || pairing == 1);
    if (!sound) {
      return fail(
          Errc::kInvalid,
          "rope '{}': heads {}, head_dim {}, dims {}, base {}, pairing {} is not a rotation",
          record.name, rope.heads, rope.head_dim, rope.dims, rope.base, pairing);
    }
    PX_CHECK(rope_scaling(record, values, rope));
    return rope;
  }

  static Result<void> rope_scaling(const isa::AttrRecord& record, const std::vector<Number>& values,
                                   tensor::RopeParams& rope) {
    rope.factor = static_cast<float>(values[5].as_real());
    rope.original = static_cast<float>(values[6].as_real());
    rope.beta_fast = static_cast<float>(values[7].as_real());
    rope.beta_slow = static_cast<float>(values[8].as_real());
    rope.magnitude = static_cast<float>(values[9].as_real());
    const auto positive = [](float value) { return value > 0 && std::isfinite(value); };
    const bool sound = rope.factor >= tensor::kMinRopeFactor && positive(rope.factor) &&
                       (rope.original == 0 || (positive(rope.original) && rope.base > 1)) &&
                       positive(rope.beta_fast) && positive(rope.beta_slow) &&
                       positive(rope.magnitude);
    if (sound) return {};
    return fail(Errc::kInvalid,
                "rope '{}': factor {}, original {}, beta_fast {}, beta_slow {}, magnitude {} is no "
                "scaling of positions",
                record.name, rope.factor, rope.original, rope.beta_fast, rope.beta_slow,
                rope.magnitude);
  }

  static Result<tensor::AttentionParams> attention_params(const isa::AttrRecord& record,
                                                          const std::vector<Number>& values) {
    tensor::AttentionParams attention;
    attention.heads = values[0].integer;
    attention.kv_heads = values[1].integer;
    attention.head_dim = values[2].integer;
    attention.scale = static_cast<float>(values[3].as_real());
    attention.window = values[4].integer;
    attention.softcap = static_cast<float>(values[5].as_real());
    const bool sound = attention.heads > 0 && attention.kv_heads > 0 && attention.head_dim > 0 &&
                       attention.heads % attention.kv_heads == 0 && attention.window >= 0 &&
                       attention.softcap >= 0 && std::isfinite(attention.scale);
    if (!sound) {
      return fail(
          Errc::kInvalid,
          "attention '{}': heads {}, kv_heads {}, head_dim {}, window {} do not fit together",
          record.name, attention.heads, attention.kv_heads, attention.head_dim, attention.window);
    }
    return attention;
  }

  /// Extents at the largest dims; marks those that change from call to call.
  Result<std::vector<std::int64_t>> extents(const TensorDecl& decl, LinkedTensor& linked) const {
    std::vector<std::int64_t> shape;
    for (const isa::Polynomial& dim : decl.dims) {
      PX_TRY(const std::int64_t extent, dim.evaluate(out_.symbols));
      if (extent < 0 || extent > kMaxExtent) {
        return fail(Errc::kInvalid, "tensor '{}': extent {} = {} is out of range", decl.name,
                    dim.text(names_), extent);
      }
      auto& slot = linked.extents.at(shape.size());
      slot.fixed = extent;
      for (const auto& term : dim.terms()) {
        for (const isa::SymbolId id : term.symbols) {
          slot.dynamic |= program_.symbols[id].kind == Symbol::Kind::kDim;
        }
      }
      shape.push_back(extent);
    }
    if (!within_limits(decl.element, shape)) {
      const bool weight = decl.element == TensorDecl::Element::kWeight;
      return fail(Errc::kLimit, "tensor '{}' {} has more than {} columns or {} rows", decl.name,
                  shape_text(shape), weight ? kMaxProductColumns : kMaxColumns, kMaxRows);
    }
    linked.rank = static_cast<std::uint8_t>(shape.size());
    return shape;
  }

  static Result<std::uint64_t> plain_bytes(const TensorDecl& decl, std::uint8_t element_bytes,
                                           std::span<const std::int64_t> shape) {
    std::uint64_t bytes = element_bytes;
    for (const std::int64_t extent : shape) {
      const auto product = checked_mul(bytes, static_cast<std::uint64_t>(extent));
      if (!product || *product > std::uint64_t{1} << 46U) {
        return fail(Errc::kLimit, "tensor '{}' {} is too large", decl.name, shape_text(shape));
      }
      bytes = *product;
    }
    return round_up(bytes, kAlignment);
  }

  /// A cache as this mount keeps it; `shape` becomes that of its bytes.
  Result<void> choose_format(const TensorDecl& decl, LinkedTensor& linked,
                             std::vector<std::int64_t>& shape) const {
    linked.caches = inputs_.caches;
    // One attention reads keys and values of one format; only regions have extents that fit all.
    if (linked.caches != tensor::KvFormat::kF16 && decl.kind != TensorDecl::Kind::kRegion) {
      return fail(Errc::kUnsupported,
                  "'{}' is {}: caches that are not kept as f16 are for regions only", decl.name,
                  isa::tensor_kind_name(decl.kind));
    }
    if (linked.caches == tensor::KvFormat::kF32) linked.element_bytes = sizeof(float);
    if (linked.caches != tensor::KvFormat::kQ8) return {};
    if (shape.empty() || shape.back() % 32 != 0) {
      return fail(Errc::kUnsupported,
                  "a q8 cache needs rows of a multiple of 32 values, '{}' is {}", decl.name,
                  shape_text(shape));
    }
    for (const LinkedAttr& attr : out_.attrs) {
      if (attr.attention.head_dim % 32 == 0) continue;
      return fail(Errc::kUnsupported, "a q8 cache needs heads of a multiple of 32, found {}",
                  attr.attention.head_dim);
    }
    linked.element_bytes = 1;
    shape.back() = tensor::kv_row_bytes(linked.caches, shape.back());
    return {};
  }

  Result<void> lay_out(std::size_t index) {
    const TensorDecl& decl = program_.tensors[index];
    LinkedTensor& linked = out_.tensors.emplace_back();
    linked.element_bytes = element_bytes(decl.element);
    PX_TRY(std::vector<std::int64_t> shape, extents(decl, linked));
    if (decl.kind != TensorDecl::Kind::kView && decl.element == TensorDecl::Element::kF16) {
      PX_CHECK(choose_format(decl, linked, shape));
    }
    if (decl.is_array) {
      PX_TRY(linked.count, decl.count.evaluate(out_.symbols));
      if (linked.count < 1 || linked.count > isa::Limits::kMaxArrayCount) {
        return fail(Errc::kInvalid, "tensor array '{}' has {} elements, expected 1..{}", decl.name,
                    linked.count, isa::Limits::kMaxArrayCount);
      }
    }
    if (decl.kind == TensorDecl::Kind::kView) return {};
    if (decl.kind == TensorDecl::Kind::kImport) return bind_import(decl, shape, linked);
    PX_TRY(linked.bytes, plain_bytes(decl, linked.element_bytes, shape));
    return reserve(decl, linked);
  }

  Result<void> reserve(const TensorDecl& decl, LinkedTensor& linked) {
    std::uint64_t& total =
        decl.kind == TensorDecl::Kind::kRegion ? out_.region_bytes : out_.activation_bytes;
    linked.offset = total;
    const auto all = checked_mul(linked.bytes, static_cast<std::uint64_t>(linked.count));
    const auto end = all ? checked_add(total, *all) : std::nullopt;
    if (!end) return fail(Errc::kLimit, "tensor '{}' is too large", decl.name);
    total = *end;
    return {};
  }

  Result<void> bind_import(const TensorDecl& decl, std::span<const std::int64_t> shape,
                           LinkedTensor& linked) {
    linked.offset = out_.vectors.size() * sizeof(float);
    for (std::int64_t i = 0; i < linked.count; ++i) {
      PX_TRY(const WeightTensor weight, find_import(decl, i));
      if (!std::equal(shape.begin(), shape.end(), weight.shape.begin(), weight.shape.end())) {
        return fail(Errc::kInvalid, "import '{}': tensor '{}' is {}, the program declares {}",
                    decl.name, weight.name, shape_text(weight.shape), shape_text(shape));
      }
      if (decl.element == TensorDecl::Element::kWeight) {
        if (weight.packed == nullptr) {
          return fail(Errc::kInvalid, "import '{}': tensor '{}' is not stored as packed rows",
                      decl.name, weight.name);
        }
        linked.packed.push_back(weight.packed);
      } else {
        PX_CHECK(append_vector(decl, weight, linked));
      }
    }
    return {};
  }

  Result<WeightTensor> find_import(const TensorDecl& decl, std::int64_t index) const {
    std::string tried;
    for (const std::string& pattern : decl.patterns) {
      std::string name = pattern;
      if (const std::size_t at = name.find("{}"); at != std::string::npos)
        name.replace(at, 2, std::to_string(index));
      if (auto weight = inputs_.find_weight(name)) return *std::move(weight);
      tried += (tried.empty() ? "'" : "', '") + name;
    }
    return fail(Errc::kNotFound, "import '{}': the cartridge has no tensor {}'", decl.name, tried);
  }

  /// 1-D imports are small: they are widened to f32 once, in the linked program's own memory.
  Result<void> append_vector(const TensorDecl& decl, const WeightTensor& weight,
                             LinkedTensor& linked) {
    if (decl.element != TensorDecl::Element::kF32 || weight.linear.empty()) {
      return fail(Errc::kInvalid, "import '{}': tensor '{}' is not a vector", decl.name,
                  weight.name);
    }
    const auto length = static_cast<std::size_t>(weight.shape.at(0));
    PX_TRY(const std::uint64_t expected, tensor::row_bytes(weight.dtype, length));
    if (weight.linear.size() != expected) {
      return fail(Errc::kInvalid, "import '{}': tensor '{}' has {} bytes, expected {}", decl.name,
                  weight.name, weight.linear.size(), expected);
    }
    const std::size_t stride = round_up(length * sizeof(float), kAlignment) / sizeof(float);
    const std::size_t at = out_.vectors.size();
    out_.vectors.resize(at + stride);
    const std::span<float> target(out_.vectors.data() + at, length);
    if (weight.dtype == tensor::DType::kU8Affine) {
      tensor::dequantize_affine(weight.linear, weight.affine, target);
    } else {
      tensor::dequantize_row(weight.dtype, weight.linear, target);
    }
    linked.bytes = stride * sizeof(float);
    return {};
  }

  Result<void> check_memory() const {
    const auto need = checked_add(out_.activation_bytes, out_.region_bytes);
    if (!need || *need > inputs_.memory_cap_bytes) {
      return fail(Errc::kLimit,
                  "program '{}' needs {} MiB for activations and {} MiB for its regions, {} MiB "
                  "are allowed",
                  program_.name, out_.activation_bytes >> 20U, out_.region_bytes >> 20U,
                  inputs_.memory_cap_bytes >> 20U);
    }
    return {};
  }

  const Program& program_;
  const LinkInputs& inputs_;
  LinkedProgram& out_;
  std::vector<std::string> names_;
  std::vector<Number> numbers_;
};

}  // namespace

bool within_limits(TensorDecl::Element element, std::span<const std::int64_t> shape) {
  const bool numbers = element == TensorDecl::Element::kF32 ||
                       element == TensorDecl::Element::kF16 ||
                       element == TensorDecl::Element::kWeight;
  if (!numbers || shape.size() != 2) return true;
  const bool weight = element == TensorDecl::Element::kWeight;
  return shape[0] <= kMaxRows && shape[1] <= (weight ? kMaxProductColumns : kMaxColumns);
}

Result<std::shared_ptr<const LinkedProgram>> link(isa::VerifiedProgram program,
                                                  const LinkInputs& inputs) {
  auto linked = std::make_shared<LinkedProgram>();
  linked->verified = std::make_shared<const isa::VerifiedProgram>(std::move(program));
  PX_CHECK(Linker(linked->program(), inputs, *linked).run());
  linked->plan = make_plan(linked->program());
  return std::shared_ptr<const LinkedProgram>(std::move(linked));
}

}  // namespace pxos::vm
