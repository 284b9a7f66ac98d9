#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace pairloom {

struct Scored {
  float score;
  std::int32_t item;
  bool operator<(const Scored& other) const {  // better first
    return score != other.score ? score > other.score : item < other.item;
  }
};

// The best of what is offered: nearly all of it is refused by one comparison.
class Best {
 public:
  void begin(std::size_t n) {
    n_ = n;
    found_.clear();
    least_ = -std::numeric_limits<float>::infinity();
  }

  // Items are offered in any order; among equals at the edge the smaller one is kept.
  void offer(float score, std::int32_t item) {
    if (score < least_) return;
    found_.push_back({score, item});
    if (found_.size() < 2 * n_) return;
    std::nth_element(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(n_ - 1), found_.end());
    found_.resize(n_);
    least_ = found_.back().score;
  }

  // A score below it is refused.
  float least() const { return least_; }

  // The best, best first, and fewer than n where fewer were offered.
  const std::vector<Scored>& ordered() {
    const std::size_t kept = std::min(n_, found_.size());
    std::partial_sort(found_.begin(), found_.begin() + static_cast<std::ptrdiff_t>(kept), found_.end());
    found_.resize(kept);
    return found_;
  }

  // Fills n places; those that are not needed hold item -1 and score 0.
  void write(std::int32_t* items, float* scores) {
    ordered();
    for (std::size_t r = 0; r < n_; ++r) {
      items[r] = r < found_.size() ? found_[r].item : -1;
      scores[r] = r < found_.size() ? found_[r].score : 0.0F;
    }
  }

 private:
  std::size_t n_ = 0;
  float least_ = 0;
  std::vector<Scored> found_;
};

}  // namespace pairloom
