// Products a C++ programmer would write, c[n, n] = a[n, n] b[n, n], row-major, n a multiple of 16.
// Built with -O3 -mavx2 -mfma by clang where there is one. Not a line of pxOS in it.

/// Loops i, k, j over whole rows: c[i, :] += a[i, k] b[k, :].
extern "C" void pxos_baseline_rows(const float* a, const float* b, float* c, int n) {
  for (int i = 0; i < n; ++i) {
    float* row = c + i * n;
    for (int j = 0; j < n; ++j) row[j] = 0;
    for (int k = 0; k < n; ++k) {
      const float factor = a[i * n + k];
      for (int j = 0; j < n; ++j) row[j] += factor * b[k * n + j];
    }
  }
}

/// Dot products in sixteen partial sums, b given transposed.
extern "C" void pxos_baseline_sums(const float* a, const float* b_turned, float* c, int n) {
  for (int i = 0; i < n; ++i) {
    for (int j = 0; j < n; ++j) {
      const float* x = a + i * n;
      const float* y = b_turned + j * n;
      float sum[16] = {};
      for (int k = 0; k < n; k += 16)
        for (int lane = 0; lane < 16; ++lane) sum[lane] += x[k + lane] * y[k + lane];
      float total = 0;
      for (int lane = 0; lane < 16; ++lane) total += sum[lane];
      c[i * n + j] = total;
    }
  }
}
