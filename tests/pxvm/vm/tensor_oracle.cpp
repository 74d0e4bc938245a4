#include "tensor_oracle.hpp"

#include <bit>
#include <numeric>
#include <utility>

namespace pxos::test {
namespace {

using isa::Opcode;

double raw(std::span<const float> values, std::int64_t index) {
  return static_cast<double>(values[static_cast<std::size_t>(index)]);
}

Interval at(std::span<const float> values, std::int64_t index) {
  return Interval::point(raw(values, index));
}

/// One rounding of an exact double, as the machine must have made it.
Interval once(double exact) {
  return Interval::point(static_cast<double>(static_cast<float>(exact)));
}

Interval inverse(const Interval& x) {
  return rounded(Interval::point(1) / x);
}

/// a / (1 + e^(-2 u)), 2 u = a (c0 + c1 a^2), the constants rounded to f32.
Interval gelu(const Interval& x) {
  const Interval c0 = Interval::point(static_cast<double>(1.5957691216057308F));
  const Interval c1 = Interval::point(static_cast<double>(0.0713548162726009F));
  const Interval inner = rounded(rounded(square(x)) * c1 + c0);
  const Interval e = exponential(-rounded(x * inner));
  return rounded(x / rounded(Interval::point(1) + e));
}

Interval gelu_erf(const Interval& x) {
  const Interval e = error_function(rounded(x * Interval::point(0.70710678118654752)));
  return rounded(rounded(x * Interval::point(0.5)) * rounded(Interval::point(1) + e));
}

Interval silu(const Interval& x) {
  return rounded(x / rounded(Interval::point(1) + exponential(-x)));
}

/// One element of an instruction without sums.
Interval element(Opcode opcode, const RowOperands& in, std::int64_t n) {
  const Interval a = at(in.a, n);
  const Interval factor = Interval::point(static_cast<double>(in.factor));
  const std::int64_t column = n % in.cols;
  switch (opcode) {
    case Opcode::kAdd:
      return once(raw(in.a, n) + raw(in.b, n));
    case Opcode::kMul:
      return once(raw(in.a, n) * raw(in.b, n));
    case Opcode::kAddRow:
      return once(raw(in.a, n) + raw(in.row, column));
    case Opcode::kScale:
      return once(raw(in.a, n) * static_cast<double>(in.factor));
    case Opcode::kRelu:
      return a.only_nan() ? a : Interval::point(std::max(0.0, a.lo));
    case Opcode::kSiluMul:
      return rounded(silu(a) * at(in.b, n));
    case Opcode::kGelu:
      return gelu(a);
    case Opcode::kGeluMul:
      return rounded(gelu(a) * at(in.b, n));
    case Opcode::kGeluErf:
      return gelu_erf(a);
    case Opcode::kSoftCap:
      return rounded(factor * hyperbolic_tangent(rounded(a / factor)));
    default:
      return Interval::any();
  }
}

/// 1 / sqrt(mean + eps) of a sum of squares.
Interval scale_of(const Sum& squares, std::int64_t count, float eps) {
  Interval mean = rounded(squares.result() / Interval::point(static_cast<double>(count)));
  if (!mean.only_nan()) mean.lo = std::max(0.0, mean.lo);  // no sum of squares is below
  return inverse(rounded(root(rounded(mean + Interval::point(static_cast<double>(eps))))));
}

/// Root mean square norm of `count` elements from `first`.
void rms(const RowOperands& in, std::int64_t first, std::int64_t count, Intervals& out) {
  Sum squares;
  for (std::int64_t i = 0; i < count; ++i) squares.add(square(at(in.a, first + i)));
  const Interval scale = scale_of(squares, count, in.factor);
  for (std::int64_t i = 0; i < count; ++i)
    out.push_back(rounded(rounded(at(in.a, first + i) * scale) * at(in.row, i)));
}

void layer_norm(const RowOperands& in, std::int64_t first, Intervals& out) {
  Sum all, squares;
  for (std::int64_t i = 0; i < in.cols; ++i) all.add(at(in.a, first + i));
  const Interval mean = rounded(all.result() / Interval::point(static_cast<double>(in.cols)));
  Intervals apart;
  for (std::int64_t i = 0; i < in.cols; ++i) {
    apart.push_back(rounded(at(in.a, first + i) - mean));
    squares.add(square(apart.back()));
  }
  const Interval scale = scale_of(squares, in.cols, in.factor);
  for (std::int64_t i = 0; i < in.cols; ++i) {
    const Interval normed = rounded(apart[static_cast<std::size_t>(i)] * scale);
    out.push_back(rounded(normed * at(in.row, i) + at(in.bias, i)));
  }
}

void softmax(const RowOperands& in, std::int64_t first, Intervals& out) {
  double top = -kInfinity;
  for (std::int64_t i = 0; i < in.cols; ++i) {
    const Interval a = at(in.a, first + i);
    if (!a.only_nan()) top = std::max(top, a.lo);
  }
  Sum all;
  Intervals parts;
  for (std::int64_t i = 0; i < in.cols; ++i) {
    parts.push_back(exponential(rounded(at(in.a, first + i) - Interval::point(top))));
    all.add(parts.back());
  }
  for (const Interval& part : parts) out.push_back(rounded(part / all.result()));
}

/// A row of x as int8 per 32 values; columns beyond the last are zero.
struct Quantized {
  std::vector<int> levels;
  Floats scales;
};

Quantized quantize(std::span<const float> x) {
  Quantized out;
  for (std::size_t first = 0; first < x.size(); first += 32) {
    const std::span<const float> block =
        x.subspan(first, std::min<std::size_t>(32, x.size() - first));
    float most = 0;
    bool finite = true;
    for (const float value : block) {
      finite = finite && std::isfinite(value);
      most = std::max(most, std::abs(value));
    }
    const float scale = finite ? most / 127.0F : std::numeric_limits<float>::quiet_NaN();
    for (const float value : block) {
      const bool counts = finite && scale != 0;
      const float quotient = counts ? std::clamp(value / scale, -127.0F, 127.0F) : 0.0F;
      out.levels.push_back(static_cast<int>(std::nearbyint(quotient)));
    }
    out.scales.push_back(scale);
  }
  return out;
}

/// One output of a product with blocks: a term per group, and one for its minimum.
Interval block_product(const OracleWeight& w, std::int64_t n, const Quantized& x) {
  Sum all;
  const std::int64_t groups = w.cols / w.group;
  for (std::int64_t g = 0; g < groups; ++g) {
    int dot = 0, sum = 0;
    for (std::int64_t k = g * w.group; k < (g + 1) * w.group; ++k) {
      const int q = x.levels[static_cast<std::size_t>(k)];
      dot += w.levels[static_cast<std::size_t>(n * w.cols + k)] * q;
      sum += q;
    }
    const float s = x.scales[static_cast<std::size_t>(g * w.group / 32)];
    const auto index = static_cast<std::size_t>(n * groups + g);
    const double scale = static_cast<double>(w.scales[index] * s);
    all.add(Interval::point(static_cast<double>(dot) * scale));
    if (!w.has_minimum) continue;
    const double total = static_cast<double>(s * static_cast<float>(sum));
    all.add(Interval::point(static_cast<double>(w.minima[index]) * total));
  }
  return all.result();
}

/// sum_i a[i] b[i]; products of two f32 are exact doubles.
Interval dot_product(std::span<const float> a, std::span<const float> b) {
  double value = 0, magnitude = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double term = static_cast<double>(a[i]) * static_cast<double>(b[i]);
    value += term;
    magnitude += std::abs(term);
  }
  Sum all;
  if (std::isfinite(magnitude)) {
    all.add_all(value, magnitude, a.size());
    return all.result();
  }
  for (std::size_t i = 0; i < a.size(); ++i)
    all.add(Interval::point(static_cast<double>(a[i])) *
            Interval::point(static_cast<double>(b[i])));
  return all.result();
}

/// Share of pair i that keeps its frequency, by YaRN (ops.hpp).
double kept_share(const tensor::RopeParams& p, double i) {
  if (p.original == 0) return 0;
  const double dims = static_cast<double>(p.dims);
  const double log_base = std::log(static_cast<double>(p.base));
  const auto pair_of = [&](float beta) {
    const double turns = static_cast<double>(p.original) / static_cast<double>(beta);
    return dims * std::log(turns / (2 * 3.14159265358979323846)) / (2 * log_base);
  };
  const double low = std::max(0.0, std::floor(pair_of(p.beta_fast)));
  const double high = std::min(dims - 1, std::ceil(pair_of(p.beta_slow)));
  return 1 - std::clamp((i - low) / std::max(0.001, high - low), 0.0, 1.0);
}

double frequency(const tensor::RopeParams& p, std::int64_t i, std::span<const float> factors) {
  const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(p.dims);
  const double kept = kept_share(p, static_cast<double>(i));
  const double base = std::pow(static_cast<double>(p.base), exponent);
  const double own =
      factors.empty() ? 1 : static_cast<double>(factors[static_cast<std::size_t>(i)]);
  return base / own * (kept + (1 - kept) / static_cast<double>(p.factor));
}

/// cos and sin of an angle that is known to a few parts in 2^52.
struct Turn {
  Interval cos, sin;
};

Turn turn_of(double angle, double magnitude) {
  const double error = magnitude * (std::abs(angle) * 0x1p-47 + 0x1p-46);
  const double c = std::cos(angle) * magnitude, s = std::sin(angle) * magnitude;
  return {rounded({c - error, c + error, false}), rounded({s - error, s + error, false})};
}

/// What one query and head reads of the caches.
struct Seen {
  std::int64_t first = 0, last = 0;  ///< positions
  std::int64_t column = 0;           ///< where its head begins in a row
};

/// Scores of one query and head, times the scale and with the cap.
Intervals scores_of(const tensor::AttentionParams& p, std::span<const float> q,
                    const AttentionOperands& in, const Seen& seen) {
  Intervals out;
  const std::int64_t width = p.kv_heads * p.head_dim;
  const Interval scale = Interval::point(static_cast<double>(p.scale));
  const Interval cap = Interval::point(static_cast<double>(p.softcap));
  for (std::int64_t j = seen.first; j <= seen.last; ++j) {
    const auto key = in.k.subspan(static_cast<std::size_t>(j * width + seen.column), q.size());
    Interval score = rounded(dot_product(q, key) * scale);
    if (p.softcap != 0) score = rounded(cap * hyperbolic_tangent(rounded(score / cap)));
    out.push_back(score);
  }
  return out;
}

/// Weights e^(s_j - top) for any top; what the quotient of two sums needs. Tiles of 64 positions
/// each have a top of their own and are merged: a few more roundings per tile.
Intervals weights_of(const Intervals& scores) {
  double top = -kInfinity;
  for (const Interval& score : scores) top = std::max(top, score.hi);
  Intervals out;
  for (const Interval& score : scores) {
    const Interval apart = score - Interval::point(top);
    const double rounding = std::abs(apart.lo) * kUnit;  // of the subtraction, in the exponent
    out.push_back(widened(exponential(apart), 2 * rounding + 8 * kUnit, 4 * kDenormal));
  }
  return out;
}

}  // namespace

