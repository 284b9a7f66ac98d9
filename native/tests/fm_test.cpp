#include "pairloom/fm.hpp"

#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "../src/kernels/fm_batch.hpp"
#include "check.hpp"
#include "fm_rows.hpp"
#include "fm_twin.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

constexpr std::size_t all_k[] = {1, 4, 5, 8, 16, 20, 64, 100, 130, 1000};
constexpr Solver all_solvers[] = {Solver::sgd, Solver::adagrad, Solver::ftrl, Solver::adam};
constexpr float accumulator = 0.5F;

// Steps small enough that rounding errors do not grow from row to row.
FmStep make_step(Loss loss) {
  FmStep step;
  step.loss = loss;
  step.bias_rate = 0.02F;
  step.linear_rate = 0.03F;
  step.factors_rate = 0.02F;
  step.bias_decay = 0.03F;
  step.linear_decay = 0.02F;
  step.factors_decay = 0.04F;
  step.linear_l1 = 0.01F;
  step.factors_l1 = 0.005F;
  return step;
}

FmStep with_clip(FmStep step) {
  step.clip = 0.2F;
  step.rescale = 0.7F;
  return step;
}

std::vector<std::int32_t> in_order(std::size_t n) {
  std::vector<std::int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

struct Table {
  FmLayout layout;
  std::size_t n_features;
  AlignedFloats floats;

  Table(std::size_t n_features_, std::size_t k, Solver solver, const FmStep& step)
      : layout(k, solver), n_features(n_features_), floats(n_features_ * layout.stride) {
    const float scale = 0.3F / std::sqrt(static_cast<float>(k));
    fm_initialize(data(), layout, solver, 0, n_features, 7,
                  {Initializer::normal, Initializer::uniform, scale, 0.2F, accumulator}, step, 1);
  }
  float* data() { return floats.data(); }
  std::vector<float> copy() { return {data(), data() + n_features * layout.stride}; }
};

// What rounding can do: a sum over length * k numbers errs by about the square root of as many half units, each row
// adds its share, and parameters are of the order of one.
double tolerance_of(std::size_t n_rows, std::size_t k, std::size_t longest) {
  const double unit = std::numeric_limits<float>::epsilon();
  return 0.5 * unit * static_cast<double>(n_rows) * std::sqrt(static_cast<double>(k + longest));
}

// Factors begin, and move, as far as one over the root of their number.
double factor_tolerance(double tolerance, std::size_t k) { return tolerance / std::sqrt(static_cast<double>(k)); }

void check_equal(Table& table, const FmBias& bias, const FmTotals& totals, const Twin& twin, double tolerance) {
  const std::size_t k = table.layout.k, k_padded = table.layout.k_padded;
  CHECK_NEAR(static_cast<double>(bias.value), twin.bias.value, tolerance);
  CHECK_NEAR(totals.weight, twin.total_weight, 1e-9);
  CHECK_NEAR(totals.loss, twin.loss, tolerance * (1 + twin.total_weight + twin.loss));
  CHECK_NEAR(totals.absolute_error, twin.absolute_error, tolerance * (1 + twin.total_weight + twin.absolute_error));
  for (int i = 0; i < 4; ++i) CHECK_NEAR(totals.outcomes[i], twin.outcomes[i], 1e-9);
  for (std::size_t i = 0; i < table.n_features; ++i) {
    const float* row = table.data() + i * table.layout.stride;
    CHECK_NEAR(static_cast<double>(row[k_padded]), twin.weights[i].value, tolerance);
    for (std::size_t f = 0; f < k; ++f) {
      CHECK_NEAR(static_cast<double>(row[f]), twin.factors[i][f].value, factor_tolerance(tolerance, k));
    }
    for (std::size_t f = k; f < k_padded; ++f) CHECK(row[f] == 0);
  }
}

// Whether the twin has moved far enough for the comparison to mean something.
void check_moved(const Twin& twin, const std::vector<float>& before, const FmLayout& layout, double tolerance) {
  double weights = 0, factors = 0;
  for (std::size_t i = 0; i < twin.weights.size(); ++i) {
    const float* row = before.data() + i * layout.stride;
    weights = std::max(weights, std::abs(twin.weights[i].value - static_cast<double>(row[layout.k_padded])));
    for (std::size_t f = 0; f < twin.k; ++f) {
      factors = std::max(factors, std::abs(twin.factors[i][f].value - static_cast<double>(row[f])));
    }
  }
  CHECK(weights > 100 * tolerance);
  CHECK(factors > 50 * factor_tolerance(tolerance, twin.k));
}

FmTotals train(const FmKernels& kernels, Solver solver, Table& table, const RowView& rows, const FmStep& step,
               FmBias& bias, std::size_t block_rows, std::size_t n_threads) {
  const auto order = in_order((rows.n_rows + block_rows - 1) / block_rows);
  if (solver == Solver::adam) {
    AdamSettings adam;
    adam.batch_rows = block_rows;
    adam.epsilon = 1e-3F;  // where gradients vanish, Adam would turn rounding errors into whole steps
    std::int64_t n_steps = 0;
    return fm_train_adam(kernels, table.data(), table.n_features, table.layout, rows, order.data(), order.size(), adam,
                         step, bias, n_steps, n_threads);
  }
  return fm_train(kernels, solver, table.data(), table.n_features, table.layout, rows, order.data(), order.size(),
                  block_rows, {}, step, bias, n_threads);
}

void check_pass(const FmKernels& kernels, Solver solver, std::size_t k, const SampleRows& sample, bool with_values,
                bool with_weights, FmStep step) {
  if (solver == Solver::adam) step.factors_rate /= std::sqrt(static_cast<float>(k));  // it moves all k by as much
  constexpr std::size_t n_features = 43, block_rows = 10;
  Table table(n_features, k, solver, step);
  const auto before = table.copy();
  Twin twin(solver, step, table.data(), n_features, table.layout, static_cast<double>(accumulator));
  FmBias bias;
  bias.value = 0.1F;
  twin.bias.value = static_cast<double>(bias.value);
  if (solver == Solver::adagrad) {
    bias.state[0] = accumulator;
    twin.bias.z = static_cast<double>(accumulator);
  }
  const RowView rows = sample.view(with_values, with_weights);
  const FmTotals totals = train(kernels, solver, table, rows, step, bias, block_rows, 1);
  const bool lazy_bias = solver == Solver::sgd && rows.pairs() && step.clip <= 0 && table.layout.k_padded <= 128;
  AdamSettings adam;
  adam.epsilon = 1e-3F;
  for (std::size_t begin = 0; begin < rows.n_rows; begin += block_rows) {
    const std::size_t end = std::min(rows.n_rows, begin + block_rows);
    if (solver == Solver::adam) {
      twin.train_batch(rows, begin, end, adam);
    } else {
      twin.train(rows, begin, end, lazy_bias);
    }
  }
  const double tolerance = tolerance_of(rows.n_rows, k, 21);
  check_equal(table, bias, totals, twin, tolerance);
  check_moved(twin, before, table.layout, tolerance);
}

void test_solvers_against_twin() {
  for (const Loss loss : {Loss::squared, Loss::logistic}) {
    const bool binary = loss == Loss::logistic;
    const SampleRows shapes[] = {{24, 43, 0, binary, 1}, {24, 43, 2, binary, 2}, {24, 43, 5, binary, 3}};
    for (const auto level : available_levels()) {
      for (const Solver solver : all_solvers) {
        for (const std::size_t k : all_k) {
          for (const SampleRows& sample : shapes) {
            if (k == 1000 && sample.row_length == 5) continue;  // time
            for (const bool with_values : {false, true}) {
              check_pass(fm_kernels(level), solver, k, sample, with_values, false, make_step(loss));
              check_pass(fm_kernels(level), solver, k, sample, with_values, true, with_clip(make_step(loss)));
            }
          }
        }
      }
    }
  }
}

void test_frozen_parts() {
  const SampleRows sample(24, 43, 0, false, 4);
  for (const auto level : available_levels()) {
    for (const Solver solver : all_solvers) {
      FmStep step = make_step(Loss::squared);
      step.bias_rate = step.linear_rate = step.factors_rate = 0;
      Table table(43, 8, solver, step);
      const auto before = table.copy();
      FmBias bias;
      bias.value = 0.25F;
      train(fm_kernels(level), solver, table, sample.view(true, false), step, bias, 10, 1);
      CHECK(bias.value == 0.25F);
      for (std::size_t i = 0; i < 43; ++i) {
        for (std::size_t f = 0; f <= table.layout.k_padded; ++f) {
          const std::size_t at = i * table.layout.stride + f;
          CHECK(table.data()[at] == before[at]);
        }
      }
    }
  }
}

void test_scores() {
  const std::size_t n_features = 43;
  for (const auto level : available_levels()) {
    for (const std::size_t k : all_k) {
      const FmStep step = make_step(Loss::squared);
      Table table(n_features, k, Solver::sgd, step);
      Twin twin(Solver::sgd, step, table.data(), n_features, table.layout, 1);
      twin.bias.value = 0.5;
      for (const std::size_t row_length : {0U, 2U, 5U}) {
        // Twice as wide as the table: what lies beyond adds nothing.
        const SampleRows sample(30, 2 * n_features, row_length, false, 5);
        for (const bool with_values : {false, true}) {
          const RowView rows = sample.view(with_values, false);
          for (const std::size_t n_threads : {1U, 3U}) {
            std::vector<float> out(rows.n_rows, std::numeric_limits<float>::quiet_NaN());
            fm_scores(fm_kernels(level), table.data(), n_features, table.layout.k_padded, table.layout.stride, 0.5F,
                      rows, out.data(), n_threads);
            for (std::size_t r = 0; r < rows.n_rows; ++r) {
              CHECK_NEAR(static_cast<double>(out[r]), twin.score(Twin::entries(rows, r)), tolerance_of(8, k, 21));
            }
          }
        }
      }
    }
  }
}

// Rows of a left and a right feature in tiles of groups.
struct Tiles {
  std::size_t n_groups, side;
  SampleRows rows;
  std::vector<std::int64_t> starts{0};

  Tiles(std::size_t n_groups_, std::size_t side_, bool binary)
      : n_groups(n_groups_), side(side_), rows(n_groups_ * n_groups_ * 9, 2 * side_, 2, binary, 6) {
    std::size_t r = 0;
    for (std::size_t a = 0; a < n_groups; ++a) {
      for (std::size_t b = 0; b < n_groups; ++b) {
        const std::size_t n = (a + b) % 3 == 2 ? 0 : 9;  // some tiles are empty
        for (std::size_t j = 0; j < n; ++j, ++r) {
          const std::size_t per_group = side / n_groups;
          rows.indices[2 * r] = static_cast<std::int32_t>(a * per_group + j % per_group);
          rows.indices[2 * r + 1] = static_cast<std::int32_t>(side + b * per_group + (j * 5 + 1) % per_group);
        }
        starts.push_back(static_cast<std::int64_t>(r));
      }
    }
    rows.n_rows = r;
  }
};

void test_tiles_are_bit_equal_for_any_number_of_threads() {
  const Tiles tiles(8, 32, true);
  for (const auto level : available_levels()) {
    for (const Solver solver : {Solver::sgd, Solver::adagrad, Solver::ftrl}) {
      for (const std::size_t k : {5U, 16U, 130U}) {
        for (const bool with_values : {false, true}) {
          const FmStep step = make_step(Loss::logistic);
          std::vector<float> first;
          FmBias first_bias;
          for (const std::size_t n_threads : {1U, 2U, 4U, 8U, 64U, 3U}) {
            Table table(64, k, solver, step);
            FmBias bias;
            bias.state[0] = solver == Solver::adagrad ? accumulator : 0;
            FmTotals totals;
            for (const std::uint64_t turns : {0ULL, 5ULL}) {
              totals = fm_train_tiles(fm_kernels(level), solver, table.data(), 64, table.layout,
                                      tiles.rows.view(with_values, true), tiles.starts.data(), 8, turns, step, bias,
                                      n_threads);
            }
            double weight = 0;
            for (std::size_t r = 0; r < tiles.rows.n_rows; ++r) weight += static_cast<double>(tiles.rows.weights[r]);
            CHECK_NEAR(totals.weight, weight, 1e-9);
            CHECK(std::isfinite(totals.loss) && totals.loss > 0);
            if (n_threads == 1) {
              first = table.copy();
              first_bias = bias;
            }
            CHECK(std::memcmp(first.data(), table.data(), first.size() * sizeof(float)) == 0);
            CHECK(std::memcmp(&first_bias, &bias, sizeof bias) == 0);
          }
        }
      }
    }
  }
}

void test_one_tile_is_a_plain_pass() {
  const SampleRows sample(24, 43, 2, false, 8);
  const std::int64_t starts[] = {0, 24};
  const FmStep step = make_step(Loss::squared);
  for (const auto level : available_levels()) {
    Table tiled(43, 16, Solver::sgd, step), plain(43, 16, Solver::sgd, step);
    FmBias tiled_bias, plain_bias;
    fm_train_tiles(fm_kernels(level), Solver::sgd, tiled.data(), 43, tiled.layout, sample.view(false, false), starts,
                   1, 0, step, tiled_bias, 4);
    train(fm_kernels(level), Solver::sgd, plain, sample.view(false, false), step, plain_bias, 24, 1);
    CHECK(tiled.copy() == plain.copy());
    CHECK(tiled_bias.value == plain_bias.value);
  }
}

void test_adam_is_bit_equal_for_any_number_of_threads() {
  const SampleRows sample(500, 300, 0, true, 9);
  for (const auto level : available_levels()) {
    const FmStep step = make_step(Loss::logistic);
    std::vector<float> first;
    float first_bias = 0;
    for (const std::size_t n_threads : {1U, 2U, 3U, 4U}) {
      Table table(300, 20, Solver::adam, step);
      FmBias bias;
      train(fm_kernels(level), Solver::adam, table, sample.view(true, true), step, bias, 150, n_threads);
      if (n_threads == 1) {
        first = table.copy();
        first_bias = bias.value;
      }
      CHECK(table.copy() == first);
      CHECK(bias.value == first_bias);
    }
  }
}

// More threads than cores and than blocks, hot features copied per thread: each row counts once, the loss falls, and
// nothing is lost. (Lock-free writes to shared floats are meant to race.)
void test_many_threads_learn() {
  SampleRows sample(2000, 60, 5, true, 10);
  for (std::size_t r = 0; r < 2000; ++r) {
    const float* values = sample.values.data() + 5 * r;
    sample.labels[r] = std::accumulate(values, values + 5, 0.0F) > 0 ? 1.0F : 0.0F;
  }
  for (const Solver solver : {Solver::sgd, Solver::adagrad, Solver::ftrl}) {
    for (const std::size_t n_hot : {0U, 7U, 60U}) {
      FmStep step = make_step(Loss::logistic);
      step.linear_l1 = step.factors_l1 = 0;
      step.linear_rate = step.factors_rate = 0.05F;
      Table table(60, 8, solver, step);
      FmBias bias;
      bias.state[0] = solver == Solver::adagrad ? accumulator : 0;
      const auto order = in_order(32);
      double first_loss = 0, last_loss = 0;
      for (int pass = 0; pass < 12; ++pass) {
        const FmTotals totals = fm_train(fm_kernels(""), solver, table.data(), 60, table.layout,
                                         sample.view(true, false), order.data(), 32, 63,
                                         {n_hot, solver == Solver::sgd ? n_hot : 0}, step, bias, 16);
        CHECK(totals.weight == 2000);
        last_loss = totals.loss;
        if (pass == 0) first_loss = totals.loss;
      }
      CHECK(last_loss < 0.99 * first_loss);
    }
  }
}

// Features that every thread copies must come to the same, as far as rounding goes, when one thread trains.
void test_hot_features_of_one_thread_stay_in_the_table() {
  const SampleRows sample(100, 43, 5, false, 11);
  const FmStep step = make_step(Loss::squared);
  Table hot(43, 16, Solver::sgd, step), plain(43, 16, Solver::sgd, step);
  FmBias hot_bias, plain_bias;
  const auto order = in_order(10);
  fm_train(fm_kernels(""), Solver::sgd, hot.data(), 43, hot.layout, sample.view(true, false), order.data(), 10, 10,
           {20, 10}, step, hot_bias, 1);
  fm_train(fm_kernels(""), Solver::sgd, plain.data(), 43, plain.layout, sample.view(true, false), order.data(), 10,
           10, {}, step, plain_bias, 1);
  CHECK(hot.copy() == plain.copy());
}

void test_prefetching_changes_nothing() {
  const SampleRows sample(60, 40000, 0, false, 12);  // a table beyond the cache: rows ahead are fetched
  const FmStep step = make_step(Loss::squared);
  Table table(40000, 16, Solver::sgd, step);
  Twin twin(Solver::sgd, step, table.data(), 40000, table.layout, 1);
  CHECK(choose_prefetch_distance(40000, table.layout, sample.view(true, false)) > 0);
  FmBias bias;
  const FmTotals totals = train(fm_kernels(""), Solver::sgd, table, sample.view(true, false), step, bias, 60, 1);
  twin.train(sample.view(true, false), 0, 60, false);
  check_equal(table, bias, totals, twin, tolerance_of(60, 16, 21));
}

void test_initialization() {
  const FmStep step = make_step(Loss::squared);
  for (const Solver solver : all_solvers) {
    const FmLayout layout(20, solver);
    AlignedFloats whole(5000 * layout.stride), grown(5000 * layout.stride);
    const FmInitial initial{Initializer::normal, Initializer::constant, 0.1F, 0.03F, accumulator};
    fm_initialize(whole.data(), layout, solver, 0, 5000, 3, initial, step, 3);
    fm_initialize(grown.data(), layout, solver, 0, 17, 3, initial, step, 1);
    fm_initialize(grown.data(), layout, solver, 17, 5000, 3, initial, step, 2);
    CHECK(std::memcmp(whole.data(), grown.data(), 5000 * layout.stride * sizeof(float)) == 0);
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < 5000; ++i) {
      const float* row = whole.data() + i * layout.stride;
      for (std::size_t f = 0; f < 20; ++f) {
        sum += static_cast<double>(row[f]);
        squares += static_cast<double>(row[f]) * static_cast<double>(row[f]);
      }
      for (std::size_t f = 20; f < layout.k_padded; ++f) CHECK(row[f] == 0);
      CHECK(row[layout.k_padded] == 0.03F);
    }
    CHECK_NEAR(sum / 1e5, 0.0, 5 * 0.1 / std::sqrt(1e5));       // five standard errors
    CHECK_NEAR(squares / 1e5, 0.01, 5 * 0.01 * std::sqrt(2 / 1e5));
  }
}

