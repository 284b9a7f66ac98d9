#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pairloom {

enum class Solver : std::uint8_t { sgd, adagrad, ftrl, adam };
enum class Loss : std::uint8_t { squared, logistic };

// One contiguous row of floats per feature: [factors, padded][linear weight][optimizer state][padding].
//   sgd      no state
//   adagrad  1 float: the sum of squared residuals times values, which scales the steps of the whole row
//   ftrl     2 * (1 + k_padded) floats: z and n of the weight, then z and n of the factors
//   adam     2 * (1 + k_padded) floats: first and second moments, in the same order
struct FmLayout {
  std::size_t k;
  std::size_t k_padded;
  std::size_t stride;

  FmLayout(std::size_t k_, Solver solver);
};

// A pass over rows reads them through this view. Offsets come from indptr or, when every row holds the same number of
// non-zeros, from row_length (indptr is then null). values is null when all are one, weights when all are one.
struct RowView {
  const std::int64_t* indptr = nullptr;
  std::size_t row_length = 0;
  const std::int32_t* indices = nullptr;
  const float* values = nullptr;
  const float* labels = nullptr;
  const float* weights = nullptr;
  std::size_t n_rows = 0;

  std::size_t offset(std::size_t row) const {
    return indptr != nullptr ? static_cast<std::size_t>(indptr[row]) : row * row_length;
  }
  bool pairs() const { return indptr == nullptr && row_length == 2 && values == nullptr; }
};

// What one step does with a gradient. Rates are per row for sgd, adagrad and ftrl, per mini-batch for adam.
struct FmStep {
  Loss loss = Loss::squared;
  float bias_rate = 0, linear_rate = 0, factors_rate = 0;
  float bias_decay = 0, linear_decay = 0, factors_decay = 0;
  float linear_l1 = 0, factors_l1 = 0;  // ftrl
  float ftrl_beta = 1;
  float clip = 0;     // 0: gradients are not clipped
  float rescale = 1;  // multiplies every gradient of the loss
};

struct FmBias {
  float value = 0;
  float state[2] = {0, 0};
};

// Sums over rows, each measured before it is learned from and counted by its weight.
struct FmTotals {
  double loss = 0;  // squared error or log loss
  double weight = 0;
  double absolute_error = 0;            // squared loss only
  double outcomes[4] = {0, 0, 0, 0};    // logistic loss only: weights by 2 * (probability >= 0.5) + label

  void add(const FmTotals& other) {
    loss += other.loss;
    weight += other.weight;
    absolute_error += other.absolute_error;
    for (int i = 0; i < 4; ++i) outcomes[i] += other.outcomes[i];
  }
};

struct TrainArguments {
  float* table;
  FmLayout layout;
  // Rows of the n_hot first features are kept in hot, a thread's own copy, instead of in the table.
  float* hot;
  std::size_t n_hot;
  RowView rows;
  std::size_t begin, end;
  FmStep step;
  std::size_t prefetch_distance;
  float* scratch;  // k_padded floats
};

struct ScoreArguments {
  const float* table;
  std::size_t n_features;  // rows may hold indices beyond the table: they score as nothing
  std::size_t k_padded, stride;
  float bias;
  RowView rows;
  std::size_t begin, end;
  float* out;      // n_rows
  float* sums;     // n_rows x k_padded, or null
  float* scratch;  // k_padded floats
};

struct BatchUpdateArguments {
  float* table;
  FmLayout layout;
  std::int32_t feature;
  const std::int32_t* batch_rows;  // rows that hold the feature, ascending
  const float* batch_values;       // null: ones
  std::size_t n_entries;
  const float* residuals;
  const float* sums;
  FmStep step;
  float first_moment, second_moment, epsilon;
  float bias_correction1, bias_correction2;
  float* scratch;  // k_padded floats
};

struct FmKernels {
  std::string_view level;
  void (*train)(Solver, const TrainArguments&, FmBias&, FmTotals&);
  void (*score)(const ScoreArguments&);
  void (*adam_update)(const BatchUpdateArguments&);
};

// The kernels of an instruction-set level that this processor runs; an empty name is the best one.
// Throws std::invalid_argument for an unknown or unsupported level.
const FmKernels& fm_kernels(std::string_view level);

// Draws initial factors and weights of features [first, last) and clears their state. A feature's draw depends on the
// seed and its number alone, so a table may grow in steps.
enum class Initializer : std::uint8_t { normal, uniform, constant };
struct FmInitial {
  Initializer factors_method, linear_method;
  float factors_scale, linear_scale;
  float accumulator;  // adagrad's first squared-gradient sums
};
void fm_initialize(float* table, const FmLayout& layout, Solver solver, std::size_t first, std::size_t last,
                   std::uint64_t seed, const FmInitial& initial, const FmStep& step, std::size_t n_threads);

// One pass over all rows in blocks, in the given order of blocks, by lock-free parallel steps.
// Recht et al., "Hogwild!", NIPS 2011; the hot features, which all threads would write, are copied per thread.
// Changes to them are added up, but averaged for those so frequent that each copy goes the whole way by itself.
struct HotRows {
  std::size_t n = 0;           // the first n features are hot
  std::size_t n_averaged = 0;  // of those the first so many are averaged
};
FmTotals fm_train(const FmKernels& kernels, Solver solver, float* table, std::size_t n_features, const FmLayout& layout,
                  const RowView& rows, const std::int32_t* block_order, std::size_t n_blocks, std::size_t block_rows,
                  const HotRows& hot, const FmStep& step, FmBias& bias, std::size_t n_threads);

// One pass over rows of two features each, laid out in n_groups x n_groups tiles such that tiles of different row and
// different column share no feature: tile (a, b) holds rows tile_starts[a * n_groups + b] up to the next start.
// n_groups is a power of two. Bit l of turns says which diagonal comes first at level l of the squares. The result does
// not depend on the number of threads, but for the sum of the losses.
// Gemulla et al., "Large-Scale Matrix Factorization with Distributed Stochastic Gradient Descent", KDD 2011.
FmTotals fm_train_tiles(const FmKernels& kernels, Solver solver, float* table, std::size_t n_features,
                        const FmLayout& layout, const RowView& rows, const std::int64_t* tile_starts,
                        std::size_t n_groups, std::uint64_t turns, const FmStep& step, FmBias& bias,
                        std::size_t n_threads);

struct AdamSettings {
  std::size_t batch_rows = 1000;
  float first_moment = 0.9F, second_moment = 0.999F, epsilon = 1e-8F;
};
// One pass over some of the rows' mini-batches with lazy Adam: only features of the batch move. The result does not
// depend on the number of threads. n_steps counts the mini-batches since training began. Kingma and Ba, "Adam", ICLR
// 2015.
FmTotals fm_train_adam(const FmKernels& kernels, float* table, std::size_t n_features, const FmLayout& layout,
                       const RowView& rows, const std::int32_t* batch_order, std::size_t n_batches,
                       const AdamSettings& settings, const FmStep& step, FmBias& bias, std::int64_t& n_steps,
                       std::size_t n_threads);

void fm_scores(const FmKernels& kernels, const float* table, std::size_t n_features, std::size_t k_padded,
               std::size_t stride, float bias, const RowView& rows, float* out, std::size_t n_threads);

}  // namespace pairloom