float oracle_from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 31 && fraction != 0) return std::numeric_limits<float>::quiet_NaN();
  if (exponent == 31) return sign * std::numeric_limits<float>::infinity();
  const int whole = exponent == 0 ? fraction : 1024 + fraction;
  return sign * static_cast<float>(std::ldexp(whole, std::max(exponent, 1) - 25));
}

std::uint16_t oracle_to_half(float value) {
  if (std::isnan(value)) return 0x7e00;
  const auto sign = static_cast<std::uint16_t>(std::signbit(value) ? 0x8000 : 0);
  const double size = std::abs(static_cast<double>(value));
  if (size >= 65520) return static_cast<std::uint16_t>(sign | 0x7c00);
  // Units of the last place: 2^-24 below 2^-14, else 2^-10 of the power of two.
  const int exponent = size < 0x1p-14 ? -14 : std::ilogb(size);
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(size, 10 - exponent)));
  const int bits = (exponent + 14) * 1024 + units;  // a carry moves into the exponent by itself
  return static_cast<std::uint16_t>(sign | bits);
}

Intervals oracle_rows(Opcode opcode, const RowOperands& in) {
  Intervals out;
  const auto width = static_cast<std::int64_t>(in.row.size());
  for (std::int64_t t = 0; t < in.rows; ++t) {
    const std::int64_t first = t * in.cols;
    if (opcode == Opcode::kRmsNorm) {
      rms(in, first, in.cols, out);
    } else if (opcode == Opcode::kHeadNorm) {
      for (std::int64_t h = 0; h < in.cols / width; ++h) rms(in, first + h * width, width, out);
    } else if (opcode == Opcode::kLayerNorm) {
      layer_norm(in, first, out);
    } else if (opcode == Opcode::kSoftmax) {
      softmax(in, first, out);
    } else {
      for (std::int64_t i = 0; i < in.cols; ++i) out.push_back(element(opcode, in, first + i));
    }
  }
  return out;
}

