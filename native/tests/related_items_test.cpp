#include "pairloom/related_items.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "check.hpp"

using namespace pairloom;

namespace {

struct World {
  std::vector<std::set<std::int32_t>> baskets;
  std::size_t n_items;
  std::vector<std::int64_t> user_offsets{0}, item_offsets{0};
  std::vector<std::int32_t> user_items, item_users;
  std::vector<double> chances;

  World(std::size_t n_users, std::size_t n_items_, unsigned seed) : baskets(n_users), n_items(n_items_) {
    std::mt19937 random(seed);
    for (std::size_t u = 0; u < n_users; ++u) {
      const std::size_t n = random() % (u % 7 == 0 ? n_items : n_items / 4 + 1);
      for (std::size_t i = 0; i < n; ++i) baskets[u].insert(static_cast<std::int32_t>(random() % n_items));
      user_items.insert(user_items.end(), baskets[u].begin(), baskets[u].end());
      user_offsets.push_back(static_cast<std::int64_t>(user_items.size()));
    }
    for (std::size_t i = 0; i < n_items; ++i) {
      for (std::size_t u = 0; u < n_users; ++u) {
        if (baskets[u].count(static_cast<std::int32_t>(i)) != 0) item_users.push_back(static_cast<std::int32_t>(u));
      }
      item_offsets.push_back(static_cast<std::int64_t>(item_users.size()));
      const auto users = static_cast<double>(item_offsets[i + 1] - item_offsets[i]);
      chances.push_back(users / static_cast<double>(std::max<std::size_t>(1, user_items.size())));
    }
  }

  Baskets view() const {
    return {user_offsets.data(), user_items.data(), baskets.size(), item_offsets.data(), item_users.data(), n_items};
  }
};

// Every pair counted on its own, and the expectation user by user.
double obvious(const World& world, Relation relation, double discount, std::size_t row, std::size_t other) {
  double common = 0, of_row = 0, of_other = 0, expected = 0;
  for (const auto& basket : world.baskets) {
    const bool has_row = basket.count(static_cast<std::int32_t>(row)) != 0;
    const bool has_other = basket.count(static_cast<std::int32_t>(other)) != 0;
    of_row += has_row;
    of_other += has_other;
    common += has_row && has_other;
    if (has_row) expected += 1 - std::pow(1 - world.chances[other], static_cast<double>(basket.size()) - 1);
  }
  if (common < 1) return -1e300;
  if (relation == Relation::conditional) return common / of_row;
  if (relation == Relation::cosine) return common / std::sqrt(of_row * of_other);
  return (common - expected) / std::pow(expected, discount);
}

void compare(const World& world, Relation relation, std::size_t n_threads) {
  const std::size_t n_related = 5;
  const double discount = 0.4;
  std::vector<std::int32_t> rows;
  for (std::size_t i = 0; i < world.n_items; ++i) rows.push_back(static_cast<std::int32_t>(i));
  std::vector<std::int32_t> items(rows.size() * n_related);
  std::vector<float> scores(items.size());
  related_items(world.view(), {relation, n_related, 1, world.chances.data(), discount}, rows.data(), rows.size(),
                items.data(), scores.data(), n_threads);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::vector<double> right;
    for (std::size_t other = 0; other < world.n_items; ++other) {
      if (other != r) right.push_back(obvious(world, relation, discount, r, other));
    }
    std::sort(right.rbegin(), right.rend());
    for (std::size_t place = 0; place < n_related; ++place) {
      const std::int32_t item = items[r * n_related + place];
      const double score = scores[r * n_related + place];
      const double best = place < right.size() ? right[place] : -1e300;
      if (item < 0) {
        CHECK(best <= 1e-2);
        CHECK(score == 0);
        continue;
      }
      const double own = obvious(world, relation, discount, r, static_cast<std::size_t>(item));
      CHECK(std::abs(score - own) <= 0.02 * std::max(1.0, std::abs(own)));
      CHECK(score >= best - 0.02 * std::max(1.0, std::abs(best)));
    }
  }
}

