// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/gibbs.hpp"
#include "fm_simd.hpp"
#include "gibbs_normals.hpp"

namespace pairloom {
namespace {

constexpr int max_lanes = PAIRLOOM_LANES;
constexpr float least_precision = 1e-30F;

template <int W>
struct Row {
  static constexpr int lanes = W < max_lanes ? W : max_lanes;
  static constexpr int n = W / lanes;
  using V = typename Lanes<lanes>::type;
};

// Some rows of a group, up to gibbs_tile_rows: u of the chunk's factors (width W), the share of the linear weight, and
// residuals, all times value and root of the weight.
struct Tile {
  float* u;
  float* share;
  float* residuals;

  explicit Tile(float* scratch)
      : u(scratch), share(scratch + 16 * gibbs_tile_rows), residuals(scratch + 17 * gibbs_tile_rows) {}
};

template <int W>
void fill_tile(const GibbsRows& rows, const GibbsChunk& chunk, const float* own, std::size_t first, std::size_t n,
               const Tile& tile) {
  using R = Row<W>;
  using V = typename R::V;
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t j = first + i;
    const auto row = static_cast<std::size_t>(rows.order[j]);
    float scale = rows.values != nullptr ? rows.values[j] : 1.0F;
    V u[R::n] = {};
    if (rows.sums != nullptr) {
      for (int v = 0; v < R::n; ++v) {
        u[v] = load<V>(rows.sums + row * W + v * R::lanes) - scale * load<V>(own + v * R::lanes);
      }
    } else {
      for (std::size_t o = 0; o < rows.n_others; ++o) {
        const GibbsOther& other = rows.others[o];
        const std::int32_t index = other.index[j];
        if (index < 0) continue;
        const float* q = other.table + static_cast<std::size_t>(index) * rows.stride + chunk.first;
        if (other.values != nullptr) {
          for (int v = 0; v < R::n; ++v) u[v] += other.values[j] * load<V>(q + v * R::lanes);
        } else {
          for (int v = 0; v < R::n; ++v) u[v] += load<V>(q + v * R::lanes);
        }
      }
    }
    const float root = rows.root_weights != nullptr ? rows.root_weights[row] : 1.0F;
    scale *= root;
    for (int v = 0; v < R::n; ++v) store(tile.u + i * W + v * R::lanes, u[v] * scale);
    tile.share[i] = scale;
    tile.residuals[i] = rows.residuals[row] * root;
  }
}

// out[f] += u[f] u for F factors from `first` on.
template <int W, int F>
void add_products(const Tile& tile, std::size_t n, std::size_t first, float* out) {
  using R = Row<W>;
  using V = typename R::V;
  V sums[F][R::n] = {};
  for (std::size_t i = 0; i < n; ++i) {
    const float* u = tile.u + i * W;
    for (int f = 0; f < F; ++f) {
      for (int v = 0; v < R::n; ++v) sums[f][v] += u[first + static_cast<std::size_t>(f)] * load<V>(u + v * R::lanes);
    }
  }
  for (int f = 0; f < F; ++f) {
    float* to = out + (first + static_cast<std::size_t>(f)) * W;
    for (int v = 0; v < R::n; ++v) store(to + v * R::lanes, load<V>(to + v * R::lanes) + sums[f][v]);
  }
}

template <int W>
void add_moments(const Tile& tile, std::size_t n, std::size_t n_factors, float* moments) {
  using R = Row<W>;
  using V = typename R::V;
  std::size_t f = 0;
  if constexpr (R::n == 1) {
    for (; f + 8 <= n_factors; f += 8) add_products<W, (W < 8 ? W : 8)>(tile, n, f, moments);
  }
  for (; f + 4 <= n_factors; f += 4) add_products<W, 4>(tile, n, f, moments);
  for (; f + 2 <= n_factors; f += 2) add_products<W, 2>(tile, n, f, moments);
  for (; f < n_factors; ++f) add_products<W, 1>(tile, n, f, moments);
  V sums[R::n] = {}, products[R::n] = {};
  float total = 0, weight = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float share = tile.share[i], residual = tile.residuals[i];
    for (int v = 0; v < R::n; ++v) {
      const V u = load<V>(tile.u + i * W + v * R::lanes);
      sums[v] += share * u;
      products[v] += residual * u;
    }
  }
  for (std::size_t i = 0; i < n; ++i) {
    total += tile.residuals[i] * tile.share[i];
    weight += tile.share[i] * tile.share[i];
  }
  float* rest = moments + n_factors * W;
  for (int v = 0; v < R::n; ++v) {
    store(rest + v * R::lanes, load<V>(rest + v * R::lanes) + sums[v]);
    store(rest + W + v * R::lanes, load<V>(rest + W + v * R::lanes) + products[v]);
  }
  rest[2 * W] += total;
  rest[2 * W + 1] += weight;
}

