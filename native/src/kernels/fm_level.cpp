// Compiled once for every instruction-set level with PAIRLOOM_LEVEL (a name), PAIRLOOM_LEVEL_NAME (a string) and
// PAIRLOOM_LANES (floats per vector). Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/fm.hpp"
#include "fm_measured.hpp"
#include "fm_simd.hpp"

namespace pairloom {
namespace {

constexpr int max_lanes = PAIRLOOM_LANES;

// K is the padded number of factors, or 0 when it is known at run time only.
template <int K>
struct Shape {
  static constexpr int width = K == 0 ? (max_lanes < 16 ? max_lanes : 16) : (K < max_lanes ? K : max_lanes);
  static constexpr int fixed_count = K == 0 ? 1 : K / width;
  using V = typename Lanes<width>::type;
  static int count(std::size_t k_padded) {
    return K == 0 ? static_cast<int>(k_padded) / width : fixed_count;
  }
};

inline float* row_of(const TrainArguments& a, std::int32_t feature) {
  const auto i = static_cast<std::size_t>(feature);
  float* base = i < a.n_hot ? a.hot : a.table;
  return base + i * a.layout.stride;
}

inline void prefetch(const float* row, std::size_t n_floats) {
  for (std::size_t j = 0; j < n_floats; j += 16) __builtin_prefetch(row + j, 1, 3);
}

// Derivative of the loss by the score, times weight and rescale.
inline float residual(const FmStep& step, float score, float label, float weight, std::size_t row, Measured& measured) {
  if (step.loss == Loss::squared) {
    const float error = score - label;
    measured.keep(row, error);
    return error * weight * step.rescale;
  }
  const float sign = label > 0.5F ? 1.0F : -1.0F;
  const float probability_of_label = 1.0F / (1.0F + exponential(-sign * score));
  measured.keep(row, probability_of_label);
  return -sign * (1.0F - probability_of_label) * weight * step.rescale;
}

inline void ftrl_scalar(const FmStep& step, float rate, float decay, float l1, float gradient, float& value, float& z,
                        float& n) {
  const float grown = n + gradient * gradient;
  z += gradient - (square_root(grown) - square_root(n)) / rate * value;
  n = grown;
  const float magnitude = z < 0 ? -z : z;
  value = magnitude <= l1
              ? 0.0F
              : -(z < 0 ? z + l1 : z - l1) / ((step.ftrl_beta + square_root(n)) / rate + decay);
}

template <Solver S>
inline void update_scalar(const FmStep& step, float rate, float decay, float l1, float gradient, float& value,
                          float& state0, float& state1) {
  if (rate == 0.0F) return;
  if (step.clip > 0) gradient = clamp_to(gradient, step.clip);
  if constexpr (S == Solver::sgd) {
    value -= rate * (gradient + decay * value);
  } else if constexpr (S == Solver::adagrad) {
    gradient += decay * value;
    state0 += gradient * gradient;
    value -= rate * gradient / square_root(state0);
  } else {
    ftrl_scalar(step, rate, decay, l1, gradient, value, state0, state1);
  }
}

// Moves one feature's row by the gradient residual * x * (s - x * v), in steps of the given sizes.
template <int K>
inline void step_row(const FmStep& step, float* row, std::size_t k_padded, float x, float gx, float linear_rate,
                     float factors_rate, const typename Shape<K>::V* s, int count) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  if (step.clip > 0) {
    row[k_padded] -= linear_rate * (clamp_to(gx, step.clip) + step.linear_decay * row[k_padded]);
    for (int j = 0; j < count; ++j) {
      const V v = load<V>(row + j * width);
      const V g = clamp_to<V>((s[j] - v * x) * gx, step.clip) + v * step.factors_decay;
      store(row + j * width, V(v - g * factors_rate));
    }
    return;
  }
  row[k_padded] = row[k_padded] * (1.0F - linear_rate * step.linear_decay) - linear_rate * gx;
  const float keep = 1.0F - factors_rate * (step.factors_decay - gx * x);
  const float push = factors_rate * gx;
  for (int j = 0; j < count; ++j) store(row + j * width, V(load<V>(row + j * width) * keep - s[j] * push));
}

// FTRL-proximal on every coordinate. McMahan et al., "Ad Click Prediction: a View from the Trenches", KDD 2013. With L1
// on both, factors count only where the linear weight does: their sums of gradients begin at their drawn values, from
// which L1 alone would hardly ever bring them to zero.
template <int K>
inline void ftrl_row(const FmStep& step, float* row, std::size_t k_padded, float x, float gx,
                     const typename Shape<K>::V* s, int count) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  float* weight = row + k_padded;
  if (step.linear_rate != 0.0F) {
    ftrl_scalar(step, step.linear_rate, step.linear_decay, step.linear_l1,
                step.clip > 0 ? clamp_to(gx, step.clip) : gx, weight[0], weight[1], weight[2]);
  }
  if (step.factors_rate == 0.0F) return;
  float* z = weight + 3;
  float* n = z + k_padded;
  const float inverse_rate = 1.0F / step.factors_rate;
  const bool is_left_out = weight[0] == 0.0F && step.linear_l1 > 0 && step.factors_l1 > 0 && step.linear_rate != 0.0F;
  for (int j = 0; j < count; ++j) {
    const V v = load<V>(row + j * width);
    V g = (s[j] - v * x) * gx;
    if (step.clip > 0) g = clamp_to<V>(g, step.clip);
    const V n_old = load<V>(n + j * width);
    const V n_new = n_old + g * g;
    const V root = square_root(n_new);
    const V z_new = load<V>(z + j * width) + g - (root - square_root(n_old)) * inverse_rate * v;
    const V shrunk = z_new - clamp_to<V>(z_new, step.factors_l1);
    const V value = -shrunk / ((root + step.ftrl_beta) * inverse_rate + step.factors_decay);
    store(row + j * width, is_left_out ? V{} : value);
    store(z + j * width, z_new);
    store(n + j * width, n_new);
  }
}

