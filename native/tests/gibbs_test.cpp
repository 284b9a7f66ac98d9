#include "pairloom/gibbs.hpp"

#include <cmath>
#include <cstring>
#include <random>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

constexpr std::size_t n_users = 3, n_items = 6, n_attributes = 5, n_columns = n_users + 1 + n_attributes;

// A field of users, absent in some rows and with more rows than a tile in others; a field of one number; a block.
struct SomeRows {
  std::vector<std::int32_t> users, number_index, items, groups, prior_of{1, 1, 2, 2, 2};
  std::vector<float> numbers, values, roots;
  std::vector<std::int64_t> starts{0};

  explicit SomeRows(std::size_t n_rows) {
    std::mt19937 random(3);
    for (std::size_t r = 0; r < n_rows; ++r) {
      users.push_back(static_cast<std::int32_t>(random() % (n_users + 1)) - 1);
      number_index.push_back(random() % 5 == 0 ? -1 : 0);
      numbers.push_back(static_cast<float>(random() % 100) / 50.0F - 1.0F);
      items.push_back(static_cast<std::int32_t>(random() % n_items));
      roots.push_back(0.5F + static_cast<float>(random() % 100) / 100.0F);
    }
    for (std::size_t i = 0; i < n_attributes; ++i) {
      for (std::size_t g = 0; g < n_items; ++g) {
        if (random() % 2 != 0) continue;
        groups.push_back(static_cast<std::int32_t>(g));
        values.push_back(i < 2 ? 1.0F : 0.25F * static_cast<float>(1 + g + (i == 4 ? i : 0)));
      }
      starts.push_back(static_cast<std::int64_t>(groups.size()));
    }
  }
};

// Coordinate descent lowers the objective, residuals follow the scores, and nothing outside the tables is touched.
void sweeps_descend(const GibbsKernels& kernels, std::size_t n_factors, bool weighted, bool stored_sums,
                    std::size_t n_threads) {
  const SomeRows data(900);
  const std::size_t n_rows = data.users.size(), stride = GibbsRowSet::stride(n_factors);
  GibbsRowSet rows(n_rows, n_factors, weighted ? data.roots.data() : nullptr, kernels, n_threads, stored_sums);
  rows.add_field(data.users.data(), nullptr, n_users, 0, 0);
  rows.add_field(data.number_index.data(), data.numbers.data(), 1, n_users, 0);
  rows.add_block(data.items.data(), n_items, data.starts.data(), data.groups.data(), data.values.data(), n_attributes,
                 n_users + 1, data.prior_of.data());
  std::vector<float> linear(n_columns), factors(n_columns * stride), means(3 * stride), precisions(3 * stride, 0.5F);
  for (std::size_t i = 0; i < n_columns; ++i) {
    for (std::size_t f = 0; f < n_factors; ++f) factors[i * stride + f] = 0.1F * static_cast<float>((i + f) % 7) - 0.3F;
  }
  const std::vector<float> linear_means(3), linear_precisions(3, 0.5F);
  std::vector<double> scores(n_rows), labels(n_rows);
  for (std::size_t r = 0; r < n_rows; ++r) labels[r] = std::sin(static_cast<double>(r));
  std::vector<float> residuals(n_rows);
  rows.scores(linear.data(), factors.data(), scores.data());
  for (std::size_t r = 0; r < n_rows; ++r) residuals[r] = static_cast<float>(scores[r] - labels[r]);
  const auto objective = [&] {
    double total = 0;
    for (std::size_t r = 0; r < n_rows; ++r) {
      const double root = weighted ? static_cast<double>(data.roots[r]) : 1.0;
      total += 2 * root * root * static_cast<double>(residuals[r] * residuals[r]);
    }
    for (const float w : linear) total += 0.5 * static_cast<double>(w * w);
    for (const float v : factors) total += 0.5 * static_cast<double>(v * v);
    return total;
  };
  for (std::uint64_t sweep = 0; sweep < 6; ++sweep) {
    const double before = objective();
    const bool draws = sweep >= 4;
    rows.sweep(residuals.data(), linear.data(), factors.data(),
               {means.data(), precisions.data(), linear_means.data(), linear_precisions.data()}, {2.0F, draws, sweep});
    CHECK(draws || objective() <= before * (1 + 1e-6));
    rows.scores(linear.data(), factors.data(), scores.data());
    for (std::size_t r = 0; r < n_rows; ++r) {
      CHECK_NEAR(static_cast<double>(residuals[r]), scores[r] - labels[r], 1e-4);
    }
  }
  for (std::size_t i = 0; i < n_columns; ++i) {
    for (std::size_t f = n_factors; f < stride; ++f) CHECK(factors[i * stride + f] == 0);
  }
}

void no_rows_draw_from_the_prior(const GibbsKernels& kernels) {
  const std::vector<std::int32_t> index(4, -1);
  GibbsRowSet rows(4, 2, nullptr, kernels, 1, false);
  rows.add_field(index.data(), nullptr, 1000, 0, 0);
  std::vector<float> linear(1000), factors(4000), means(4, 3.0F), precisions(4, 4.0F), residuals(4);
  const float linear_mean = -1, linear_precision = 100;
  rows.sweep(residuals.data(), linear.data(), factors.data(),
             {means.data(), precisions.data(), &linear_mean, &linear_precision}, {1.0F, true, 7});
  double sum = 0, squares = 0, weights = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    sum += static_cast<double>(factors[4 * i]);
    squares += static_cast<double>((factors[4 * i] - 3) * (factors[4 * i] - 3));
    weights += static_cast<double>(linear[i]);
  }
  CHECK_NEAR(sum / 1000, 3, 0.07);
  CHECK_NEAR(squares / 1000, 0.25, 0.05);
  CHECK_NEAR(weights / 1000, -1, 0.015);
}

}  // namespace

int main() {
  for (const auto level : available_levels()) {
    const GibbsKernels& kernels = gibbs_kernels(level);
    CHECK(kernels.level == level);
    for (const std::size_t n_factors : {1, 4, 5, 8, 11, 16, 17, 37}) {
      for (const bool weighted : {false, true}) {
        for (const bool stored_sums : {false, true}) {
          sweeps_descend(kernels, n_factors, weighted, stored_sums, n_factors % 3 + 1);
        }
      }
    }
    no_rows_draw_from_the_prior(kernels);
  }
  CHECK_THROWS(gibbs_kernels("z80"), std::invalid_argument);
  return 0;
}
