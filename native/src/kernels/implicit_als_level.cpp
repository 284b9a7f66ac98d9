// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/implicit_als.hpp"

namespace pairloom {
namespace {

constexpr float least_residual = 1e-12F;

inline float dot(const float* a, const float* b, std::size_t n) {
  float sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

inline void add_scaled(float* to, const float* what, float by, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) to[i] += by * what[i];
}

// to = (G + penalty) v + sum over the row's pairs of c y (y.v); `shift` gives the pairs' part as c y (y.v - 1).
inline void apply(const ImplicitAls& side, std::size_t row, const float* v, float shift, float* to) {
  const std::size_t n = side.padded;
  for (std::size_t i = 0; i < n; ++i) to[i] = side.penalties[row] * v[i];
  for (std::size_t j = 0; j < n; ++j) add_scaled(to, side.gram + j * n, v[j], n);
  for (std::int64_t p = side.offsets[row]; p < side.offsets[row + 1]; ++p) {
    if (p + 8 < side.offsets[row + 1]) {
      const char* next = reinterpret_cast<const char*>(side.fixed + static_cast<std::size_t>(side.others[p + 8]) * n);
      for (std::size_t b = 0; b < n * sizeof(float); b += 64) __builtin_prefetch(next + b);
    }
    const float* y = side.fixed + static_cast<std::size_t>(side.others[p]) * n;
    add_scaled(to, y, side.weights[p] * (dot(y, v, n) - shift), n);
  }
}

void solve(const ImplicitAls& side, std::size_t first, std::size_t last, float* scratch) {
  const std::size_t n = side.padded;
  float* residual = scratch;
  float* direction = scratch + n;
  float* image = scratch + 2 * n;
  for (std::size_t row = first; row < last; ++row) {
    float* x = side.solved + row * n;
    if (side.offsets[row] == side.offsets[row + 1]) {
      for (std::size_t i = 0; i < n; ++i) x[i] = 0;
      continue;
    }
    apply(side, row, x, 1, residual);
    for (std::size_t i = 0; i < n; ++i) residual[i] = direction[i] = -residual[i];
    float norm = dot(residual, residual, n);
    for (std::size_t step = 0; step < side.n_steps && norm > least_residual; ++step) {
      apply(side, row, direction, 0, image);
      const float curvature = dot(direction, image, n);
      if (!(curvature > 0)) break;
      const float length = norm / curvature;
      add_scaled(x, direction, length, n);
      add_scaled(residual, image, -length, n);
      const float next = dot(residual, residual, n);
      const float keep = next / norm;
      for (std::size_t i = 0; i < n; ++i) direction[i] = residual[i] + keep * direction[i];
      norm = next;
    }
  }
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_IMPLICIT_ALS_LEVEL PAIRLOOM_JOIN(implicit_als_, PAIRLOOM_LEVEL)

}  // namespace

extern const ImplicitAlsKernels PAIRLOOM_IMPLICIT_ALS_LEVEL;
const ImplicitAlsKernels PAIRLOOM_IMPLICIT_ALS_LEVEL{PAIRLOOM_LEVEL_NAME, solve};

}  // namespace pairloom
