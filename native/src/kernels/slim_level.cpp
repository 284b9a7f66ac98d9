// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/slim.hpp"

namespace pairloom {
namespace {

void subtract(float* slopes, const float* row, float by, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) slopes[i] -= by * row[i];
}

void descend(const Slim& asked, const float* system, std::size_t stride, std::size_t n, float* slopes, float* w) {
  for (std::size_t sweep = 0; sweep < asked.max_sweeps; ++sweep) {
    float largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const float own = system[i * stride + i];
      const float wanted = (slopes[i] + own * w[i] - asked.l1) / (own + asked.l2);
      const float next = wanted > 0 ? wanted : 0;
      const float change = next - w[i];
      if (change == 0) continue;
      w[i] = next;
      subtract(slopes, system + i * stride, change, n);
      const float size = change > 0 ? change : -change;
      largest = size > largest ? size : largest;
    }
    if (largest < asked.tolerance) return;
  }
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_SLIM_LEVEL PAIRLOOM_JOIN(slim_, PAIRLOOM_LEVEL)

}  // namespace

extern const SlimKernels PAIRLOOM_SLIM_LEVEL;
const SlimKernels PAIRLOOM_SLIM_LEVEL{PAIRLOOM_LEVEL_NAME, descend, subtract};

}  // namespace pairloom
