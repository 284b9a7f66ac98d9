#pragma once

#include <cstddef>

#include "fm_simd.hpp"
#include "pairloom/fm.hpp"

// Included by per-level units only, as fm_simd.hpp is.
namespace pairloom {
namespace {

// What rows were found to be before they were learned from: errors, or probabilities of the label. They are kept for a
// while and summed up in whole vectors, apart from the chain of dependent steps.
class Measured {
 public:
  Measured(const TrainArguments& a, FmTotals& totals) : Measured(a.step.loss, a.rows, a.begin, totals) {}
  Measured(Loss loss, const RowView& rows, std::size_t begin, FmTotals& totals)
      : squared_(loss == Loss::squared), rows_(rows), first_(begin), totals_(totals) {}

  void keep(std::size_t row, float value) { values_[(row - first_) % most] = value; }
  // To be called before every row and after the last, where no vector is in use.
  void before(std::size_t row) {
    if (row - first_ == most) sum_up(row);
  }
  void end(std::size_t row) { sum_up(row); }

 private:
  static constexpr int most = 64, width = PAIRLOOM_LANES < 8 ? PAIRLOOM_LANES : 8;
  using V = Lanes<width>::type;
  using D = Doubles<width>::type;

  __attribute__((noinline)) void sum_up(std::size_t next) {
    const int n = static_cast<int>(next - first_);
    float weights[most], labels[most];
    for (int i = 0; i < n; ++i) {
      weights[i] = rows_.weights != nullptr ? rows_.weights[first_ + static_cast<std::size_t>(i)] : 1.0F;
      labels[i] = rows_.labels[first_ + static_cast<std::size_t>(i)];
    }
    const int n_padded = (n + width - 1) / width * width;
    for (int i = n; i < n_padded; ++i) {
      values_[i] = squared_ ? 0.0F : 1.0F;
      weights[i] = labels[i] = 0.0F;
    }
    if (squared_) {
      add_errors(weights, n_padded);
    } else {
      add_probabilities(weights, n_padded, labels);
    }
    first_ = next;
  }

  void add_errors(const float* weights, int n) {
    D loss{}, weight{}, absolute{};
    for (int i = 0; i < n; i += width) {
      const D error = __builtin_convertvector(load<V>(values_ + i), D);
      const D w = __builtin_convertvector(load<V>(weights + i), D);
      loss += error * error * w;
      absolute += (error < 0 ? -error : error) * w;
      weight += w;
    }
    totals_.loss += sum_of_lanes(loss);
    totals_.absolute_error += sum_of_lanes(absolute);
    totals_.weight += sum_of_lanes(weight);
  }

  void add_probabilities(const float* weights, int n, const float* labels) {
    D product = D{} + 1.0, outcomes[4] = {};
    double loss = 0;
    for (int i = 0; i < n; i += width) {
      V p = load<V>(values_ + i);
      p = p < 1e-12F ? V{} + 1e-12F : p;
      const V w = load<V>(weights + i);
      const auto actual = load<V>(labels + i) > 0.5F;
      const auto predicted = actual ? p >= 0.5F : p <= 0.5F;
      outcomes[0] += __builtin_convertvector((predicted | actual) ? V{} : w, D);
      outcomes[1] += __builtin_convertvector(~predicted & actual ? w : V{}, D);
      outcomes[2] += __builtin_convertvector(predicted & ~actual ? w : V{}, D);
      outcomes[3] += __builtin_convertvector(predicted & actual ? w : V{}, D);
      if (rows_.weights == nullptr) {
        product *= __builtin_convertvector(p, D);
      } else {
        for (int j = 0; j < width; ++j) {
          loss -= static_cast<double>(w[j]) * __builtin_log(static_cast<double>(p[j]));
        }
      }
    }
    // Of rows that weigh one, the logarithm of a product: one logarithm for sixteen rows.
    for (int j = 0; j < 4; ++j) loss -= __builtin_log(width == 8 ? product[j] * product[j + width / 2] : product[j]);
    totals_.loss += loss;
    for (int i = 0; i < 4; ++i) {
      const double weight = sum_of_lanes(outcomes[i]);
      totals_.outcomes[i] += weight;
      totals_.weight += weight;
    }
  }

  bool squared_;
  RowView rows_;
  std::size_t first_;
  FmTotals& totals_;
  float values_[most];
};

}  // namespace
}  // namespace pairloom
