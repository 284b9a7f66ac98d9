#include "pairloom/linear.hpp"

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

// Rows of at most three values each; the last feature never occurs.
struct SomeRows {
  std::vector<std::int64_t> indptr{0};
  std::vector<std::int32_t> indices;
  std::vector<float> values, labels;

  SomeRows(std::size_t n_rows, int n_features, int n_classes) {
    std::mt19937 random(7);
    for (std::size_t r = 0; r < n_rows; ++r) {
      const auto length = random() % 4;
      for (unsigned k = 0; k < length; ++k) {
        indices.push_back(static_cast<std::int32_t>(random() % static_cast<unsigned>(n_features - 1)));
        values.push_back(static_cast<float>(random() % 100) / 50.0F - 1.0F);
      }
      indptr.push_back(static_cast<std::int64_t>(indices.size()));
      labels.push_back(static_cast<float>(random() % static_cast<unsigned>(n_classes)));
    }
  }
  RowView view(bool valued) const {
    return {indptr.data(), 0, indices.data(), valued ? values.data() : nullptr, labels.data(), nullptr, labels.size()};
  }
};

// Every level, shape and loss: losses fall from pass to pass, memory is not left, an unseen feature stays untouched.
void training_learns(const LinearKernels& kernels, std::size_t n_columns, LinearLoss loss, bool valued,
                     std::size_t n_threads) {
  constexpr int n_features = 12;
  const std::size_t n_outputs = loss == LinearLoss::softmax ? 3 : 1;
  const LinearLayout layout(n_columns * n_outputs);
  const SomeRows rows(1100, n_features, loss == LinearLoss::softmax ? 3 : 2);
  std::vector<float> storage(n_features * layout.stride + 16), bias(2 * layout.padded, 0.1F);
  float* table = storage.data();
  std::vector<float> columns(6 * layout.padded);
  for (std::size_t c = 0; c < layout.n_columns; ++c) {
    columns[c] = columns[3 * layout.padded + c] = 0.05F;
    columns[layout.padded + c] = columns[2 * layout.padded + c] = 1e-5F;
    columns[5 * layout.padded + c] = 1;
  }
  const auto of = [&](std::size_t i) { return columns.data() + i * layout.padded; };
  const std::vector<std::int32_t> order{2, 0, 1};
  std::vector<double> first(n_columns), last(n_columns);
  for (int pass = 0; pass < 5; ++pass) {
    std::vector<double> losses(n_columns);
    const LinearTrainArguments a{table, layout, n_outputs, rows.view(valued), 0, 0, loss, 0.3F,
                                 {of(0), of(1), of(2), of(3), of(4), of(5)}, bias.data(), losses.data(),
                                 1100.0 * pass, 0, nullptr};
    linear_train(kernels, a, n_features, n_columns, order.data(), order.size(), 512, n_threads);
    (pass == 0 ? first : last) = losses;
  }
  for (std::size_t m = 0; m < n_columns; ++m) CHECK(std::isfinite(last[m]) && last[m] < 1.02 * first[m]);
  for (std::size_t j = 0; j < layout.stride; ++j) CHECK(table[(n_features - 1) * layout.stride + j] == 0);
}

void scores_and_gradients_are_sums(const LinearKernels& kernels, std::size_t n_columns, bool valued) {
  constexpr std::size_t n_features = 12;
  const SomeRows rows(2100, n_features, 2);
  const RowView view = rows.view(valued);
  std::vector<double> weights(n_features * n_columns), bias(n_columns, 0.25), out(view.n_rows * n_columns);
  std::iota(weights.begin(), weights.end(), -3.0);
  linear_scores(kernels, {weights.data(), n_features - 3, n_columns, bias.data(), view, 0, 0, out.data()}, 2);
  std::vector<double> gradient(n_features * n_columns), expected_gradient(gradient);
  linear_gradient(view, out.data(), n_columns, gradient.data());
  for (std::size_t r = 0; r < view.n_rows; ++r) {
    for (std::size_t c = 0; c < n_columns; ++c) {
      double expected = bias[c];
      for (auto p = static_cast<std::size_t>(rows.indptr[r]); p < static_cast<std::size_t>(rows.indptr[r + 1]); ++p) {
        const auto i = static_cast<std::size_t>(rows.indices[p]);
        const double x = valued ? static_cast<double>(rows.values[p]) : 1.0;
        if (i < n_features - 3) expected += x * weights[i * n_columns + c];
        expected_gradient[i * n_columns + c] += x * out[r * n_columns + c];
      }
      CHECK(std::abs(out[r * n_columns + c] - expected) <= 1e-9);
    }
  }
  for (std::size_t j = 0; j < gradient.size(); ++j) {
    CHECK(std::abs(gradient[j] - expected_gradient[j]) <= 1e-9 * (1 + std::abs(expected_gradient[j])));
  }
}

void penalised_steps_are_stationary() {
  constexpr std::size_t n = 5;
  std::vector<double> matrix(n * n), gradient(n), start(n), l1(n), step(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) matrix[i * n + j] = i == j ? 2.0 : 0.3 / static_cast<double>(1 + i + j);
    gradient[i] = static_cast<double>(i) - 2.0;
    start[i] = i % 2 == 0 ? 0.5 : 0.0;
    l1[i] = 0.25 * static_cast<double>(i);
  }
  const double scale = 1.5;
  minimise_penalised({n, matrix.data(), scale, gradient.data(), start.data(), l1.data()}, 100, step.data());
  bool has_zero = false;
  for (std::size_t i = 0; i < n; ++i) {
    double slope = gradient[i];
    for (std::size_t j = 0; j < n; ++j) slope += scale * matrix[i * n + j] * step[j];
    const double reached = start[i] + step[i];
    if (reached == 0.0) {
      has_zero = true;
      CHECK(std::abs(slope) <= l1[i] + 1e-3);
    } else {
      CHECK(std::abs(slope + std::copysign(l1[i], reached)) <= 1e-3);
    }
  }
  CHECK(has_zero);
}

}  // namespace

int main() {
  penalised_steps_are_stationary();
  for (const auto level : available_levels()) {
    const LinearKernels& kernels = linear_kernels(level);
    CHECK(kernels.level == level);
    for (const std::size_t n_columns : {1, 2, 3, 4, 7, 8, 15, 16, 40}) {
      for (const bool valued : {false, true}) {
        for (int loss = 0; loss <= static_cast<int>(LinearLoss::softmax); ++loss) {
          training_learns(kernels, n_columns, static_cast<LinearLoss>(loss), valued, 1);
        }
        scores_and_gradients_are_sums(kernels, n_columns, valued);
      }
    }
  }
  CHECK_THROWS(linear_kernels("z80"), std::invalid_argument);
  return 0;
}