constexpr std::size_t adagrad_group = 64;

// AdaGrad with one sum for a feature's whole row, which holds the squares of what the loss pushes it with: residual
// times value. Roots and quotients are taken for many features together, from sums that the score's pass over the row
// has already gathered: gathered only now, wide loads would wait for the narrow stores before them.
// Duchi, Hazan and Singer, "Adaptive Subgradient Methods", JMLR 2011.
template <int K, bool HasValues>
inline void adagrad_rows(const TrainArguments& a, std::size_t first, std::size_t last, std::size_t k_padded, float e,
                         float* gathered, const typename Shape<K>::V* s, int count) {
  for (std::size_t start = first; start < last; start += adagrad_group) {
    const std::size_t n = last - start < adagrad_group ? last - start : adagrad_group;
    if (start != first) {
      for (std::size_t i = 0; i < n; ++i) gathered[i] = row_of(a, a.rows.indices[start + i])[k_padded + 1];
    }
    float scale[adagrad_group];
    // Rows of ones: whole vectors, the last beyond the row's end, where nobody looks.
    const std::size_t n_padded = HasValues ? n : (n + 15) / 16 * 16;
    for (std::size_t i = 0; i < n_padded; ++i) {
      const float gx = HasValues ? e * a.rows.values[start + i] : e;
      gathered[i] += gx * gx;
      scale[i] = inverse_root(gathered[i]);
    }
    for (std::size_t i = 0; i < n; ++i) {
      float* row = row_of(a, a.rows.indices[start + i]);
      const float x = HasValues ? a.rows.values[start + i] : 1.0F;
      row[k_padded + 1] = gathered[i];
      step_row<K>(a.step, row, k_padded, x, e * x, a.step.linear_rate * scale[i], a.step.factors_rate * scale[i], s,
                  count);
    }
  }
}

