#include <algorithm>
#include <bit>
#include <deque>
#include <vector>

#include "fm_batch.hpp"
#include "pairloom/fm.hpp"

namespace pairloom {
namespace {

// A square of tiles is trained in two phases of two quarters each: first one diagonal, then the other, every quarter in
// the same manner. The quarters of a phase share no feature, so any number of levels from the top may run in parallel
// and the arithmetic stays the same. Each half of the bias's way is averaged where two quarters meet.
class TileRun {
 public:
  TileRun(const FmKernels& kernels, Solver solver, const TrainArguments& arguments, const std::int64_t* tile_starts,
          std::size_t n_groups, std::uint64_t turns, const FmBias& bias, std::size_t n_workers)
      : kernels_(kernels),
        solver_(solver),
        tile_starts_(tile_starts),
        n_groups_(n_groups),
        turns_(turns),
        arguments_(n_workers, arguments),
        totals_(n_workers),
        biases_(n_workers, bias) {
    for (std::size_t i = 0; i < n_workers; ++i) {
      scratch_.emplace_back(arguments.layout.k_padded);
      arguments_[i].scratch = scratch_[i].data();
    }
    for (std::size_t size = n_workers; size > 1; size /= 2) {
      for (std::size_t i = 0; i < n_workers / size; ++i) barriers_.emplace_back(size);
    }
  }

  void work(std::size_t worker) { side_by_side(worker, 0, biases_.size(), 0, 0, n_groups_, 0, 0); }

  FmBias bias() const { return biases_[0]; }
  FmTotals totals() const {
    FmTotals sum;
    for (const FmTotals& own : totals_) sum.add(own);
    return sum;
  }

 private:
  // Which diagonal of a square comes first: by level of the squares, alternating from pass to pass.
  std::size_t first_diagonal(std::size_t level) const { return (turns_ >> level) & 1U; }

  static FmBias mean(const FmBias& a, const FmBias& b) {
    return {0.5F * (a.value + b.value), {0.5F * (a.state[0] + b.state[0]), 0.5F * (a.state[1] + b.state[1])}};
  }

  void side_by_side(std::size_t worker, std::size_t team, std::size_t team_size, std::size_t row, std::size_t column,
                    std::size_t size, std::size_t level, std::size_t barrier) {
    if (team_size == 1) return alone(worker, row, column, size, level, biases_[worker]);
    const std::size_t half = size / 2, half_team = team_size / 2;
    const std::size_t side = worker < team + half_team ? 0 : 1;
    const std::size_t n_barriers = std::size_t{1} << level;
    for (std::size_t phase = 0; phase < 2; ++phase) {
      const std::size_t diagonal = phase ^ first_diagonal(level);
      side_by_side(worker, team + side * half_team, half_team, row + side * half, column + (side ^ diagonal) * half,
                   half, level + 1, 2 * barrier + side);
      barriers_[n_barriers - 1 + barrier].wait([&] {
        const FmBias joined = mean(biases_[team], biases_[team + half_team]);
        std::fill_n(biases_.begin() + static_cast<std::ptrdiff_t>(team), team_size, joined);
      });
    }
  }

  void alone(std::size_t worker, std::size_t row, std::size_t column, std::size_t size, std::size_t level,
             FmBias& bias) {
    if (size == 1) {
      const std::size_t tile = row * n_groups_ + column;
      TrainArguments& arguments = arguments_[worker];
      arguments.begin = static_cast<std::size_t>(tile_starts_[tile]);
      arguments.end = static_cast<std::size_t>(tile_starts_[tile + 1]);
      return kernels_.train(solver_, arguments, bias, totals_[worker]);
    }
    const std::size_t half = size / 2;
    for (std::size_t phase = 0; phase < 2; ++phase) {
      const std::size_t diagonal = phase ^ first_diagonal(level);
      FmBias left = bias, right = bias;
      alone(worker, row, column + diagonal * half, half, level + 1, left);
      alone(worker, row + half, column + (1 - diagonal) * half, half, level + 1, right);
      bias = mean(left, right);
    }
  }

  const FmKernels& kernels_;
  Solver solver_;
  const std::int64_t* tile_starts_;
  std::size_t n_groups_;
  std::uint64_t turns_;
  std::vector<TrainArguments> arguments_;
  std::vector<AlignedFloats> scratch_;
  std::vector<FmTotals> totals_;
  std::vector<FmBias> biases_;
  std::deque<Barrier> barriers_;  // by level, then by team
};

}  // namespace

FmTotals fm_train_tiles(const FmKernels& kernels, Solver solver, float* table, std::size_t n_features,
                        const FmLayout& layout, const RowView& rows, const std::int64_t* tile_starts,
                        std::size_t n_groups, std::uint64_t turns, const FmStep& step, FmBias& bias,
                        std::size_t n_threads) {
  const std::size_t n_workers = std::bit_floor(std::clamp<std::size_t>(n_threads, 1, n_groups));
  TrainArguments arguments{table, layout, nullptr, 0, rows, 0, 0, step,
                           choose_prefetch_distance(n_features, layout, rows), nullptr};
  TileRun run(kernels, solver, arguments, tile_starts, n_groups, turns, bias, n_workers);
  parallel_for(n_workers, n_workers, [&](std::size_t worker) { run.work(worker); });
  bias = run.bias();
  return run.totals();
}

}  // namespace pairloom
