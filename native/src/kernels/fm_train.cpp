#include <algorithm>
#include <atomic>
#include <mutex>
#include <vector>

#include "fm_batch.hpp"
#include "pairloom/fm.hpp"

namespace pairloom {

// Prefetching pays only where the table does not fit the cache; far enough ahead to cover a miss, near enough to stay.
std::size_t choose_prefetch_distance(std::size_t n_features, const FmLayout& layout, const RowView& rows) {
  constexpr std::size_t cache_floats = std::size_t{1} << 18;  // 1 MiB: what a core's second-level cache surely holds
  if (n_features * layout.stride <= cache_floats || rows.n_rows == 0) return 0;
  const std::size_t row_floats = (rows.offset(rows.n_rows) / rows.n_rows + 1) * layout.stride;
  return std::clamp<std::size_t>(4096 / row_floats, 1, 8);
}

namespace {

// A thread's own copy of what all threads write, with what it was when last reconciled.
struct Replica {
  std::vector<float> values, snapshot;
  FmBias bias, bias_snapshot;

  void take(const float* table, std::size_t n_floats, const FmBias& shared_bias) {
    values.assign(table, table + n_floats);
    snapshot = values;
    bias = bias_snapshot = shared_bias;
  }
  // Adds this thread's changes to the shared copy, and takes over what the others added.
  void reconcile(float* table, FmBias& shared_bias) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      table[j] += values[j] - snapshot[j];
      values[j] = snapshot[j] = table[j];
    }
    const auto merge = [](float& shared, float& own, float& before) {
      shared += own - before;
      own = before = shared;
    };
    merge(shared_bias.value, bias.value, bias_snapshot.value);
    for (int i = 0; i < 2; ++i) merge(shared_bias.state[i], bias.state[i], bias_snapshot.state[i]);
  }
};

}  // namespace

FmTotals fm_train(const FmKernels& kernels, Solver solver, float* table, std::size_t n_features, const FmLayout& layout,
                  const RowView& rows, const std::int32_t* block_order, std::size_t n_blocks, std::size_t block_rows,
                  std::size_t n_hot, const FmStep& step, FmBias& bias, std::size_t n_threads) {
  const std::size_t prefetch_distance = choose_prefetch_distance(n_features, layout, rows);
  const std::size_t n_workers = std::clamp<std::size_t>(n_threads, 1, std::max<std::size_t>(n_blocks, 1));
  const std::size_t n_shared = n_workers == 1 ? 0 : n_hot;
  std::vector<FmTotals> totals(n_workers);
  std::atomic<std::size_t> next{0};
  std::mutex reconciling;

  parallel_for(n_workers, n_workers, [&](std::size_t worker) {
    AlignedFloats scratch(layout.k_padded);
    Replica replica;
    {
      const std::lock_guard lock(reconciling);
      replica.take(table, n_shared * layout.stride, bias);
    }
    TrainArguments arguments{table, layout, replica.values.data(), n_shared, rows, 0, 0, step,
                             prefetch_distance, scratch.data()};
    FmTotals own;
    for (std::size_t b = next.fetch_add(1); b < n_blocks; b = next.fetch_add(1)) {
      arguments.begin = static_cast<std::size_t>(block_order[b]) * block_rows;
      arguments.end = std::min(rows.n_rows, arguments.begin + block_rows);
      kernels.train(solver, arguments, replica.bias, own);
      if (n_workers == 1) continue;
      const std::unique_lock lock(reconciling, std::try_to_lock);
      if (lock.owns_lock()) replica.reconcile(table, bias);
    }
    const std::lock_guard lock(reconciling);
    replica.reconcile(table, bias);
    totals[worker] = own;
  });

  FmTotals sum;
  for (const FmTotals& own : totals) {
    sum.loss += own.loss;
    sum.weight += own.weight;
  }
  return sum;
}

void fm_scores(const FmKernels& kernels, const float* table, std::size_t n_features, std::size_t k_padded,
               std::size_t stride, float bias, const RowView& rows, float* out, std::size_t n_threads) {
  constexpr std::size_t piece = 2048;
  const std::size_t n_pieces = (rows.n_rows + piece - 1) / piece;
  parallel_for(n_pieces, n_threads, [&](std::size_t p) {
    AlignedFloats scratch(k_padded);
    kernels.score({table, n_features, k_padded, stride, bias, rows, p * piece,
                   std::min(rows.n_rows, (p + 1) * piece), out, nullptr, scratch.data()});
  });
}

}  // namespace pairloom