Intervals oracle_matmul(const OracleWeight& w, std::span<const float> x) {
  Intervals out;
  const auto cols = static_cast<std::size_t>(w.cols);
  for (std::size_t first = 0; first < x.size(); first += cols) {
    const std::span<const float> row = x.subspan(first, cols);
    const Quantized quantized = w.group != 0 ? quantize(row) : Quantized{};
    for (std::int64_t n = 0; n < w.rows; ++n) {
      const std::span<const float> values(w.values.data() + static_cast<std::size_t>(n) * cols,
                                          cols);
      out.push_back(w.group != 0 ? block_product(w, n, quantized) : dot_product(values, row));
    }
  }
  return out;
}

Intervals oracle_mean(std::span<const float> x, std::int64_t cols) {
  Intervals out;
  const auto rows = static_cast<std::int64_t>(x.size()) / cols;
  for (std::int64_t i = 0; i < cols; ++i) {
    Sum all;
    for (std::int64_t t = 0; t < rows; ++t) all.add(at(x, t * cols + i));
    out.push_back(rounded(all.result() / Interval::point(static_cast<double>(rows))));
  }
  return out;
}

namespace {

/// Pair i of every head of row t.
void rotate(const tensor::RopeParams& params, const RopeOperands& in, const Turn& turn,
            std::pair<std::int64_t, std::int64_t> place, Intervals& out) {
  const bool halves = params.pairing == tensor::RopePairing::kHalves;
  const auto [t, i] = place;
  for (std::int64_t h = 0; h < params.heads; ++h) {
    const std::int64_t head = (t * params.heads + h) * params.head_dim;
    const std::int64_t first = head + (halves ? i : 2 * i);
    const std::int64_t second = head + (halves ? i + params.dims / 2 : 2 * i + 1);
    const Interval a = at(in.x, first), b = at(in.x, second);
    out[static_cast<std::size_t>(first)] = rounded(a * turn.cos - rounded(b * turn.sin));
    out[static_cast<std::size_t>(second)] = rounded(a * turn.sin + rounded(b * turn.cos));
  }
}

}  // namespace

