#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pairloom/fm.hpp"

// The factorization machine and its solvers again: slow, in double precision, one number at a time.
struct Twin {
  struct Coordinate {
    double value = 0, z = 0, n = 0;  // ftrl: z and n; adam: first and second moment
  };
  pairloom::Solver solver;
  pairloom::FmStep step;
  std::size_t k;
  std::vector<std::vector<Coordinate>> factors;
  std::vector<Coordinate> weights;
  std::vector<double> row_squares;  // adagrad: one sum for a feature
  Coordinate bias;
  double loss = 0, total_weight = 0, absolute_error = 0;
  double outcomes[4] = {0, 0, 0, 0};
  std::int64_t n_steps = 0;

  Twin(pairloom::Solver solver_, const pairloom::FmStep& step_, const float* table, std::size_t n_features,
       const pairloom::FmLayout& layout, double accumulator)
      : solver(solver_),
        step(step_),
        k(layout.k),
        factors(n_features, std::vector<Coordinate>(k)),
        weights(n_features),
        row_squares(n_features, accumulator) {
    for (std::size_t i = 0; i < n_features; ++i) {
      const float* row = table + i * layout.stride;
      for (std::size_t f = 0; f < k; ++f) {
        factors[i][f] = begin_at(row[f], step.factors_rate, step.factors_decay, step.factors_l1);
      }
      weights[i] = begin_at(row[layout.k_padded], step.linear_rate, step.linear_decay, step.linear_l1);
    }
  }

  // An ftrl value is a function of z: find the z that stands for the value.
  Coordinate begin_at(double value, double rate, double decay, double l1) const {
    Coordinate start{value, 0, 0};
    if (solver == pairloom::Solver::ftrl && value != 0 && rate != 0) {
      start.z = -value * (step.ftrl_beta / rate + decay) - std::copysign(l1, value);
    }
    return start;
  }

  struct Entry {
    std::size_t feature;
    double x;
  };
  static std::vector<Entry> entries(const pairloom::RowView& rows, std::size_t r) {
    std::vector<Entry> row;
    for (std::size_t p = rows.offset(r); p < rows.offset(r + 1); ++p) {
      row.push_back({static_cast<std::size_t>(rows.indices[p]), rows.values != nullptr ? rows.values[p] : 1.0});
    }
    return row;
  }

  // Eq. 1 of Rendle, "Factorization Machines", ICDM 2010, pair by pair.
  double score(const std::vector<Entry>& row) const {
    double total = bias.value;
    for (const auto& [i, x] : row) {
      if (i < weights.size()) total += weights[i].value * x;
    }
    for (std::size_t a = 0; a < row.size(); ++a) {
      for (std::size_t b = a + 1; b < row.size(); ++b) {
        if (row[a].feature >= weights.size() || row[b].feature >= weights.size()) continue;
        double product = 0;
        for (std::size_t f = 0; f < k; ++f) {
          product += factors[row[a].feature][f].value * factors[row[b].feature][f].value;
        }
        total += product * row[a].x * row[b].x;
      }
    }
    return total;
  }

  double residual(double score, double label, double weight) {
    total_weight += weight;
    if (step.loss == pairloom::Loss::squared) {
      loss += weight * (score - label) * (score - label);
      absolute_error += weight * std::abs(score - label);
      return weight * (score - label);
    }
    const double sign = label > 0.5 ? 1 : -1;
    loss += weight * std::log1p(std::exp(-sign * score));
    outcomes[(score >= 0 ? 2 : 0) + (label > 0.5F ? 1 : 0)] += weight;
    return -sign * weight / (1 + std::exp(sign * score));
  }

  double clipped(double gradient) const {
    return step.clip > 0 ? std::clamp<double>(gradient, -step.clip, step.clip) : gradient;
  }

  // One step of one coordinate; row_scale is what adagrad's sum of the row makes of the rate.
  void move(Coordinate& c, double gradient, double rate, double decay, double l1, double row_scale) const {
    if (rate == 0) return;
    const double g = clipped(gradient);
    if (solver == pairloom::Solver::ftrl) {
      const double grown = c.n + g * g;
      c.z += g - (std::sqrt(grown) - std::sqrt(c.n)) / rate * c.value;
      c.n = grown;
      const double shrunk = std::copysign(std::max(0.0, std::abs(c.z) - l1), c.z);
      c.value = -shrunk / ((step.ftrl_beta + std::sqrt(c.n)) / rate + decay);
    } else {
      c.value -= rate * row_scale * (g + decay * c.value);
    }
  }

