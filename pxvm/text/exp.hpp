#pragma once
// exp and log in f64 with a fixed order of operations: same bits on every machine, unlike a C
// library's.

namespace pxos::text {

/// e^x for x <= 0 (0 below -708, where e^x leaves the normal range).
/// Numerics: relative error at most 1e-15. Requires: x is not NaN, x <= 0.
[[nodiscard]] double exp_fixed(double x);

/// ln x. Numerics: error at most 1e-15 relative, or 1e-16 near 1. Requires: x is finite and > 0.
[[nodiscard]] double log_fixed(double x);

}  // namespace pxos::text
