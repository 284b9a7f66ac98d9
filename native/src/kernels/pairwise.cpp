#include "pairloom/pairwise.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "pairloom/cpu.hpp"
#include "pairloom/thread_pool.hpp"
#include "pairwise_draws.hpp"

namespace pairloom {
namespace {

constexpr std::size_t pairs_per_task = 1 << 13, users_per_task = 64;

}  // namespace

extern const PairwiseKernels pairwise_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const PairwiseKernels pairwise_level_x86_64_v2, pairwise_level_x86_64_v3, pairwise_level_x86_64_v4;
#endif

const PairwiseKernels& pairwise_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return pairwise_level_x86_64_v4;
  if (wanted == "x86-64-v3") return pairwise_level_x86_64_v3;
  if (wanted == "x86-64-v2") return pairwise_level_x86_64_v2;
#endif
  return pairwise_level_portable;
}

namespace {

template <typename Work>
PairwiseTotals in_parts(std::size_t n, std::size_t size, std::size_t n_threads, const Work& work) {
  PairwiseTotals totals;
  std::mutex mutex;
  parallel_for((n + size - 1) / size, n_threads, [&](std::size_t part) {
    const PairwiseTotals found = work(part * size, std::min(n, (part + 1) * size));
    const std::lock_guard lock(mutex);
    totals.add(found);
  });
  return totals;
}

}  // namespace

PairwiseTotals pairwise_train(const PairwiseKernels& kernels, const PairwiseTask& task, std::size_t n_threads) {
  return in_parts(task.pairs.n_pairs, pairs_per_task, n_threads,
                  [&](std::size_t begin, std::size_t end) { return kernels.train(task, begin, end); });
}

PairwiseTotals pairwise_fold_in(const PairwiseKernels& kernels, const PairwiseTask& task, std::size_t epochs,
                              std::size_t n_threads) {
  PairwiseTask alone = task;
  alone.settings.users = true;
  alone.settings.biases = false;
  alone.settings.first_item = task.factors.n_items;
  return in_parts(task.factors.n_users, users_per_task, n_threads,
                  [&](std::size_t begin, std::size_t end) { return kernels.fold(alone, begin, end, epochs); });
}

void alias_table(const double* weights, std::size_t n, float* keep, std::int32_t* other) {
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) total += weights[i];
  std::vector<double> left(n);
  std::vector<std::size_t> small, large;
  for (std::size_t i = 0; i < n; ++i) {
    left[i] = weights[i] / total * static_cast<double>(n);
    keep[i] = 1;
    other[i] = static_cast<std::int32_t>(i);
    (left[i] < 1 ? small : large).push_back(i);
  }
  while (!small.empty() && !large.empty()) {
    const std::size_t poor = small.back(), rich = large.back();
    small.pop_back();
    keep[poor] = static_cast<float>(left[poor]);
    other[poor] = static_cast<std::int32_t>(rich);
    left[rich] -= 1 - left[poor];
    if (left[rich] < 1) {
      large.pop_back();
      small.push_back(rich);
    }
  }
}

void draw_negatives(const std::int64_t* offsets, const std::int32_t* items, std::size_t n_items,
                    const std::int32_t* users, std::size_t n, std::uint64_t seed, std::int32_t* drawn) {
  for (std::size_t place = 0; place < n; ++place) {
    const auto user = static_cast<std::size_t>(users[place]);
    const auto taken = static_cast<std::size_t>(offsets[user + 1] - offsets[user]);
    Draws draws = draws_of(seed, place);
    drawn[place] = -1;
    if (taken >= n_items) continue;
    std::size_t item = draws.below(n_items - taken);
    absent_items<1>(items + offsets[user], taken, &item);
    drawn[place] = static_cast<std::int32_t>(item);
  }
}

}  // namespace pairloom