// Sums of a group's rows; in tiles, added up in doubles where there are several, so that long groups stay exact.
template <int W>
void group_moments(const GibbsRows& rows, const GibbsChunk& chunk, std::size_t group, const float* own,
                   const Tile& tile, float* moments) {
  const std::size_t size = BlockMoments::size(chunk);
  const auto first = static_cast<std::size_t>(rows.starts[group]);
  const auto last = static_cast<std::size_t>(rows.starts[group + 1]);
  for (std::size_t j = 0; j < size; ++j) moments[j] = 0;
  if (last - first <= gibbs_tile_rows) {
    fill_tile<W>(rows, chunk, own, first, last - first, tile);
    add_moments<W>(tile, last - first, chunk.n, moments);
    return;
  }
  double totals[18 * 16 + 4] = {};
  for (std::size_t j = first; j < last; j += gibbs_tile_rows) {
    const std::size_t n = last - j < gibbs_tile_rows ? last - j : gibbs_tile_rows;
    for (std::size_t m = 0; m < size; ++m) moments[m] = 0;
    fill_tile<W>(rows, chunk, own, j, n, tile);
    add_moments<W>(tile, n, chunk.n, moments);
    for (std::size_t m = 0; m < size; ++m) totals[m] += static_cast<double>(moments[m]);
  }
  for (std::size_t m = 0; m < size; ++m) moments[m] = static_cast<float>(totals[m]);
}

// Residuals and sums of a group's rows after its factors, `own` before, grew by `steps`, and its own scores by `shift`.
template <int W>
void move_rows(const GibbsRows& rows, const GibbsChunk& chunk, std::size_t group, const float* own, const Tile& tile,
               const float* steps, float shift) {
  using R = Row<W>;
  using V = typename R::V;
  const auto first = static_cast<std::size_t>(rows.starts[group]);
  const auto last = static_cast<std::size_t>(rows.starts[group + 1]);
  V step[R::n];
  for (int v = 0; v < R::n; ++v) step[v] = load<V>(steps + v * R::lanes);
  for (std::size_t j = first; j < last; j += gibbs_tile_rows) {
    const std::size_t n = last - j < gibbs_tile_rows ? last - j : gibbs_tile_rows;
    if (last - first > gibbs_tile_rows) fill_tile<W>(rows, chunk, own, j, n, tile);
    for (std::size_t i = 0; i < n; ++i) {
      V products{};
      for (int v = 0; v < R::n; ++v) products += load<V>(tile.u + i * W + v * R::lanes) * step[v];
      const float moved = sum(products) + shift * tile.share[i];
      const auto row = static_cast<std::size_t>(rows.order[j + i]);
      rows.residuals[row] += rows.root_weights != nullptr ? moved / rows.root_weights[row] : moved;
    }
    if (rows.sums == nullptr) continue;
    for (std::size_t i = 0; i < n; ++i) {
      const float x = rows.values != nullptr ? rows.values[j + i] : 1.0F;
      float* own_sums = rows.sums + static_cast<std::size_t>(rows.order[j + i]) * W;
      for (int v = 0; v < R::n; ++v) store(own_sums + v * R::lanes, load<V>(own_sums + v * R::lanes) + x * step[v]);
    }
  }
}

