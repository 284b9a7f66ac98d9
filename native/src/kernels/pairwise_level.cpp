// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/pairwise.hpp"
#include "fm_simd.hpp"
#include "pairwise_draws.hpp"

namespace pairloom {
namespace {

typedef Lanes<PAIRLOOM_LANES>::type V;
typedef int Bits __attribute__((vector_size(sizeof(V))));
constexpr std::size_t width = PAIRLOOM_LANES;
constexpr std::size_t ahead = 16;  // samples whose rows are fetched together
constexpr std::size_t together = 4;  // negatives that WARP draws and scores at once
constexpr int popular_tries = 32;
constexpr std::size_t least_steps = 256;  // that a user's vector takes from a short history
constexpr float least_sum = 1e-30F;

inline V inverse_roots(V x) {
  V y = (V)(0x5f375a86 - ((Bits)x >> 1));
  y = y * (1.5F - 0.5F * x * y * y);
  return y * (1.5F - 0.5F * x * y * y);
}

inline void fetch_row(const float* row, std::size_t n) {
  for (std::size_t f = 0; f < n; f += 16) __builtin_prefetch(row + f);
}

struct Sample {
  std::size_t pair = 0, user = 0, item = 0;
  std::size_t negatives[together] = {};
  const std::int32_t* taken = nullptr;
  std::size_t n_taken = 0;
  Draws draws{};
};

template <PairwiseLoss Loss, PairwiseSolver Solver, std::size_t Padded>
class Steps {
  static constexpr std::size_t n_drawn = Loss == PairwiseLoss::warp ? together : 1;

 public:
  explicit Steps(const PairwiseTask& task)
      : f_(task.factors), p_(task.pairs), s_(task.settings), n_(Padded ? Padded : task.factors.padded) {}

  PairwiseTotals train(std::size_t begin, std::size_t end) {
    const Order order(p_.n_pairs, s_.seed);
    Sample batch[ahead];
    for (std::size_t first = begin; first < end; first += ahead) {
      const std::size_t n = end - first < ahead ? end - first : ahead;
      for (std::size_t b = 0; b < n; ++b) {
        batch[b].pair = order.at(first + b);
        batch[b].draws = draws_of(s_.seed, batch[b].pair);
        __builtin_prefetch(p_.owners + batch[b].pair);
        __builtin_prefetch(p_.items + batch[b].pair);
      }
      for (std::size_t b = 0; b < n; ++b) {
        batch[b].user = static_cast<std::size_t>(p_.owners[batch[b].pair]);
        batch[b].item = static_cast<std::size_t>(p_.items[batch[b].pair]);
        __builtin_prefetch(p_.offsets + batch[b].user);
        fetch(f_.users, f_.user_sums, batch[b].user);
        fetch(f_.items, f_.item_sums, batch[b].item);
      }
      for (std::size_t b = 0; b < n; ++b) begin_sample(batch[b]);
      for (std::size_t b = 0; b < n; ++b) {
        if (batch[b].n_taken < f_.n_items) step(batch[b]);
      }
    }
    return totals_;
  }

  PairwiseTotals fold(std::size_t begin, std::size_t end, std::size_t epochs) {
    for (std::size_t user = begin; user < end; ++user) {
      const auto start = static_cast<std::size_t>(p_.offsets[user]);
      const auto count = static_cast<std::size_t>(p_.offsets[user + 1]) - start;
      if (count == 0 || count >= f_.n_items) continue;
      const std::size_t enough = (least_steps + count - 1) / count;
      const std::size_t rounds = epochs == 0 || epochs > enough ? epochs : enough;
      for (std::size_t epoch = 0; epoch < rounds; ++epoch) {
        const Order order(count, s_.seed + epoch);
        for (std::size_t place = 0; place < count; ++place) {
          Sample sample;
          sample.pair = start + order.at(place);
          sample.draws = draws_of(s_.seed + epoch, place);
          sample.user = user;
          sample.item = static_cast<std::size_t>(p_.items[sample.pair]);
          begin_sample(sample);
          step(sample);
        }
      }
    }
    return totals_;
  }

