// Operations that treat rows independently: norms, element by element, KV append, embedding rows.

#include "pxvm/base/checked.hpp"
#include "pxvm/tensor/ops.hpp"
#include "pxvm/tensor/pack.hpp"
#include "pxvm/tensor/quantize.hpp"
#include "pxvm/tensor/unit_runs.hpp"

#include <algorithm>

namespace pxos::tensor {
namespace {

/// A chunk of less than this many elements costs more to hand over than to compute.
constexpr std::int64_t kChunkElements = 8192;

std::size_t chunk_count(std::int64_t rows, std::int64_t rows_per_chunk) {
  return static_cast<std::size_t>((rows + rows_per_chunk - 1) / rows_per_chunk);
}

/// body(row) for every row, shared out in chunks; false when stopped.
template <class Body>
bool for_each_row(OpContext& ctx, std::int64_t rows, std::int64_t cols, Body body) {
  const std::int64_t per_chunk =
      std::max<std::int64_t>(1, kChunkElements / std::max<std::int64_t>(1, cols));
  auto chunk = [&](std::size_t index, std::size_t) {
    if (ctx.stop.load(std::memory_order_relaxed)) return;
    const std::int64_t first = static_cast<std::int64_t>(index) * per_chunk;
    const std::int64_t last = std::min(rows, first + per_chunk);
    for (std::int64_t r = first; r < last; ++r) body(r);
  };
  ctx.pool.run(chunk_count(rows, per_chunk), chunk);
  return !ctx.stop.load(std::memory_order_relaxed);
}

template <class A, class B>
bool same_shape(const Matrix<A>& a, const Matrix<B>& b) {
  return a.rows == b.rows && a.cols == b.cols;
}

std::size_t width(const ConstMatF32& x) {
  return static_cast<std::size_t>(x.cols);
}

using BinaryKernel = void (*)(const float*, const float*, std::size_t, float*);

bool binary(OpContext& ctx, BinaryKernel kernel, ConstMatF32 a, ConstMatF32 b, MatF32 out) {
  PX_ASSERT(same_shape(a, b) && same_shape(a, out));
  return for_each_row(ctx, a.rows, a.cols,
                      [&](std::int64_t r) { kernel(a.row(r), b.row(r), width(a), out.row(r)); });
}

using UnaryKernel = void (*)(const float*, std::size_t, float*);

bool unary(OpContext& ctx, UnaryKernel kernel, ConstMatF32 a, MatF32 out) {
  PX_ASSERT(same_shape(a, out));
  return for_each_row(ctx, a.rows, a.cols,
                      [&](std::int64_t r) { kernel(a.row(r), width(a), out.row(r)); });
}

/// Dequantises single rows of a packed tensor, with the arithmetic of quantize.hpp.
class RowReader {
 public:
  explicit RowReader(const PackedTensor& tensor) : tensor_(tensor), runs_(tensor.units_per_group) {}

  void read(std::int64_t row, float* out) {
    const std::size_t count = list_runs(tensor_, row / kUnitRows, 1, runs_);
    const auto lane = static_cast<std::uint32_t>(row % kUnitRows);
    const DTypeInfo& entry = info(tensor_.dtype);
    std::int64_t k = 0;
    for (const KernelRun& run : std::span(runs_).first(count)) {
      for (std::uint64_t u = 0; u < run.count; ++u, k += entry.unit_cols) {
        const std::int64_t columns = std::min<std::int64_t>(entry.unit_cols, tensor_.cols - k);
        read_unit({run.units + u * entry.unit_bytes, entry.unit_bytes}, lane,
                  {out + k, static_cast<std::size_t>(columns)});
      }
    }
  }

 private:
  void read_unit(Bytes unit, std::uint32_t lane, std::span<float> out) const {
    if (tensor_.dtype != DType::kU8Affine) {
      return dequantize_unit_row(tensor_.dtype, unit, lane, out);
    }
    const AffineRange range{tensor_.affine_min, tensor_.affine_max};
    for (std::size_t k = 0; k < out.size(); ++k) {
      dequantize_affine(unit.subspan(k * kUnitRows + lane, 1), range, out.subspan(k, 1));
    }
  }

