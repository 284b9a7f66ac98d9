#include "pairloom/slim.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pairloom/cpu.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {
namespace {

constexpr std::size_t items_per_task = 16, least_joining = 32, max_rounds = 100;
constexpr float slack = 1e-5F;  // of the largest slope: what a float sum leaves

using Column = std::vector<std::pair<std::int32_t, float>>;

// The set of items that a column is solved on, and their part of the Gram matrix.
class Solver {
 public:
  Solver(const SlimKernels& kernels, const Slim& asked)
      : kernels_(kernels), asked_(asked), slopes_(asked.n_items), inside_(asked.n_items) {}

  Column solve(std::size_t item) {
    const float* wanted = row(item);
    choose_candidates(item, wanted);
    std::fill(inside_.begin(), inside_.end(), false);
    members_.clear();
    weights_.clear();
    std::copy(wanted, wanted + asked_.n_items, slopes_.begin());
    float largest = 0;
    for (const auto i : candidates_) largest = std::max(largest, slopes_[i]);
    for (std::size_t round = 0; round < max_rounds && let_in(asked_.l1 + slack * largest); ++round) {
      gather();
      part_.resize(members_.size());
      for (std::size_t m = 0; m < members_.size(); ++m) part_[m] = slopes_[members_[m]];
      kernels_.descend(asked_, system_.data(), stride_, members_.size(), part_.data(), weights_.data());
      std::copy(wanted, wanted + asked_.n_items, slopes_.begin());
      for (std::size_t m = 0; m < members_.size(); ++m) {
        if (weights_[m] > 0) kernels_.subtract(slopes_.data(), row(members_[m]), weights_[m], asked_.n_items);
      }
    }
    Column found;
    for (std::size_t m = 0; m < members_.size(); ++m) {
      if (weights_[m] > 0) found.emplace_back(static_cast<std::int32_t>(members_[m]), weights_[m]);
    }
    std::sort(found.begin(), found.end());
    return found;
  }

 private:
  const float* row(std::size_t item) const { return asked_.gram + item * asked_.n_items; }

  void choose_candidates(std::size_t item, const float* wanted) {
    candidates_.clear();
    for (std::size_t i = 0; i < asked_.n_items; ++i) {
      if (i != item && wanted[i] > asked_.l1) candidates_.push_back(i);
    }
    if (asked_.n_neighbours == 0 || candidates_.size() <= asked_.n_neighbours) return;
    const auto closer = [&](std::size_t a, std::size_t b) {
      const float of_a = wanted[a] * wanted[a] / row(a)[a], of_b = wanted[b] * wanted[b] / row(b)[b];
      return of_a != of_b ? of_a > of_b : a < b;
    };
    const auto middle = candidates_.begin() + static_cast<std::ptrdiff_t>(asked_.n_neighbours);
    std::nth_element(candidates_.begin(), middle, candidates_.end(), closer);
    candidates_.erase(middle, candidates_.end());
  }

  // Lets in the items whose slope is above the bound, the steepest first, as many as there are already; false for none.
  bool let_in(float bound) {
    joining_.clear();
    for (const auto i : candidates_) {
      if (!inside_[i] && slopes_[i] > bound) joining_.push_back(i);
    }
    if (joining_.empty()) return false;
    const std::size_t most = std::max(least_joining, members_.size());
    if (joining_.size() > most) {
      const auto middle = joining_.begin() + static_cast<std::ptrdiff_t>(most);
      std::nth_element(joining_.begin(), middle, joining_.end(), [&](std::size_t a, std::size_t b) {
        return slopes_[a] != slopes_[b] ? slopes_[a] > slopes_[b] : a < b;
      });
      joining_.erase(middle, joining_.end());
    }
    gathered_ = members_.size();
    for (const auto i : joining_) {
      inside_[i] = true;
      members_.push_back(i);
      weights_.push_back(0);
    }
    return true;
  }

  void gather() {
    if (members_.size() > stride_) {
      stride_ = (members_.size() + members_.size() / 2 + 15) / 16 * 16;
      system_.assign(stride_ * stride_, 0);
      gathered_ = 0;
    }
    for (std::size_t a = 0; a < members_.size(); ++a) {
      const float* from = row(members_[a]);
      for (std::size_t b = a < gathered_ ? gathered_ : 0; b < members_.size(); ++b) {
        system_[a * stride_ + b] = from[members_[b]];
      }
    }
  }

  const SlimKernels& kernels_;
  const Slim asked_;
  std::vector<float> slopes_, part_, weights_, system_;
  std::vector<bool> inside_;
  std::vector<std::size_t> candidates_, members_, joining_;
  std::size_t stride_ = 0, gathered_ = 0;
};

}  // namespace

extern const SlimKernels slim_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const SlimKernels slim_level_x86_64_v2, slim_level_x86_64_v3, slim_level_x86_64_v4;
#endif

const SlimKernels& slim_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return slim_level_x86_64_v4;
  if (wanted == "x86-64-v3") return slim_level_x86_64_v3;
  if (wanted == "x86-64-v2") return slim_level_x86_64_v2;
#endif
  return slim_level_portable;
}

void item_gram(const std::int64_t* offsets, const std::int32_t* items, const float* weights,
               const std::int64_t* turned_offsets, const std::int32_t* turned_users, const float* turned_weights,
               std::size_t n_items, float* gram, std::size_t n_threads) {
  parallel_for((n_items + items_per_task - 1) / items_per_task, n_threads, [&](std::size_t task) {
    for (std::size_t i = task * items_per_task; i < std::min(n_items, (task + 1) * items_per_task); ++i) {
      float* row = gram + i * n_items;
      std::fill(row, row + n_items, 0.0F);
      for (auto u = turned_offsets[i]; u < turned_offsets[i + 1]; ++u) {
        const float own = turned_weights[u];
        for (auto p = offsets[turned_users[u]]; p < offsets[turned_users[u] + 1]; ++p) row[items[p]] += own * weights[p];
      }
    }
  });
}

SlimWeights slim(const SlimKernels& kernels, const Slim& asked, std::size_t n_threads) {
  std::vector<Column> columns(asked.n_items);
  parallel_for((asked.n_items + items_per_task - 1) / items_per_task, n_threads, [&](std::size_t task) {
    Solver solver(kernels, asked);
    for (std::size_t j = task * items_per_task; j < std::min(asked.n_items, (task + 1) * items_per_task); ++j) {
      columns[j] = solver.solve(j);
    }
  });
  SlimWeights found;
  found.offsets.push_back(0);
  for (const auto& column : columns) {
    for (const auto& [item, value] : column) {
      found.items.push_back(item);
      found.values.push_back(value);
    }
    found.offsets.push_back(static_cast<std::int64_t>(found.items.size()));
  }
  return found;
}

}  // namespace pairloom