template <Solver S, int K, bool HasValues>
void train_rows(const TrainArguments& arguments, FmBias& shared_bias, FmTotals& totals) {
  const TrainArguments a = arguments;  // copies: stores to the table could alias members behind a reference
  FmBias bias = shared_bias;
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const int count = Shape<K>::count(a.layout.k_padded);
  const std::size_t k_padded = K == 0 ? a.layout.k_padded : K;
  const RowView& rows = a.rows;
  const FmStep step = a.step;
  V registers[Shape<K>::fixed_count];
  V* s = K == 0 ? reinterpret_cast<V*>(a.scratch) : registers;
  float gathered[S == Solver::adagrad ? adagrad_group : 1] = {};
  Measured measured(a, totals);

  for (std::size_t r = a.begin; r < a.end; ++r) {
    measured.before(r);
    if (a.prefetch_distance != 0 && r + a.prefetch_distance < rows.n_rows) {
      const std::size_t ahead = r + a.prefetch_distance;
      const std::size_t last = rows.offset(ahead + 1);
      for (std::size_t p = rows.offset(ahead); p < last; ++p) {
        prefetch(row_of(a, rows.indices[p]), k_padded + 1);
      }
    }
    const std::size_t first = rows.offset(r), last = rows.offset(r + 1);
    float linear = bias.value;
    for (int j = 0; j < count; ++j) s[j] = V{};
    V squares = V{};
    std::size_t p = first;
    for (; p + 1 < last; p += 2) {
      const float* left = row_of(a, rows.indices[p]);
      const float* right = row_of(a, rows.indices[p + 1]);
      const float x = HasValues ? rows.values[p] : 1.0F, y = HasValues ? rows.values[p + 1] : 1.0F;
      linear += left[k_padded] * x + right[k_padded] * y;
      if (S == Solver::adagrad && p + 1 - first < adagrad_group) {
        gathered[p - first] = left[k_padded + 1];
        gathered[p + 1 - first] = right[k_padded + 1];
      }
      V own = V{};  // summed apart: two features wait for one addition, not for two each
      for (int j = 0; j < count; ++j) {
        const V t = load<V>(left + j * width) * x, u = load<V>(right + j * width) * y;
        s[j] += t + u;
        own += t * t + u * u;
      }
      squares += own;
    }
    if (p < last) {
      const float* row = row_of(a, rows.indices[p]);
      const float x = HasValues ? rows.values[p] : 1.0F;
      linear += row[k_padded] * x;
      if (S == Solver::adagrad && p - first < adagrad_group) gathered[p - first] = row[k_padded + 1];
      for (int j = 0; j < count; ++j) {
        const V t = load<V>(row + j * width) * x;
        s[j] += t;
        squares += t * t;
      }
    }
    V crossed = -squares;
    for (int j = 0; j < count; ++j) crossed += s[j] * s[j];
    const float score = linear + 0.5F * sum(crossed);
    const float weight = rows.weights != nullptr ? rows.weights[r] : 1.0F;
    const float e = residual(step, score, rows.labels[r], weight, r, measured);
    update_scalar<S>(step, step.bias_rate, step.bias_decay, 0.0F, e, bias.value, bias.state[0], bias.state[1]);
    if constexpr (S == Solver::adagrad) {
      adagrad_rows<K, HasValues>(a, first, last, k_padded, e, gathered, s, count);
      continue;
    }
    for (p = first; p < last; ++p) {
      float* row = row_of(a, rows.indices[p]);
      const float x = HasValues ? rows.values[p] : 1.0F;
      if constexpr (S == Solver::sgd) {
        step_row<K>(step, row, k_padded, x, e * x, step.linear_rate, step.factors_rate, s, count);
      } else {
        ftrl_row<K>(step, row, k_padded, x, e * x, s, count);
      }
    }
  }
  measured.end(a.end);
  shared_bias = bias;
}

