#pragma once

#include <cstddef>
#include <cstdint>

namespace pairloom {

// Who took what: the items of each user and the users of each item, both ascending, without repeats.
struct Baskets {
  const std::int64_t* user_offsets;
  const std::int32_t* user_items;
  std::size_t n_users;
  const std::int64_t* item_offsets;
  const std::int32_t* item_users;
  std::size_t n_items;
};

enum class Relation { conditional, cosine, surprise };

// The items most related to each of `rows`, best first: n_related places a row, those that are not needed hold item -1
// and score 0.
//
// `chances` holds the share of all events that each item has; only `surprise` reads it. That relation compares how many
// users took both with how many would have by chance, given how many items each of them took: (observed - expected) /
// expected^discount. Pairs that fewer than `least_common` users took are left out.
struct RelatedItems {
  Relation relation;
  std::size_t n_related;
  std::int32_t least_common;
  const double* chances;
  double discount;
};

void related_items(const Baskets& baskets, const RelatedItems& asked, const std::int32_t* rows, std::size_t n_rows,
                   std::int32_t* items, float* scores, std::size_t n_threads);

// The n_best largest of each row of scores, best first and the smaller item first among equals; -infinity is never
// chosen. Places that are not needed hold item -1 and score 0.
void best_items(const float* scores, std::size_t n_rows, std::size_t n_items, std::size_t n_best, std::int32_t* items,
                float* best, std::size_t n_threads);

}  // namespace pairloom
