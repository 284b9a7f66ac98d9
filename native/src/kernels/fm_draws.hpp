#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>

#include "pairloom/fm.hpp"

namespace pairloom {

// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014: the finalizer of SplitMix64.
inline std::uint64_t mix_bits(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

class FeatureDraws {
 public:
  FeatureDraws(std::uint64_t seed, std::uint64_t feature) : state_(mix_bits(seed ^ mix_bits(feature + 0x9e3779b97f4a7c15ULL))) {}

  void fill(Initializer method, float scale, float* out, std::size_t n) {
    switch (method) {
      case Initializer::constant: std::fill(out, out + n, scale); break;
      case Initializer::uniform:
        for (std::size_t j = 0; j < n; ++j) out[j] = scale * (2.0F * unit() - 1.0F);
        break;
      case Initializer::normal:
        for (std::size_t j = 0; j < n; j += 2) {
          const float radius = scale * std::sqrt(-2.0F * std::log(unit()));
          const float angle = 2.0F * std::numbers::pi_v<float> * unit();
          out[j] = radius * std::cos(angle);
          if (j + 1 < n) out[j + 1] = radius * std::sin(angle);
        }
        break;
    }
  }

 private:
  // In (0, 1], in steps of 2^-24.
  float unit() {
    state_ += 0x9e3779b97f4a7c15ULL;
    return static_cast<float>((mix_bits(state_) >> 40) + 1) * 0x1p-24F;
  }
  std::uint64_t state_;
};

}  // namespace pairloom
