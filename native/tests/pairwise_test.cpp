#include "pairloom/pairwise.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "../src/kernels/pairwise_draws.hpp"
#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

constexpr std::size_t n_users = 30, n_items = 41, n_factors = 5;

struct Data {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> owners, items;
  std::vector<float> weights;

  // The last user has all items, the one before none.
  Data() {
    std::mt19937 random(3);
    for (std::size_t u = 0; u < n_users; ++u) {
      std::set<std::int32_t> taken;
      for (std::size_t i = 0; i < 1 + random() % 20; ++i) taken.insert(static_cast<std::int32_t>(random() % n_items));
      if (u == n_users - 2) taken.clear();
      for (std::size_t i = 0; u == n_users - 1 && i < n_items; ++i) taken.insert(static_cast<std::int32_t>(i));
      for (const auto item : taken) {
        owners.push_back(static_cast<std::int32_t>(u));
        items.push_back(item);
        weights.push_back(0.5F + static_cast<float>(random() % 3));
      }
      offsets.push_back(static_cast<std::int64_t>(items.size()));
    }
  }
  std::set<std::size_t> of(std::size_t user) const {
    std::set<std::size_t> found;
    for (auto p = offsets[user]; p < offsets[user + 1]; ++p) found.insert(static_cast<std::size_t>(items[static_cast<std::size_t>(p)]));
    return found;
  }
};

template <typename T>
struct Learned {
  std::vector<T> users, items, biases, user_sums, item_sums, bias_sums;
  explicit Learned(std::size_t padded) : biases(n_items, 0), bias_sums(n_items, 1) {
    std::mt19937 random(5);
    std::normal_distribution<float> normal(0, 0.4F);
    const auto begin = [&](std::size_t n) {
      std::vector<T> rows(n * padded, 0);
      for (std::size_t r = 0; r < n; ++r) {
        for (std::size_t f = 0; f < n_factors; ++f) rows[r * padded + f] = normal(random);
      }
      return rows;
    };
    users = begin(n_users);
    items = begin(n_items);
    user_sums.assign(users.size(), 1);
    item_sums.assign(items.size(), 1);
  }
};

// What a step means, in doubles and without a search: draws are looked up in the list of what the user does not have.
struct Twin {
  const Data& data;
  const PairwiseSettings settings;
  std::size_t padded;
  Learned<double> learned{padded};

  double score(std::size_t u, std::size_t i) const {
    double found = learned.biases[i];
    for (std::size_t f = 0; f < n_factors; ++f) found += learned.users[u * padded + f] * learned.items[i * padded + f];
    return found;
  }
  void move(double& value, double& sums, double slope) const {
    if (settings.solver == PairwiseSolver::adagrad) {
      sums += slope * slope;
      slope /= std::sqrt(sums);
    }
    value += static_cast<double>(settings.rate) * slope;
  }
  void update(std::size_t u, std::size_t i, std::size_t j, double slope) {
    const Learned<double> old = learned;
    for (std::size_t f = 0; f < n_factors; ++f) {
      const std::size_t at_u = u * padded + f, at_i = i * padded + f, at_j = j * padded + f;
      const double was_u = old.users[at_u], was_i = old.items[at_i], was_j = old.items[at_j];
      if (settings.users) {
        move(learned.users[at_u], learned.user_sums[at_u],
             slope * (was_i - was_j) - static_cast<double>(settings.user_l2) * was_u);
      }
      for (const auto& [item, at, was, sign] : {std::tuple{i, at_i, was_i, 1.0}, std::tuple{j, at_j, was_j, -1.0}}) {
        if (item < settings.first_item) continue;
        move(learned.items[at], learned.item_sums[at],
             sign * slope * was_u - static_cast<double>(settings.item_l2) * was);
      }
    }
    if (!settings.biases) return;
    for (const auto& [item, sign] : {std::pair{i, 1.0}, std::pair{j, -1.0}}) {
      if (item < settings.first_item) continue;
      move(learned.biases[item], learned.bias_sums[item],
           sign * slope - static_cast<double>(settings.bias_l2) * old.biases[item]);
    }
  }
  void sample(std::size_t pair, Draws draws) {
    const auto u = static_cast<std::size_t>(data.owners[pair]), i = static_cast<std::size_t>(data.items[pair]);
    const auto taken = data.of(u);
    std::vector<std::size_t> absent;
    for (std::size_t item = 0; item < n_items; ++item) {
      if (taken.count(item) == 0) absent.push_back(item);
    }
    if (absent.empty()) return;
    const double weight = static_cast<double>(data.weights[pair]);
    if (settings.loss == PairwiseLoss::bpr) {
      const std::size_t j = absent[draws.below(absent.size())];
      update(u, i, j, weight / (1 + std::exp(score(u, i) - score(u, j))));
      return;
    }
    for (std::size_t tried = 0; tried < settings.max_sampled; ++tried) {
      const std::size_t j = absent[draws.below(absent.size())];
      if (score(u, j) > score(u, i) - 1) {
        update(u, i, j, weight * static_cast<double>(settings.rank_weights[tried]));
        return;
      }
    }
  }
};