template <int W>
void field_chunk(const FieldArguments& a) {
  using R = Row<W>;
  using V = typename R::V;
  const Tile tile(a.scratch);
  float* moments = a.scratch + 18 * gibbs_tile_rows;
  const std::size_t n = a.chunk.n;
  const float alpha = a.noise_precision;
  const float* prior_mean = a.prior.mean + a.chunk.first;
  const float* prior_precision = a.prior.precision + a.chunk.first;
  float own[W], draws[W], steps[W], inverse[W], deviation[W];
  for (std::size_t group = a.begin; group < a.end; ++group) {
    float* v = a.factors + group * a.rows.stride + a.chunk.first;
    for (int f = 0; f < W; ++f) own[f] = v[f];
    group_moments<W>(a.rows, a.chunk, group, own, tile, moments);
    float* sums = moments + n * W;
    float* products = sums + W;
    const std::uint64_t column = a.first_column + group;
    float shift = 0;
    if (a.linear != nullptr) {
      float normal = 0;
      if (a.noise != 0) normals(a.key, column, 0, 1, &normal);
      const float precision = alpha * products[W + 1] + a.prior.linear_precision + least_precision;
      const float weight = a.linear[group];
      shift = (a.prior.linear_precision * (a.prior.linear_mean - weight) - alpha * products[W]) / precision +
              a.noise * normal / square_root(precision);
      a.linear[group] = weight + shift;
      for (int i = 0; i < R::n; ++i) {
        store(products + i * R::lanes,
              load<V>(products + i * R::lanes) + shift * load<V>(sums + i * R::lanes));
      }
    }
    for (int f = 0; f < W; ++f) draws[f] = 0;
    if (a.noise != 0) normals(a.key, column, static_cast<std::uint32_t>(1 + a.chunk.first), n, draws);
    for (std::size_t f = 0; f < n; ++f) {
      const float precision = alpha * moments[f * W + f] + prior_precision[f] + least_precision;
      inverse[f] = 1.0F / precision;
      deviation[f] = prior_precision[f] * (prior_mean[f] - v[f]) * inverse[f] +
                     a.noise * draws[f] * square_root(inverse[f]);
    }
    for (int f = 0; f < W; ++f) steps[f] = 0;
    for (std::size_t f = 0; f < n; ++f) {
      const float step = deviation[f] - alpha * products[f] * inverse[f];
      steps[f] = step;
      v[f] += step;
      const float* row = moments + f * W;
      for (int i = 0; i < R::n; ++i) {
        store(products + i * R::lanes, load<V>(products + i * R::lanes) + step * load<V>(row + i * R::lanes));
      }
    }
    move_rows<W>(a.rows, a.chunk, group, own, tile, steps, shift);
  }
}

void field(const FieldArguments& a) {
  switch (a.chunk.width) {
    case 4: return field_chunk<4>(a);
    case 8: return field_chunk<8>(a);
    default: return field_chunk<16>(a);
  }
}

template <int W>
void block_moments_chunk(const BlockRowsArguments& a) {
  const Tile tile(a.scratch);
  for (std::size_t group = a.begin; group < a.end; ++group) {
    group_moments<W>(a.rows, a.moments.chunk, group, a.rows.own + group * a.rows.stride + a.moments.chunk.first, tile,
                     a.moments.of(group));
  }
}

void block_moments(const BlockRowsArguments& a) {
  switch (a.moments.chunk.width) {
    case 4: return block_moments_chunk<4>(a);
    case 8: return block_moments_chunk<8>(a);
    default: return block_moments_chunk<16>(a);
  }
}

template <int W>
void block_residuals_chunk(const BlockRowsArguments& a) {
  const Tile tile(a.scratch);
  const GibbsChunk& chunk = a.moments.chunk;
  for (std::size_t group = a.begin; group < a.end; ++group) {
    const auto first = static_cast<std::size_t>(a.rows.starts[group]);
    const auto n = static_cast<std::size_t>(a.rows.starts[group + 1]) - first;
    const float* own = a.rows.own + group * a.rows.stride + chunk.first;
    if (n <= gibbs_tile_rows) fill_tile<W>(a.rows, chunk, own, first, n, tile);
    move_rows<W>(a.rows, chunk, group, own, tile, a.steps + group * W, a.shifts[group]);
  }
}

void block_residuals(const BlockRowsArguments& a) {
  switch (a.moments.chunk.width) {
    case 4: return block_residuals_chunk<4>(a);
    case 8: return block_residuals_chunk<8>(a);
    default: return block_residuals_chunk<16>(a);
  }
}

struct Update {
  float old, step;
};

inline Update update(const BlockColumnsArguments& a, float old, float precision, float mean, float slope, float weight,
                     float normal) {
  const float total = a.noise_precision * weight + precision + least_precision;
  const float step =
      (precision * (mean - old) - a.noise_precision * slope) / total + a.noise * normal / square_root(total);
  return {old, step};
}

