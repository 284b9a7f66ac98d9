#include "pairloom/related_items.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "pairloom/best.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {
namespace {

constexpr std::size_t exact_sizes = 64;       // users with fewer items have a class of their own
constexpr std::size_t n_size_classes = 256;
constexpr std::size_t n_grid = 128;           // places on the logarithm of an item's chance
constexpr std::size_t rows_per_task = 64;
constexpr double classes_per_doubling = 8;
constexpr std::ptrdiff_t ahead = 8;

std::size_t size_class(std::size_t n_items) {
  if (n_items < exact_sizes) return n_items;
  const double doublings = std::log2(static_cast<double>(n_items) / static_cast<double>(exact_sizes));
  return std::min(n_size_classes - 1, exact_sizes + static_cast<std::size_t>(doublings * classes_per_doubling));
}

// By class of users and place on the grid: the chance that a user with so many other items has a given item too.
class Chances {
 public:
  Chances(const Baskets& baskets, const double* chances) {
    std::vector<double> sizes(n_size_classes, 0), counts(n_size_classes, 0);
    for (std::size_t u = 0; u < baskets.n_users; ++u) {
      const auto n = static_cast<std::size_t>(baskets.user_offsets[u + 1] - baskets.user_offsets[u]);
      sizes[size_class(n)] += static_cast<double>(n);
      counts[size_class(n)] += 1;
    }
    double lowest = 1, highest = 0;
    for (std::size_t i = 0; i < baskets.n_items; ++i) {
      if (chances[i] <= 0) continue;
      lowest = std::min(lowest, chances[i]);
      highest = std::max(highest, chances[i]);
    }
    if (highest < lowest) lowest = highest = 0.5;
    first_ = std::log(lowest);
    step_ = std::max((std::log(highest) - first_) / static_cast<double>(n_grid - 1), 1e-9);
    taken_.assign(n_size_classes * n_grid, 0);
    for (std::size_t c = 0; c < n_size_classes; ++c) {
      if (counts[c] == 0) continue;
      const double others = sizes[c] / counts[c] - 1;
      for (std::size_t g = 0; g < n_grid; ++g) {
        const double chance = std::min(std::exp(first_ + step_ * static_cast<double>(g)), 1 - 1e-12);
        taken_[c * n_grid + g] = -std::expm1(others * std::log1p(-chance));
      }
    }
    places_.resize(baskets.n_items);
    for (std::size_t i = 0; i < baskets.n_items; ++i) {
      places_[i] = static_cast<float>(std::clamp((std::log(std::max(chances[i], lowest)) - first_) / step_, 0.0,
                                                 static_cast<double>(n_grid - 1)));
    }
  }

  // Adds up one item's users: how many of them would take an item by chance, at each place on the grid.
  void expect(const std::vector<double>& users_by_class, std::vector<double>& expected) const {
    expected.assign(n_grid, 0);
    for (std::size_t c = 0; c < n_size_classes; ++c) {
      if (users_by_class[c] == 0) continue;
      for (std::size_t g = 0; g < n_grid; ++g) expected[g] += users_by_class[c] * taken_[c * n_grid + g];
    }
  }

  // Where on the grid an item's chance lies.
  double place(std::size_t item) const { return places_[item]; }

 private:
  double first_ = 0, step_ = 1;
  std::vector<double> taken_;
  std::vector<float> places_;
};

double between(const std::vector<double>& values, double place) {
  const auto left = std::min(static_cast<std::size_t>(place), n_grid - 2);
  return values[left] + (place - static_cast<double>(left)) * (values[left + 1] - values[left]);
}

class Row {
 public:
  Row(const Baskets& baskets, const RelatedItems& asked, const Chances* chances, const std::vector<std::uint8_t>& classes)
      : baskets_(baskets), asked_(asked), chances_(chances), classes_(classes), common_(baskets.n_items, 0) {}

