#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pairloom/raw_keys.hpp"

namespace pairloom {

// Several pieces for each row: row i has pieces indptr[i] to indptr[i + 1] - 1.
struct Pieces {
  std::vector<std::int64_t> indptr;
  std::vector<std::int64_t> starts;  // bytes in the column's data
  std::vector<std::int64_t> ends;
};

// Cuts each string at the separator (not empty). ASCII blanks around a piece are dropped, and so are empty pieces; a
// missing value has none.
Pieces split(const StringKeys& rows, std::string_view separator);

// Sizes of n-grams, from and to; 0 and 0 for none.
struct NgramSizes {
  unsigned min_words = 1, max_words = 1;
  unsigned min_characters = 0, max_characters = 0;
};

struct HashedText {
  std::vector<std::int64_t> indptr;
  std::vector<std::int32_t> buckets;
};

// Hashes the n-grams of each string, ASCII letters lowered if wanted; a missing value has none.
//
// A word is a run of ASCII letters, digits, underscores and bytes above 127. With h(w) = hash_bytes(w, seed), the
// n-gram w1 ... wn hashes to mix(... mix(mix(h(w1)) ^ h(w2)) ... ^ h(wn)), a single word to h(w1). The character
// n-grams of a word are the runs of n UTF-8 code points of "<word>", and hash to hash_bytes(run, seed + 1).
HashedText hash_text(const StringKeys& rows, const NgramSizes& sizes, bool lowercase, std::uint64_t seed,
                     std::uint32_t n_buckets);

}  // namespace pairloom