Intervals oracle_rope(const tensor::RopeParams& params, const RopeOperands& in) {
  Intervals out;
  for (const float value : in.x) out.push_back(Interval::point(static_cast<double>(value)));
  for (std::int64_t i = 0; i < params.dims / 2; ++i) {
    const double speed = frequency(params, i, in.factors);
    for (std::int64_t t = 0; t < in.rows; ++t) {
      const Turn turn =
          turn_of(static_cast<double>(in.pos + t) * speed, static_cast<double>(params.magnitude));
      rotate(params, in, turn, {t, i}, out);
    }
  }
  return out;
}

namespace {

/// One head of one query: out[d] = sum_j p_j v[j, d] / sum_j p_j.
void attend(const tensor::AttentionParams& p, const AttentionOperands& in, std::int64_t t,
            std::int64_t head, Intervals& out) {
  const std::int64_t last = in.pos + t;
  const std::int64_t first = p.window == 0 ? 0 : std::max<std::int64_t>(0, last + 1 - p.window);
  const std::int64_t column = head / (p.heads / p.kv_heads) * p.head_dim;
  const auto dims = static_cast<std::size_t>(p.head_dim);
  const auto q = in.q.subspan(static_cast<std::size_t>(t * p.heads + head) * dims, dims);
  const Intervals scores = scores_of(p, q, in, {first, last, column});
  bool unsure = false, nan = false;
  for (const Interval& score : scores) {
    nan = nan || score.only_nan();
    unsure = unsure || score.nan || std::isinf(score.magnitude());
  }
  if (nan || unsure) {
    // A score without a number takes the sum of all with it; infinite ones depend on the tiles.
    for (std::size_t d = 0; d < dims; ++d) out.push_back(nan ? Interval::none() : Interval::any());
    return;
  }
  const Intervals weights = weights_of(scores);
  const auto tiles = static_cast<std::uint64_t>(last / 64 - first / 64 + 1);
  Sum all;
  for (const Interval& weight : weights) all.add(weight);
  for (std::int64_t d = 0; d < p.head_dim; ++d) {
    Sum sum;
    for (std::int64_t j = first; j <= last; ++j) {
      const Interval value = at(in.v, j * p.kv_heads * p.head_dim + column + d);
      sum.add(weights[static_cast<std::size_t>(j - first)] * value);
    }
    out.push_back(rounded(sum.result(8 * tiles) / all.result(8 * tiles)));
  }
}

}  // namespace

