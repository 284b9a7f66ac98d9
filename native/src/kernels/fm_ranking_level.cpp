// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/fm_ranking.hpp"
#include "fm_simd.hpp"

namespace pairloom {
namespace {

constexpr int most_tries = 16;  // to draw an item that the user did not take
constexpr float margin = 1.0F;

// K is the padded number of factors, or 0 when it is known at run time only.
template <int K>
inline std::size_t width(const FmRanking& a) {
  return K == 0 ? a.k_padded : static_cast<std::size_t>(K);
}
template <int K>
inline float dot(const FmRanking& a, const float* x, const float* y) {
  float total = 0;
  for (std::size_t i = 0; i < width<K>(a); ++i) total += x[i] * y[i];
  return total;
}
template <int K>
inline void add(const FmRanking& a, float* to, const float* what, float by) {
  for (std::size_t i = 0; i < width<K>(a); ++i) to[i] += by * what[i];
}
template <int K>
inline void clear(const FmRanking& a, float* to) {
  for (std::size_t i = 0; i < width<K>(a); ++i) to[i] = 0;
}
inline float* row_of(const FmRanking& a, std::int64_t feature) {
  return a.table + static_cast<std::size_t>(feature) * a.stride;
}
inline float value_of(const RowView& rows, std::size_t p) { return rows.values != nullptr ? rows.values[p] : 1.0F; }
inline void prefetch(const FmRanking& a, std::int64_t feature) {
  const float* row = row_of(a, feature);
  for (std::size_t i = 0; i <= a.k_padded; i += 16) __builtin_prefetch(row + i, 1, 3);
}

// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct Draws {
  std::uint64_t state;

