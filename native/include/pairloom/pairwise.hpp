#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pairloom {

enum class PairwiseLoss : std::uint8_t { bpr, warp };
enum class PairwiseSolver : std::uint8_t { sgd, adagrad };

// What is learned: a user's score of an item is users[u] . items[i] + biases[i]. Rows hold `padded` floats, a multiple
// of 16, with zeros behind the last factor; AdaGrad's sums have the same shapes and are null for plain steps.
struct PairwiseFactors {
  float* users;
  float* items;
  float* biases;
  float* user_sums;
  float* item_sums;  // and bias_sums: null where items stay as they are
  float* bias_sums;
  std::size_t n_users;
  std::size_t n_items;
  std::size_t padded;
};

// Who took what: each user's items ascending, without repeats.
struct TakenPairs {
  const std::int64_t* offsets;  // n_users + 1
  const std::int32_t* owners;   // user of each pair
  const std::int32_t* items;
  const float* weights;  // or null: 1 each
  std::size_t n_pairs;
};

struct PairwiseSettings {
  PairwiseLoss loss;
  PairwiseSolver solver;
  float rate;
  float user_l2, item_l2, bias_l2;
  bool biases;                // whether they are learned
  bool users;                 // whether users' vectors are
  std::size_t first_item;     // items before it stay as they are
  std::size_t max_sampled;    // WARP: draws for one pair
  const float* rank_weights;  // WARP: weight of a violation found at draw 1, 2, ... max_sampled
  const float* keep;          // alias table of items (Walker 1977); null draws all alike
  const std::int32_t* other;
  std::uint64_t seed;
};

struct PairwiseTotals {
  std::uint64_t samples = 0;  // pairs visited, less those of users without a negative
  std::uint64_t draws = 0;    // negatives scored
  std::uint64_t wrong = 0;    // BPR: negatives above their positive; WARP: pairs with a violation
  void add(const PairwiseTotals& more) {
    samples += more.samples;
    draws += more.draws;
    wrong += more.wrong;
  }
};

struct PairwiseTask {
  PairwiseFactors factors;
  TakenPairs pairs;
  PairwiseSettings settings;
};

struct PairwiseKernels {
  std::string_view level;
  // Pairs at places [begin, end) of the order that the seed gives.
  PairwiseTotals (*train)(const PairwiseTask&, std::size_t begin, std::size_t end);
  // All pairs of users [begin, end), user by user, `epochs` times or, of short histories, until 256 steps are taken.
  PairwiseTotals (*fold)(const PairwiseTask&, std::size_t begin, std::size_t end, std::size_t epochs);
};

const PairwiseKernels& pairwise_kernels(std::string_view level);

// One pass over all pairs in an order drawn from the seed, a step after every pair. A negative is any item that the user
// does not have, each as likely as the next or, with an alias table, as that says; users who have all items are passed
// over. Several threads step without locks, so that only one gives the same result each time.
//
// BPR: a step up log sigmoid(score of the item - score of one negative). Rendle, Freudenthaler, Gantner and
// Schmidt-Thieme, "BPR: Bayesian Personalized Pairwise from Implicit Feedback", UAI 2009.
// WARP: negatives are drawn until one comes within 1 of the item, and the step weighs what that tells about the item's
// rank. Weston, Bengio and Usunier, "WSABIE: Scaling Up To Large Vocabulary Image Annotation", IJCAI 2011.
PairwiseTotals pairwise_train(const PairwiseKernels& kernels, const PairwiseTask& task, std::size_t n_threads);

// Learns users' vectors alone, with the same steps. A user's result depends on that user's pairs and the seed only, not
// on who else is asked for or on threads.
PairwiseTotals pairwise_fold_in(const PairwiseKernels& kernels, const PairwiseTask& task, std::size_t epochs,
                              std::size_t n_threads);

// Walker's alias table of weights that are 0 or more and not all 0: place i stays with probability keep[i] and else
// becomes other[i].
void alias_table(const double* weights, std::size_t n, float* keep, std::int32_t* other);

// One item for each place that its user does not have, each as likely; -1 for a user who has all.
void draw_negatives(const std::int64_t* offsets, const std::int32_t* items, std::size_t n_items,
                    const std::int32_t* users, std::size_t n, std::uint64_t seed, std::int32_t* drawn);

}  // namespace pairloom