void test_nothing_to_do() {
  const FmStep step = make_step(Loss::squared);
  for (const Solver solver : all_solvers) {
    Table table(3, 4, solver, step);
    const auto before = table.copy();
    FmBias bias;
    RowView none;
    const std::int64_t start = 0;
    none.indptr = &start;
    const FmTotals totals = train(fm_kernels(""), solver, table, none, step, bias, 10, 4);
    CHECK(totals.loss == 0 && totals.weight == 0);
    CHECK(table.copy() == before);
    fm_scores(fm_kernels(""), table.data(), 3, 4, table.layout.stride, 0, none, nullptr, 4);
  }
  Table empty(0, 4, Solver::sgd, step);
  const std::int64_t indptr[] = {0, 0, 0};
  const float labels[] = {1, 1};
  RowView rows;
  rows.indptr = indptr;
  rows.labels = labels;
  rows.n_rows = 2;
  FmBias bias;
  train(fm_kernels(""), Solver::sgd, empty, rows, step, bias, 1, 1);
  CHECK(bias.value > 0 && bias.value < 0.2F);
}

void test_levels() {
  CHECK(available_levels().back() == "portable");
  for (const auto level : available_levels()) CHECK(fm_kernels(level).level == level);
  CHECK(fm_kernels("").level == available_levels().front());
  CHECK_THROWS(fm_kernels("x87"), std::invalid_argument);
}

}  // namespace

int main() {
  test_levels();
  test_initialization();
  test_nothing_to_do();
  test_scores();
  test_solvers_against_twin();
  test_frozen_parts();
  test_prefetching_changes_nothing();
  test_one_tile_is_a_plain_pass();
  test_tiles_are_bit_equal_for_any_number_of_threads();
  test_adam_is_bit_equal_for_any_number_of_threads();
  test_hot_features_of_one_thread_stay_in_the_table();
  test_many_threads_learn();
}