  void relate(std::int32_t item, std::int32_t* items, float* scores) {
    gather(item);
    expect();
    best_.begin(asked_.n_related);
    if (n_events_ > static_cast<std::int64_t>(baskets_.n_items) / 2) {
      count<false>();
      for (std::size_t other = 0; other < baskets_.n_items; ++other) take(item, static_cast<std::int32_t>(other));
    } else {
      count<true>();
      for (const std::int32_t other : touched_) take(item, other);
    }
    best_.write(items, scores);
  }

 private:
  struct Span {
    const std::int32_t* begin;
    const std::int32_t* end;
  };

  // Where the baskets of an item's users lie.
  void gather(std::int32_t item) {
    spans_.clear();
    n_events_ = 0;
    if (chances_ != nullptr) by_class_.assign(n_size_classes, 0);
    const auto last = baskets_.item_offsets[item + 1];
    for (auto p = baskets_.item_offsets[item]; p < last; ++p) {
      if (p + ahead < last) __builtin_prefetch(baskets_.user_offsets + baskets_.item_users[p + ahead]);
      const std::int32_t user = baskets_.item_users[p];
      const std::int64_t* offsets = baskets_.user_offsets + user;
      spans_.push_back({baskets_.user_items + offsets[0], baskets_.user_items + offsets[1]});
      n_events_ += offsets[1] - offsets[0];
      if (chances_ != nullptr) by_class_[classes_[static_cast<std::size_t>(user)]] += 1;
    }
  }

  // Few events name the items they touch; many touch nearly all, and a branch for each would cost more than a look.
  template <bool named>
  void count() {
    touched_.clear();
    std::int32_t* common = common_.data();
    for (std::size_t p = 0; p < spans_.size(); ++p) {
      if (p + std::size_t{ahead} < spans_.size()) {
        for (std::size_t line = 0; line < 4; ++line) __builtin_prefetch(spans_[p + std::size_t{ahead}].begin + 16 * line);
      }
      for (const std::int32_t* q = spans_[p].begin; q < spans_[p].end; ++q) {
        const std::int32_t other = *q;
        if constexpr (named) {
          if (common[other] == 0) touched_.push_back(other);
        }
        ++common[other];
      }
    }
  }

  void take(std::int32_t item, std::int32_t other) {
    const std::int32_t common = common_[static_cast<std::size_t>(other)];
    if (common == 0) return;
    common_[static_cast<std::size_t>(other)] = 0;
    if (other == item || common < asked_.least_common) return;
    const float score = score_of(item, other, common);
    if (score > 0) best_.offer(score, other);
  }

  void expect() {
    if (chances_ == nullptr) return;
    chances_->expect(by_class_, expected_);
    discounts_.resize(n_grid);
    for (std::size_t g = 0; g < n_grid; ++g) discounts_[g] = std::pow(std::max(expected_[g], 1e-12), -asked_.discount);
  }

  float score_of(std::int32_t item, std::int32_t other, std::int32_t common) const {
    const auto users = [&](std::int32_t i) {
      return static_cast<double>(baskets_.item_offsets[i + 1] - baskets_.item_offsets[i]);
    };
    const double n = common;
    switch (asked_.relation) {
      case Relation::conditional:
        return static_cast<float>(n / users(item));
      case Relation::cosine:
        return static_cast<float>(n / std::sqrt(users(item) * users(other)));
      case Relation::surprise:
        break;
    }
    const double place = chances_->place(static_cast<std::size_t>(other));
    return static_cast<float>((n - between(expected_, place)) * between(discounts_, place));
  }

  const Baskets& baskets_;
  const RelatedItems& asked_;
  const Chances* chances_;
  const std::vector<std::uint8_t>& classes_;
  std::vector<std::int32_t> common_, touched_;
  std::vector<double> by_class_, expected_, discounts_;
  std::vector<Span> spans_;
  std::int64_t n_events_ = 0;
  Best best_;
};

// All rows at once: each pair is counted once, from the side of the item that fewer users took. Items are ranked by their
// users, so that the rows of popular items, which have most of the pairs, count in a few kilobytes.
class WholeTable {
 public:
  static constexpr std::size_t most_items = std::size_t{1} << 16;
  static constexpr std::int64_t most_events = std::int64_t{1} << 32;

