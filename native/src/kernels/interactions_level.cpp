// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/interactions.hpp"

#include "fm_measured.hpp"
#include "fm_simd.hpp"

namespace pairloom {
namespace {

constexpr int max_lanes = PAIRLOOM_LANES;

// K is the padded number of factors, or 0 when it is known at run time only: then a multiple of 16.
template <int K>
struct Shape {
  static constexpr int width = K == 0 ? (max_lanes < 16 ? max_lanes : 16) : (K < max_lanes ? K : max_lanes);
  using V = typename Lanes<width>::type;
};

template <typename V>
inline V inverse_roots(V x) {
  typedef int I __attribute__((vector_size(sizeof(V))));
  V y = __builtin_bit_cast(V, 0x5f375a86 - (__builtin_bit_cast(I, x) >> 1));
  y = y * (1.5F - 0.5F * x * y * y);
  return y * (1.5F - 0.5F * x * y * y);
}

// What one step does with the gradients of factors or pair weights.
struct FactorStep {
  float rate, decay, clip;
  bool adagrad;

  template <typename V>
  void move(V gradient, V& value, V& squares) const {
    if (clip > 0) gradient = clamp_to<V>(gradient, clip);
    gradient += value * decay;
    if (adagrad) {
      squares += gradient * gradient;
      value -= rate * gradient * inverse_roots(squares);
    } else {
      value -= rate * gradient;
    }
  }

