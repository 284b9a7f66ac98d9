// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/linear.hpp"
#include "fm_simd.hpp"

namespace pairloom {
namespace {

constexpr int max_lanes = PAIRLOOM_LANES;
constexpr float least_sum = 1e-30F;

inline float magnitude(float x) { return x < 0 ? -x : x; }

struct Slope {
  float residual;
  float loss;
};

// Derivative by the score, and the loss itself, of a regressor's column.
inline Slope regression_slope(LinearLoss loss, float parameter, float score, float label) {
  const float error = score - label;
  const float sign = error > 0 ? 1.0F : (error < 0 ? -1.0F : 0.0F);
  const float size = magnitude(error);
  switch (loss) {
    case LinearLoss::absolute:
      return {sign, size};
    case LinearLoss::eps_insensitive_absolute:
      return size > parameter ? Slope{sign, size - parameter} : Slope{0, 0};
    case LinearLoss::eps_insensitive_squared: {
      const float beyond = size > parameter ? size - parameter : 0;
      return {2 * sign * beyond, beyond * beyond};
    }
    case LinearLoss::quantile:
      return error > 0 ? Slope{1 - parameter, (1 - parameter) * error} : Slope{-parameter, -parameter * error};
    case LinearLoss::huber:
      return size <= parameter ? Slope{error, 0.5F * error * error}
                               : Slope{parameter * sign, parameter * (size - 0.5F * parameter)};
    default:
      return {2 * error, error * error};
  }
}

// log(1 + e) of e in [0, 1] to about 1e-7: the series of 2 artanh(e / (2 + e)).
template <typename V>
inline V log_one_plus(V e) {
  const V s = e / (e + 2.0F), s2 = s * s;
  V p = s2 * (1.0F / 11) + 1.0F / 9;
  p = p * s2 + 1.0F / 7;
  p = p * s2 + 0.2F;
  p = p * s2 + 1.0F / 3;
  return 2.0F * s * (p * s2 + 1.0F);
}

// log(1 + e^x) without overflow; a NaN stays one.
inline float softplus(float x) {
  return log_one_plus(exponential(-magnitude(x))) + 0.5F * (x + magnitude(x));
}

template <typename V>
struct Integers {
  typedef int type __attribute__((vector_size(sizeof(V))));
};

// As `exponential`, of many numbers that are not above zero.
template <typename V>
inline V falling_exponential(V x) {
  const V least = V{} - 87.0F;
  x = x < least ? least : x;
  // Truncation rounds x - 0.5 as it rounds numbers below zero; these units are compiled to reorder sums, so that the
  // trick of adding 1.5 * 2^23 is not to be had.
  using Whole = typename Integers<V>::type;
  const Whole whole = __builtin_convertvector(x * 1.44269504F - 0.5F, Whole);
  const V n = __builtin_convertvector(whole, V);
  const V r = (x - n * 0.693145752F) - n * 1.42860677e-6F;
  V p = r * 1.3981999e-3F + 8.3334519e-3F;
  p = p * r + 4.1665796e-2F;
  p = p * r + 1.6666665e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  return p * __builtin_bit_cast(V, (whole + 127) << 23);
}

// Residuals of all columns of one row, and its losses added to `losses`.
template <typename V>
inline void logistic_residuals(const LinearTrainArguments& a, const float* scores, std::size_t row, int count,
                               float* residuals, float* losses) {
  constexpr int width = width_of<V>;
  const bool positive = a.rows.labels[row] > 0.5F;
  const float sign = positive ? 1.0F : -1.0F, weight = a.rows.weights != nullptr ? a.rows.weights[row] : 1.0F;
  for (int j = 0; j < count; ++j) {
    const int at = j * width;
    const V scaled = positive ? V(load<V>(a.columns.positive_weights + at) * weight) : V(V{} + weight);
    const V z = load<V>(scores + at) * sign, size = z < V{} ? V(-z) : z;
    const V away = falling_exponential(V(-size)), near = 1.0F / (away + 1.0F);
    store(residuals + at, V((z < V{} ? near : V(away * near)) * scaled * -sign));
    store(losses + at, V(load<V>(losses + at) + scaled * (log_one_plus(away) + 0.5F * (size - z))));
  }
  for (std::size_t c = a.layout.n_columns; c < a.layout.padded; ++c) residuals[c] = 0;
}

inline void softmax_residuals(const LinearTrainArguments& a, const float* scores, float label, float weight,
                              float* residuals) {
  const std::size_t k = a.n_outputs, n_models = a.layout.n_columns / k;
  for (std::size_t m = 0; m < n_models; ++m) {
    const float* own = scores + m * k;
    float highest = own[0];
    for (std::size_t j = 1; j < k; ++j) highest = own[j] > highest ? own[j] : highest;
    float total = 0;
    float* out = residuals + m * k;
    for (std::size_t j = 0; j < k; ++j) {
      out[j] = exponential(own[j] - highest);
      total += out[j];
    }
    const auto of_the_label = static_cast<std::size_t>(label);
    a.losses[m] += static_cast<double>(weight) *
                   (__builtin_log(static_cast<double>(total)) + static_cast<double>(highest - own[of_the_label]));
    const float scale = weight / total;
    for (std::size_t j = 0; j < k; ++j) out[j] *= scale;
    out[of_the_label] -= weight;
  }
}

inline void residuals_of(const LinearTrainArguments& a, const float* scores, std::size_t row, float* residuals) {
  const float label = a.rows.labels[row];
  const float weight = a.rows.weights != nullptr ? a.rows.weights[row] : 1.0F;
  const std::size_t n = a.layout.n_columns;
  if (a.loss == LinearLoss::softmax) return softmax_residuals(a, scores, label, weight, residuals);
  if (a.loss == LinearLoss::logistic || a.loss == LinearLoss::hinge) {
    const float sign = label > 0.5F ? 1.0F : -1.0F;
    for (std::size_t c = 0; c < n; ++c) {
      const float scaled = label > 0.5F ? weight * a.columns.positive_weights[c] : weight;
      if (a.loss == LinearLoss::logistic) {
        residuals[c] = -sign * scaled / (1.0F + exponential(sign * scores[c]));
        a.losses[c] += static_cast<double>(scaled * softplus(-sign * scores[c]));
      } else {
        const float lacking = a.parameter - sign * scores[c];
        residuals[c] = lacking > 0 ? -sign * scaled : 0.0F;
        a.losses[c] += static_cast<double>(lacking > 0 ? scaled * lacking : 0.0F);
        if (!(lacking == lacking)) a.losses[c] += static_cast<double>(lacking);
      }
    }
    return;
  }
  for (std::size_t c = 0; c < n; ++c) {
    const Slope slope = regression_slope(a.loss, a.parameter, scores[c], label);
    residuals[c] = weight * slope.residual;
    a.losses[c] += static_cast<double>(weight * slope.loss);
  }
}

template <int Padded>
struct Shape {
  static constexpr int width = Padded == 0 ? (max_lanes < 16 ? max_lanes : 16)
                                           : (Padded < max_lanes ? Padded : max_lanes);
  using V = typename Lanes<width>::type;
  static int count(std::size_t padded) { return static_cast<int>(Padded == 0 ? padded : Padded) / width; }
};

// value <- prox of the penalties at (value - rate * gradient), at the step sizes that the grown sums give.
template <typename V>
inline void step(float* values, float* sums, const float* rates, const float* l2, const float* l1, V gradient, float gap,
                 bool penalised) {
  const V sum = load<V>(sums) + gradient * gradient;
  store(sums, sum);
  const V rate = load<V>(rates) / square_root(V(sum + least_sum));
  V value = load<V>(values) - rate * gradient;
  if (penalised) {
    const V threshold = rate * load<V>(l1) * gap;
    const V low = -threshold;
    const V clamped = value > threshold ? threshold : (value < low ? low : value);
    value = (value - clamped) / (rate * load<V>(l2) * gap + 1.0F);
  }
  store(values, value);
}

inline void step_scalar(float& value, float& sum, float rate, float l2, float l1, float gradient, float gap) {
  sum += gradient * gradient;
  const float scaled = rate / square_root(sum + least_sum);
  value -= scaled * gradient;
  const float threshold = scaled * l1 * gap;
  value = magnitude(value) <= threshold ? 0.0F : (value > 0 ? value - threshold : value + threshold);
  value /= 1.0F + scaled * l2 * gap;
}

inline bool has_penalty(const LinearTrainArguments& a) {
  for (std::size_t c = 0; c < a.layout.n_columns; ++c) {
    if (a.columns.l1[c] > 0 || a.columns.l2[c] > 0) return true;
  }
  return false;
}

template <int Padded, bool HasValues>
void train_rows(const LinearTrainArguments& arguments) {
  const LinearTrainArguments a = arguments;
  using V = typename Shape<Padded>::V;
  constexpr int width = Shape<Padded>::width;
  const int count = Shape<Padded>::count(a.layout.padded);
  const std::size_t padded = Padded == 0 ? a.layout.padded : Padded, stride = a.layout.stride;
  const bool penalised = has_penalty(a);
  float* scores = a.scratch;
  float* residuals = a.scratch + padded;
  float* losses = a.scratch + 2 * padded;
  for (std::size_t c = 0; c < padded; ++c) residuals[c] = losses[c] = 0;
  double clock = a.clock;
  for (std::size_t r = a.begin; r < a.end; ++r) {
    clock += 1;
    if (a.prefetch_distance != 0 && r + a.prefetch_distance < a.rows.n_rows) {
      const std::size_t ahead = r + a.prefetch_distance, stop = a.rows.offset(ahead + 1);
      for (std::size_t p = a.rows.offset(ahead); p < stop; ++p) {
        const float* row = a.table + static_cast<std::size_t>(a.rows.indices[p]) * stride;
        for (std::size_t j = 0; j < stride; j += 16) __builtin_prefetch(row + j, 1, 3);
      }
    }
    const std::size_t first = a.rows.offset(r), last = a.rows.offset(r + 1);
    for (int j = 0; j < count; ++j) {
      V s = load<V>(a.bias + j * width);
      for (std::size_t p = first; p < last; ++p) {
        const float* row = a.table + static_cast<std::size_t>(a.rows.indices[p]) * stride + j * width;
        s += HasValues ? V(load<V>(row) * a.rows.values[p]) : load<V>(row);
      }
      store(scores + j * width, s);
    }
    if (a.loss == LinearLoss::logistic) {
      logistic_residuals<V>(a, scores, r, count, residuals, losses);
    } else {
      residuals_of(a, scores, r, residuals);
    }
    for (int j = 0; j < count; ++j) {
      const int at = j * width;
      step<V>(a.bias + at, a.bias + padded + at, a.columns.bias_rates + at, a.columns.bias_l2 + at, a.columns.l1 + at,
              load<V>(residuals + at), 0.0F, false);
    }
    for (std::size_t p = first; p < last; ++p) {
      float* row = a.table + static_cast<std::size_t>(a.rows.indices[p]) * stride;
      const float x = HasValues ? a.rows.values[p] : 1.0F;
      float* visited = row + 2 * padded - 1;
      const double since = clock - static_cast<double>(*visited);
      const float gap = since < 1 ? 1.0F : static_cast<float>(since);
      for (int j = 0; j < count; ++j) {
        const int at = j * width;
        step<V>(row + at, row + padded + at, a.columns.rates + at, a.columns.l2 + at, a.columns.l1 + at,
                V(load<V>(residuals + at) * x), gap, penalised);
      }
      *visited = static_cast<float>(clock);
    }
  }
  if (a.loss != LinearLoss::logistic) return;
  for (std::size_t c = 0; c < a.layout.n_columns; ++c) a.losses[c] += static_cast<double>(losses[c]);
}

// One column: [weight, sum, clock, unused].
template <bool HasValues>
void train_single(const LinearTrainArguments& arguments) {
  const LinearTrainArguments a = arguments;
  double clock = a.clock;
  for (std::size_t r = a.begin; r < a.end; ++r) {
    clock += 1;
    if (a.prefetch_distance != 0 && r + a.prefetch_distance < a.rows.n_rows) {
      const std::size_t ahead = r + a.prefetch_distance, stop = a.rows.offset(ahead + 1);
      for (std::size_t p = a.rows.offset(ahead); p < stop; ++p) {
        __builtin_prefetch(a.table + static_cast<std::size_t>(a.rows.indices[p]) * 4, 1, 3);
      }
    }
    const std::size_t first = a.rows.offset(r), last = a.rows.offset(r + 1);
    float score = a.bias[0];
    for (std::size_t p = first; p < last; ++p) {
      const float weight = a.table[static_cast<std::size_t>(a.rows.indices[p]) * 4];
      score += HasValues ? weight * a.rows.values[p] : weight;
    }
    float residual = 0;
    residuals_of(a, &score, r, &residual);
    step_scalar(a.bias[0], a.bias[1], a.columns.bias_rates[0], a.columns.bias_l2[0], 0.0F, residual, 1.0F);
    for (std::size_t p = first; p < last; ++p) {
      float* row = a.table + static_cast<std::size_t>(a.rows.indices[p]) * 4;
      const double since = clock - static_cast<double>(row[2]);
      step_scalar(row[0], row[1], a.columns.rates[0], a.columns.l2[0], a.columns.l1[0],
                  HasValues ? residual * a.rows.values[p] : residual, since < 1 ? 1.0F : static_cast<float>(since));
      row[2] = static_cast<float>(clock);
    }
  }
}

template <int Padded>
void train_sized(const LinearTrainArguments& a) {
  if constexpr (Padded == 1) {
    if (a.rows.values != nullptr) return train_single<true>(a);
    return train_single<false>(a);
  } else {
    if (a.rows.values != nullptr) return train_rows<Padded, true>(a);
    return train_rows<Padded, false>(a);
  }
}

void train(const LinearTrainArguments& a) {
  switch (a.layout.padded) {
    case 1: return train_sized<1>(a);
    case 4: return train_sized<4>(a);
    case 8: return train_sized<8>(a);
    case 16: return train_sized<16>(a);
    default: return train_sized<0>(a);
  }
}

void score(const LinearScoreArguments& a) {
  const std::size_t n = a.n_columns;
  for (std::size_t r = a.begin; r < a.end; ++r) {
    const std::size_t first = a.rows.offset(r), last = a.rows.offset(r + 1);
    if (n == 1) {
      double total = a.bias[0];
      for (std::size_t p = first; p < last; ++p) {
        const auto i = static_cast<std::size_t>(a.rows.indices[p]);
        if (i >= a.n_features) continue;
        total += a.rows.values != nullptr ? a.weights[i] * static_cast<double>(a.rows.values[p]) : a.weights[i];
      }
      a.out[r] = total;
      continue;
    }
    double* out = a.out + r * n;
    for (std::size_t c = 0; c < n; ++c) out[c] = a.bias[c];
    for (std::size_t p = first; p < last; ++p) {
      const auto i = static_cast<std::size_t>(a.rows.indices[p]);
      if (i >= a.n_features) continue;
      const double x = a.rows.values != nullptr ? static_cast<double>(a.rows.values[p]) : 1.0;
      const double* weights = a.weights + i * n;
      for (std::size_t c = 0; c < n; ++c) out[c] += weights[c] * x;
    }
  }
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_LINEAR_LEVEL PAIRLOOM_JOIN(linear_, PAIRLOOM_LEVEL)

}  // namespace

extern const LinearKernels PAIRLOOM_LINEAR_LEVEL;
const LinearKernels PAIRLOOM_LINEAR_LEVEL{PAIRLOOM_LEVEL_NAME, train, score};

}  // namespace pairloom