  WholeTable(const Baskets& baskets, const RelatedItems& asked, const Chances* chances,
             const std::vector<std::uint8_t>& classes, std::size_t n_threads)
      : baskets_(baskets),
        asked_(asked),
        chances_(chances),
        n_(baskets.n_items),
        n_threads_(n_threads),
        item_at_(n_),
        ranks_(static_cast<std::size_t>(baskets.item_offsets[n_])),
        places_(ranks_.size()),
        n_users_(n_),
        grid_places_(chances == nullptr ? 0 : n_),
        best_(n_),
        least_(n_),
        taken_(n_) {
    rank();
    for (std::size_t r = 0; r < n_; ++r) {
      n_users_[r] = static_cast<double>(users(r));
      if (chances != nullptr) grid_places_[r] = chances->place(static_cast<std::size_t>(item_at_[r]));
    }
    if (chances != nullptr) expect(classes);
    for (auto& each : best_) each.begin(asked.n_related);
    for (auto& each : least_) each.store(-std::numeric_limits<float>::infinity(), std::memory_order_relaxed);
    for (auto& each : taken_) each.store(false, std::memory_order_relaxed);
  }

  void write(std::int32_t* items, float* scores) {
    const std::size_t n_tasks = (n_ + rows_per_task - 1) / rows_per_task;
    parallel_for(n_tasks, n_threads_, [&](std::size_t task) {  // the longest first
      const std::size_t last = n_ - task * rows_per_task, first = last > rows_per_task ? last - rows_per_task : 0;
      std::vector<std::uint16_t> few(n_ + 4, 0);
      std::vector<std::uint32_t> many;
      for (std::size_t r = last; r-- > first;) {
        if (users(r) < (std::size_t{1} << 16)) {
          relate(r, few);
        } else {
          many.resize(n_ + 4, 0);
          relate(r, many);
        }
      }
    });
    parallel_for(n_tasks, n_threads_, [&](std::size_t task) {
      for (std::size_t r = task * rows_per_task; r < std::min(n_, (task + 1) * rows_per_task); ++r) {
        const auto item = static_cast<std::size_t>(item_at_[r]);
        best_[r].write(items + item * asked_.n_related, scores + item * asked_.n_related);
      }
    });
  }

 private:
  std::size_t users(std::size_t rank) const {
    const std::int64_t* offsets = baskets_.item_offsets + item_at_[rank];
    return static_cast<std::size_t>(offsets[1] - offsets[0]);
  }

  // Baskets of ranks, ascending, and for each user of an item the place in the basket behind it.
  void rank() {
    for (std::size_t i = 0; i < n_; ++i) item_at_[i] = static_cast<std::int32_t>(i);
    std::stable_sort(item_at_.begin(), item_at_.end(), [&](std::int32_t a, std::int32_t b) {
      const std::int64_t* offsets = baskets_.item_offsets;
      return offsets[a + 1] - offsets[a] < offsets[b + 1] - offsets[b];
    });
    std::vector<std::int64_t> next(baskets_.user_offsets, baskets_.user_offsets + baskets_.n_users);
    for (std::size_t r = 0; r < n_; ++r) {
      const std::int64_t last = baskets_.item_offsets[item_at_[r] + 1];
      for (std::int64_t p = baskets_.item_offsets[item_at_[r]]; p < last; ++p) {
        const std::int32_t user = baskets_.item_users[p];
        const std::int64_t place = next[static_cast<std::size_t>(user)]++;
        if (place >= baskets_.user_offsets[user + 1]) throw std::invalid_argument("both sides must hold the same events");
        ranks_[static_cast<std::size_t>(place)] = static_cast<std::uint16_t>(r);
        places_[static_cast<std::size_t>(p)] = static_cast<std::uint32_t>(place + 1);
      }
    }
  }