void block_linear(const BlockColumnsArguments& a) {
  const BlockColumns& c = a.columns;
  const std::size_t width = a.moments.chunk.width, n = a.moments.chunk.n;
  for (std::size_t g = 0; g < c.n_groups; ++g) a.shifts[g] = 0;
  for (std::size_t g = 0; g < c.n_groups; ++g) {
    const float* ends = a.moments.of(g) + (n + 2) * width;
    a.state[2 * g] = ends[0];
    a.state[2 * g + 1] = ends[1];
  }
  for (std::size_t i = 0; i < c.n_columns; ++i) {
    const GibbsPrior& prior = a.priors[a.prior_of[i]];
    float slope = 0, weight = 0;
    const auto first = c.starts[i], last = c.starts[i + 1];
    for (auto p = first; p < last; ++p) {
      const auto g = static_cast<std::size_t>(c.groups[p]);
      const float x = c.values != nullptr ? c.values[p] : 1.0F;
      slope += x * (a.state[2 * g] + a.state[2 * g + 1] * a.shifts[g]);
      weight += x * x * a.state[2 * g + 1];
    }
    const Update u = update(a, a.linear[i], prior.linear_precision, prior.linear_mean, slope, weight, a.normals[i]);
    a.linear[i] = u.old + u.step;
    for (auto p = first; p < last; ++p) {
      const float x = c.values != nullptr ? c.values[p] : 1.0F;
      a.shifts[static_cast<std::size_t>(c.groups[p])] += x * u.step;
    }
  }
  for (std::size_t g = 0; g < c.n_groups; ++g) {
    float* sums = a.moments.of(g) + n * width;
    const float shift = a.shifts[g];
    for (std::size_t f = 0; f < width; ++f) sums[width + f] += shift * sums[f];
    sums[2 * width] += shift * sums[2 * width + 1];
  }
}

typedef Lanes<8>::type State;

// A group's sums over its rows, Q being the whole sum of one factor: (eQ, e + QQ, Q, 1, e, nothing, change of its own
// score, q). Divide Q and q by the value x that the group holds a run's columns with, e by its square, and weigh the sums
// with its fourth power: adding `step` to a column's factor `old` is then the same linear map for every group that
// holds it.
inline void scale_state(float* at, float x) {
  const float x2 = x * x;
  store(at, load<State>(at) * State{x, x2, x2 * x, x2 * x2, x2, 1.0F, 1.0F / x2, 1.0F / x});
}

inline void update_columns(const BlockColumnsArguments& a, std::size_t begin, std::size_t end) {
  const BlockColumns& c = a.columns;
  const std::size_t width = a.moments.chunk.width, f = a.factor, place = a.moments.chunk.first + f;
  const std::int32_t* const groups = c.groups;
  float* const states = a.state;
  const auto at = [=](std::int64_t p) { return states + 8 * static_cast<std::size_t>(groups[p]); };
  for (std::size_t i = begin; i < end; ++i) {
    const auto first = c.starts[i], last = c.starts[i + 1];
    State sums0{}, sums1{}, sums2{}, sums3{};
    auto p = first;
    for (; p + 4 <= last; p += 4) {
      sums0 += load<State>(at(p));
      sums1 += load<State>(at(p + 1));
      sums2 += load<State>(at(p + 2));
      sums3 += load<State>(at(p + 3));
    }
    for (; p < last; ++p) sums0 += load<State>(at(p));
    const State sums = (sums0 + sums1) + (sums2 + sums3);
    float* v = a.factors + i * a.stride + place;
    const float old = *v;
    const float slope = sums[0] - old * sums[4];
    const float weight = (sums[1] - sums[4]) - 2 * old * sums[2] + old * old * sums[3];
    const GibbsPrior& prior = a.priors[a.prior_of[i]];
    const float step = update(a, old, prior.precision[place], prior.mean[place], slope, weight > 0 ? weight : 0,
                              a.normals[i * width + f]).step;
    *v = old + step;
    // eQ += step (e + QQ + (step - old) Q - old step 1); e += step (Q - old 1); QQ += step (2 Q + step 1);
    // Q += step 1; q += step; change += step (q - old)
    const State of_next = step * State{1, 0, 1, 0, 0, 0, 1, 0};
    const State of_sum = step * State{step - old, 3, 0, 0, 1, 0, 0, 0};
    const State of_weight = step * State{-old * step, step - old, 0, 0, -old, 0, 0, 0};
    const State alone = step * State{0, 0, 0, 0, 0, 0, -old, 1};
    for (p = first; p < last; ++p) {
      float* state = at(p);
      const State s = load<State>(state);
      store(state, s + __builtin_shufflevector(s, s, 1, 1, 3, 3, 5, 5, 7, 7) * of_next + state[2] * of_sum +
                       (state[3] * of_weight + alone));
    }
  }
}

