#include "pairloom/interactions.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "fm_batch.hpp"
#include "fm_draws.hpp"
#include "pairloom/cpu.hpp"

namespace pairloom {

extern const InteractionKernels interactions_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const InteractionKernels interactions_level_x86_64_v2, interactions_level_x86_64_v3, interactions_level_x86_64_v4;
#endif

const InteractionKernels& interaction_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return interactions_level_x86_64_v4;
  if (wanted == "x86-64-v3") return interactions_level_x86_64_v3;
  if (wanted == "x86-64-v2") return interactions_level_x86_64_v2;
#endif
  return interactions_level_portable;
}

namespace {

constexpr std::size_t widest_vector = 16;

// To a size with a kernel of its own (interactions_level.cpp), else to whole vectors of the widest level.
std::size_t pad_factors(std::size_t k) {
  if (k <= 4) return 4;
  return k <= 8 ? 8 : (k + 15) / 16 * 16;
}

std::size_t longest_row(const RowView& rows, std::size_t begin, std::size_t end) {
  std::size_t longest = 0;
  for (std::size_t r = begin; r < end; ++r) longest = std::max(longest, rows.offset(r + 1) - rows.offset(r));
  return longest;
}

// The arrays of an InteractionScratch.
class Scratch {
 public:
  Scratch(const InteractionLayout& layout, std::size_t longest)
      : values_(longest), rows_(longest), features_(longest), fields_(longest), slots_(layout.n_fields, -1),
        sums_(interaction_scratch_floats(layout, longest)) {}

  InteractionScratch view() {
    return {values_.data(), rows_.data(), features_.data(), fields_.data(), slots_.data(), sums_.data()};
  }

 private:
  std::vector<float> values_;
  std::vector<float*> rows_;
  std::vector<std::int32_t> features_, fields_, slots_;
  AlignedFloats sums_;
};

// Prefetching pays only where the table does not fit the cache, and where rows of it are not so wide that they push
// each other out.
std::size_t choose_prefetch_distance(const InteractionArguments& a) {
  constexpr std::size_t cache_floats = std::size_t{1} << 18, widest_row = 1024;
  return a.n_features * a.layout.stride > cache_floats && a.layout.stride <= widest_row ? 1 : 0;
}

// What every row writes, bias and pair weights: a thread's own copy, and what it was when last reconciled.
class Replica {
 public:
  Replica(const FmBias& bias, const float* pair_weights, std::size_t n_pairs, std::size_t n_threads)
      : share_(1.0F / static_cast<float>(n_threads)), n_pairs_(n_pairs), bias_(bias), bias_before_(bias),
        own_(pair_weights, pair_weights + 2 * n_pairs), before_(own_) {}

  FmBias& bias() { return bias_; }
  float* pair_weights() { return own_.data(); }

  // Averages this thread's changes of parameters into the shared ones, and adds up sums of squared gradients.
  void reconcile(FmBias& shared_bias, float* shared) {
    merge(shared_bias.value, bias_.value, bias_before_.value, share_);
    merge(shared_bias.state[0], bias_.state[0], bias_before_.state[0], 1.0F);
    for (std::size_t i = 0; i < 2 * n_pairs_; ++i) merge(shared[i], own_[i], before_[i], i < n_pairs_ ? share_ : 1.0F);
  }

 private:
  static void merge(float& shared, float& own, float& before, float share) {
    shared += share * (own - before);
    own = before = shared;
  }
  float share_;
  std::size_t n_pairs_;
  FmBias bias_, bias_before_;
  std::vector<float> own_, before_;
};

}  // namespace

InteractionLayout::InteractionLayout(Interaction kind_, std::size_t k_, std::size_t n_fields_, std::size_t order_,
                                     bool trains)
    : kind(kind_), k(k_), k_padded(pad_factors(k_)), n_fields(n_fields_), order(order_),
      block(k_padded * (trains ? 2 : 1)),
      n_blocks(kind_ == Interaction::field_aware      ? n_fields_
               : kind_ == Interaction::field_weighted ? 1
                                                      : order_ - 1),
      linear(n_blocks * block), stride((linear + 2 + 7) / 8 * 8) {}

