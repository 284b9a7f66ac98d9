#include "pairloom/fm_ranking.hpp"

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

constexpr std::size_t n_users = 40, n_items = 30, n_taken = 6, n_contexts = 4, group_size = 4;
constexpr std::size_t first_category = n_items, first_user = first_category + 5, first_context = first_user + n_users;
constexpr std::size_t first_history = first_context + n_contexts, n_features = first_history + n_items;

// Users of two tastes; items with an id and a category, or an id alone; events with one of some contexts. The gradients
// themselves are compared with a slow twin in Python.
struct Example {
  std::vector<std::int64_t> history_offsets{0}, item_offsets{0}, group_offsets{0}, events;
  std::vector<std::int32_t> history_items, item_indices, user_indices, context_indices, event_items, group_users, aliases;
  std::vector<float> accept, corrections, item_values, event_weights;

  Example() {
    std::mt19937 random(3);
    for (std::size_t item = 0; item < n_items; ++item) {
      item_indices.push_back(static_cast<std::int32_t>(item));
      if (item % 3 != 0) item_indices.push_back(static_cast<std::int32_t>(first_category + item % 5));
      item_offsets.push_back(static_cast<std::int64_t>(item_indices.size()));
      accept.push_back(0.5F);
      aliases.push_back(static_cast<std::int32_t>((item + 7) % n_items));
      corrections.push_back(0.0F);
    }
    for (std::size_t i = 0; i < item_indices.size(); ++i) item_values.push_back(0.5F + 0.1F * static_cast<float>(i % 7));
    for (std::size_t user = 0; user < n_users; ++user) {
      user_indices.push_back(static_cast<std::int32_t>(first_user + user));
      std::vector<std::int32_t> taken;
      while (taken.size() < n_taken) {
        const auto item = static_cast<std::int32_t>(random() % 15 + (user % 2) * 15);
        if (std::find(taken.begin(), taken.end(), item) == taken.end()) taken.push_back(item);
      }
      for (const std::int32_t item : taken) {
        event_items.push_back(item);
        event_weights.push_back(1.0F + static_cast<float>(item % 2));
        context_indices.push_back(static_cast<std::int32_t>(first_context + random() % n_contexts));
        events.push_back(static_cast<std::int64_t>(events.size()));
      }
      std::sort(taken.begin(), taken.end());
      history_items.insert(history_items.end(), taken.begin(), taken.end());
      history_offsets.push_back(static_cast<std::int64_t>(history_items.size()));
      for (const std::size_t size : {group_size, n_taken - group_size}) {
        group_users.push_back(static_cast<std::int32_t>(user));
        group_offsets.push_back(group_offsets.back() + static_cast<std::int64_t>(size));
      }
    }
  }

  double trained(RankingLoss loss, std::size_t k, bool context, bool values, std::string_view level,
                 std::size_t n_threads) const {
    const std::size_t k_padded = (k + 15) / 16 * 16, stride = k_padded + 16;
    std::mt19937 random(5);
    std::normal_distribution<float> normal(0, 0.1F);
    std::vector<float> table(n_features * stride, 0);
    for (std::size_t f = 0; f < n_features; ++f) {
      for (std::size_t i = 0; i < k; ++i) table[f * stride + i] = normal(random);
      table[f * stride + k_padded + 1] = table[f * stride + k_padded + 2] = 1e-3F;
    }
    FmRanking ranking{};
    ranking.table = table.data();
    ranking.k = k;
    ranking.k_padded = k_padded;
    ranking.stride = stride;
    ranking.users = {nullptr, 1, user_indices.data(), nullptr, nullptr, nullptr, n_users};
    ranking.items = {item_offsets.data(), 0, item_indices.data(), values ? item_values.data() : nullptr, nullptr,
                     nullptr, n_items};
    if (context) ranking.contexts = {nullptr, 1, context_indices.data(), nullptr, nullptr, nullptr, events.size()};
    ranking.history_offsets = history_offsets.data();
    ranking.history_items = history_items.data();
    ranking.first_history = first_history;
    ranking.history_power = 0.5F;
    ranking.group_users = group_users.data();
    ranking.group_offsets = group_offsets.data();
    ranking.n_groups = group_users.size();
    ranking.largest_group = group_size;
    ranking.events = events.data();
    ranking.event_items = event_items.data();
    ranking.event_weights = values ? event_weights.data() : nullptr;
    ranking.n_negatives = 10;
    ranking.accept = accept.data();
    ranking.aliases = aliases.data();
    ranking.corrections = corrections.data();
    ranking.loss = loss;
    ranking.factors_rate = ranking.weights_rate = 0.1F;
    ranking.factors_decay = ranking.weights_decay = 1e-4F;
    ranking.user_dropout = ranking.item_dropout = 0.2F;
    double first = 0, last = 0;
    for (std::uint64_t epoch = 0; epoch < 30; ++epoch) {
      ranking.seed = epoch;
      const RankingTotals totals = fm_train_ranking(ranking_kernels(level), ranking, n_threads);
      const double weights = values ? 1.5 : 1;
      CHECK(totals.weight > 0.8 * weights * static_cast<double>(events.size()));
      CHECK(totals.n_drawn > 0);
      last = totals.loss / totals.weight;
      if (epoch == 0) first = last;
    }
    CHECK(std::isfinite(last));
    CHECK(last < 0.8 * first);
    for (std::size_t f = 0; f < n_features; ++f) {
      for (std::size_t i = k; i < k_padded; ++i) CHECK(table[f * stride + i] == 0);
    }
    return first;
  }
};

}  // namespace

int main() {
  const Example example;
  for (const auto loss : {RankingLoss::bpr, RankingLoss::warp, RankingLoss::softmax}) {
    for (const std::size_t k : {3U, 16U, 40U, 64U, 128U}) {
      const double portable = example.trained(loss, k, true, true, "portable", 1);
      for (const auto level : available_levels()) {
        CHECK_NEAR(example.trained(loss, k, true, true, level, 1), portable, 0.02);
      }
    }
    example.trained(loss, 16, false, false, "", 3);
  }
  CHECK_THROWS(ranking_kernels("z80"), std::invalid_argument);
  return 0;
}