  static std::uint64_t mix(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t next() { return mix(state += 0x9e3779b97f4a7c15ULL); }
  bool happens(float probability) {
    return static_cast<float>(next() >> 40) * 0x1p-24F < probability;
  }
  // Walker's method: one number says the place and whether it is the place's own item or its alias.
  std::int32_t item(const FmRanking& a) {
    const std::uint64_t drawn = next();
    const auto place = static_cast<std::size_t>(((drawn >> 32) * a.items.n_rows) >> 32);
    const float rest = static_cast<float>(drawn & 0xffffffU) * 0x1p-24F;
    return rest < a.accept[place] ? static_cast<std::int32_t>(place) : a.aliases[place];
  }
};

inline bool took(const FmRanking& a, std::size_t user, std::int32_t item) {
  std::int64_t low = a.history_offsets[user], high = a.history_offsets[user + 1];
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (a.history_items[middle] < item) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < a.history_offsets[user + 1] && a.history_items[low] == item;
}

// AdaGrad with one sum for the factors, which holds their mean squared gradient, and one for the weight. Penalties are
// paid as far as events pull: `amount` is the sum of what they pull with.
template <int K>
inline void step_factors(const FmRanking& a, float* row, const float* gradient, float amount) {
  const std::size_t n = width<K>(a);
  const float decay = a.factors_decay * amount;
  float squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const float g = gradient[i] + decay * row[i];
    squares += g * g;
  }
  const float sum = row[n + 1] + squares / static_cast<float>(a.k);
  row[n + 1] = sum;
  const float rate = a.factors_rate * inverse_root(sum);
  for (std::size_t i = 0; i < n; ++i) row[i] -= rate * (gradient[i] + decay * row[i]);
}
inline void step_weight(const FmRanking& a, float* row, float gradient, float amount) {
  float* weight = row + a.k_padded;
  gradient += a.weights_decay * amount * weight[0];
  weight[2] += gradient * gradient;
  weight[0] -= a.weights_rate * gradient * inverse_root(weight[2]);
}

// The events of a group, then what is drawn against them.
struct Group {
  std::size_t user;
  const std::int64_t* events;
  std::size_t n_events, n_drawn;
  std::int32_t* items;     // of events, then drawn
  std::int32_t* begins;    // 1: the item's first feature is left out
  float* sums;             // of the items' factors
  float* constants;        // of the items
  float* pulls;            // derivatives of the loss by each item's score, added up over events
  float* residuals;        // the same of drawn items, by event
  float* own_residuals;    // of the event's item
  float* scores;           // of the event's item
};

template <int K>
inline void sum_item(const FmRanking& a, const Group& group, std::size_t place) {
  const auto item = static_cast<std::size_t>(group.items[place]);
  float* sums = group.sums + place * width<K>(a);
  clear<K>(a, sums);
  float linear = 0, squares = 0;
  const std::size_t last = a.items.offset(item + 1);
  for (std::size_t p = a.items.offset(item) + static_cast<std::size_t>(group.begins[place]); p < last; ++p) {
    const float* row = row_of(a, a.items.indices[p]);
    const float x = value_of(a.items, p);
    linear += x * row[a.k_padded];
    squares += x * x * dot<K>(a, row, row);
    add<K>(a, sums, row, x);
  }
  group.constants[place] = linear + 0.5F * (dot<K>(a, sums, sums) - squares);
}

// Moves an item's features, pulled by `pull` in all and by `factors` along what asked.
template <int K>
inline void move_item(const FmRanking& a, const Group& group, std::size_t place, float pull, const float* factors,
                      float* gradient) {
  const auto item = static_cast<std::size_t>(group.items[place]);
  const float* sums = group.sums + place * width<K>(a);
  const float amount = pull < 0 ? -pull : pull;
  const std::size_t last = a.items.offset(item + 1);
  for (std::size_t p = a.items.offset(item) + static_cast<std::size_t>(group.begins[place]); p < last; ++p) {
    float* row = row_of(a, a.items.indices[p]);
    const float x = value_of(a.items, p);
    for (std::size_t i = 0; i < width<K>(a); ++i) gradient[i] = x * (factors[i] + pull * (sums[i] - x * row[i]));
    step_factors<K>(a, row, gradient, amount);
    step_weight(a, row, x * pull, amount);
  }
}

inline float log_of_one_plus_exponential(float x) {
  return x > 20.0F ? x : __builtin_logf(1.0F + exponential(x));
}

template <int K>
inline float score(const FmRanking& a, const Group& group, const float* query, std::size_t place) {
  return dot<K>(a, query, group.sums + place * width<K>(a)) + group.constants[place];
}

// Each fills the event's residuals and returns its loss; weights of events come after.
template <int K>
float bpr(const FmRanking& a, const Group& group, std::size_t event, const float* query) {
  float* residuals = group.residuals + event * group.n_drawn;
  const float share = 1.0F / static_cast<float>(group.n_drawn), own = group.scores[event];
  float loss = 0, pull = 0;
  for (std::size_t j = 0; j < group.n_drawn; ++j) {
    const float difference = score<K>(a, group, query, group.n_events + j) - own;
    loss += share * log_of_one_plus_exponential(difference);
    residuals[j] = share / (1.0F + exponential(-difference));
    pull += residuals[j];
  }
  group.own_residuals[event] = -pull;
  return loss;
}

// Weston, Bengio and Usunier, "WSABIE", IJCAI 2011. Each event tries what is drawn from a place of its own on.
template <int K>
float warp(const FmRanking& a, const Group& group, std::size_t event, const float* query, RankingTotals& totals) {
  float* residuals = group.residuals + event * group.n_drawn;
  for (std::size_t j = 0; j < group.n_drawn; ++j) residuals[j] = 0;
  group.own_residuals[event] = 0;
  std::size_t place = event * group.n_drawn / group.n_events;
  for (std::size_t tries = 1; tries <= group.n_drawn; ++tries) {
    const std::size_t at = group.n_events + place;
    if (group.begins[at] < 0) {
      group.begins[at] = -1 - group.begins[at];
      sum_item<K>(a, group, at);
    }
    totals.n_drawn += 1;
    const float violation = score<K>(a, group, query, at) - group.scores[event] + margin;
    if (violation > 0) {
      const std::size_t rank = (a.items.n_rows - 1) / tries;
      const float importance = __builtin_logf(1.0F + static_cast<float>(rank));
      residuals[place] = importance;
      group.own_residuals[event] = -importance;
      return importance * violation;
    }
    place = place + 1 == group.n_drawn ? 0 : place + 1;
  }
  return 0;
}

// Bengio and Senécal, "Adaptive importance sampling to accelerate training of a neural probabilistic language model",
// IEEE Transactions on Neural Networks 19(4), 2008: what is drawn stands for all, each by one over its expected number.
template <int K>
float softmax(const FmRanking& a, const Group& group, std::size_t event, const float* query) {
  float* residuals = group.residuals + event * group.n_drawn;
  const float own = group.scores[event];
  float largest = own;
  for (std::size_t j = 0; j < group.n_drawn; ++j) {
    residuals[j] = score<K>(a, group, query, group.n_events + j) - a.corrections[group.items[group.n_events + j]];
    largest = residuals[j] > largest ? residuals[j] : largest;
  }
  float total = exponential(own - largest);
  const float own_mass = total;
  for (std::size_t j = 0; j < group.n_drawn; ++j) total += residuals[j] = exponential(residuals[j] - largest);
  for (std::size_t j = 0; j < group.n_drawn; ++j) residuals[j] /= total;
  group.own_residuals[event] = own_mass / total - 1.0F;
  return largest + __builtin_logf(total) - own;
}

// Draws against a group into its items; returns how many were found.
inline std::size_t draw(const FmRanking& a, const Group& group, Draws& draws) {
  std::size_t n_drawn = 0;
  for (std::size_t j = 0; j < a.n_negatives; ++j) {
    for (int tries = 0; tries < most_tries; ++tries) {
      const std::int32_t item = draws.item(a);
      if (took(a, group.user, item)) continue;
      group.items[group.n_events + n_drawn++] = item;
      break;
    }
  }
  return n_drawn;
}

// What a user asks with: his own features and his history, without the items of the group. Returns the value of each
// item of the history, 0 where there is none.
template <int K>
float sum_user(const FmRanking& a, std::size_t user, std::size_t skipped, const std::int32_t* left_out,
               std::size_t n_left_out, float* query) {
  clear<K>(a, query);
  if (a.users.n_rows != 0) {
    const std::size_t last = a.users.offset(user + 1);
    for (std::size_t p = a.users.offset(user) + skipped; p < last; ++p) {
      add<K>(a, query, row_of(a, a.users.indices[p]), value_of(a.users, p));
    }
  }
  if (a.first_history < 0) return 0;
  const std::int64_t begin = a.history_offsets[user], end = a.history_offsets[user + 1];
  float count = 0;
  for (std::size_t pass = 0; pass < 2; ++pass) {
    const float value = pass == 0 || count == 0 ? 0 : exponential(-a.history_power * __builtin_logf(count));
    if (pass == 1 && count == 0) return 0;
    std::size_t out = 0;
    for (std::int64_t p = begin; p < end; ++p) {
      const std::int32_t item = a.history_items[p];
      while (out < n_left_out && left_out[out] < item) ++out;
      if (out < n_left_out && left_out[out] == item) continue;
      if (pass == 0) {
        count += 1;
        continue;
      }
      if (p + 4 < end) prefetch(a, a.first_history + a.history_items[p + 4]);
      add<K>(a, query, row_of(a, a.first_history + item), value);
    }
    if (pass == 1) return value;
  }
  return 0;
}

// Moves the same features by what pulled at the query.
template <int K>
void move_user(const FmRanking& a, std::size_t user, std::size_t skipped, const std::int32_t* left_out,
               std::size_t n_left_out, float value, const float* pull, float amount, float* gradient) {
  if (a.users.n_rows != 0) {
    const std::size_t last = a.users.offset(user + 1);
    for (std::size_t p = a.users.offset(user) + skipped; p < last; ++p) {
      const float x = value_of(a.users, p);
      for (std::size_t i = 0; i < width<K>(a); ++i) gradient[i] = x * pull[i];
      step_factors<K>(a, row_of(a, a.users.indices[p]), gradient, amount);
    }
  }
  if (value == 0) return;
  for (std::size_t i = 0; i < width<K>(a); ++i) gradient[i] = value * pull[i];
  std::size_t out = 0;
  for (std::int64_t p = a.history_offsets[user]; p < a.history_offsets[user + 1]; ++p) {
    const std::int32_t item = a.history_items[p];
    while (out < n_left_out && left_out[out] < item) ++out;
    if (out < n_left_out && left_out[out] == item) continue;
    step_factors<K>(a, row_of(a, a.first_history + item), gradient, value * amount);
  }
}

inline std::size_t row_length(const RowView& rows, std::size_t row) { return rows.offset(row + 1) - rows.offset(row); }

template <int K>
void train_group(const FmRanking& a, std::size_t number, RankingScratch scratch, RankingTotals& totals) {
  const std::size_t k = width<K>(a), m = a.largest_group, capacity = m + a.n_negatives;
  Draws draws{Draws::mix(a.seed ^ Draws::mix(number + 0x9e3779b97f4a7c15ULL))};
  Group group{};
  group.user = static_cast<std::size_t>(a.group_users[number]);
  group.events = a.events + a.group_offsets[number];
  group.n_events = static_cast<std::size_t>(a.group_offsets[number + 1] - a.group_offsets[number]);
  group.items = scratch.numbers;
  group.begins = scratch.numbers + capacity;
  float* gradient = scratch.floats;
  float* pulled = gradient + k;
  float* queries = pulled + k;
  float* pulls_of_queries = queries + (m + 1) * k;
  group.sums = pulls_of_queries + (m + 1) * k;
  group.constants = group.sums + capacity * k;
  group.pulls = group.constants + capacity;
  group.residuals = group.pulls + capacity;
  group.own_residuals = group.residuals + m * a.n_negatives;
  group.scores = group.own_residuals + m;
  std::int32_t left_out[largest_ranking_group];

  for (std::size_t e = 0; e < group.n_events; ++e) {
    const std::int32_t item = a.event_items[group.events[e]];
    group.items[e] = item;
    std::size_t at = e;
    for (; at > 0 && left_out[at - 1] > item; --at) left_out[at] = left_out[at - 1];
    left_out[at] = item;
  }
  group.n_drawn = draw(a, group, draws);
  if (group.n_drawn == 0) return;
  const std::size_t n_own = a.users.n_rows != 0 ? row_length(a.users, group.user) : 0;
  const bool may_skip = n_own > (a.first_history < 0 ? 1U : 0U);
  const std::size_t skipped = a.user_dropout > 0 && may_skip && draws.happens(a.user_dropout) ? 1 : 0;
  const float value = sum_user<K>(a, group.user, skipped, left_out, group.n_events, queries);

  for (std::size_t place = 0; place < group.n_events + group.n_drawn; ++place) {
    const auto item = static_cast<std::size_t>(group.items[place]);
    const bool drops = a.item_dropout > 0 && row_length(a.items, item) > 1 && draws.happens(a.item_dropout);
    group.begins[place] = drops ? 1 : 0;
    group.pulls[place] = 0;
    if (a.loss == RankingLoss::warp && place >= group.n_events) {
      group.begins[place] = -1 - group.begins[place];  // summed when it is tried
      continue;
    }
    if (place + 2 < group.n_events + group.n_drawn) {
      const auto ahead = static_cast<std::size_t>(group.items[place + 2]);
      for (std::size_t p = a.items.offset(ahead); p < a.items.offset(ahead + 1); ++p) prefetch(a, a.items.indices[p]);
    }
    sum_item<K>(a, group, place);
  }

  const bool shared = a.contexts.n_rows == 0;
  const std::size_t n_queries = shared ? 1 : group.n_events;
  if (!shared) {
    // The last query is that of the user alone.
    for (std::size_t i = 0; i < k; ++i) queries[m * k + i] = queries[i];
    for (std::size_t e = 0; e < group.n_events; ++e) {
      float* query = queries + e * k;
      for (std::size_t i = 0; i < k; ++i) query[i] = queries[m * k + i];
      const auto event = static_cast<std::size_t>(group.events[e]);
      for (std::size_t p = a.contexts.offset(event); p < a.contexts.offset(event + 1); ++p) {
        add<K>(a, query, row_of(a, a.contexts.indices[p]), value_of(a.contexts, p));
      }
    }
  }
  for (std::size_t q = 0; q < n_queries; ++q) clear<K>(a, pulls_of_queries + q * k);

  float amount = 0;
  for (std::size_t e = 0; e < group.n_events; ++e) {
    const std::size_t q = shared ? 0 : e;
    const float* query = queries + q * k;
    float* pull = pulls_of_queries + q * k;
    group.scores[e] = score<K>(a, group, query, e);
    const float loss = a.loss == RankingLoss::bpr    ? bpr<K>(a, group, e, query)
                       : a.loss == RankingLoss::warp ? warp<K>(a, group, e, query, totals)
                                                     : softmax<K>(a, group, e, query);
    if (a.loss != RankingLoss::warp) totals.n_drawn += static_cast<double>(group.n_drawn);
    const float weight = a.event_weights != nullptr ? a.event_weights[group.events[e]] : 1.0F;
    totals.loss += static_cast<double>(loss * weight);
    totals.weight += static_cast<double>(weight);
    group.own_residuals[e] *= weight;
    amount -= group.own_residuals[e];
    group.pulls[e] = group.own_residuals[e];
    if (group.own_residuals[e] != 0.0F) add<K>(a, pull, group.sums + e * k, group.own_residuals[e]);
    float* residuals = group.residuals + e * group.n_drawn;
    for (std::size_t j = 0; j < group.n_drawn; ++j) {
      residuals[j] *= weight;
      group.pulls[group.n_events + j] += residuals[j];
      if (!shared && residuals[j] != 0.0F) add<K>(a, pull, group.sums + (group.n_events + j) * k, residuals[j]);
    }
  }
  if (shared) {
    for (std::size_t j = 0; j < group.n_drawn; ++j) {
      const float pull = group.pulls[group.n_events + j];
      if (pull != 0.0F) add<K>(a, pulls_of_queries, group.sums + (group.n_events + j) * k, pull);
    }
  }

  for (std::size_t place = 0; place < group.n_events + group.n_drawn; ++place) {
    const float pull = group.pulls[place];
    if (pull == 0.0F) continue;
    clear<K>(a, pulled);
    if (shared) {
      add<K>(a, pulled, queries, pull);
    } else if (place < group.n_events) {
      add<K>(a, pulled, queries + place * k, pull);
    } else {
      for (std::size_t e = 0; e < group.n_events; ++e) {
        const float residual = group.residuals[e * group.n_drawn + place - group.n_events];
        if (residual != 0.0F) add<K>(a, pulled, queries + e * k, residual);
      }
    }
    move_item<K>(a, group, place, pull, pulled, gradient);
  }

  if (!shared) {
    clear<K>(a, pulled);
    for (std::size_t e = 0; e < group.n_events; ++e) {
      const float* pull = pulls_of_queries + e * k;
      add<K>(a, pulled, pull, 1.0F);
      const auto event = static_cast<std::size_t>(group.events[e]);
      for (std::size_t p = a.contexts.offset(event); p < a.contexts.offset(event + 1); ++p) {
        const float x = value_of(a.contexts, p);
        for (std::size_t i = 0; i < k; ++i) gradient[i] = x * pull[i];
        step_factors<K>(a, row_of(a, a.contexts.indices[p]), gradient, -group.own_residuals[e]);
      }
    }
  }
  move_user<K>(a, group.user, skipped, left_out, group.n_events, value, shared ? pulls_of_queries : pulled, amount, gradient);
}

template <int K>
void train_groups(const FmRanking& a, std::size_t first, std::size_t last, RankingScratch scratch,
                  RankingTotals& totals) {
  for (std::size_t group = first; group < last; ++group) train_group<K>(a, group, scratch, totals);
}

// 16 is not among the sizes: gcc unrolls loops that short into scalars, which takes 1.6 times as long.
void train(const FmRanking& a, std::size_t first, std::size_t last, RankingScratch scratch, RankingTotals& totals) {
  switch (a.k_padded) {
    case 32: return train_groups<32>(a, first, last, scratch, totals);
    case 64: return train_groups<64>(a, first, last, scratch, totals);
    case 128: return train_groups<128>(a, first, last, scratch, totals);
    default: return train_groups<0>(a, first, last, scratch, totals);
  }
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_RANKING_LEVEL PAIRLOOM_JOIN(ranking_, PAIRLOOM_LEVEL)

}  // namespace

extern const RankingKernels PAIRLOOM_RANKING_LEVEL;
const RankingKernels PAIRLOOM_RANKING_LEVEL{PAIRLOOM_LEVEL_NAME, train};

}  // namespace pairloom