std::size_t interaction_scratch_floats(const InteractionLayout& layout, std::size_t longest_row) {
  switch (layout.kind) {
    case Interaction::field_aware: return 0;
    case Interaction::field_weighted: return longest_row * (2 * layout.k_padded + 2);
    default: return longest_row * layout.order * widest_vector;
  }
}

void interaction_initialize(float* table, const InteractionLayout& layout, std::size_t first, std::size_t last,
                            std::uint64_t seed, const FmInitial& initial, std::size_t n_threads) {
  constexpr std::size_t piece = 256;
  const std::size_t n_pieces = (last - first + piece - 1) / piece;
  parallel_for(n_pieces, n_threads, [&](std::size_t p) {
    const std::size_t end = std::min(last, first + (p + 1) * piece);
    for (std::size_t i = first + p * piece; i < end; ++i) {
      float* row = table + i * layout.stride;
      std::fill(row, row + layout.stride, 0.0F);
      FeatureDraws draws(seed, i);
      for (std::size_t b = 0; b < layout.n_blocks; ++b) {
        float* block = row + b * layout.block;
        draws.fill(initial.factors_method, initial.factors_scale, block, layout.k);
        std::fill(block + layout.k_padded, block + layout.block, initial.accumulator);
      }
      draws.fill(initial.linear_method, initial.linear_scale, row + layout.linear, 1);
      row[layout.linear + 1] = initial.accumulator;
    }
  });
}

FmTotals interaction_train(const InteractionKernels& kernels, const InteractionArguments& arguments,
                           const std::int32_t* block_order, std::size_t n_blocks, std::size_t block_rows, FmBias& bias,
                           std::size_t n_threads) {
  const RowView& rows = arguments.data.rows;
  const std::size_t n_workers = std::clamp<std::size_t>(n_threads, 1, std::max<std::size_t>(n_blocks, 1));
  const std::size_t longest = longest_row(rows, 0, rows.n_rows);
  const std::size_t distance = choose_prefetch_distance(arguments);
  const auto train = [&](InteractionArguments& own, std::int32_t block, FmBias& own_bias, FmTotals& totals) {
    own.begin = static_cast<std::size_t>(block) * block_rows;
    own.end = std::min(rows.n_rows, own.begin + block_rows);
    kernels.train(own, own_bias, totals);
  };
  if (n_workers == 1) {
    Scratch scratch(arguments.layout, longest);
    InteractionArguments own = arguments;
    own.scratch = scratch.view();
    own.prefetch_distance = distance;
    FmTotals totals;
    for (std::size_t b = 0; b < n_blocks; ++b) train(own, block_order[b], bias, totals);
    return totals;
  }
  std::vector<FmTotals> totals(n_workers);
  std::atomic<std::size_t> next{0};
  std::mutex reconciling;
  parallel_for(n_workers, n_workers, [&](std::size_t worker) {
    Scratch scratch(arguments.layout, longest);
    std::unique_lock lock(reconciling);
    Replica replica(bias, arguments.pair_weights, arguments.layout.n_pairs(), n_workers);
    lock.unlock();
    InteractionArguments own = arguments;
    own.scratch = scratch.view();
    own.prefetch_distance = distance;
    own.pair_weights = replica.pair_weights();
    FmTotals measured;
    for (std::size_t b = next.fetch_add(1); b < n_blocks; b = next.fetch_add(1)) {
      train(own, block_order[b], replica.bias(), measured);
      lock.lock();
      replica.reconcile(bias, arguments.pair_weights);
      lock.unlock();
    }
    totals[worker] = measured;
  });
  FmTotals sum;
  for (const FmTotals& own : totals) sum.add(own);
  return sum;
}

void interaction_scores(const InteractionKernels& kernels, const InteractionArguments& arguments, float bias, float* out,
                        std::size_t n_threads) {
  constexpr std::size_t piece = 512;
  const RowView& rows = arguments.data.rows;
  const std::size_t n_pieces = (rows.n_rows + piece - 1) / piece;
  parallel_for(n_pieces, n_threads, [&](std::size_t p) {
    InteractionArguments own = arguments;
    own.begin = p * piece;
    own.end = std::min(rows.n_rows, own.begin + piece);
    Scratch scratch(arguments.layout, longest_row(rows, own.begin, own.end));
    own.scratch = scratch.view();
    own.prefetch_distance = choose_prefetch_distance(arguments);
    kernels.score(own, bias, out);
  });
}

}  // namespace pairloom