PairwiseTask task_of(const Data& data, Learned<float>& learned, const PairwiseSettings& settings, std::size_t padded) {
  const bool sums = settings.solver == PairwiseSolver::adagrad;
  return {{learned.users.data(), learned.items.data(), learned.biases.data(), sums ? learned.user_sums.data() : nullptr,
           sums ? learned.item_sums.data() : nullptr, sums ? learned.bias_sums.data() : nullptr, n_users, n_items, padded},
          {data.offsets.data(), data.owners.data(), data.items.data(), data.weights.data(), data.items.size()},
          settings};
}

void near(const std::vector<float>& got, const std::vector<double>& expected) {
  CHECK(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK_NEAR(static_cast<double>(got[i]), expected[i], 2e-4);
}

void compare(std::string_view level, PairwiseLoss loss, PairwiseSolver solver, std::size_t padded, std::size_t first_item) {
  const Data data;
  const std::vector<float> rank_weights{3, 2.5F, 2, 1.5F, 1, 0.5F};
  const PairwiseSettings settings{loss, solver, 0.05F, 0.01F, 0.02F, 0.03F, true, true, first_item, rank_weights.size(),
                                 rank_weights.data(), nullptr, nullptr, 77};
  Learned<float> learned(padded);
  const PairwiseTask task = task_of(data, learned, settings, padded);
  const auto totals = pairwise_train(pairwise_kernels(level), task, 1);
  CHECK(totals.samples == data.items.size() - n_items);
  CHECK(totals.draws >= totals.samples);
  Twin twin{data, settings, padded};
  const Order order(data.items.size(), settings.seed);
  for (std::size_t place = 0; place < data.items.size(); ++place) {
    const std::size_t pair = order.at(place);
    twin.sample(pair, draws_of(settings.seed, pair));
  }
  near(learned.users, twin.learned.users);
  near(learned.items, twin.learned.items);
  near(learned.biases, twin.learned.biases);
}

// Users learned alone: items stay, the twin agrees, and neither threads nor the users beside one matter.
void fold(std::string_view level, PairwiseLoss loss, PairwiseSolver solver) {
  const Data data;
  const std::vector<float> rank_weights{3, 2, 1};
  const PairwiseSettings settings{loss, solver, 0.02F, 0.01F, 0, 0, true, false, 0, rank_weights.size(),
                                 rank_weights.data(), nullptr, nullptr, 9};
  Learned<float> one(16), three(16), before(16);
  const PairwiseTask task = task_of(data, one, settings, 16);
  pairwise_fold_in(pairwise_kernels(level), task, 20, 1);
  pairwise_fold_in(pairwise_kernels(level), task_of(data, three, settings, 16), 20, 3);
  CHECK(one.users == three.users);
  CHECK(one.items == before.items);
  CHECK(one.biases == before.biases);
  PairwiseSettings alone = settings;
  alone.users = true;
  alone.biases = false;
  alone.first_item = n_items;
  Twin twin{data, alone, 16};
  for (std::size_t user = 0; user + 1 < n_users; ++user) {
    const auto start = static_cast<std::size_t>(data.offsets[user]);
    const std::size_t count = static_cast<std::size_t>(data.offsets[user + 1]) - start;
    if (count == 0) continue;
    const std::size_t rounds = std::max<std::size_t>(20, (256 + count - 1) / count);
    for (std::size_t epoch = 0; epoch < rounds; ++epoch) {
      const Order order(count, settings.seed + epoch);
      for (std::size_t place = 0; place < count; ++place) {
        twin.sample(start + order.at(place), draws_of(settings.seed + epoch, place));
      }
    }
  }
  double apart = 0;
  for (std::size_t i = 0; i < one.users.size(); ++i) {
    apart = std::max(apart, std::abs(static_cast<double>(one.users[i]) - twin.learned.users[i]));
  }
  CHECK(apart < 5e-3);
}

void orders_visit_all_once() {
  for (std::size_t n : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{64}, std::size_t{1000}}) {
    for (std::uint64_t seed = 0; seed < 5; ++seed) {
      const Order order(n, seed);
      std::set<std::size_t> seen;
      for (std::size_t place = 0; place < n; ++place) seen.insert(order.at(place));
      CHECK(seen.size() == n && *seen.rbegin() == n - 1);
    }
  }
}