  void move(float gradient, float& value, float& squares) const {
    if (clip > 0) gradient = clamp_to(gradient, clip);
    gradient += value * decay;
    if (adagrad) {
      squares += gradient * gradient;
      value -= rate * gradient * inverse_root(squares);
    } else {
      value -= rate * gradient;
    }
  }
};

// Fills scratch with the row's features that the table has; returns how many.
inline int prepare(const InteractionArguments& a, std::size_t row) {
  const InteractionScratch& s = a.scratch;
  const RowView& rows = a.data.rows;
  const std::size_t first = rows.offset(row), last = rows.offset(row + 1);
  float squares = 0;
  int n = 0;
  for (std::size_t p = first; p < last; ++p) {
    const float x = rows.values != nullptr ? rows.values[p] : 1.0F;
    squares += x * x;
    const auto feature = static_cast<std::size_t>(rows.indices[p]);
    if (feature >= a.n_features) continue;
    s.values[n] = x;
    s.features[n] = rows.indices[p];
    s.rows[n] = a.table + feature * a.layout.stride;
    s.fields[n] = a.data.fields != nullptr ? a.data.fields[p] : 0;
    ++n;
  }
  if (a.normalize && squares > 0) {
    const float scale = 1.0F / square_root(squares);
    for (int i = 0; i < n; ++i) s.values[i] *= scale;
  }
  return n;
}

inline void prefetch_feature(const InteractionArguments& a, std::int32_t index) {
  const auto feature = static_cast<std::size_t>(index);
  if (feature >= a.n_features) return;
  const float* begin = a.table + feature * a.layout.stride;
  for (std::size_t j = 0; j < a.layout.stride; j += 16) __builtin_prefetch(begin + j, 1, 2);
}

inline void prefetch_row(const InteractionArguments& a, std::size_t row) {
  const RowView& rows = a.data.rows;
  for (std::size_t p = rows.offset(row); p < rows.offset(row + 1); ++p) prefetch_feature(a, rows.indices[p]);
}

// Features of the row after this one, fetched one by one while this one steps: at once they would wait for each other.
struct Coming {
  const std::int32_t* begin;
  const std::int32_t* end;
};

inline Coming coming_row(const InteractionArguments& a, std::size_t row) {
  if (a.prefetch_distance == 0 || row + 1 >= a.end) return {nullptr, nullptr};
  const RowView& rows = a.data.rows;
  return {rows.indices + rows.offset(row + 1), rows.indices + rows.offset(row + 2)};
}

inline float linear_score(const InteractionArguments& a, int n) {
  float total = 0;
  for (int i = 0; i < n; ++i) total += a.scratch.rows[i][a.layout.linear] * a.scratch.values[i];
  return total;
}

// ---- field-aware: every pair of the row has factors of its own on both sides.

template <int K>
float field_aware_score(const InteractionArguments& a, int n) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const int k = K == 0 ? static_cast<int>(a.layout.k_padded) : K;
  const std::size_t block = a.layout.block;
  const InteractionScratch s = a.scratch;
  V total{}, other{};
  for (int i = 0; i < n; ++i) {
    const float* own = s.rows[i];
    const std::size_t back = static_cast<std::size_t>(s.fields[i]) * block;
    V of_row{}, of_odd{};
    int j = i + 1;
    for (; j + 1 < n; j += 2) {
      const float* left = own + static_cast<std::size_t>(s.fields[j]) * block;
      const float* right = s.rows[j] + back;
      const float* left2 = own + static_cast<std::size_t>(s.fields[j + 1]) * block;
      const float* right2 = s.rows[j + 1] + back;
      for (int c = 0; c < k; c += width) {
        of_row += load<V>(left + c) * load<V>(right + c) * s.values[j];
        of_odd += load<V>(left2 + c) * load<V>(right2 + c) * s.values[j + 1];
      }
    }
    if (j < n) {
      const float* left = own + static_cast<std::size_t>(s.fields[j]) * block;
      const float* right = s.rows[j] + back;
      for (int c = 0; c < k; c += width) of_row += load<V>(left + c) * load<V>(right + c) * s.values[j];
    }
    total += of_row * s.values[i];
    other += of_odd * s.values[i];
  }
  return sum(V(total + other));
}

// Factors and their sums of both sides are one vector each where a level's vectors hold two blocks.
template <int K>
inline void step_pair(const FactorStep& step, float* left, float* right, float gradient) {
  using V = typename Lanes<2 * K>::type;
  const V a = load<V>(left), b = load<V>(right);
  V values, squares, swapped;
  if constexpr (K == 4) {
    values = __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
    squares = __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
    swapped = __builtin_shufflevector(values, values, 4, 5, 6, 7, 0, 1, 2, 3);
  } else {
    values = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    squares = __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
    swapped = __builtin_shufflevector(values, values, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  }
  step.move<V>(swapped * gradient, values, squares);
  if constexpr (K == 4) {
    store(left, V(__builtin_shufflevector(values, squares, 0, 1, 2, 3, 8, 9, 10, 11)));
    store(right, V(__builtin_shufflevector(values, squares, 4, 5, 6, 7, 12, 13, 14, 15)));
  } else {
    store(left, V(__builtin_shufflevector(values, squares, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23)));
    store(right,
          V(__builtin_shufflevector(values, squares, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31)));
  }
}

template <int K>
void field_aware_step(const InteractionArguments& a, int n, const FactorStep& given, float residual, Coming coming) {
  constexpr bool joined = (K == 4 || K == 8) && 2 * K <= max_lanes;
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const FactorStep step = given;
  const std::size_t k = K == 0 ? a.layout.k_padded : static_cast<std::size_t>(K);
  const std::size_t block = a.layout.block;
  const InteractionScratch s = a.scratch;
  for (int i = 0; i < n; ++i) {
    if (coming.begin != coming.end) prefetch_feature(a, *coming.begin++);
    float* own = s.rows[i];
    const std::size_t back = static_cast<std::size_t>(s.fields[i]) * block;
    const float pushed = residual * s.values[i];
    for (int j = i + 1; j < n; ++j) {
      float* left = own + static_cast<std::size_t>(s.fields[j]) * block;
      float* right = s.rows[j] + back;
      const float gradient = pushed * s.values[j];
      if constexpr (joined) {
        step_pair<K>(step, left, right, gradient);
      } else {
        for (std::size_t c = 0; c < k; c += width) {
          V l = load<V>(left + c), r = load<V>(right + c);
          V l_squares = load<V>(left + k + c), r_squares = load<V>(right + k + c);
          const V before = l;
          step.move<V>(r * gradient, l, l_squares);
          step.move<V>(before * gradient, r, r_squares);
          store(left + c, l);
          store(right + c, r);
          store(left + k + c, l_squares);
          store(right + k + c, r_squares);
        }
      }
    }
  }
}

// ---- field-weighted: sums over the features of a field, then pairs of fields.

// Scratch: for each field of the row its sum, the sum of the others by their weights, and the squares within it.
struct FieldSums {
  float* sums;
  float* weighted;
  float* squares;
  std::int32_t* fields;  // of the slots
  int n;
};

template <int K>
float field_weighted_score(const InteractionArguments& a, int n, FieldSums& found) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const int k = K == 0 ? static_cast<int>(a.layout.k_padded) : K;
  const InteractionScratch s = a.scratch;
  const auto room = static_cast<std::size_t>(n) * static_cast<std::size_t>(k);
  found.sums = s.sums;
  found.weighted = found.sums + room;
  found.squares = found.weighted + room;
  found.fields = reinterpret_cast<std::int32_t*>(found.squares + n);
  found.n = 0;
  for (int i = 0; i < n; ++i) {
    std::int32_t slot = s.slots[s.fields[i]];
    if (slot < 0) {
      slot = s.slots[s.fields[i]] = found.n++;
      found.fields[slot] = s.fields[i];
      found.squares[slot] = 0;
      for (int c = 0; c < k; c += width) store(found.sums + slot * k + c, V{});
    }
    V squares{};
    float* to = found.sums + slot * k;
    for (int c = 0; c < k; c += width) {
      const V z = load<V>(s.rows[i] + c) * s.values[i];
      store(to + c, V(load<V>(to + c) + z));
      squares += z * z;
    }
    found.squares[slot] += sum(squares);
  }
  V total{};
  float own = 0;
  for (int f = 0; f < found.n; ++f) {
    const float* weights = a.pair_weights + static_cast<std::size_t>(found.fields[f]) * a.layout.n_fields;
    for (int c = 0; c < k; c += width) {
      V weighted{};
      for (int g = 0; g < found.n; ++g) weighted += load<V>(found.sums + g * k + c) * weights[found.fields[g]];
      store(found.weighted + f * k + c, weighted);
      total += weighted * load<V>(found.sums + f * k + c);
    }
    own += weights[found.fields[f]] * found.squares[f];
  }
  for (int i = 0; i < n; ++i) {  // which field each feature has is found again by its slot
    s.features[i] = s.slots[s.fields[i]];
  }
  for (int f = 0; f < found.n; ++f) s.slots[found.fields[f]] = -1;
  return 0.5F * (sum(total) - own);
}

template <int K>
void field_weighted_step(const InteractionArguments& a, int n, const FactorStep& step, float residual,
                         const FieldSums& found) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const int k = K == 0 ? static_cast<int>(a.layout.k_padded) : K;
  const InteractionScratch s = a.scratch;
  for (int i = 0; i < n; ++i) {
    const std::int32_t slot = s.features[i];
    const auto field = static_cast<std::size_t>(found.fields[slot]);
    const float own = a.pair_weights[field * a.layout.n_fields + field] * s.values[i];
    const float pushed = residual * s.values[i];
    float* row = s.rows[i];
    for (int c = 0; c < k; c += width) {
      V value = load<V>(row + c), squares = load<V>(row + k + c);
      step.move<V>((load<V>(found.weighted + slot * k + c) - value * own) * pushed, value, squares);
      store(row + c, value);
      store(row + k + c, squares);
    }
  }
  const std::size_t m = a.layout.n_fields;
  float* sums_of_squares = a.pair_weights + m * m;
  FactorStep pair_step = step;
  pair_step.decay = 0;  // the factors' penalty keeps the product small already
  for (int f = 0; f < found.n; ++f) {
    for (int g = f; g < found.n; ++g) {
      V crossed{};
      for (int c = 0; c < k; c += width) crossed += load<V>(found.sums + f * k + c) * load<V>(found.sums + g * k + c);
      const float product = f == g ? 0.5F * (sum(crossed) - found.squares[f]) : sum(crossed);
      if (product == 0) continue;
      const auto from = static_cast<std::size_t>(found.fields[f]), to = static_cast<std::size_t>(found.fields[g]);
      float& weight = a.pair_weights[from * m + to];
      float& squares = sums_of_squares[from * m + to];
      pair_step.move(residual * product, weight, squares);
      a.pair_weights[to * m + from] = weight;
      sums_of_squares[to * m + from] = squares;
    }
  }
}

