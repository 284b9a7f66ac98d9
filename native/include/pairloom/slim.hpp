#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pairloom {

// gram = A' A of sparse rows, n_items x n_items, from both sides: `turned` holds the users of each item.
void item_gram(const std::int64_t* offsets, const std::int32_t* items, const float* weights,
               const std::int64_t* turned_offsets, const std::int32_t* turned_users, const float* turned_weights,
               std::size_t n_items, float* gram, std::size_t n_threads);

// For each item j the w >= 0 with w_j = 0 that minimises |a_j - A w|^2 / 2 + l2 |w|^2 / 2 + l1 |w|_1, given A' A alone.
// Where n_neighbours is not 0, only so many w, of the items with the largest cosines to j, may differ from 0.
struct Slim {
  const float* gram;
  std::size_t n_items;
  float l1, l2;
  std::size_t n_neighbours;
  float tolerance;  // of a weight
  std::size_t max_sweeps;
};

// Weights above 0, column by column, items ascending.
struct SlimWeights {
  std::vector<std::int64_t> offsets;
  std::vector<std::int32_t> items;
  std::vector<float> values;
};

struct SlimKernels {
  std::string_view level;
  // Coordinate descent on a dense system of n coordinates, rows `stride` apart; `slopes` are kept at gram_j - gram w.
  void (*descend)(const Slim&, const float* system, std::size_t stride, std::size_t n, float* slopes, float* w);
  // slopes -= by * row
  void (*subtract)(float* slopes, const float* row, float by, std::size_t n);
};

const SlimKernels& slim_kernels(std::string_view level);

// Columns go to threads; the result does not depend on them. Each column is solved on a growing set of items: those that
// would still gain by being let in join it, until none would. Ning and Karypis, "SLIM: Sparse Linear Methods for Top-N
// Recommender Systems", ICDM 2011; Friedman, Hastie and Tibshirani, "Regularization Paths for Generalized Linear Models
// via Coordinate Descent", Journal of Statistical Software 2010, section 2.2.
SlimWeights slim(const SlimKernels& kernels, const Slim& asked, std::size_t n_threads);

}  // namespace pairloom
