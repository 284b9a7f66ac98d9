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

// Hot rows are reconciled a slice after every block, so that each comes up once in so many blocks.
constexpr std::size_t n_slices = 16;

// A thread's own copy of what all threads write, with what it was when last reconciled.
class Replica {
 public:
  Replica(const float* table, const FmLayout& layout, const HotRows& hot, const FmBias& shared_bias,
          std::size_t n_threads)
      : bias(shared_bias),
        layout_(layout),
        hot_(hot),
        share_(1.0F / static_cast<float>(n_threads)),
        values_(hot.n * layout.stride),
        snapshot_(table, table + hot.n * layout.stride),
        bias_snapshot_(shared_bias) {
    std::copy(snapshot_.begin(), snapshot_.end(), values_.data());
  }
  float* values() { return values_.data(); }

  // Adds this thread's changes to the shared copy, and takes over what the others added.
  void reconcile(float* table, FmBias& shared_bias, std::size_t slice) {
    const std::size_t begin = hot_.n * slice / n_slices, end = hot_.n * (slice + 1) / n_slices;
    for (std::size_t row = begin; row < end; ++row) {
      const float share = row < hot_.n_averaged ? share_ : 1.0F;
      const std::size_t start = row * layout_.stride;
      float* own = values_.data() + start;
      for (std::size_t j = 0; j < layout_.stride; ++j) merge(table[start + j], own[j], snapshot_[start + j], share);
    }
    merge(shared_bias.value, bias.value, bias_snapshot_.value, share_);
    for (int i = 0; i < 2; ++i) merge(shared_bias.state[i], bias.state[i], bias_snapshot_.state[i], 1.0F);
  }
  void reconcile_all(float* table, FmBias& shared_bias) {
    for (std::size_t slice = 0; slice < n_slices; ++slice) reconcile(table, shared_bias, slice);
  }

  FmBias bias;

 private:
  static void merge(float& shared, float& own, float& before, float share) {
    shared += share * (own - before);
    own = before = shared;
  }
  FmLayout layout_;
  HotRows hot_;
  float share_;
  AlignedFloats values_;
  std::vector<float> snapshot_;
  FmBias bias_snapshot_;
};

}  // namespace

FmTotals fm_train(const FmKernels& kernels, Solver solver, float* table, std::size_t n_features, const FmLayout& layout,
                  const RowView& rows, const std::int32_t* block_order, std::size_t n_blocks, std::size_t block_rows,
                  const HotRows& hot, const FmStep& step, FmBias& bias, std::size_t n_threads) {
  const std::size_t prefetch_distance = choose_prefetch_distance(n_features, layout, rows);
  const std::size_t n_workers = std::clamp<std::size_t>(n_threads, 1, std::max<std::size_t>(n_blocks, 1));
  if (n_workers == 1) {
    AlignedFloats scratch(layout.k_padded);
    TrainArguments arguments{table, layout, nullptr, 0, rows, 0, 0, step, prefetch_distance, scratch.data()};
    FmTotals totals;
    for (std::size_t b = 0; b < n_blocks; ++b) {
      arguments.begin = static_cast<std::size_t>(block_order[b]) * block_rows;
      arguments.end = std::min(rows.n_rows, arguments.begin + block_rows);
      kernels.train(solver, arguments, bias, totals);
    }
    return totals;
  }
  std::vector<FmTotals> totals(n_workers);
  std::atomic<std::size_t> next{0};
  std::mutex reconciling;

  parallel_for(n_workers, n_workers, [&](std::size_t worker) {
    AlignedFloats scratch(layout.k_padded);
    std::unique_lock lock(reconciling);
    Replica replica(table, layout, hot, bias, n_workers);
    lock.unlock();
    TrainArguments arguments{table, layout, replica.values(), hot.n, rows, 0, 0, step, prefetch_distance,
                             scratch.data()};
    FmTotals own;
    std::size_t slice = 0;
    for (std::size_t b = next.fetch_add(1); b < n_blocks; b = next.fetch_add(1)) {
      arguments.begin = static_cast<std::size_t>(block_order[b]) * block_rows;
      arguments.end = std::min(rows.n_rows, arguments.begin + block_rows);
      kernels.train(solver, arguments, replica.bias, own);
      if (lock.try_lock()) {
        replica.reconcile(table, bias, slice++ % n_slices);
        lock.unlock();
      }
    }
    lock.lock();
    replica.reconcile_all(table, bias);
    totals[worker] = own;
  });

  FmTotals sum;
  for (const FmTotals& own : totals) sum.add(own);
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