  // What chance would give each row, by place on the grid and rank.
  void expect(const std::vector<std::uint8_t>& classes) {
    expected_.resize(n_grid * n_);
    discounts_.resize(n_grid * n_);
    parallel_for((n_ + rows_per_task - 1) / rows_per_task, n_threads_, [&](std::size_t task) {
      std::vector<double> by_class, row;
      for (std::size_t r = task * rows_per_task; r < std::min(n_, (task + 1) * rows_per_task); ++r) {
        by_class.assign(n_size_classes, 0);
        const std::int64_t last = baskets_.item_offsets[item_at_[r] + 1];
        for (std::int64_t p = baskets_.item_offsets[item_at_[r]]; p < last; ++p) {
          by_class[classes[static_cast<std::size_t>(baskets_.item_users[p])]] += 1;
        }
        chances_->expect(by_class, row);
        for (std::size_t g = 0; g < n_grid; ++g) {
          expected_[g * n_ + r] = row[g];
          discounts_[g * n_ + r] = std::pow(std::max(row[g], 1e-12), -asked_.discount);
        }
      }
    });
  }

  template <typename Count>
  void relate(std::size_t row, std::vector<Count>& common) {
    const std::int64_t first = baskets_.item_offsets[item_at_[row]], last = baskets_.item_offsets[item_at_[row] + 1];
    for (std::int64_t p = first; p < last; ++p) {
      if (p + ahead < last) {
        __builtin_prefetch(baskets_.user_offsets + baskets_.item_users[p + ahead] + 1);
        const std::uint16_t* next = ranks_.data() + places_[static_cast<std::size_t>(p + ahead)];
        for (std::size_t line = 0; line < 4; ++line) __builtin_prefetch(next + 32 * line);
      }
      const std::uint16_t* other = ranks_.data() + places_[static_cast<std::size_t>(p)];
      const std::uint16_t* end = ranks_.data() + baskets_.user_offsets[baskets_.item_users[p] + 1];
      for (; other < end; ++other) ++common[*other];
    }
    const Side own(*this, row);
    Best best;
    best.begin(asked_.n_related);
    for (std::size_t r = row + 1; r < n_; ++r) {
      if (common[r] == 0) {
        while (r + 4 < n_ && (common[r + 1] | common[r + 2] | common[r + 3] | common[r + 4]) == 0) r += 4;
        continue;
      }
      const auto count = static_cast<std::int64_t>(common[r]);
      common[r] = 0;
      if (count >= asked_.least_common) pair(own, r, static_cast<double>(count), best);
    }
    for (const Scored& each : best.ordered()) offer(row, each.score, each.item);
  }

  // One row against all others: what chance would give it by the others' places, and the others by its own.
  struct Side {
    std::size_t row;
    double within = 0;
    const double *expected = nullptr, *discounts = nullptr;  // of all rows, at the grid's place left of this row's chance
    std::vector<double> own_expected, own_discounts;  // of this row, by place on the grid

    Side(const WholeTable& table, std::size_t row_) : row(row_) {
      if (table.chances_ == nullptr) return;
      const double place = table.grid_places_[row];
      const auto left = std::min(static_cast<std::size_t>(place), n_grid - 2);
      within = place - static_cast<double>(left);
      expected = table.expected_.data() + left * table.n_;
      discounts = table.discounts_.data() + left * table.n_;
      own_expected.resize(n_grid);
      own_discounts.resize(n_grid);
      for (std::size_t g = 0; g < n_grid; ++g) {
        own_expected[g] = table.expected_[g * table.n_ + row];
        own_discounts[g] = table.discounts_[g * table.n_ + row];
      }
    }
  };

  void pair(const Side& own, std::size_t other, double n, Best& best) {
    float there = 0, back = 0;
    switch (asked_.relation) {
      case Relation::conditional:
        there = static_cast<float>(n / n_users_[own.row]);
        back = static_cast<float>(n / n_users_[other]);
        break;
      case Relation::cosine:
        there = back = static_cast<float>(n / std::sqrt(n_users_[own.row] * n_users_[other]));
        break;
      case Relation::surprise: {
        const double place = grid_places_[other];
        const double by_own = between(own.own_expected, place);
        if (n > by_own) there = static_cast<float>((n - by_own) * between(own.own_discounts, place));
        const double* left = own.expected + other;
        const double by_other = left[0] + own.within * (left[n_] - left[0]);
        if (n <= by_other) break;
        left = own.discounts + other;
        back = static_cast<float>((n - by_other) * (left[0] + own.within * (left[n_] - left[0])));
        break;
      }
    }
    if (there > 0) best.offer(there, item_at_[other]);
    if (back > 0 && back >= least_[other].load(std::memory_order_relaxed)) offer(other, back, item_at_[own.row]);
  }