 private:
  void fetch(const float* rows, const float* sums, std::size_t row) const {
    fetch_row(rows + row * n_, n_);
    if (Solver == PairwiseSolver::adagrad && sums != nullptr) fetch_row(sums + row * n_, n_);
  }

  void begin_sample(Sample& sample) const {
    const auto start = p_.offsets[sample.user];
    sample.taken = p_.items + start;
    sample.n_taken = static_cast<std::size_t>(p_.offsets[sample.user + 1] - start);
    if (sample.n_taken >= f_.n_items) return;
    draw(sample);
    for (std::size_t d = 0; d < n_drawn; ++d) fetch_row(f_.items + sample.negatives[d] * n_, n_);
    if (Loss == PairwiseLoss::bpr) fetch(f_.items, f_.item_sums, sample.negatives[0]);
  }

  void draw(Sample& sample) const {
    if (s_.keep != nullptr) {
      for (std::size_t d = 0; d < n_drawn; ++d) sample.negatives[d] = draw_popular(sample);
      return;
    }
    for (std::size_t d = 0; d < n_drawn; ++d) {
      sample.negatives[d] = sample.draws.below(f_.n_items - sample.n_taken);
    }
    absent_items<n_drawn>(sample.taken, sample.n_taken, sample.negatives);
  }

  std::size_t draw_popular(Sample& sample) const {
    for (int tries = 0; tries < popular_tries; ++tries) {
      const std::uint64_t bits = sample.draws.next();
      std::size_t item = static_cast<std::size_t>(((bits >> 32) * f_.n_items) >> 32);
      const float share = static_cast<float>(bits & 0xffffff) * (1.0F / 16777216.0F);
      if (share >= s_.keep[item]) item = static_cast<std::size_t>(s_.other[item]);
      if (!has_item(sample.taken, sample.n_taken, item)) return item;
    }
    std::size_t rank = sample.draws.below(f_.n_items - sample.n_taken);
    absent_items<1>(sample.taken, sample.n_taken, &rank);
    return rank;
  }

  float product(const float* a, const float* b) const {
    V first{}, second{};
    const std::size_t even = n_ / (2 * width) * (2 * width);
    for (std::size_t f = 0; f < even; f += 2 * width) {
      first += load<V>(a + f) * load<V>(b + f);
      second += load<V>(a + f + width) * load<V>(b + f + width);
    }
    for (std::size_t f = even; f < n_; f += width) first += load<V>(a + f) * load<V>(b + f);
    return sum(static_cast<V>(first + second));
  }

  void step(Sample& sample) {
    const float* user = f_.users + sample.user * n_;
    const float weight = p_.weights != nullptr ? p_.weights[sample.pair] : 1.0F;
    const float positive = product(user, f_.items + sample.item * n_) + f_.biases[sample.item];
    ++totals_.samples;
    if (Loss == PairwiseLoss::bpr) {
      const std::size_t negative = sample.negatives[0];
      const float margin = positive - product(user, f_.items + negative * n_) - f_.biases[negative];
      ++totals_.draws;
      totals_.wrong += margin <= 0;
      update(sample.user, sample.item, negative, weight / (1.0F + exponential(margin)));
      return;
    }
    for (std::size_t tried = 0; tried < s_.max_sampled; tried += n_drawn) {
      if (tried > 0) draw(sample);
      float scores[n_drawn];
      for (std::size_t d = 0; d < n_drawn; ++d) {
        scores[d] = product(user, f_.items + sample.negatives[d] * n_) + f_.biases[sample.negatives[d]];
      }
      for (std::size_t d = 0; d < n_drawn && tried + d < s_.max_sampled; ++d) {
        ++totals_.draws;
        if (scores[d] > positive - 1.0F) {
          ++totals_.wrong;
          update(sample.user, sample.item, sample.negatives[d], weight * s_.rank_weights[tried + d]);
          return;
        }
      }
    }
  }

  float* sums_of(float* sums, std::size_t row, bool moves) const {
    return Solver == PairwiseSolver::adagrad && moves ? sums + row * n_ : nullptr;
  }