void searches_find() {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const std::size_t n = 1 + random() % 40;
    std::vector<std::int32_t> taken;
    std::vector<std::size_t> absent;
    for (std::size_t item = 0; item < n; ++item) {
      if (random() % 3 == 0) taken.push_back(static_cast<std::int32_t>(item));
      else absent.push_back(item);
      CHECK(has_item(taken.data(), taken.size(), item) == (!taken.empty() && taken.back() == static_cast<std::int32_t>(item)));
    }
    for (std::size_t place = 0; place + 1 < absent.size(); ++place) {
      std::size_t places[2] = {place, place + 1};
      absent_items<2>(taken.data(), taken.size(), places);
      CHECK(places[0] == absent[place] && places[1] == absent[place + 1]);
    }
  }
}

void aliases_give_back_their_weights() {
  const std::vector<double> weights{0, 1, 5, 0.5, 0, 3.5};
  std::vector<float> keep(weights.size());
  std::vector<std::int32_t> other(weights.size());
  alias_table(weights.data(), weights.size(), keep.data(), other.data());
  std::vector<double> shares(weights.size(), 0);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    shares[i] += static_cast<double>(keep[i]) / 6;
    shares[static_cast<std::size_t>(other[i])] += (1 - static_cast<double>(keep[i])) / 6;
  }
  for (std::size_t i = 0; i < weights.size(); ++i) CHECK_NEAR(shares[i], weights[i] / 10, 1e-6);
}

// Negatives by weight, several threads, all levels: nobody's items are taken for negatives, and it ends.
void popular_negatives_end(std::string_view level) {
  const Data data;
  std::vector<float> keep(n_items, 0);  // every draw is item 0
  const std::vector<std::int32_t> other(n_items, 0);
  const std::vector<float> rank_weights{1};
  for (const auto loss : {PairwiseLoss::bpr, PairwiseLoss::warp}) {
    Learned<float> learned(16);
    const PairwiseSettings settings{loss, PairwiseSolver::adagrad, 0.1F, 0, 0, 0, true, true, 0, 1, rank_weights.data(),
                                   keep.data(), other.data(), 3};
    for (int epoch = 0; epoch < 50; ++epoch) pairwise_train(pairwise_kernels(level), task_of(data, learned, settings, 16), 3);
    for (const float value : learned.users) CHECK(std::isfinite(value));
    for (const float value : learned.items) CHECK(std::isfinite(value));
  }
}

}  // namespace

int main() {
  orders_visit_all_once();
  searches_find();
  aliases_give_back_their_weights();
  for (const auto level : available_levels()) {
    for (const auto loss : {PairwiseLoss::bpr, PairwiseLoss::warp}) {
      for (const auto solver : {PairwiseSolver::sgd, PairwiseSolver::adagrad}) {
        for (std::size_t padded : {16, 32, 64, 80}) compare(level, loss, solver, padded, 0);
        compare(level, loss, solver, 16, 20);
        fold(level, loss, solver);
      }
    }
    popular_negatives_end(level);
  }
  CHECK_THROWS(pairwise_kernels("z80"), std::invalid_argument);
  return 0;
}