// Rows of exactly two ones, the shape of ratings: both factor rows stay in registers between score and update, and the
// bias moves once in eight rows, so that a row need not wait for the one before it.
template <int K>
void train_pairs_sgd(const TrainArguments& arguments, FmBias& bias, FmTotals& totals) {
  const TrainArguments a = arguments;
  float bias_value = bias.value;
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width, count = Shape<K>::fixed_count;
  const FmStep& step = a.step;
  const float keep_linear = 1.0F - step.linear_rate * step.linear_decay;
  const float keep_factors = 1.0F - step.factors_rate * step.factors_decay;
  Measured measured(a, totals);
  float bias_gradient = 0, n_gradients = 0;

  for (std::size_t r = a.begin; r < a.end; ++r) {
    measured.before(r);
    const std::int32_t* pair = a.rows.indices + 2 * r;
    if (a.prefetch_distance != 0 && r + a.prefetch_distance < a.rows.n_rows) {
      prefetch(row_of(a, pair[2 * a.prefetch_distance]), K + 1);
      prefetch(row_of(a, pair[2 * a.prefetch_distance + 1]), K + 1);
    }
    float* left = row_of(a, pair[0]);
    float* right = row_of(a, pair[1]);
    V u[count], v[count];
    V crossed = V{};
    for (int j = 0; j < count; ++j) {
      u[j] = load<V>(left + j * width);
      v[j] = load<V>(right + j * width);
      crossed += u[j] * v[j];
    }
    const float score = (left[K] + right[K] + sum(crossed)) + bias_value;
    const float weight = a.rows.weights != nullptr ? a.rows.weights[r] : 1.0F;
    const float e = residual(step, score, a.rows.labels[r], weight, r, measured);
    bias_gradient += e;
    n_gradients += 1;
    if ((r & 7U) == 7U || r + 1 == a.end) {
      bias_value -= step.bias_rate * (bias_gradient + n_gradients * step.bias_decay * bias_value);
      bias_gradient = n_gradients = 0;
    }
    const float linear_push = step.linear_rate * e, push = step.factors_rate * e;
    left[K] = left[K] * keep_linear - linear_push;
    right[K] = right[K] * keep_linear - linear_push;
    for (int j = 0; j < count; ++j) {
      store(left + j * width, V(u[j] * keep_factors - v[j] * push));
      store(right + j * width, V(v[j] * keep_factors - u[j] * push));
    }
  }
  measured.end(a.end);
  bias.value = bias_value;
}

template <Solver S, int K>
void train_sized(const TrainArguments& a, FmBias& bias, FmTotals& totals) {
  if constexpr (S == Solver::sgd && K != 0) {
    if (a.rows.pairs() && a.step.clip <= 0) return train_pairs_sgd<K>(a, bias, totals);
  }
  if (a.rows.values != nullptr) {
    train_rows<S, K, true>(a, bias, totals);
  } else {
    train_rows<S, K, false>(a, bias, totals);
  }
}

template <Solver S>
void train_solver(const TrainArguments& a, FmBias& bias, FmTotals& totals) {
  switch (a.layout.k_padded) {
    case 4: return train_sized<S, 4>(a, bias, totals);
    case 8: return train_sized<S, 8>(a, bias, totals);
    case 16: return train_sized<S, 16>(a, bias, totals);
    case 32: return train_sized<S, 32>(a, bias, totals);
    case 48: return train_sized<S, 48>(a, bias, totals);
    case 64: return train_sized<S, 64>(a, bias, totals);
    case 96: return train_sized<S, 96>(a, bias, totals);
    case 128: return train_sized<S, 128>(a, bias, totals);
    default: return train_sized<S, 0>(a, bias, totals);
  }
}

void train(Solver solver, const TrainArguments& a, FmBias& bias, FmTotals& totals) {
  if (solver == Solver::sgd) return train_solver<Solver::sgd>(a, bias, totals);
  if (solver == Solver::adagrad) return train_solver<Solver::adagrad>(a, bias, totals);
  train_solver<Solver::ftrl>(a, bias, totals);
}

template <int K>
void score_rows(const ScoreArguments& a) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const int count = Shape<K>::count(a.k_padded);
  const std::size_t k_padded = K == 0 ? a.k_padded : K;
  const RowView& rows = a.rows;
  V registers[Shape<K>::fixed_count];
  V* s = K == 0 ? reinterpret_cast<V*>(a.scratch) : registers;
  for (std::size_t r = a.begin; r < a.end; ++r) {
    const std::size_t last = rows.offset(r + 1);
    for (int j = 0; j < count; ++j) s[j] = V{};
    V squares = V{};
    float linear = a.bias;
    for (std::size_t p = rows.offset(r); p < last; ++p) {
      const auto i = static_cast<std::size_t>(rows.indices[p]);
      if (i >= a.n_features) continue;
      const float* row = a.table + i * a.stride;
      const float x = rows.values != nullptr ? rows.values[p] : 1.0F;
      linear += row[k_padded] * x;
      for (int j = 0; j < count; ++j) {
        const V t = load<V>(row + j * width) * x;
        s[j] += t;
        squares += t * t;
      }
    }
    V crossed = -squares;
    for (int j = 0; j < count; ++j) crossed += s[j] * s[j];
    a.out[r] = linear + 0.5F * sum(crossed);
    if (a.sums != nullptr) {
      float* sums = a.sums + (r - a.begin) * k_padded;
      for (int j = 0; j < count; ++j) store(sums + j * width, s[j]);
    }
  }
}

