#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pairloom/fm.hpp"

namespace pairloom {

enum class RankingLoss : std::uint8_t { bpr, warp, softmax };

// A factorization machine that learns to put what a user took above what he did not. The row of an event is that of
// the user, the event's context and the item; it is never joined: a score is
//   <q, s> + c,  q the sum of what asks, s the sum of the item's factors, c its weights and the pairs within it,
// without what is the same for all items. Of one table row: [factors, padded][weight][sums of squares of both][padding].
struct FmRanking {
  float* table;
  std::size_t k, k_padded, stride;

  RowView users;     // what a user has for himself
  RowView items;     // what an item has
  RowView contexts;  // what an event has; no rows where events have nothing
  const std::int64_t* history_offsets;  // what each user took, ascending: never drawn against him
  const std::int32_t* history_items;
  std::int64_t first_history;  // feature of item 0 in a history, others follow; -1: histories are no features
  float history_power;         // each of n has the value n^-power

  // Events of one user that are learned together. They are left out of his history meanwhile.
  const std::int32_t* group_users;
  const std::int64_t* group_offsets;
  std::size_t n_groups, largest_group;
  const std::int64_t* events;  // by group
  const std::int32_t* event_items;
  const float* event_weights;  // null: ones

  // What is drawn against a group: Walker's tables of aliases, and log(n_negatives * probability).
  std::size_t n_negatives;
  const float* accept;
  const std::int32_t* aliases;
  const float* corrections;

  RankingLoss loss;
  float factors_rate, weights_rate, factors_decay, weights_decay;
  float user_dropout, item_dropout;  // how often a row's first feature, an id, is left out
  std::uint64_t seed;
};

struct RankingTotals {
  double loss = 0;
  double weight = 0;
  double n_drawn = 0;  // items that were scored against an event, for WARP

  void add(const RankingTotals& other) {
    loss += other.loss;
    weight += other.weight;
    n_drawn += other.n_drawn;
  }
};

constexpr std::size_t largest_ranking_group = 64;

struct RankingScratch {
  float* floats;       // ranking_scratch_floats, on a cache line
  std::int32_t* numbers;  // 2 * (largest_group + n_negatives)
};
std::size_t ranking_scratch_floats(const FmRanking& ranking);

struct RankingKernels {
  std::string_view level;
  void (*train)(const FmRanking& ranking, std::size_t first_group, std::size_t last_group, RankingScratch scratch,
                RankingTotals& totals);
};

const RankingKernels& ranking_kernels(std::string_view level);

// One pass over all groups, by AdaGrad with one sum for a feature's factors and one for its weight, in lock-free
// parallel steps. What is drawn depends on the seed and the group alone; with one thread so does the result.
RankingTotals fm_train_ranking(const RankingKernels& kernels, const FmRanking& ranking, std::size_t n_threads);

}  // namespace pairloom