// ---- higher order: ANOVA kernels by dynamic programming over the row's features, a vector of factors at a time.

template <int Degree, typename V>
inline V anova(const InteractionArguments& a, int n, std::size_t at) {
  V sums[Degree + 1];
  sums[0] = V{} + 1.0F;
  for (int t = 1; t <= Degree; ++t) sums[t] = V{};
  for (int i = 0; i < n; ++i) {
    const V z = load<V>(a.scratch.rows[i] + at) * a.scratch.values[i];
    for (int t = Degree; t >= 1; --t) sums[t] += sums[t - 1] * z;
  }
  return sums[Degree];
}

// Reverse-mode differentiation of the recursion; `table` holds the sums before each feature.
template <int Degree, typename V>
inline void anova_step(const InteractionArguments& a, int n, std::size_t at, std::size_t k, const FactorStep& step,
                       float residual) {
  constexpr int width = width_of<V>;
  float* table = a.scratch.sums;
  V sums[Degree + 1];
  sums[0] = V{} + 1.0F;
  for (int t = 1; t <= Degree; ++t) sums[t] = V{};
  for (int i = 0; i < n; ++i) {
    const V z = load<V>(a.scratch.rows[i] + at) * a.scratch.values[i];
    for (int t = 0; t < Degree; ++t) store(table + (i * Degree + t) * width, sums[t]);
    for (int t = Degree; t >= 1; --t) sums[t] += sums[t - 1] * z;
  }
  V adjoint[Degree + 1];
  for (int t = 0; t < Degree; ++t) adjoint[t] = V{};
  adjoint[Degree] = V{} + residual;
  for (int i = n - 1; i >= 0; --i) {
    float* row = a.scratch.rows[i] + at;
    V value = load<V>(row), squares = load<V>(row + k);
    const V z = value * a.scratch.values[i];
    V gradient{};
    for (int t = 1; t <= Degree; ++t) {
      gradient += adjoint[t] * load<V>(table + (i * Degree + t - 1) * width);
      adjoint[t - 1] += adjoint[t] * z;
    }
    step.move<V>(gradient * a.scratch.values[i], value, squares);
    store(row, value);
    store(row + k, squares);
  }
}

