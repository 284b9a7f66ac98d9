#include "pairloom/fm_ranking.hpp"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "fm_batch.hpp"
#include "pairloom/cpu.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {
namespace {

constexpr std::size_t groups_per_block = 32;

}  // namespace

extern const RankingKernels ranking_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const RankingKernels ranking_level_x86_64_v2, ranking_level_x86_64_v3, ranking_level_x86_64_v4;
#endif

const RankingKernels& ranking_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return ranking_level_x86_64_v4;
  if (wanted == "x86-64-v3") return ranking_level_x86_64_v3;
  if (wanted == "x86-64-v2") return ranking_level_x86_64_v2;
#endif
  return ranking_level_portable;
}

std::size_t ranking_scratch_floats(const FmRanking& ranking) {
  const std::size_t m = ranking.largest_group, n = ranking.n_negatives, k = ranking.k_padded;
  return 2 * k + 2 * (m + 1) * k + (m + n) * (k + 2) + m * n + 4 * m + n;
}

RankingTotals fm_train_ranking(const RankingKernels& kernels, const FmRanking& ranking, std::size_t n_threads) {
  const std::size_t n_blocks = (ranking.n_groups + groups_per_block - 1) / groups_per_block;
  const std::size_t n_workers = std::clamp<std::size_t>(n_threads, 1, std::max<std::size_t>(n_blocks, 1));
  std::vector<RankingTotals> totals(n_workers);
  std::atomic<std::size_t> next{0};
  parallel_for(n_workers, n_workers, [&](std::size_t worker) {
    AlignedFloats floats(ranking_scratch_floats(ranking));
    std::vector<std::int32_t> numbers(2 * (ranking.largest_group + ranking.n_negatives));
    RankingTotals own;
    for (std::size_t b = next.fetch_add(1); b < n_blocks; b = next.fetch_add(1)) {
      kernels.train(ranking, b * groups_per_block, std::min(ranking.n_groups, (b + 1) * groups_per_block),
                    {floats.data(), numbers.data()}, own);
    }
    totals[worker] = own;
  });
  RankingTotals sum;
  for (const RankingTotals& own : totals) sum.add(own);
  return sum;
}

}  // namespace pairloom
