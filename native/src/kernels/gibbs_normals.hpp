#pragma once

#include <cstddef>
#include <cstdint>

#include "pairloom/hashing.hpp"

// Included by per-level units only, as fm_simd.hpp.
namespace {

// The finaliser of a 32-bit hash with low bias (Wellons, "Hash function prospector", 2018).
inline std::uint32_t mix32(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

// Natural logarithm of a positive normal number, to about 1e-7 relative to 1.
inline float natural_logarithm(float x) {
  const auto bits = __builtin_bit_cast(std::int32_t, x);
  const std::int32_t exponent = (bits - 0x3f2aaaab) >> 23;
  const float m = __builtin_bit_cast(float, bits - (exponent << 23)) - 1.0F;
  // On [-1/3, 1/3], the odd series of log((1 + s) / (1 - s)) with s = m / (m + 2).
  const float s = m / (m + 2.0F), s2 = s * s;
  const float series = 2.0F * s * (1.0F + s2 * (0.333333333F + s2 * (0.2F + s2 * (0.142857143F + s2 * 0.111111111F))));
  return series + static_cast<float>(exponent) * 0.693147181F;
}

// The standard normal quantile of (1 + x) / 2, for x in (-1, 1), given (1 - x) (1 + x). Giles, "Approximating the erfinv
// function", GPU Computing Gems 2, 2010.
inline float normal_quantile(float x, float product) {
  const float w = -natural_logarithm(product);
  const float c = w - 2.5F;
  float p = 2.81022636e-08F;
  p = 3.43273939e-07F + p * c;
  p = -3.5233877e-06F + p * c;
  p = -4.39150654e-06F + p * c;
  p = 0.00021858087F + p * c;
  p = -0.00125372503F + p * c;
  p = -0.00417768164F + p * c;
  p = 0.246640727F + p * c;
  p = 1.50140941F + p * c;
  const float t = __builtin_sqrtf(w > 5.0F ? w : 5.0F) - 3.0F;
  float r = -0.000200214257F;
  r = 0.000100950558F + r * t;
  r = 0.00134934322F + r * t;
  r = -0.00367342844F + r * t;
  r = 0.00573950773F + r * t;
  r = -0.0076224613F + r * t;
  r = 0.00943887047F + r * t;
  r = 1.00167406F + r * t;
  r = 2.83297682F + r * t;
  return 1.41421356F * x * (w < 5.0F ? p : r);
}

// Number i of a column is the quantile of a uniform number of 24 bits, which is a hash of key, column and i.
inline void normals(std::uint64_t key, std::uint64_t column, std::uint32_t first, std::size_t n, float* out) {
  const std::uint64_t word = pairloom::mix(key ^ pairloom::mix(column + pairloom::golden));
  const auto low = static_cast<std::uint32_t>(word), high = static_cast<std::uint32_t>(word >> 32);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t lane = first + static_cast<std::uint32_t>(i);
    const std::uint32_t bits = mix32(mix32(low + lane * 0x9e3779b9U) ^ high) >> 8;
    const float x = static_cast<float>(2 * static_cast<std::int32_t>(bits) + 1 - (1 << 24)) * 0x1p-24F;
    out[i] = normal_quantile(x, (1.0F - x) * (1.0F + x));
  }
}

}  // namespace