Intervals oracle_attention(const tensor::AttentionParams& params, const AttentionOperands& in) {
  Intervals out;
  for (std::int64_t t = 0; t < in.rows; ++t) {
    for (std::int64_t h = 0; h < params.heads; ++h) attend(params, in, t, h, out);
  }
  return out;
}

std::vector<std::int32_t> oracle_top(std::span<const float> x, std::size_t k) {
  std::vector<std::int32_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [x](std::int32_t a, std::int32_t b) {
    const float one = x[static_cast<std::size_t>(a)], two = x[static_cast<std::size_t>(b)];
    return std::isnan(two) ? !std::isnan(one) : one > two;
  });
  order.resize(k);
  return order;
}

std::vector<std::uint8_t> oracle_q8_row(std::span<const float> x) {
  std::vector<std::uint8_t> out, factors;
  for (std::size_t first = 0; first < x.size(); first += 32) {
    float most = 0;
    bool finite = true;
    for (const float value : x.subspan(first, 32)) {
      finite = finite && std::isfinite(value);
      most = std::max(most, std::abs(value));
    }
    const std::uint16_t bits = finite ? oracle_to_half(most / 127.0F) : std::uint16_t{0x7e00};
    const float d = oracle_from_half(bits);
    for (const float value : x.subspan(first, 32)) {
      const bool counts = finite && d != 0;
      const float quotient = counts ? std::clamp(value / d, -127.0F, 127.0F) : 0.0F;
      out.push_back(static_cast<std::uint8_t>(static_cast<int>(std::nearbyint(quotient))));
    }
    factors.push_back(static_cast<std::uint8_t>(bits & 0xFF));
    factors.push_back(static_cast<std::uint8_t>(bits >> 8));
  }
  out.insert(out.end(), factors.begin(), factors.end());
  return out;
}

Floats oracle_from_q8_row(std::span<const std::uint8_t> row, std::size_t cols) {
  Floats out;
  for (std::size_t i = 0; i < cols; ++i) {
    const std::size_t at = cols + i / 32 * 2;
    const auto bits = static_cast<std::uint16_t>(row[at] + 256 * row[at + 1]);
    out.push_back(oracle_from_half(bits) * static_cast<float>(static_cast<std::int8_t>(row[i])));
  }
  return out;
}

}  // namespace pxos::test