  void offer(std::size_t row, float score, std::int32_t item) {
    while (taken_[row].exchange(true, std::memory_order_acquire)) spin_pause();
    best_[row].offer(score, item);
    least_[row].store(best_[row].least(), std::memory_order_relaxed);
    taken_[row].store(false, std::memory_order_release);
  }

  const Baskets& baskets_;
  const RelatedItems& asked_;
  const Chances* chances_;
  std::size_t n_, n_threads_;
  std::vector<std::int32_t> item_at_;  // by rank
  std::vector<std::uint16_t> ranks_;
  std::vector<std::uint32_t> places_;
  std::vector<double> n_users_, grid_places_;  // by rank
  std::vector<double> expected_, discounts_;   // by place on the grid and rank
  std::vector<Best> best_;
  std::vector<std::atomic<float>> least_;
  std::vector<std::atomic<bool>> taken_;
};

bool are_all(const std::int32_t* rows, std::size_t n_rows, std::size_t n_items) {
  if (n_rows != n_items) return false;
  for (std::size_t r = 0; r < n_rows; ++r) {
    if (rows[r] != static_cast<std::int32_t>(r)) return false;
  }
  return true;
}

}  // namespace

void related_items(const Baskets& baskets, const RelatedItems& asked, const std::int32_t* rows, std::size_t n_rows,
                   std::int32_t* items, float* scores, std::size_t n_threads) {
  std::vector<Chances> chances;
  if (asked.relation == Relation::surprise) chances.emplace_back(baskets, asked.chances);
  const Chances* of = chances.empty() ? nullptr : &chances.front();
  std::vector<std::uint8_t> classes(of == nullptr ? 0 : baskets.n_users);
  for (std::size_t u = 0; u < classes.size(); ++u) {
    classes[u] = static_cast<std::uint8_t>(
        size_class(static_cast<std::size_t>(baskets.user_offsets[u + 1] - baskets.user_offsets[u])));
  }
  if (are_all(rows, n_rows, baskets.n_items) && n_rows <= WholeTable::most_items &&
      baskets.item_offsets[baskets.n_items] < WholeTable::most_events) {
    WholeTable(baskets, asked, of, classes, n_threads).write(items, scores);
    return;
  }
  const std::size_t n_tasks = (n_rows + rows_per_task - 1) / rows_per_task;
  parallel_for(n_tasks, n_threads, [&](std::size_t task) {
    Row row(baskets, asked, of, classes);
    const std::size_t end = std::min(n_rows, (task + 1) * rows_per_task);
    for (std::size_t r = task * rows_per_task; r < end; ++r) {
      row.relate(rows[r], items + r * asked.n_related, scores + r * asked.n_related);
    }
  });
}

void best_items(const float* scores, std::size_t n_rows, std::size_t n_items, std::size_t n_best, std::int32_t* items,
                float* best, std::size_t n_threads) {
  const std::size_t n_tasks = (n_rows + rows_per_task - 1) / rows_per_task;
  parallel_for(n_tasks, n_threads, [&](std::size_t task) {
    Best best_of_row;
    const std::size_t end = std::min(n_rows, (task + 1) * rows_per_task);
    for (std::size_t r = task * rows_per_task; r < end; ++r) {
      const float* row = scores + r * n_items;
      best_of_row.begin(n_best);
      for (std::size_t i = 0; i < n_items; ++i) {
        if (row[i] > -std::numeric_limits<float>::infinity()) best_of_row.offer(row[i], static_cast<std::int32_t>(i));
      }
      best_of_row.write(items + r * n_best, best + r * n_best);
    }
  });
}

}  // namespace pairloom
