#include <algorithm>
#include <cmath>
#include <vector>

#include "fm_batch.hpp"
#include "pairloom/fm.hpp"

namespace pairloom {
namespace {

// The transpose of a mini-batch: for each feature in it, the rows that hold it.
struct BatchColumns {
  std::vector<std::int32_t> slot_of_feature;  // -1: not in this batch
  std::vector<std::int32_t> features, starts, rows, fill;
  std::vector<float> values;

  // Takes all memory that any batch will need: later, while workers wait for one another, none may fail to get some.
  BatchColumns(std::size_t n_features, std::size_t most_nonzeros, bool has_values) : slot_of_feature(n_features, -1) {
    const std::size_t most_features = std::min(n_features, most_nonzeros);
    features.reserve(most_features);
    starts.reserve(most_features + 1);
    fill.reserve(most_features + 1);
    rows.reserve(most_nonzeros);
    if (has_values) values.reserve(most_nonzeros);
  }

  void build(const RowView& view, std::size_t begin, std::size_t end) {
    for (const std::int32_t feature : features) slot_of_feature[static_cast<std::size_t>(feature)] = -1;
    features.clear();
    starts.assign(1, 0);
    const std::size_t first = view.offset(begin), last = view.offset(end);
    for (std::size_t p = first; p < last; ++p) {
      std::int32_t& slot = slot_of_feature[static_cast<std::size_t>(view.indices[p])];
      if (slot < 0) {
        slot = static_cast<std::int32_t>(features.size());
        features.push_back(view.indices[p]);
        starts.push_back(0);
      }
      ++starts[static_cast<std::size_t>(slot) + 1];
    }
    for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
    fill.assign(starts.begin(), starts.end());
    rows.resize(last - first);
    if (view.values != nullptr) values.resize(last - first);
    for (std::size_t r = begin; r < end; ++r) {
      for (std::size_t p = view.offset(r); p < view.offset(r + 1); ++p) {
        const auto slot = static_cast<std::size_t>(slot_of_feature[static_cast<std::size_t>(view.indices[p])]);
        const auto entry = static_cast<std::size_t>(fill[slot]++);
        rows[entry] = static_cast<std::int32_t>(r - begin);
        if (view.values != nullptr) values[entry] = view.values[p];
      }
    }
  }
};

float sigmoid(float score) { return 1.0F / (1.0F + std::exp(-score)); }

// Residuals in place of scores; returns the loss before the update.
FmTotals take_residuals(const FmStep& step, const RowView& rows, std::size_t begin, std::size_t end, float* scores) {
  FmTotals totals;
  for (std::size_t r = begin; r < end; ++r) {
    float& score = scores[r - begin];
    const float weight = rows.weights != nullptr ? rows.weights[r] : 1.0F;
    const float label = rows.labels[r];
    totals.weight += static_cast<double>(weight);
    if (step.loss == Loss::squared) {
      const float error = score - label;
      totals.loss += static_cast<double>(weight) * static_cast<double>(error) * static_cast<double>(error);
      totals.absolute_error += static_cast<double>(weight) * std::abs(static_cast<double>(error));
      score = weight * error;
    } else {
      totals.outcomes[2 * (score >= 0) + (label > 0.5F)] += static_cast<double>(weight);
      const float sign = label > 0.5F ? 1.0F : -1.0F;
      const double p = std::max(1e-12, static_cast<double>(sigmoid(sign * score)));
      totals.loss -= std::isnan(score) ? static_cast<double>(score) : static_cast<double>(weight) * std::log(p);
      score = -sign * weight * sigmoid(-sign * score);
    }
  }
  return totals;
}

void update_bias(const FmStep& step, const AdamSettings& adam, double correction, const float* residuals,
                 std::size_t n_rows, FmBias& bias) {
  if (step.bias_rate == 0.0F) return;
  double gradient = 0;
  for (std::size_t r = 0; r < n_rows; ++r) gradient += static_cast<double>(residuals[r]);
  float g = static_cast<float>(gradient) * step.rescale;
  if (step.clip > 0) g = std::clamp(g, -step.clip, step.clip);
  g += step.bias_decay * bias.value;
  bias.state[0] = adam.first_moment * bias.state[0] + (1 - adam.first_moment) * g;
  bias.state[1] = adam.second_moment * bias.state[1] + (1 - adam.second_moment) * g * g;
  bias.value -= step.bias_rate * static_cast<float>(correction) * bias.state[0] /
                (std::sqrt(bias.state[1]) + adam.epsilon);
}

std::size_t longest_batch(const RowView& rows, const std::int32_t* batch_order, std::size_t n_batches,
                          std::size_t batch_rows) {
  std::size_t longest = 0;
  for (std::size_t b = 0; b < n_batches; ++b) {
    const std::size_t begin = static_cast<std::size_t>(batch_order[b]) * batch_rows;
    longest = std::max(longest, rows.offset(std::min(rows.n_rows, begin + batch_rows)) - rows.offset(begin));
  }
  return longest;
}

}  // namespace

FmTotals fm_train_adam(const FmKernels& kernels, float* table, std::size_t n_features, const FmLayout& layout,
                       const RowView& rows, const std::int32_t* batch_order, std::size_t n_batches,
                       const AdamSettings& adam, const FmStep& step, FmBias& bias, std::int64_t& n_steps,
                       std::size_t n_threads) {
  if (n_batches == 0) return {};
  const std::size_t n_workers = std::max<std::size_t>(n_threads, 1);
  constexpr std::size_t score_piece = 64, column_piece = 64;
  const std::size_t longest = std::min(adam.batch_rows, rows.n_rows);
  std::vector<float> residuals(longest), sums(longest * layout.k_padded);
  std::vector<AlignedFloats> scratch;
  for (std::size_t i = 0; i < n_workers; ++i) scratch.emplace_back(layout.k_padded);
  BatchColumns columns(n_features, longest_batch(rows, batch_order, n_batches, adam.batch_rows),
                       rows.values != nullptr);
  FmTotals totals;
  FmStep batch_step = step;
  float correction1 = 1, correction2 = 1;
  std::atomic<std::size_t> next_row{0}, next_column{0};
  std::size_t begin = 0, end = 0;
  Barrier barrier(n_workers);

  const auto start_batch = [&](std::size_t b) {
    begin = static_cast<std::size_t>(batch_order[b]) * adam.batch_rows;
    end = std::min(rows.n_rows, begin + adam.batch_rows);
    columns.build(rows, begin, end);
    next_row = 0;
  };
  const auto finish_scores = [&] {
    const FmTotals batch = take_residuals(step, rows, begin, end, residuals.data());
    totals.add(batch);
    ++n_steps;
    batch_step.rescale = step.rescale / static_cast<float>(end - begin);
    correction1 = 1 - static_cast<float>(std::pow(adam.first_moment, n_steps));
    correction2 = 1 - static_cast<float>(std::pow(adam.second_moment, n_steps));
    update_bias(batch_step, adam, std::sqrt(correction2) / correction1, residuals.data(), end - begin, bias);
    next_column = 0;
  };
  start_batch(0);

  parallel_for(n_workers, n_workers, [&](std::size_t worker) {
    for (std::size_t b = 0; b < n_batches; ++b) {
      const std::size_t n_rows = end - begin, n_columns = columns.features.size();
      for (std::size_t r = next_row.fetch_add(score_piece); r < n_rows; r = next_row.fetch_add(score_piece)) {
        // out is indexed by row of the view; shift it so that row `begin` lands on the first residual.
        RowView batch = rows;
        batch.labels = batch.weights = nullptr;
        kernels.score({table, n_features, layout.k_padded, layout.stride, bias.value, batch, begin + r,
                       begin + std::min(n_rows, r + score_piece), residuals.data() - begin,
                       sums.data() + r * layout.k_padded, scratch[worker].data()});
      }
      barrier.wait(finish_scores);
      for (std::size_t c = next_column.fetch_add(column_piece); c < n_columns;
           c = next_column.fetch_add(column_piece)) {
        for (std::size_t i = c; i < std::min(n_columns, c + column_piece); ++i) {
          const auto start = static_cast<std::size_t>(columns.starts[i]);
          kernels.adam_update({table, layout, columns.features[i], columns.rows.data() + start,
                               rows.values != nullptr ? columns.values.data() + start : nullptr,
                               static_cast<std::size_t>(columns.starts[i + 1]) - start, residuals.data(), sums.data(),
                               batch_step, adam.first_moment, adam.second_moment, adam.epsilon, correction1,
                               correction2, scratch[worker].data()});
        }
      }
      barrier.wait([&] {
        if (b + 1 < n_batches) start_batch(b + 1);
      });
    }
  });
  return totals;
}

}  // namespace pairloom
