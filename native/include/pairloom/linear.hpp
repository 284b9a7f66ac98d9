#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pairloom/fm.hpp"

namespace pairloom {

enum class LinearLoss : std::uint8_t {
  logistic,
  hinge,
  squared,
  absolute,
  eps_insensitive_absolute,
  eps_insensitive_squared,
  quantile,
  huber,
  softmax,
};

// Many linear models side by side: n_models of n_outputs columns each (one, or one per class). A feature's row holds
// its weights in all of them, then AdaGrad's sums, so that a visit to a feature is a visit to one or two cache lines:
//   [weights, padded][sums, padded], the last float of the sums being the clock of the last visit.
struct LinearLayout {
  std::size_t n_columns;
  std::size_t padded;
  std::size_t stride;

  explicit LinearLayout(std::size_t n_columns_);
};

// Per column, each of `padded` floats with zeros behind the last column.
struct LinearColumns {
  const float* rates;
  const float* l2;
  const float* l1;
  const float* bias_rates;
  const float* bias_l2;
  const float* positive_weights;  // of rows with label 1
};

struct LinearTrainArguments {
  float* table;
  LinearLayout layout;
  std::size_t n_outputs;
  RowView rows;
  std::size_t begin, end;
  LinearLoss loss;
  float parameter;  // margin, insensitivity, quantile or Huber's delta
  LinearColumns columns;
  float* bias;          // [values, padded][sums, padded]
  double* losses;       // per model, weighted sum before each step
  double clock;         // rows before `begin`
  std::size_t prefetch_distance;
  float* scratch;  // 3 * padded floats
};

struct LinearScoreArguments {
  const double* weights;   // n_features x n_columns
  std::size_t n_features;  // rows may hold indices beyond: they add nothing
  std::size_t n_columns;
  const double* bias;  // n_columns
  RowView rows;
  std::size_t begin, end;
  double* out;  // n_rows x n_columns
};

struct LinearKernels {
  std::string_view level;
  void (*train)(const LinearTrainArguments&);
  void (*score)(const LinearScoreArguments&);
};

// As fm_kernels.
const LinearKernels& linear_kernels(std::string_view level);

// One pass over rows in blocks, in the given order of blocks, a step of AdaGrad after every row; several threads step
// without locks. Penalties are proximal and lazy: a feature's are taken at its next visit, for all the rows since.
// Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 2011.
void linear_train(const LinearKernels& kernels, const LinearTrainArguments& arguments, std::size_t n_features,
                  std::size_t n_models, const std::int32_t* block_order, std::size_t n_blocks, std::size_t block_rows,
                  std::size_t n_threads);

// Sums in a row's own order and in doubles: an answer does not depend on the rows beside it.
void linear_scores(const LinearKernels& kernels, const LinearScoreArguments& arguments, std::size_t n_threads);

// gradient += rows^T residuals; gradient is n_features x n_columns, residuals are n_rows x n_columns.
void linear_gradient(const RowView& rows, const double* residuals, std::size_t n_columns, double* gradient);

// A parabola with a penalty upon it: gradient s + s (scale matrix) s / 2 + sum l1 |start + s|, over s of n numbers.
struct PenalisedParabola {
  std::size_t n;
  const double* matrix;  // n x n, symmetric, its diagonal above zero
  double scale;
  const double* gradient;
  const double* start;
  const double* l1;
};

// Writes the s that minimises it, one coordinate after the other, in at most `max_sweeps` sweeps over all; a sweep whose
// largest gain is a millionth of the first one's is the last. Friedman, Hastie and Tibshirani, "Regularization Paths for
// Generalized Linear Models via Coordinate Descent", Journal of Statistical Software 2010.
void minimise_penalised(const PenalisedParabola& parabola, std::size_t max_sweeps, double* step);

}  // namespace pairloom
