#include "pairloom/interactions.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

constexpr std::size_t n_features = 20, n_fields = 6, n_rows = 60;

struct Data {
  std::vector<std::int64_t> indptr{0};
  std::vector<std::int32_t> indices, fields;
  std::vector<float> values, labels;

  Data() {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (std::size_t r = 0; r < n_rows; ++r) {
      const std::size_t length = random() % 8, start = random() % n_features;
      for (std::size_t i = 0; i < length; ++i) {  // the last ones are beyond the table
        const auto feature = (start + i * 5) % (n_features + 3);
        indices.push_back(static_cast<std::int32_t>(feature));
        fields.push_back(static_cast<std::int32_t>(random() % n_fields));
        values.push_back(normal(random));
      }
      indptr.push_back(static_cast<std::int64_t>(indices.size()));
      labels.push_back(static_cast<float>(random() % 2));
    }
  }
  InteractionRows rows() const {
    return {{indptr.data(), 0, indices.data(), values.data(), labels.data(), nullptr, n_rows}, fields.data()};
  }
};

struct Parameters {
  InteractionLayout layout;
  std::vector<float> table, pair_weights;

  Parameters(Interaction kind, std::size_t k, std::size_t order, bool trains)
      : layout(kind, k, kind == Interaction::higher_order ? 0 : n_fields, order, trains),
        table(n_features * layout.stride), pair_weights(2 * layout.n_pairs(), 1.0F) {
    interaction_initialize(table.data(), layout, 0, n_features, 7,
                           {Initializer::normal, Initializer::normal, 0.3F, 0.2F, 1.0F}, 2);
    for (std::size_t f = 0; f < n_fields && layout.n_pairs() != 0; ++f) {
      for (std::size_t g = 0; g < n_fields; ++g) pair_weights[f * n_fields + g] = 0.5F + 0.1F * static_cast<float>(f * g);
    }
  }
  InteractionArguments arguments(const Data& data, bool normalize) {
    InteractionArguments a{table.data(), n_features, layout, pair_weights.data(), normalize, data.rows(), 0, 0, {},
                           true,         0,          {}};
    return a;
  }
  double factor(std::size_t feature, std::size_t block, std::size_t f) const {
    return static_cast<double>(table[feature * layout.stride + block * layout.block + f]);
  }
};

// Every pair, triple and quadruple of a row, one after the other, in double.
double obvious(const Parameters& p, const Data& data, std::size_t row, bool normalize) {
  const auto first = static_cast<std::size_t>(data.indptr[row]), last = static_cast<std::size_t>(data.indptr[row + 1]);
  double length = 0, total = 0.5;
  for (std::size_t i = first; i < last; ++i) length += static_cast<double>(data.values[i]) * data.values[i];
  const double scale = normalize && length > 0 ? 1 / std::sqrt(length) : 1;
  std::vector<std::size_t> of, field;
  std::vector<double> x;
  for (std::size_t i = first; i < last; ++i) {
    if (static_cast<std::size_t>(data.indices[i]) >= n_features) continue;
    of.push_back(static_cast<std::size_t>(data.indices[i]));
    field.push_back(static_cast<std::size_t>(data.fields[i]));
    x.push_back(static_cast<double>(data.values[i]) * scale);
    total += static_cast<double>(p.table[of.back() * p.layout.stride + p.layout.linear]) * x.back();
  }
  const std::size_t n = of.size();
  for (std::size_t f = 0; f < p.layout.k; ++f) {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i + 1; j < n; ++j) {
        if (p.layout.kind == Interaction::field_aware) {
          total += p.factor(of[i], field[j], f) * p.factor(of[j], field[i], f) * x[i] * x[j];
          continue;
        }
        const double weight = p.layout.kind == Interaction::field_weighted
                                  ? static_cast<double>(p.pair_weights[field[i] * n_fields + field[j]])
                                  : 1;
        total += weight * p.factor(of[i], 0, f) * p.factor(of[j], 0, f) * x[i] * x[j];
        for (std::size_t l = j + 1; l < n && p.layout.order > 2; ++l) {
          total += p.factor(of[i], 1, f) * p.factor(of[j], 1, f) * p.factor(of[l], 1, f) * x[i] * x[j] * x[l];
          for (std::size_t m = l + 1; m < n && p.layout.order > 3; ++m) {
            total += p.factor(of[i], 2, f) * p.factor(of[j], 2, f) * p.factor(of[l], 2, f) * p.factor(of[m], 2, f) *
                     x[i] * x[j] * x[l] * x[m];
          }
        }
      }
    }
  }
  return total;
}

void scores(Interaction kind, std::size_t k, std::size_t order, std::string_view level) {
  const Data data;
  for (const bool normalize : {false, true}) {
    for (const bool trains : {false, true}) {
      Parameters p(kind, k, order, trains);
      std::vector<float> out(n_rows);
      interaction_scores(interaction_kernels(level), p.arguments(data, normalize), 0.5F, out.data(), 2);
      for (std::size_t r = 0; r < n_rows; ++r) {
        CHECK_NEAR(static_cast<double>(out[r]), obvious(p, data, r, normalize), 1e-4 * (1 + std::abs(out[r])));
      }
    }
  }
}

void learns(Interaction kind, std::size_t k, std::size_t order, std::string_view level, std::size_t n_threads,
            bool adagrad) {
  const Data data;
  Parameters p(kind, k, order, true);
  InteractionArguments a = p.arguments(data, false);
  a.adagrad = adagrad;
  a.step.loss = Loss::logistic;
  a.step.bias_rate = a.step.linear_rate = a.step.factors_rate = adagrad ? 0.1F : 0.03F;
  const std::vector<std::int32_t> blocks{3, 1, 0, 2, 5, 4};
  FmBias bias{0, {1, 0}};
  double first = 0, last = 0;
  for (int pass = 0; pass < 40; ++pass) {
    const FmTotals totals =
        interaction_train(interaction_kernels(level), a, blocks.data(), blocks.size(), 10, bias, n_threads);
    CHECK_NEAR(totals.weight, static_cast<double>(n_rows), 1e-9);
    last = totals.loss;
    if (pass == 0) first = totals.loss;
  }
  CHECK(last < 0.8 * first);
  for (const float value : p.table) CHECK(std::isfinite(value));
}

}  // namespace

int main() {
  constexpr Interaction kinds[] = {Interaction::field_aware, Interaction::field_weighted, Interaction::higher_order,
                                   Interaction::higher_order};
  constexpr std::size_t orders[] = {2, 2, 3, 4};
  for (const auto level : available_levels()) {
    for (std::size_t i = 0; i < 4; ++i) {
      for (const std::size_t k : {1U, 4U, 7U, 16U, 33U}) scores(kinds[i], k, orders[i], level);
      learns(kinds[i], 4, orders[i], level, 1, true);
      learns(kinds[i], 5, orders[i], level, 1, false);
    }
  }
  learns(Interaction::field_weighted, 20, 2, available_levels().front(), 1, true);
  CHECK_THROWS(interaction_kernels("z80"), std::invalid_argument);
  return 0;
}