template <int K>
float higher_order_score(const InteractionArguments& a, int n) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const std::size_t k = K == 0 ? a.layout.k_padded : static_cast<std::size_t>(K);
  V total{};
  for (std::size_t c = 0; c < k; c += width) {
    total += anova<2, V>(a, n, c);
    if (a.layout.order > 2) total += anova<3, V>(a, n, a.layout.block + c);
    if (a.layout.order > 3) total += anova<4, V>(a, n, 2 * a.layout.block + c);
  }
  return sum(total);
}

template <int K>
void higher_order_step(const InteractionArguments& a, int n, const FactorStep& step, float residual) {
  using V = typename Shape<K>::V;
  constexpr int width = Shape<K>::width;
  const std::size_t k = K == 0 ? a.layout.k_padded : static_cast<std::size_t>(K);
  for (std::size_t c = 0; c < k; c += width) {
    anova_step<2, V>(a, n, c, k, step, residual);
    if (a.layout.order > 2) anova_step<3, V>(a, n, a.layout.block + c, k, step, residual);
    if (a.layout.order > 3) anova_step<4, V>(a, n, 2 * a.layout.block + c, k, step, residual);
  }
}

// ---- passes over rows.

template <int K>
float interaction_score(const InteractionArguments& a, int n, FieldSums& found) {
  switch (a.layout.kind) {
    case Interaction::field_aware: return field_aware_score<K>(a, n);
    case Interaction::field_weighted: return field_weighted_score<K>(a, n, found);
    default: return higher_order_score<K>(a, n);
  }
}

