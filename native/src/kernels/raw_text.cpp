#include "pairloom/raw_text.hpp"

#include <algorithm>
#include <span>
#include <string>

#include "pairloom/hashing.hpp"

namespace pairloom {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f'; }

bool in_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) > 127;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool starts_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }

// Hashes one row after another, keeping its buffers.
class Hasher {
 public:
  Hasher(const NgramSizes& sizes, bool lowercase, std::uint64_t seed, std::uint32_t n_buckets,
         std::vector<std::int32_t>& buckets)
      : sizes_(sizes), lowercase_(lowercase), seed_(seed), n_buckets_(n_buckets), buckets_(buckets) {}

  void hash_row(std::string_view text) {
    words_.clear();
    for (std::size_t i = 0; i < text.size();) {
      if (!in_word(text[i])) {
        ++i;
        continue;
      }
      marked_.assign(1, '<');
      for (; i < text.size() && in_word(text[i]); ++i) marked_.push_back(lowercase_ ? lower(text[i]) : text[i]);
      words_.push_back(hash_bytes(std::string_view(marked_).substr(1), seed_));
      marked_.push_back('>');
      if (sizes_.max_characters > 0) add_characters();
    }
    if (sizes_.max_words > 0) add_words();
  }

 private:
  void add(std::uint64_t hash) { buckets_.push_back(static_cast<std::int32_t>(hash_bucket(hash, n_buckets_))); }

  void add_words() {
    for (std::size_t first = 0; first < words_.size(); ++first) {
      std::uint64_t hash = words_[first];
      for (std::size_t n = 1; n <= sizes_.max_words; ++n) {
        if (n >= sizes_.min_words) add(hash);
        if (first + n >= words_.size()) break;
        hash = mix((n == 1 ? mix(hash) : hash) ^ words_[first + n]);
      }
    }
  }

  void add_characters() {
    begins_.clear();
    for (std::size_t i = 0; i < marked_.size(); ++i) {
      if (starts_code_point(marked_[i])) begins_.push_back(i);
    }
    const std::size_t n_points = begins_.size();
    begins_.push_back(marked_.size());
    for (std::size_t first = 0; first < n_points; ++first) {
      for (std::size_t n = sizes_.min_characters; n <= sizes_.max_characters && first + n <= n_points; ++n) {
        const std::size_t begin = begins_[first];
        add(hash_bytes(std::string_view(marked_).substr(begin, begins_[first + n] - begin), seed_ + 1));
      }
    }
  }

  const NgramSizes& sizes_;
  bool lowercase_;
  std::uint64_t seed_;
  std::uint32_t n_buckets_;
  std::vector<std::int32_t>& buckets_;
  std::vector<std::uint64_t> words_;
  std::string marked_;
  std::vector<std::size_t> begins_;
};

}  // namespace

Pieces split(const StringKeys& rows, std::string_view separator) {
  Pieces pieces;
  pieces.indptr.reserve(rows.size() + 1);
  pieces.indptr.push_back(0);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (!rows.missing(row)) {
      const std::string_view text = rows[row];
      for (std::size_t begin = 0; begin <= text.size();) {
        const std::size_t stop = std::min(text.find(separator, begin), text.size());
        std::size_t first = begin;
        std::size_t last = stop;
        while (first < last && is_blank(text[first])) ++first;
        while (first < last && is_blank(text[last - 1])) --last;
        if (first < last) {
          pieces.starts.push_back(rows.starts[row] + static_cast<std::int64_t>(first));
          pieces.ends.push_back(rows.starts[row] + static_cast<std::int64_t>(last));
        }
        begin = stop + separator.size();
      }
    }
    pieces.indptr.push_back(static_cast<std::int64_t>(pieces.starts.size()));
  }
  return pieces;
}

HashedText hash_text(const StringKeys& rows, const NgramSizes& sizes, bool lowercase, std::uint64_t seed,
                     std::uint32_t n_buckets) {
  HashedText hashed;
  hashed.indptr.reserve(rows.size() + 1);
  hashed.indptr.push_back(0);
  Hasher hasher(sizes, lowercase, seed, n_buckets, hashed.buckets);
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (!rows.missing(row)) hasher.hash_row(rows[row]);
    hashed.indptr.push_back(static_cast<std::int64_t>(hashed.buckets.size()));
  }
  return hashed;
}

}  // namespace pairloom