  void move_bias(double gradient) {
    if (step.bias_rate == 0) return;
    if (solver == pairloom::Solver::adagrad) {
      const double g = clipped(gradient) + step.bias_decay * bias.value;
      bias.z += g * g;
      bias.value -= step.bias_rate * g / std::sqrt(bias.z);
    } else {
      move(bias, gradient, step.bias_rate, step.bias_decay, 0, 1);
    }
  }

  // Rows one after another. With lazy_bias the bias moves by eight rows at once.
  void train(const pairloom::RowView& rows, std::size_t begin, std::size_t end, bool lazy_bias) {
    double waiting = 0;
    std::size_t n_waiting = 0;
    for (std::size_t r = begin; r < end; ++r) {
      const auto row = entries(rows, r);
      std::vector<double> sums(k);
      for (const auto& [i, x] : row) {
        for (std::size_t f = 0; f < k; ++f) sums[f] += factors[i][f].value * x;
      }
      const double e =
          residual(score(row), rows.labels[r], rows.weights != nullptr ? rows.weights[r] : 1.0) * step.rescale;
      if (lazy_bias) {
        waiting += e;
        ++n_waiting;
        if (r % 8 == 7 || r + 1 == end) {
          bias.value -=
              step.bias_rate * (waiting + static_cast<double>(n_waiting) * step.bias_decay * bias.value);
          waiting = 0;
          n_waiting = 0;
        }
      } else {
        move_bias(e);
      }
      for (const auto& [i, x] : row) {
        double scale = 1;
        if (solver == pairloom::Solver::adagrad) {
          row_squares[i] += e * x * e * x;
          scale = 1 / std::sqrt(row_squares[i]);
        }
        for (std::size_t f = 0; f < k; ++f) {
          const double gradient = e * x * (sums[f] - factors[i][f].value * x);
          move(factors[i][f], gradient, step.factors_rate, step.factors_decay, step.factors_l1, scale);
        }
        move(weights[i], e * x, step.linear_rate, step.linear_decay, step.linear_l1, scale);
        const bool gated = solver == pairloom::Solver::ftrl && step.linear_l1 > 0 && step.factors_l1 > 0;
        if (gated && step.linear_rate != 0 && weights[i].value == 0) {
          for (std::size_t f = 0; f < k && step.factors_rate != 0; ++f) factors[i][f].value = 0;
        }
      }
    }
  }

  void adam_move(Coordinate& c, double gradient, double rate, double decay,
                 const pairloom::AdamSettings& adam) const {
    const double b1 = adam.first_moment, b2 = adam.second_moment, t = static_cast<double>(n_steps);
    const double g = clipped(gradient) + decay * c.value;
    c.z = b1 * c.z + (1 - b1) * g;
    c.n = b2 * c.n + (1 - b2) * g * g;
    const double correction = std::sqrt(1 - std::pow(b2, t)) / (1 - std::pow(b1, t));
    c.value -= rate * correction * c.z / (std::sqrt(c.n) + adam.epsilon);
  }

  // One mini-batch of lazy Adam: features that no row of it holds stay as they are.
  void train_batch(const pairloom::RowView& rows, std::size_t begin, std::size_t end,
                   const pairloom::AdamSettings& adam) {
    std::vector<std::vector<double>> factor_gradients(weights.size(), std::vector<double>(k));
    std::vector<double> weight_gradients(weights.size());
    std::vector<bool> present(weights.size());
    double bias_gradient = 0;
    const double share = step.rescale / static_cast<double>(end - begin);
    for (std::size_t r = begin; r < end; ++r) {
      const auto row = entries(rows, r);
      const double e =
          residual(score(row), rows.labels[r], rows.weights != nullptr ? rows.weights[r] : 1.0) * share;
      bias_gradient += e;
      for (const auto& [i, x] : row) {
        present[i] = true;
        weight_gradients[i] += e * x;
        for (const auto& [j, other] : row) {
          for (std::size_t f = 0; i != j && f < k; ++f) factor_gradients[i][f] += e * x * factors[j][f].value * other;
        }
      }
    }
    ++n_steps;
    adam_move(bias, bias_gradient, step.bias_rate, step.bias_decay, adam);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      if (!present[i]) continue;
      adam_move(weights[i], weight_gradients[i], step.linear_rate, step.linear_decay, adam);
      for (std::size_t f = 0; f < k; ++f) {
        adam_move(factors[i][f], factor_gradients[i][f], step.factors_rate, step.factors_decay, adam);
      }
    }
  }
};