// Derivative of the loss by the score, times weight and rescale.
inline float residual_of(const FmStep& step, float score, float label, float weight, std::size_t row,
                         Measured& measured) {
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

template <int K>
void train_rows(const InteractionArguments& a, FmBias& bias, FmTotals& totals) {
  const FmStep& step = a.step;
  const FactorStep bias_step{step.bias_rate, step.bias_decay, step.clip, a.adagrad};
  const FactorStep linear_step{step.linear_rate, step.linear_decay, step.clip, a.adagrad};
  const FactorStep factors_step{step.factors_rate, step.factors_decay, step.clip, a.adagrad};
  Measured measured(step.loss, a.data.rows, a.begin, totals);
  for (std::size_t r = a.begin; r < a.end; ++r) {
    measured.before(r);
    const bool at_once = a.layout.kind != Interaction::field_aware;
    if (at_once && a.prefetch_distance != 0 && r + 1 < a.end) prefetch_row(a, r + 1);
    const int n = prepare(a, r);
    FieldSums found{};
    const float score = bias.value + linear_score(a, n) + interaction_score<K>(a, n, found);
    const float weight = a.data.rows.weights != nullptr ? a.data.rows.weights[r] : 1.0F;
    const float e = residual_of(step, score, a.data.rows.labels[r], weight, r, measured);
    if (step.bias_rate != 0.0F) bias_step.move(e, bias.value, bias.state[0]);
    if (step.linear_rate != 0.0F) {
      for (int i = 0; i < n; ++i) {
        float* linear = a.scratch.rows[i] + a.layout.linear;
        linear_step.move(e * a.scratch.values[i], linear[0], linear[1]);
      }
    }
    if (step.factors_rate == 0.0F) continue;
    switch (a.layout.kind) {
      case Interaction::field_aware: field_aware_step<K>(a, n, factors_step, e, coming_row(a, r)); break;
      case Interaction::field_weighted: field_weighted_step<K>(a, n, factors_step, e, found); break;
      default: higher_order_step<K>(a, n, factors_step, e);
    }
  }
  measured.end(a.end);
}

template <int K>
void score_rows(const InteractionArguments& a, float bias, float* out) {
  for (std::size_t r = a.begin; r < a.end; ++r) {
    if (a.prefetch_distance != 0 && r + a.prefetch_distance < a.end) prefetch_row(a, r + a.prefetch_distance);
    const int n = prepare(a, r);
    FieldSums found{};
    out[r] = bias + linear_score(a, n) + interaction_score<K>(a, n, found);
  }
}

void train(const InteractionArguments& a, FmBias& bias, FmTotals& totals) {
  switch (a.layout.k_padded) {
    case 4: return train_rows<4>(a, bias, totals);
    case 8: return train_rows<8>(a, bias, totals);
    case 16: return train_rows<16>(a, bias, totals);
    default: return train_rows<0>(a, bias, totals);
  }
}

void score(const InteractionArguments& a, float bias, float* out) {
  switch (a.layout.k_padded) {
    case 4: return score_rows<4>(a, bias, out);
    case 8: return score_rows<8>(a, bias, out);
    case 16: return score_rows<16>(a, bias, out);
    default: return score_rows<0>(a, bias, out);
  }
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_INTERACTIONS_LEVEL PAIRLOOM_JOIN(interactions_, PAIRLOOM_LEVEL)

}  // namespace

extern const InteractionKernels PAIRLOOM_INTERACTIONS_LEVEL;
const InteractionKernels PAIRLOOM_INTERACTIONS_LEVEL{PAIRLOOM_LEVEL_NAME, train, score};

}  // namespace pairloom
