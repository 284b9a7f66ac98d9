#include "pairloom/latents.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "pairloom/hashing.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {
namespace {

constexpr std::size_t piece_rows = 4096;
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double smallest = 1e-300;

double below(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }
double density(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi); }

template <std::size_t N>
double polynomial(const double (&c)[N], double x) {
  double value = c[N - 1];
  for (std::size_t i = N - 1; i > 0; --i) value = value * x + c[i - 1];
  return value;
}

// Standard normal quantile to about 1e-9 for p in (0, 1/2], 1e-300 and up. Acklam, "An algorithm for computing the
// inverse normal cumulative distribution function", 2003.
double lower_quantile(double p) {
  static constexpr double a[] = {2.506628277459239, -30.66479806614716, 138.3577518672690,
                                 -275.9285104469687, 220.9460984245205, -39.69683028665376};
  static constexpr double b[] = {1.0, -13.28068155288572, 66.80131188771972, -155.6989798598866, 161.5858368580409,
                                 -54.47609879822406};
  static constexpr double c[] = {2.938163982698783,  4.374664141464968,   -2.549732539343734,
                                 -2.400758277161838, -0.3223964580411365, -0.007784894002430293};
  static constexpr double d[] = {1.0, 3.754408661907416, 2.445134137142996, 0.3224671290700398,
                                 0.007784695709041462};
  if (p < 0.02425) {
    const double q = std::sqrt(-2 * std::log(p));
    return polynomial(c, q) / polynomial(d, q);
  }
  const double q = p - 0.5, r = q * q;
  return q * polynomial(a, r) / polynomial(b, r);
}

double quantile(double p) { return p <= 0.5 ? lower_quantile(p) : -lower_quantile(1 - p); }

struct Bounds {
  double low, high;
};

Bounds bounds_of(const LevelCuts& cuts, std::int32_t level) {
  const auto j = static_cast<std::size_t>(level);
  return {j == 0 ? -infinity : cuts.cuts[j - 1], j == cuts.n_cuts ? infinity : cuts.cuts[j]};
}

double share(double low, double high) { return low > 0 ? below(-low) - below(-high) : below(high) - below(low); }

// A draw from the standard normal between two bounds: from its lower half or, by symmetry, from its upper.
double truncated(double low, double high, double uniform) {
  if (low > 0) return -truncated(-high, -low, uniform);
  const double first = below(low), last = below(high);
  const double p = std::clamp(first + uniform * (last - first), smallest, 1 - 1e-16);
  return std::clamp(quantile(p), low, high);
}

double truncated_mean(double low, double high) {
  if (low > 0) return -truncated_mean(-high, -low);
  const double mass = below(high) - below(low);
  if (mass < 1e-290) return high;
  return std::clamp((density(low) - density(high)) / mass, low, high);
}

template <typename Work>
void over_pieces(std::size_t n_rows, std::size_t n_threads, const Work& work) {
  parallel_for((n_rows + piece_rows - 1) / piece_rows, n_threads, [&](std::size_t p) {
    work(p, p * piece_rows, std::min(n_rows, (p + 1) * piece_rows));
  });
}

}  // namespace

void draw_latents(const float* scores, const std::int32_t* levels, std::size_t n_rows, const LevelCuts& cuts,
                  std::uint64_t key, bool draws, float* out, std::size_t n_threads) {
  over_pieces(n_rows, n_threads, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      const double score = static_cast<double>(scores[r]);
      const Bounds bounds = bounds_of(cuts, levels[r]);
      const double low = bounds.low - score, high = bounds.high - score;
      const double uniform = (static_cast<double>(mix(key ^ mix(r + golden)) >> 11) + 0.5) * 0x1p-53;
      out[r] = static_cast<float>(score + (draws ? truncated(low, high, uniform) : truncated_mean(low, high)));
    }
  });
}

void level_probabilities(const float* scores, std::size_t n_rows, const LevelCuts& cuts, float* out,
                         std::size_t n_threads) {
  const std::size_t n_levels = cuts.n_cuts + 1;
  over_pieces(n_rows, n_threads, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      double before = 0;
      for (std::size_t j = 0; j < n_levels; ++j) {
        const double upto = j == cuts.n_cuts ? 1.0 : below(cuts.cuts[j] - static_cast<double>(scores[r]));
        out[r * n_levels + j] = static_cast<float>(upto - before);
        before = upto;
      }
    }
  });
}

double level_log_likelihood(const float* scores, const std::int32_t* levels, std::size_t n_rows, const LevelCuts& cuts,
                            std::size_t n_threads) {
  std::vector<double> sums((n_rows + piece_rows - 1) / piece_rows);
  over_pieces(n_rows, n_threads, [&](std::size_t piece, std::size_t begin, std::size_t end) {
    for (std::size_t r = begin; r < end; ++r) {
      const Bounds bounds = bounds_of(cuts, levels[r]);
      const double score = static_cast<double>(scores[r]);
      sums[piece] += std::log(std::max(share(bounds.low - score, bounds.high - score), smallest));
    }
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace pairloom