  const PackedTensor& tensor_;
  std::vector<KernelRun> runs_;
};

}  // namespace

bool gather_rows(OpContext& ctx, const PackedTensor& table, std::span<const std::int32_t> ids,
                 MatF32 out) {
  PX_ASSERT(static_cast<std::int64_t>(ids.size()) == out.rows && out.cols == table.cols);
  for (const std::int32_t id : ids) PX_ASSERT(id >= 0 && id < table.rows);
  return for_each_row(ctx, out.rows, out.cols, [&](std::int64_t t) {
    RowReader(table).read(ids[static_cast<std::size_t>(t)], out.row(t));
  });
}

bool rmsnorm(OpContext& ctx, ConstMatF32 x, std::span<const float> w, float eps, MatF32 out) {
  PX_ASSERT(same_shape(x, out) && w.size() == width(x));
  return for_each_row(ctx, x.rows, x.cols, [&](std::int64_t r) {
    ctx.kernels.rmsnorm(x.row(r), w.data(), eps, width(x), out.row(r));
  });
}

bool head_norm(OpContext& ctx, ConstMatF32 x, std::span<const float> w, float eps, MatF32 out) {
  const auto head = static_cast<std::int64_t>(w.size());
  PX_ASSERT(same_shape(x, out) && head > 0 && x.cols % head == 0);
  return for_each_row(ctx, x.rows, x.cols, [&](std::int64_t r) {
    for (std::int64_t c = 0; c < x.cols; c += head)
      ctx.kernels.rmsnorm(x.row(r) + c, w.data(), eps, w.size(), out.row(r) + c);
  });
}

bool layernorm(OpContext& ctx, ConstMatF32 x, const LayerNormParams& params, MatF32 out) {
  PX_ASSERT(same_shape(x, out) && params.gain.size() == width(x));
  PX_ASSERT(params.bias.size() == width(x));
  return for_each_row(ctx, x.rows, x.cols, [&](std::int64_t r) {
    const LayerNormRow row{x.row(r), params.gain.data(), params.bias.data(), params.eps};
    ctx.kernels.layernorm(row, width(x), out.row(r));
  });
}

bool kv_append(OpContext& ctx, ConstMatF32 x, std::int64_t pos, const KvCache& cache) {
  PX_ASSERT(pos >= 0 && pos + x.rows <= cache.rows && x.cols == cache.cols);
  PX_ASSERT(cache.format != KvFormat::kQ8 || cache.cols % 32 == 0);
  return for_each_row(ctx, x.rows, x.cols, [&](std::int64_t t) {
    switch (cache.format) {
      case KvFormat::kF32:
        std::copy_n(x.row(t), width(x), cache.f32_row(pos + t));
        return;
      case KvFormat::kF16:
        ctx.kernels.to_f16(x.row(t), width(x), cache.f16_row(pos + t));
        return;
      case KvFormat::kQ8:
        ctx.kernels.quantize_q8(x.row(t), width(x), cache.q8_row(pos + t),
                                cache.q8_scales(pos + t));
        return;
    }
  });
}

bool add(OpContext& ctx, ConstMatF32 a, ConstMatF32 b, MatF32 out) {
  return binary(ctx, ctx.kernels.add, a, b, out);
}

bool mul(OpContext& ctx, ConstMatF32 a, ConstMatF32 b, MatF32 out) {
  return binary(ctx, ctx.kernels.mul, a, b, out);
}

bool silu_mul(OpContext& ctx, ConstMatF32 gate, ConstMatF32 up, MatF32 out) {
  return binary(ctx, ctx.kernels.silu_mul, gate, up, out);
}

bool add_row(OpContext& ctx, ConstMatF32 a, std::span<const float> row, MatF32 out) {
  PX_ASSERT(same_shape(a, out) && row.size() == width(a));
  return for_each_row(ctx, a.rows, a.cols, [&](std::int64_t r) {
    ctx.kernels.add(a.row(r), row.data(), width(a), out.row(r));
  });
}

bool scale(OpContext& ctx, ConstMatF32 a, float factor, MatF32 out) {
  PX_ASSERT(same_shape(a, out));
  return for_each_row(ctx, a.rows, a.cols, [&](std::int64_t r) {
    ctx.kernels.scale(a.row(r), factor, width(a), out.row(r));
  });
}

bool relu(OpContext& ctx, ConstMatF32 a, MatF32 out) {
  return unary(ctx, ctx.kernels.relu, a, out);
}

bool gelu(OpContext& ctx, ConstMatF32 a, MatF32 out) {
  return unary(ctx, ctx.kernels.gelu, a, out);
}

bool gelu_mul(OpContext& ctx, ConstMatF32 gate, ConstMatF32 up, MatF32 out) {
  return binary(ctx, ctx.kernels.gelu_mul, gate, up, out);
}

bool gelu_erf(OpContext& ctx, ConstMatF32 a, MatF32 out) {
  return unary(ctx, ctx.kernels.gelu_erf, a, out);
}

bool softcap(OpContext& ctx, ConstMatF32 a, float cap, MatF32 out) {
  PX_ASSERT(same_shape(a, out));
  return for_each_row(ctx, a.rows, a.cols, [&](std::int64_t r) {
    ctx.kernels.softcap(a.row(r), cap, width(a), out.row(r));
  });
}

bool softmax_rows(OpContext& ctx, ConstMatF32 x, MatF32 out) {
  PX_ASSERT(same_shape(x, out));
  return for_each_row(ctx, x.rows, x.cols,
                      [&](std::int64_t r) { ctx.kernels.softmax(x.row(r), width(x), out.row(r)); });
}

bool mean_rows(OpContext& ctx, ConstMatF32 x, MatF32 out) {
  PX_ASSERT(out.rows == 1 && out.cols == x.cols && x.rows >= 1);
  if (ctx.stop.load(std::memory_order_relaxed)) return false;
  ctx.kernels.mean(x.data, x.stride, static_cast<std::size_t>(x.rows), width(x), out.data);
  return true;
}

}  // namespace pxos::tensor