void score(const ScoreArguments& a) {
  switch (a.k_padded) {
    case 4: return score_rows<4>(a);
    case 8: return score_rows<8>(a);
    case 16: return score_rows<16>(a);
    case 32: return score_rows<32>(a);
    case 48: return score_rows<48>(a);
    case 64: return score_rows<64>(a);
    case 96: return score_rows<96>(a);
    case 128: return score_rows<128>(a);
    default: return score_rows<0>(a);
  }
}

struct AdamStep {
  float rate, decay, clip, rescale, first, second, epsilon;

  template <typename T>
  void move(T gradient, T& value, T& m, T& v) const {
    gradient = gradient * rescale;
    if (clip > 0) gradient = clamp_to(gradient, clip);
    gradient += value * decay;
    m = m * first + gradient * (1.0F - first);
    v = v * second + gradient * gradient * (1.0F - second);
    value -= m * rate / (square_root(v) + epsilon);
  }
};

template <int K>
void adam_update_sized(const BatchUpdateArguments& a) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const int count = Shape<K>::count(a.layout.k_padded);
  const std::size_t k_padded = K == 0 ? a.layout.k_padded : K;
  V registers[Shape<K>::fixed_count];
  V* g = K == 0 ? reinterpret_cast<V*>(a.scratch) : registers;
  for (int j = 0; j < count; ++j) g[j] = V{};
  float* row = a.table + static_cast<std::size_t>(a.feature) * a.layout.stride;
  float linear = 0, own = 0;
  for (std::size_t p = 0; p < a.n_entries; ++p) {
    const auto r = static_cast<std::size_t>(a.batch_rows[p]);
    const float x = a.batch_values != nullptr ? a.batch_values[p] : 1.0F;
    const float gx = a.residuals[r] * x;
    linear += gx;
    own += gx * x;
    const float* sums = a.sums + r * k_padded;
    for (int j = 0; j < count; ++j) g[j] += load<V>(sums + j * width) * gx;
  }
  const float correction = square_root(a.bias_correction2) / a.bias_correction1;
  AdamStep adam{a.step.linear_rate * correction, a.step.linear_decay, a.step.clip, a.step.rescale,
                a.first_moment, a.second_moment, a.epsilon};
  float* weight = row + k_padded;
  if (adam.rate != 0.0F) adam.move(linear, weight[0], weight[1], weight[2]);
  adam.rate = a.step.factors_rate * correction;
  adam.decay = a.step.factors_decay;
  if (adam.rate == 0.0F) return;
  float* m = weight + 3;
  float* v = m + k_padded;
  for (int j = 0; j < count; ++j) {
    V value = load<V>(row + j * width), first = load<V>(m + j * width), second = load<V>(v + j * width);
    adam.move<V>(V(g[j] - value * own), value, first, second);
    store(row + j * width, value);
    store(m + j * width, first);
    store(v + j * width, second);
  }
}

void adam_update(const BatchUpdateArguments& a) {
  switch (a.layout.k_padded) {
    case 4: return adam_update_sized<4>(a);
    case 8: return adam_update_sized<8>(a);
    case 16: return adam_update_sized<16>(a);
    case 32: return adam_update_sized<32>(a);
    case 48: return adam_update_sized<48>(a);
    case 64: return adam_update_sized<64>(a);
    case 96: return adam_update_sized<96>(a);
    case 128: return adam_update_sized<128>(a);
    default: return adam_update_sized<0>(a);
  }
}

}  // namespace

extern const FmKernels PAIRLOOM_LEVEL;
const FmKernels PAIRLOOM_LEVEL{PAIRLOOM_LEVEL_NAME, train, score, adam_update};

}  // namespace pairloom