  void advance(float* row, float* sums, std::size_t f, V old, V slope) const {
    if constexpr (Solver == PairwiseSolver::adagrad) {
      const V total = load<V>(sums + f) + slope * slope;
      store(sums + f, total);
      slope = slope * inverse_roots(total + least_sum);
    }
    store(row + f, static_cast<V>(old + s_.rate * slope));
  }

  void advance_bias(std::size_t item, float slope) const {
    slope -= s_.bias_l2 * f_.biases[item];
    if constexpr (Solver == PairwiseSolver::adagrad) {
      f_.bias_sums[item] += slope * slope;
      slope *= inverse_root(f_.bias_sums[item] + least_sum);
    }
    f_.biases[item] += s_.rate * slope;
  }

  void update(std::size_t user, std::size_t item, std::size_t negative, float slope) {
    const bool a_moves = item >= s_.first_item, b_moves = negative >= s_.first_item;
    float* u = f_.users + user * n_;
    float* a = f_.items + item * n_;
    float* b = f_.items + negative * n_;
    float* u_sums = sums_of(f_.user_sums, user, s_.users);
    float* a_sums = sums_of(f_.item_sums, item, a_moves);
    float* b_sums = sums_of(f_.item_sums, negative, b_moves);
    for (std::size_t f = 0; f < n_; f += width) {
      const V old_u = load<V>(u + f), old_a = load<V>(a + f), old_b = load<V>(b + f);
      if (s_.users) advance(u, u_sums, f, old_u, slope * (old_a - old_b) - s_.user_l2 * old_u);
      if (a_moves) advance(a, a_sums, f, old_a, slope * old_u - s_.item_l2 * old_a);
      if (b_moves) advance(b, b_sums, f, old_b, -slope * old_u - s_.item_l2 * old_b);
    }
    if (!s_.biases) return;
    if (a_moves) advance_bias(item, slope);
    if (b_moves) advance_bias(negative, -slope);
  }

  const PairwiseFactors f_;
  const TakenPairs p_;
  const PairwiseSettings s_;
  const std::size_t n_;
  PairwiseTotals totals_;
};

template <typename Work, PairwiseLoss Loss, PairwiseSolver Solver>
PairwiseTotals sized(const PairwiseTask& task, const Work& work) {
  switch (task.factors.padded) {
    case 16: return work(Steps<Loss, Solver, 16>(task));
    case 32: return work(Steps<Loss, Solver, 32>(task));
    case 48: return work(Steps<Loss, Solver, 48>(task));
    case 64: return work(Steps<Loss, Solver, 64>(task));
    case 128: return work(Steps<Loss, Solver, 128>(task));
    default: return work(Steps<Loss, Solver, 0>(task));
  }
}

template <typename Work>
PairwiseTotals chosen(const PairwiseTask& task, const Work& work) {
  const bool plain = task.settings.solver == PairwiseSolver::sgd;
  if (task.settings.loss == PairwiseLoss::bpr) {
    return plain ? sized<Work, PairwiseLoss::bpr, PairwiseSolver::sgd>(task, work)
                 : sized<Work, PairwiseLoss::bpr, PairwiseSolver::adagrad>(task, work);
  }
  return plain ? sized<Work, PairwiseLoss::warp, PairwiseSolver::sgd>(task, work)
               : sized<Work, PairwiseLoss::warp, PairwiseSolver::adagrad>(task, work);
}

PairwiseTotals train(const PairwiseTask& task, std::size_t begin, std::size_t end) {
  return chosen(task, [=](auto steps) { return steps.train(begin, end); });
}

PairwiseTotals fold(const PairwiseTask& task, std::size_t begin, std::size_t end, std::size_t epochs) {
  return chosen(task, [=](auto steps) { return steps.fold(begin, end, epochs); });
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_PAIRWISE_LEVEL PAIRLOOM_JOIN(pairwise_, PAIRLOOM_LEVEL)

}  // namespace

extern const PairwiseKernels PAIRLOOM_PAIRWISE_LEVEL;
const PairwiseKernels PAIRLOOM_PAIRWISE_LEVEL{PAIRLOOM_LEVEL_NAME, train, fold};

}  // namespace pairloom
