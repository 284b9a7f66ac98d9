// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/latents.hpp"
#include "fm_simd.hpp"
#include "gibbs_normals.hpp"
#include "pairloom/hashing.hpp"

namespace pairloom {
namespace {

constexpr std::size_t tile_rows = 256;
constexpr double furthest = 37.4;  // where a normal density is still a normal number
constexpr double unbounded = 1e30;
constexpr double smallest = 1e-300;

inline double clamped(double x, double low, double high) { return x < low ? low : (x > high ? high : x); }

// e^x for -700 <= x <= 0, to about 1e-14 relative.
inline double exponential(double x) {
  const double n = __builtin_rint(x * 1.4426950408889634);
  const double r = (x - n * 0.6931471803691238) - n * 1.9082149292705877e-10;
  double p = 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  // Beside 2^52 a whole number stands in the lowest bits.
  const std::uint64_t exponent = __builtin_bit_cast(std::uint64_t, n + (4503599627370496.0 + 1023.0)) << 52;
  return p * __builtin_bit_cast(double, exponent);
}

// P(X < x) of a standard normal X for |x| <= furthest, to 1e-11 relative in the lower tail. (1 + 2 z) exp(z^2) erfc(z) is a
// polynomial in (z - 3.75) / (z + 3.75): Shepherd and Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x",
// Mathematics of Computation 1981; coefficients by interpolation at Chebyshev nodes.
inline double below(double x) {
  const double z = (x < 0 ? -x : x) * 0.7071067811865476;
  const double both = 1.0 / ((z + 3.75) * (1.0 + 2.0 * z));
  const double t = (z - 3.75) * (1.0 + 2.0 * z) * both;
  double p = 9.716005864483226e-07;
  p = p * t + -1.035691093688427e-06;
  p = p * t + -1.023910360023148e-05;
  p = p * t + 2.2405795730042577e-05;
  p = p * t + 5.059657544696868e-05;
  p = p * t + -0.00029013886028539534;
  p = p * t + 0.0002942512824294721;
  p = p * t + 0.0017556078924294974;
  p = p * t + -0.009746737478376667;
  p = p * t + 0.028362284549533615;
  p = p * t + -0.058693373785381614;
  p = p * t + 0.0923043198590186;
  p = p * t + -0.10880393190141288;
  p = p * t + 0.08227673858984891;
  p = p * t + 0.0035854155220933076;
  p = p * t + -0.1402405985876815;
  p = p * t + 1.2375126308378261;
  const double tail = 0.5 * p * (z + 3.75) * both * exponential(-z * z);
  return x < 0 ? tail : 1.0 - tail;
}

// The standard normal quantile for p in [1e-300, 1e-7), to about 1e-9 relative. Acklam, "An algorithm for computing the
// inverse normal cumulative distribution function", 2003.
inline double tail_quantile(double p) {
  const double q = __builtin_sqrt(-2 * __builtin_log(p));
  const double above = ((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q -
                         2.549732539343734) * q + 4.374664141464968) * q + 2.938163982698783;
  const double beneath = (((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q +
                          3.754408661907416) * q + 1.0;
  return above / beneath;
}

// Bounds of the hidden numbers less their scores, turned over where both are positive, so that both are exact.
struct Tile {
  double low[tile_rows], high[tile_rows], sign[tile_rows], upto_low[tile_rows], upto_high[tile_rows];

  void fill(const LatentRows& rows, std::size_t begin, std::size_t n) {
    double lower[tile_rows], upper[tile_rows];
    for (std::size_t i = 0; i < n; ++i) {
      const auto level = static_cast<std::size_t>(rows.levels[begin + i]);
      lower[i] = level == 0 ? -unbounded : rows.cuts.cuts[level - 1];
      upper[i] = level == rows.cuts.n_cuts ? unbounded : rows.cuts.cuts[level];
    }
    for (std::size_t i = 0; i < n; ++i) {
      const double score = static_cast<double>(rows.scores[begin + i]);
      const double under = lower[i] - score, over = upper[i] - score;
      const bool turned = under > 0;
      low[i] = turned ? -over : under;
      high[i] = turned ? -under : over;
      sign[i] = turned ? -1.0 : 1.0;
    }
    for (std::size_t i = 0; i < n; ++i) upto_low[i] = below(clamped(low[i], -furthest, furthest));
    for (std::size_t i = 0; i < n; ++i) upto_high[i] = below(clamped(high[i], -furthest, furthest));
  }
};

void draw(const LatentRows& rows, std::size_t begin, std::size_t n, const Tile& tile, std::uint64_t key, float* out) {
  double chances[tile_rows];
  float drawn[tile_rows];
  for (std::size_t i = 0; i < n; ++i) {
    const double uniform = (static_cast<double>(mix(key ^ mix(begin + i + golden)) >> 11) + 0.5) * 0x1p-53;
    chances[i] = clamped(tile.upto_low[i] + uniform * (tile.upto_high[i] - tile.upto_low[i]), smallest, 1 - 1e-16);
  }
  for (std::size_t i = 0; i < n; ++i) {
    const double p = chances[i];
    drawn[i] = normal_quantile(static_cast<float>(2 * p - 1), static_cast<float>(4 * p * (1 - p)));
  }
  for (std::size_t i = 0; i < n; ++i) {
    double number = static_cast<double>(drawn[i]);
    if (chances[i] < 1e-7) number = tail_quantile(chances[i]);
    if (chances[i] > 1 - 1e-7) number = -tail_quantile(1 - chances[i]);
    const double score = static_cast<double>(rows.scores[begin + i]);
    out[begin + i] = static_cast<float>(score + tile.sign[i] * clamped(number, tile.low[i], tile.high[i]));
  }
}

inline double density(double x) {
  const double square = -0.5 * x * x;
  return 0.3989422804014327 * exponential(square < -700 ? -700 : square);
}

void expect(const LatentRows& rows, std::size_t begin, std::size_t n, const Tile& tile, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const double low = tile.low[i], high = tile.high[i], mass = tile.upto_high[i] - tile.upto_low[i];
    const double mean = mass < 1e-290 ? high : (density(low) - density(high)) / mass;
    const double score = static_cast<double>(rows.scores[begin + i]);
    out[begin + i] = static_cast<float>(score + tile.sign[i] * clamped(mean, low, high));
  }
}

void draw_rows(const LatentRows& rows, std::uint64_t key, bool draws, float* out) {
  Tile tile;
  for (std::size_t begin = rows.begin; begin < rows.end; begin += tile_rows) {
    const std::size_t n = rows.end - begin < tile_rows ? rows.end - begin : tile_rows;
    tile.fill(rows, begin, n);
    if (draws) {
      draw(rows, begin, n, tile, key, out);
    } else {
      expect(rows, begin, n, tile, out);
    }
  }
}

void probabilities(const LatentRows& rows, float* out) {
  const std::size_t n_levels = rows.cuts.n_cuts + 1;
  double before[tile_rows], upto[tile_rows];
  for (std::size_t begin = rows.begin; begin < rows.end; begin += tile_rows) {
    const std::size_t n = rows.end - begin < tile_rows ? rows.end - begin : tile_rows;
    for (std::size_t i = 0; i < n; ++i) before[i] = 0;
    for (std::size_t j = 0; j < n_levels; ++j) {
      const double cut = j == rows.cuts.n_cuts ? unbounded : rows.cuts.cuts[j];
      for (std::size_t i = 0; i < n; ++i) {
        const double limit = clamped(cut - static_cast<double>(rows.scores[begin + i]), -furthest, furthest);
        upto[i] = j == rows.cuts.n_cuts ? 1.0 : below(limit);
      }
      for (std::size_t i = 0; i < n; ++i) {
        const double share = upto[i] - before[i];
        out[(begin + i) * n_levels + j] = static_cast<float>(share > 0 ? share : 0);
        before[i] = upto[i];
      }
    }
  }
}

void means(const LatentRows& rows, const double* values, double* out) {
  const std::size_t n_cuts = rows.cuts.n_cuts;
  for (std::size_t r = rows.begin; r < rows.end; ++r) out[r] = values[n_cuts];
  for (std::size_t j = 0; j < n_cuts; ++j) {
    const double cut = rows.cuts.cuts[j], step = values[j + 1] - values[j];
    for (std::size_t r = rows.begin; r < rows.end; ++r) {
      out[r] -= step * below(clamped(cut - static_cast<double>(rows.scores[r]), -furthest, furthest));
    }
  }
}

double log_likelihood(const LatentRows& rows) {
  Tile tile;
  double total = 0;
  for (std::size_t begin = rows.begin; begin < rows.end; begin += tile_rows) {
    const std::size_t n = rows.end - begin < tile_rows ? rows.end - begin : tile_rows;
    tile.fill(rows, begin, n);
    // One logarithm of the product of what stands before the powers of two, which stays below 2^256.
    double product = 1;
    std::int64_t exponents = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double mass = tile.upto_high[i] - tile.upto_low[i];
      const auto bits = __builtin_bit_cast(std::int64_t, mass > smallest ? mass : smallest);
      exponents += bits >> 52;
      product *= __builtin_bit_cast(double, (bits & 0x000fffffffffffff) | 0x3ff0000000000000);
    }
    exponents -= 1023 * static_cast<std::int64_t>(n);
    total += __builtin_log(product) + static_cast<double>(exponents) * 0.6931471805599453;
  }
  return total;
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_LATENTS_LEVEL PAIRLOOM_JOIN(latents_, PAIRLOOM_LEVEL)

}  // namespace

extern const LatentKernels PAIRLOOM_LATENTS_LEVEL;
const LatentKernels PAIRLOOM_LATENTS_LEVEL{PAIRLOOM_LEVEL_NAME, draw_rows, probabilities, means, log_likelihood};

}  // namespace pairloom
