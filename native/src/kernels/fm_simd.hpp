#pragma once

#include <cstddef>

// Included by per-level units only: everything here has internal linkage, so that the linker cannot pick one level's
// copy for another.
namespace {

template <int Width>
struct Lanes {
  typedef float type __attribute__((vector_size(4 * Width)));
};

template <int Width>
struct Doubles {
  typedef double type __attribute__((vector_size(8 * Width)));
};

template <typename D>
inline double sum_of_lanes(const D& v) {
  double total = 0;
  for (int i = 0; i < static_cast<int>(sizeof(D) / sizeof(double)); ++i) total += v[i];
  return total;
}

template <typename V>
inline V load(const float* p) {
  V v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <typename V>
inline void store(float* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <typename V>
constexpr int width_of = static_cast<int>(sizeof(V) / sizeof(float));

// Sum over lanes by halving: a chain of log2(width) steps instead of width.
inline float sum(Lanes<4>::type v) {
  const Lanes<4>::type pairs = v + __builtin_shufflevector(v, v, 2, 3, 0, 1);
  return pairs[0] + pairs[1];
}
inline float sum(Lanes<8>::type v) {
  return sum(static_cast<Lanes<4>::type>(__builtin_shufflevector(v, v, 0, 1, 2, 3) +
                                         __builtin_shufflevector(v, v, 4, 5, 6, 7)));
}
inline float sum(Lanes<16>::type v) {
  return sum(static_cast<Lanes<8>::type>(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                                         __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)));
}

template <typename V>
inline V clamp_to(V v, float limit) {
  const V high = V{} + limit;
  v = v > high ? high : v;
  return v < -high ? -high : v;
}
inline float clamp_to(float v, float limit) { return v > limit ? limit : (v < -limit ? -limit : v); }

inline float square_root(float v) { return __builtin_sqrtf(v); }
template <typename V>
inline V square_root(V v) {
  for (int i = 0; i < width_of<V>; ++i) v[i] = __builtin_sqrtf(v[i]);
  return v;
}

// 1 / sqrt(x) to about 5e-6 for normal x by two steps of Newton's method from an estimate in the exponent bits:
// multiplications only, where a root and a quotient would hold up the vector unit.
inline float inverse_root(float x) {
  float y = __builtin_bit_cast(float, 0x5f375a86 - (__builtin_bit_cast(int, x) >> 1));
  y = y * (1.5F - 0.5F * x * y * y);
  return y * (1.5F - 0.5F * x * y * y);
}

// e^x to about 2 units in the last place by a degree-6 polynomial on [-ln2/2, ln2/2]; saturates instead of
// overflowing. A NaN stays a NaN.
inline float exponential(float x) {
  x = x > 87.0F ? 87.0F : (x < -87.0F ? -87.0F : x);
  const float n = __builtin_rintf(x * 1.44269504F);
  const float r = (x - n * 0.693145752F) - n * 1.42860677e-6F;
  float p = 1.3981999e-3F;
  p = p * r + 8.3334519e-3F;
  p = p * r + 4.1665796e-2F;
  p = p * r + 1.6666665e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  union {
    int bits;
    float value;
  } scale;
  if (!(n == n)) return n;
  scale.bits = (static_cast<int>(n) + 127) << 23;
  return p * scale.value;
}

}  // namespace
