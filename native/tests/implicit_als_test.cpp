#include "pairloom/implicit_als.hpp"

#include <cmath>
#include <random>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

constexpr std::size_t padded = 16, n_factors = 5, n_others = 40;

// Gaussian elimination on the normal equations, in double.
std::vector<double> obvious(const ImplicitAls& side, std::size_t row) {
  std::vector<std::vector<double>> system(n_factors, std::vector<double>(n_factors + 1, 0));
  for (std::size_t i = 0; i < n_factors; ++i) {
    for (std::size_t j = 0; j < n_factors; ++j) system[i][j] = side.gram[i * padded + j];
    system[i][i] += side.penalties[row];
  }
  for (auto p = side.offsets[row]; p < side.offsets[row + 1]; ++p) {
    const float* y = side.fixed + static_cast<std::size_t>(side.others[p]) * padded;
    for (std::size_t i = 0; i < n_factors; ++i) {
      for (std::size_t j = 0; j < n_factors; ++j) system[i][j] += side.weights[p] * y[i] * y[j];
      system[i][n_factors] += side.weights[p] * y[i];
    }
  }
  for (std::size_t i = 0; i < n_factors; ++i) {
    for (std::size_t r = 0; r < n_factors; ++r) {
      if (r == i) continue;
      const double by = system[r][i] / system[i][i];
      for (std::size_t c = i; c <= n_factors; ++c) system[r][c] -= by * system[i][c];
    }
  }
  std::vector<double> solution;
  for (std::size_t i = 0; i < n_factors; ++i) solution.push_back(system[i][n_factors] / system[i][i]);
  return solution;
}

void compare(std::size_t n_rows, std::string_view level, std::size_t n_threads) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> fixed(n_others * padded, 0), gram(padded * padded, 0), weights, penalties;
  for (std::size_t o = 0; o < n_others; ++o) {
    for (std::size_t f = 0; f < n_factors; ++f) fixed[o * padded + f] = normal(random);
  }
  for (std::size_t o = 0; o < n_others; ++o) {
    for (std::size_t i = 0; i < padded; ++i) {
      for (std::size_t j = 0; j < padded; ++j) gram[i * padded + j] += 0.2F * fixed[o * padded + i] * fixed[o * padded + j];
    }
  }
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> others;
  for (std::size_t row = 0; row < n_rows; ++row) {
    for (std::size_t i = random() % 30; i > 0; --i) {
      others.push_back(static_cast<std::int32_t>(random() % n_others));
      weights.push_back(1 + static_cast<float>(random() % 3));
    }
    offsets.push_back(static_cast<std::int64_t>(others.size()));
    penalties.push_back(0.5F + static_cast<float>(random() % 4));
  }
  std::vector<float> solved(n_rows * padded, 0);
  const ImplicitAls side{offsets.data(), others.data(), weights.data(), n_rows, fixed.data(), gram.data(),
                         penalties.data(), solved.data(), padded, n_factors + 2};
  implicit_als(implicit_als_kernels(level), side, n_threads);
  for (std::size_t row = 0; row < n_rows; ++row) {
    const auto right = obvious(side, row);
    for (std::size_t f = 0; f < padded; ++f) {
      const double expected = f < n_factors && offsets[row] < offsets[row + 1] ? right[f] : 0;
      CHECK_NEAR(static_cast<double>(solved[row * padded + f]), expected, 1e-3);
    }
  }
}

}  // namespace

int main() {
  for (const auto level : available_levels()) {
    compare(300, level, 1);
    compare(3000, level, 3);
    compare(0, level, 2);
  }
  CHECK_THROWS(implicit_als_kernels("z80"), std::invalid_argument);
  return 0;
}