void block_factor(const BlockColumnsArguments& a) {
  const BlockColumns& c = a.columns;
  const std::size_t width = a.moments.chunk.width, n = a.moments.chunk.n, f = a.factor;
  const std::size_t place = a.moments.chunk.first + f;
  for (std::size_t g = 0; g < c.n_groups; ++g) {
    const float* moments = a.moments.of(g);
    const float q = a.table[g * a.stride + place];
    const float uu = moments[f * width + f], u = moments[n * width + f], eu = moments[(n + 1) * width + f];
    const float e = moments[(n + 2) * width], weight = moments[(n + 2) * width + 1];
    store(a.state + 8 * g,
          State{eu + q * e, e + uu + 2 * q * u + q * q * weight, u + q * weight, weight, e, 0.0F, 0.0F, q});
  }
  for (std::size_t run = 0; run < c.n_runs; ++run) {
    const auto begin = static_cast<std::size_t>(c.run_starts[run]), end = static_cast<std::size_t>(c.run_starts[run + 1]);
    const auto first = c.run_group_starts[run], last = c.run_group_starts[run + 1];
    for (auto p = first; p < last; ++p) {
      scale_state(a.state + 8 * static_cast<std::size_t>(c.run_groups[p]), c.run_values[p]);
    }
    update_columns(a, begin, end);
    for (auto p = first; p < last; ++p) {
      scale_state(a.state + 8 * static_cast<std::size_t>(c.run_groups[p]), 1.0F / c.run_values[p]);
    }
  }
  for (std::size_t g = 0; g < c.n_groups; ++g) {
    float* moments = a.moments.of(g);
    float* sums = moments + n * width;
    const float step = a.state[8 * g + 7] - a.table[g * a.stride + place], shift = a.state[8 * g + 6];
    a.steps[g * width + f] = step;
    a.shifts[g] += shift;
    sums[2 * width] += step * sums[f] + shift * sums[2 * width + 1];
    for (std::size_t j = 0; j < width; ++j) sums[width + j] += step * moments[f * width + j] + shift * sums[j];
  }
}

template <typename V>
void sum_columns(const BlockColumns& c, const float* factors, std::size_t stride, float* table) {
  for (std::size_t i = 0; i < c.n_columns; ++i) {
    const float* v = factors + i * stride;
    for (auto p = c.starts[i]; p < c.starts[i + 1]; ++p) {
      const float x = c.values != nullptr ? c.values[p] : 1.0F;
      float* q = table + static_cast<std::size_t>(c.groups[p]) * stride;
      for (std::size_t f = 0; f < stride; f += width_of<V>) store(q + f, load<V>(q + f) + x * load<V>(v + f));
    }
  }
}

void block_table(const BlockColumns& columns, const float* factors, std::size_t stride, float* table) {
  if (stride % 16 == 0) return sum_columns<Lanes<16>::type>(columns, factors, stride, table);
  sum_columns<Lanes<4>::type>(columns, factors, stride, table);
}

template <typename V>
void add_scores(const ScoredRows& a) {
  for (std::size_t r = a.begin; r < a.end; ++r) {
    float score = 0;
    for (std::size_t t = 0; t < a.n_terms; ++t) {
      const ScoredTerm& term = a.terms[t];
      const std::int32_t index = term.index[r];
      if (index >= 0) score += (term.values != nullptr ? term.values[r] : 1.0F) * term.own_scores[index];
    }
    double pairs = 0;
    for (std::size_t f = 0; f < a.stride; f += width_of<V>) {
      V sums{}, squares{};
      for (std::size_t t = 0; t < a.n_terms; ++t) {
        const ScoredTerm& term = a.terms[t];
        const std::int32_t index = term.index[r];
        if (index < 0) continue;
        V part = load<V>(term.table + static_cast<std::size_t>(index) * a.stride + f);
        if (term.values != nullptr) part *= term.values[r];
        sums += part;
        squares += part * part;
      }
      pairs += static_cast<double>(sum(sums * sums - squares));
    }
    a.out[r] = static_cast<double>(score) + 0.5 * pairs;
  }
}

void scores(const ScoredRows& a) {
  if (a.stride % 16 == 0) return add_scores<Lanes<16>::type>(a);
  add_scores<Lanes<4>::type>(a);
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_GIBBS_LEVEL PAIRLOOM_JOIN(gibbs_, PAIRLOOM_LEVEL)

}  // namespace

extern const GibbsKernels PAIRLOOM_GIBBS_LEVEL;
const GibbsKernels PAIRLOOM_GIBBS_LEVEL{PAIRLOOM_LEVEL_NAME, field,        block_moments, block_residuals,
                                        block_linear,        block_factor, block_table,   scores, normals};

}  // namespace pairloom
