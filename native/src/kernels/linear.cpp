#include "pairloom/linear.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "fm_batch.hpp"
#include "pairloom/cpu.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {

extern const LinearKernels linear_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const LinearKernels linear_level_x86_64_v2, linear_level_x86_64_v3, linear_level_x86_64_v4;
#endif

const LinearKernels& linear_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return linear_level_x86_64_v4;
  if (wanted == "x86-64-v3") return linear_level_x86_64_v3;
  if (wanted == "x86-64-v2") return linear_level_x86_64_v2;
#endif
  return linear_level_portable;
}

namespace {

// Room for the columns and, but for a single one, the clock.
std::size_t padded_columns(std::size_t n) {
  if (n <= 1) return 1;
  for (const std::size_t width : {4, 8, 16}) {
    if (n + 1 <= width) return width;
  }
  return (n + 16) / 16 * 16;
}

std::size_t prefetch_distance(std::size_t n_features, const LinearLayout& layout, const RowView& rows) {
  constexpr std::size_t cache_floats = std::size_t{1} << 18;
  if (n_features * layout.stride <= cache_floats || rows.n_rows == 0) return 0;
  const std::size_t lines = (rows.offset(rows.n_rows) / rows.n_rows + 1) * ((layout.stride + 15) / 16);
  return std::clamp<std::size_t>(64 / lines, 1, 8);
}

// A thread's own copy of the bias, which all threads write; changes are brought together after every block.
class OwnBias {
 public:
  OwnBias(const float* shared, std::size_t size) : own_(shared, shared + size), before_(own_) {}
  float* data() { return own_.data(); }
  void reconcile(float* shared, std::size_t n_threads) {
    for (std::size_t j = 0; j < own_.size(); ++j) {
      const bool is_value = j < own_.size() / 2;
      shared[j] += (own_[j] - before_[j]) / (is_value ? static_cast<float>(n_threads) : 1.0F);
      own_[j] = before_[j] = shared[j];
    }
  }

 private:
  std::vector<float> own_, before_;
};

}  // namespace

LinearLayout::LinearLayout(std::size_t n_columns_)
    : n_columns(n_columns_), padded(padded_columns(n_columns_)), stride(padded == 1 ? 4 : 2 * padded) {}

void linear_train(const LinearKernels& kernels, const LinearTrainArguments& arguments, std::size_t n_features,
                  std::size_t n_models, const std::int32_t* block_order, std::size_t n_blocks, std::size_t block_rows,
                  std::size_t n_threads) {
  const std::size_t n_rows = arguments.rows.n_rows, padded = arguments.layout.padded;
  const std::size_t n_workers = std::clamp<std::size_t>(n_threads, 1, std::max<std::size_t>(n_blocks, 1));
  const auto begin_of = [&](std::size_t b) { return static_cast<std::size_t>(block_order[b]) * block_rows; };
  const auto end_of = [&](std::size_t b) { return std::min(n_rows, begin_of(b) + block_rows); };
  std::vector<double> clocks(n_blocks + 1, arguments.clock);
  for (std::size_t b = 0; b < n_blocks; ++b) clocks[b + 1] = clocks[b] + static_cast<double>(end_of(b) - begin_of(b));
  std::atomic<std::size_t> next{0};
  std::mutex reconciling;
  const auto work = [&](float* bias, double* losses, OwnBias* own) {
    AlignedFloats scratch(3 * padded);
    LinearTrainArguments a = arguments;
    a.prefetch_distance = prefetch_distance(n_features, a.layout, a.rows);
    a.bias = bias;
    a.losses = losses;
    a.scratch = scratch.data();
    for (std::size_t b = next.fetch_add(1); b < n_blocks; b = next.fetch_add(1)) {
      a.begin = begin_of(b);
      a.end = end_of(b);
      a.clock = clocks[b];
      kernels.train(a);
      if (own != nullptr) {
        const std::lock_guard lock(reconciling);
        own->reconcile(arguments.bias, n_workers);
      }
    }
  };
  if (n_workers == 1) return work(arguments.bias, arguments.losses, nullptr);
  std::vector<std::vector<double>> losses(n_workers, std::vector<double>(n_models));
  parallel_for(n_workers, n_workers, [&](std::size_t worker) {
    std::unique_lock lock(reconciling);
    OwnBias own(arguments.bias, 2 * padded);
    lock.unlock();
    work(own.data(), losses[worker].data(), &own);
  });
  for (const auto& own : losses) {
    for (std::size_t m = 0; m < n_models; ++m) arguments.losses[m] += own[m];
  }
}

void linear_scores(const LinearKernels& kernels, const LinearScoreArguments& arguments, std::size_t n_threads) {
  constexpr std::size_t piece = 1024;
  const std::size_t n_rows = arguments.rows.n_rows;
  const auto score_piece = [&](std::size_t p) {
    LinearScoreArguments a = arguments;
    a.begin = p * piece;
    a.end = std::min(n_rows, (p + 1) * piece);
    kernels.score(a);
  };
  parallel_for((n_rows + piece - 1) / piece, n_threads, score_piece);
}

void linear_gradient(const RowView& rows, const double* residuals, std::size_t n_columns, double* gradient) {
  for (std::size_t r = 0; r < rows.n_rows; ++r) {
    const double* residual = residuals + r * n_columns;
    const std::size_t last = rows.offset(r + 1);
    for (std::size_t p = rows.offset(r); p < last; ++p) {
      const double x = rows.values != nullptr ? static_cast<double>(rows.values[p]) : 1.0;
      double* out = gradient + static_cast<std::size_t>(rows.indices[p]) * n_columns;
      for (std::size_t c = 0; c < n_columns; ++c) out[c] += x * residual[c];
    }
  }
}

void minimise_penalised(const PenalisedParabola& parabola, std::size_t max_sweeps, double* step) {
  const auto& [n, matrix, scale, gradient, start, l1] = parabola;
  constexpr double negligible = 1e-6;
  std::vector<double> product(n, 0.0);
  std::fill_n(step, n, 0.0);
  double first = 0.0;
  for (std::size_t sweep = 0; sweep < max_sweeps; ++sweep) {
    double largest = 0.0;
    for (std::size_t j = 0; j < n; ++j) {
      const double size = scale * matrix[j * n + j], here = start[j] + step[j];
      const double target = here - (gradient[j] + product[j]) / size;
      const double change = std::copysign(std::max(std::abs(target) - l1[j] / size, 0.0), target) - here;
      if (change == 0.0) continue;
      const double* row = matrix + j * n;
      for (std::size_t i = 0; i < n; ++i) product[i] += scale * change * row[i];
      step[j] += change;
      largest = std::max(largest, change * change * size);
    }
    if (sweep == 0) first = largest;
    if (!(largest > negligible * first)) return;
  }
}

}  // namespace pairloom
