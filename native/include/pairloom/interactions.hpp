#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pairloom/fm.hpp"

namespace pairloom {

// How features interact, beyond the plain pairs of fm.hpp.
//   field_aware     a feature has factors for every field that it can meet (Juan et al., RecSys 2016)
//   field_weighted  one row of factors a feature, one weight a pair of fields (Pan et al., WWW 2018)
//   higher_order    ANOVA kernels of degree 2 up to `order`, with factors of their own (Blondel et al., NIPS 2016)
enum class Interaction : std::uint8_t { field_aware, field_weighted, higher_order };

// One contiguous row of floats per feature: blocks of factors, then the linear weight and its sum of squared gradients.
// A block is [factors, padded], and while training [factors, padded][sums of squared gradients, padded].
struct InteractionLayout {
  Interaction kind;
  std::size_t k, k_padded;
  std::size_t n_fields;  // 0 for higher_order
  std::size_t order;     // 2 but for higher_order
  std::size_t block;     // floats
  std::size_t n_blocks;  // n_fields, 1, or order - 1
  std::size_t linear;    // where the weight is
  std::size_t stride;

  InteractionLayout(Interaction kind_, std::size_t k_, std::size_t n_fields_, std::size_t order_, bool trains);
  std::size_t n_pairs() const { return kind == Interaction::field_weighted ? n_fields * n_fields : 0; }
};

// fields gives the field of each non-zero, all below n_fields; null for higher_order.
struct InteractionRows {
  RowView rows;
  const std::int32_t* fields = nullptr;
};

// One row made ready: features that the table has, values scaled to unit length where that is asked for. The arrays have
// room for the longest row.
struct InteractionScratch {
  float* values;
  float** rows;
  std::int32_t* features;
  std::int32_t* fields;
  std::int32_t* slots;  // n_fields, all -1 between rows: where a field's sums are
  float* sums;          // aligned; see interaction_scratch_floats
};

struct InteractionArguments {
  float* table;
  std::size_t n_features;
  InteractionLayout layout;
  float* pair_weights;  // n_fields x n_fields, symmetric; while training, as many sums of squared gradients behind them
  bool normalize;       // every row is scaled to unit length
  InteractionRows data;
  std::size_t begin, end;
  FmStep step;
  bool adagrad;  // or plain steps
  std::size_t prefetch_distance;
  InteractionScratch scratch;
};

struct InteractionKernels {
  std::string_view level;
  void (*train)(const InteractionArguments&, FmBias&, FmTotals&);
  void (*score)(const InteractionArguments&, float bias, float* out);
};

const InteractionKernels& interaction_kernels(std::string_view level);

// Floats of InteractionScratch::sums for rows of up to so many non-zeros.
std::size_t interaction_scratch_floats(const InteractionLayout& layout, std::size_t longest_row);

// Draws factors and weights of features [first, last); a feature's draw depends on the seed and its number alone.
void interaction_initialize(float* table, const InteractionLayout& layout, std::size_t first, std::size_t last,
                            std::uint64_t seed, const FmInitial& initial, std::size_t n_threads);

// One pass over rows in blocks, in the given order. Several threads step lock-free; each has its own bias and pair
// weights, which are averaged after every block. Arguments need no begin, end and scratch. Recht et al., "Hogwild!",
// NIPS 2011.
FmTotals interaction_train(const InteractionKernels& kernels, const InteractionArguments& arguments,
                           const std::int32_t* block_order, std::size_t n_blocks, std::size_t block_rows, FmBias& bias,
                           std::size_t n_threads);

void interaction_scores(const InteractionKernels& kernels, const InteractionArguments& arguments, float bias, float* out,
                        std::size_t n_threads);

}  // namespace pairloom
