#include "pairloom/slim.hpp"

#include <cmath>
#include <random>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

struct Data {
  std::size_t n_users, n_items;
  std::vector<double> dense;
  std::vector<std::int64_t> offsets{0}, turned_offsets{0};
  std::vector<std::int32_t> items, users;
  std::vector<float> weights, turned_weights;

  Data(std::size_t users_, std::size_t items_, unsigned seed) : n_users(users_), n_items(items_), dense(users_ * items_, 0) {
    std::mt19937 random(seed);
    for (std::size_t u = 0; u < n_users; ++u) {
      for (std::size_t i = 0; i + 1 < n_items; ++i) {  // nobody has the last item
        if (random() % 4 != 0) continue;
        dense[u * n_items + i] = random() % 2 == 0 ? 1 : 2;
        items.push_back(static_cast<std::int32_t>(i));
        weights.push_back(static_cast<float>(dense[u * n_items + i]));
      }
      offsets.push_back(static_cast<std::int64_t>(items.size()));
    }
    for (std::size_t i = 0; i < n_items; ++i) {
      for (std::size_t u = 0; u < n_users; ++u) {
        if (dense[u * n_items + i] == 0) continue;
        users.push_back(static_cast<std::int32_t>(u));
        turned_weights.push_back(static_cast<float>(dense[u * n_items + i]));
      }
      turned_offsets.push_back(static_cast<std::int64_t>(users.size()));
    }
  }
};

// A least value is where no weight above 0 has a slope, and none at 0 would gain by growing.
void solve(std::string_view level, std::size_t n_users, std::size_t n_items, float l1, std::size_t n_neighbours) {
  const Data data(n_users, n_items, 3);
  std::vector<float> gram(n_items * n_items, -1);
  item_gram(data.offsets.data(), data.items.data(), data.weights.data(), data.turned_offsets.data(), data.users.data(),
            data.turned_weights.data(), n_items, gram.data(), 2);
  for (std::size_t i = 0; i < n_items; ++i) {
    for (std::size_t j = 0; j < n_items; ++j) {
      double expected = 0;
      for (std::size_t u = 0; u < n_users; ++u) expected += data.dense[u * n_items + i] * data.dense[u * n_items + j];
      CHECK(static_cast<double>(gram[i * n_items + j]) == expected);
    }
  }
  const float l2 = 5;
  const Slim asked{gram.data(), n_items, l1, l2, n_neighbours, 1e-7F, 1000};
  const SlimWeights found = slim(slim_kernels(level), asked, 1), threads = slim(slim_kernels(level), asked, 3);
  CHECK(found.offsets == threads.offsets && found.items == threads.items && found.values == threads.values);
  CHECK(found.offsets.size() == n_items + 1);
  for (std::size_t j = 0; j < n_items; ++j) {
    std::vector<double> w(n_items, 0);
    std::size_t n = 0;
    for (auto p = static_cast<std::size_t>(found.offsets[j]); p < static_cast<std::size_t>(found.offsets[j + 1]); ++p) {
      CHECK(found.values[p] > 0);
      CHECK(n == 0 || found.items[p] > found.items[p - 1]);
      w[static_cast<std::size_t>(found.items[p])] = static_cast<double>(found.values[p]);
      ++n;
    }
    CHECK(w[j] == 0);
    if (n_neighbours != 0) CHECK(n <= n_neighbours);
    for (std::size_t i = 0; i < n_items; ++i) {
      if (i == j || (n_neighbours != 0 && w[i] == 0)) continue;
      double slope = static_cast<double>(gram[j * n_items + i]) - static_cast<double>(l2) * w[i] - static_cast<double>(l1);
      for (std::size_t k = 0; k < n_items; ++k) slope -= static_cast<double>(gram[i * n_items + k]) * w[k];
      if (w[i] > 0) CHECK_NEAR(slope, 0.0, 5e-3);
      else CHECK(slope < 5e-3);
    }
  }
}

}  // namespace

int main() {
  for (const auto level : available_levels()) {
    solve(level, 60, 12, 1, 0);
    solve(level, 90, 70, 0, 0);
    solve(level, 90, 70, 2, 5);
    solve(level, 3, 1, 1, 0);
  }
  CHECK_THROWS(slim_kernels("z80"), std::invalid_argument);
  return 0;
}