// The whole table, whose pairs are counted once, holds the rows that are counted one by one.
void check_whole(const World& world, Relation relation, std::size_t n_threads) {
  const std::size_t n_related = 3;
  const auto table = [&](const std::vector<std::int32_t>& rows) {
    std::pair<std::vector<std::int32_t>, std::vector<float>> found;
    found.first.resize(rows.size() * n_related);
    found.second.resize(found.first.size());
    related_items(world.view(), {relation, n_related, 2, world.chances.data(), 0.2}, rows.data(), rows.size(),
                  found.first.data(), found.second.data(), n_threads);
    return found;
  };
  std::vector<std::int32_t> rows;
  for (std::size_t i = 0; i < world.n_items; ++i) rows.push_back(static_cast<std::int32_t>(i));
  const auto whole = table(rows);
  for (const std::int32_t row : rows) {
    const auto alone = table({row, row});
    const std::size_t at = static_cast<std::size_t>(row) * n_related;
    for (std::size_t p = 0; p < n_related; ++p) {
      CHECK(alone.first[p] == whole.first[at + p]);
      CHECK(alone.second[p] == whole.second[at + p]);
    }
  }
}

void check_sides_that_differ() {
  const std::vector<std::int64_t> user_offsets{0, 1, 2}, item_offsets{0, 2};
  const std::vector<std::int32_t> user_items{0, 0}, item_users{1, 1};
  const std::vector<double> chances{1};
  const std::vector<std::int32_t> rows{0};
  std::vector<std::int32_t> items(1);
  std::vector<float> scores(1);
  CHECK_THROWS(related_items({user_offsets.data(), user_items.data(), 2, item_offsets.data(), item_users.data(), 1},
                             {Relation::cosine, 1, 1, chances.data(), 0}, rows.data(), 1, items.data(), scores.data(), 1),
               std::invalid_argument);
}

void check_best() {
  const float none = -std::numeric_limits<float>::infinity();
  const std::vector<float> scores{1, 3, 3, none, 2, none, none, none, none, 5, -1, 0, 0, 0, 0};
  std::vector<std::int32_t> items(9);
  std::vector<float> best(9);
  best_items(scores.data(), 3, 5, 3, items.data(), best.data(), 2);
  CHECK(items == (std::vector<std::int32_t>{1, 2, 4, 4, -1, -1, 1, 2, 3}));
  CHECK(best == (std::vector<float>{3, 3, 2, 5, 0, 0, 0, 0, 0}));
}

void check_best_of_many() {
  std::mt19937 random(3);
  for (const std::size_t n_best : {1U, 2U, 7U, 100U, 300U}) {
    std::vector<float> scores(2 * 257);
    for (auto& score : scores) score = static_cast<float>(random() % 50);
    std::vector<std::int32_t> items(2 * n_best);
    std::vector<float> best(items.size());
    best_items(scores.data(), 2, 257, n_best, items.data(), best.data(), 1);
    for (std::size_t r = 0; r < 2; ++r) {
      std::vector<std::pair<float, std::int32_t>> right;
      for (std::size_t i = 0; i < 257; ++i) right.emplace_back(-scores[r * 257 + i], static_cast<std::int32_t>(i));
      std::sort(right.begin(), right.end());
      for (std::size_t p = 0; p < n_best; ++p) {
        const std::int32_t expected = p < right.size() ? right[p].second : -1;
        CHECK(items[r * n_best + p] == expected);
      }
    }
  }
}

}  // namespace

int main() {
  for (const unsigned seed : {1U, 2U}) {
    const World world(60, 23, seed);
    for (const Relation relation : {Relation::conditional, Relation::cosine, Relation::surprise}) {
      compare(world, relation, 1);
      compare(world, relation, 3);
    }
  }
  for (const Relation relation : {Relation::conditional, Relation::cosine, Relation::surprise}) {
    check_whole(World(150, 90, 11), relation, 3);
    check_whole(World(40, 200, 12), relation, 1);
  }
  check_sides_that_differ();
  compare(World(3, 1, 1), Relation::surprise, 1);
  compare(World(200, 300, 5), Relation::surprise, 2);
  check_best();
  check_best_of_many();
  return 0;
}
