#pragma once
// Linking: hyper-parameters take their values, imports are bound to a cartridge's tensors, concrete
// shapes are checked and the arenas are laid out. A LinkedProgram is immutable and shared by every
// guest of a mount.

#include "pxvm/isa/verify.hpp"
#include "pxvm/tensor/ops.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "pxvm/tensor/view.hpp"
#include "pxvm/vm/plan.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>

namespace pxos::vm {

/// A cartridge's tensor as the linker sees it. Everything it points to outlives the LinkedProgram.
struct WeightTensor {
  std::string name;
  tensor::DType dtype = tensor::DType::kF32;
  std::vector<std::int64_t> shape;               ///< as the program sees it, outermost first
  const tensor::PackedTensor* packed = nullptr;  ///< matrices
  Bytes linear;                                  ///< 1-D tensors: canonical bytes
  tensor::AffineRange affine;                    ///< U8Affine
};

struct LinkInputs {
  std::map<std::string, std::int64_t>
      integers;  ///< manifest hyper-parameters, then overrides such as ctx, batch
  std::map<std::string, double> reals;
  /// The tensor of this name, or nullopt.
  std::function<std::optional<WeightTensor>(const std::string& name)> find_weight;
  /// How f16 regions (key and value caches) are kept: f32 for models whose weights are f32 and
  /// whose owner wants exact caches, q8 for half the memory. A property of the cartridge, so that
  /// equal cartridges give equal bits.
  tensor::KvFormat caches = tensor::KvFormat::kF16;
  std::uint64_t memory_cap_bytes = ~std::uint64_t{0};  ///< arenas of one guest together
};

/// One declared tensor after linking.
struct LinkedTensor {
  /// Extent = coefficient sums over run-time symbols; fixed when it depends on params only.
  struct Extent {
    std::int64_t fixed = 0;
    bool dynamic = false;
  };
  std::array<Extent, isa::Limits::kRank> extents{};
  std::uint8_t rank = 0;
  tensor::KvFormat caches = tensor::KvFormat::kF16;  ///< what an f16 region is kept as
  std::uint8_t element_bytes = 0;                    ///< 0 for weights
  std::int64_t count = 1;                            ///< elements of an array, else 1
  std::uint64_t bytes = 0;   ///< reserved for one element at the largest extents
  std::uint64_t offset = 0;  ///< in the activation arena (temps, inputs, outputs) or the constants
  std::vector<const tensor::PackedTensor*> packed;  ///< weights: one per array element
};

struct LinkedAttr {
  tensor::RopeParams rope;
  tensor::AttentionParams attention;
  float norm_eps = 0;
};

/// Most columns and rows of an f32, f16 or weight matrix. Norms, products and the like do not stop
/// within a row, and means not within a column: so an interrupted program stops in time.
inline constexpr std::int64_t kMaxColumns = std::int64_t{1} << 20;
inline constexpr std::int64_t kMaxRows = std::int64_t{1} << 24;
/// Most columns of a product's matrices, f32 or weights: sixteen rows are one piece of work.
inline constexpr std::int64_t kMaxProductColumns = std::int64_t{1} << 18;

/// Whether a tensor of these extents keeps within them. Vectors and other elements have no limit.
[[nodiscard]] bool within_limits(isa::TensorDecl::Element element,
                                 std::span<const std::int64_t> shape);

/// A program with its numbers filled in. Array elements of a region lie one after another, each
/// 64-byte aligned.
struct LinkedProgram {
  std::shared_ptr<const isa::VerifiedProgram> verified;
  std::vector<std::int64_t>
      symbols;  ///< values of integer params; dims and arguments hold their largest value
  Plan plan;    ///< what the interpreter runs
  std::vector<LinkedTensor> tensors;  ///< parallel to program.tensors
  std::vector<std::uint64_t> consts;  ///< register bits of program.consts
  std::vector<LinkedAttr> attrs;
  std::vector<std::pair<std::int64_t, std::int64_t>>
      dim_range;  ///< parallel to symbols; only dims are meaningful
  std::uint64_t activation_bytes = 0;
  std::uint64_t region_bytes = 0;  ///< all kRegion tensors together
  std::vector<float> vectors;      ///< 1-D imports, widened to f32

  [[nodiscard]] const isa::Program& program() const { return verified->program(); }
};

/// Errors: kNotFound (a parameter or tensor the cartridge lacks), kInvalid (a shape that differs:
/// names, declared, found), kLimit (arenas over the cap: need and have).
Result<std::shared_ptr<const LinkedProgram>> link(isa::VerifiedProgram program,
                                                  const LinkInputs& inputs);

}  // namespace pxos::vm
