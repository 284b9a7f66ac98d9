#pragma once

#include <cstddef>
#include <cstdint>

// Included by per-level units too: everything here has internal linkage, as in fm_simd.hpp.
namespace {

// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): one stream a sample, from a key that names it.
struct Draws {
  std::uint64_t state;
  inline std::uint64_t next() {
    state += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // In [0, n), n < 2^32.
  inline std::size_t below(std::size_t n) { return static_cast<std::size_t>(((next() >> 32) * n) >> 32); }
};

inline Draws draws_of(std::uint64_t seed, std::uint64_t sample) {
  Draws keyed{seed ^ (sample * 0xd1342543de82ef95ULL)};
  return Draws{keyed.next()};
}

// A permutation of [0, n) that needs no memory: bijections of the next power of two, walked until inside.
class Order {
 public:
  Order(std::size_t n, std::uint64_t seed) : n_(n) {
    Draws draws{seed};
    while ((std::uint64_t{1} << bits_) < n) ++bits_;
    mask_ = (std::uint64_t{1} << bits_) - 1;
    half_ = bits_ / 2 + 1;
    for (auto& key : keys_) key = draws.next();
  }
  inline std::size_t at(std::size_t place) const {
    std::uint64_t x = place;
    do {
      for (const std::uint64_t key : keys_) {
        x = (x * (key | 1) + (key >> 32)) & mask_;
        x ^= x >> half_;
      }
    } while (x >= n_);
    return static_cast<std::size_t>(x);
  }

 private:
  std::uint64_t n_, mask_ = 0, keys_[4] = {};
  int bits_ = 0, half_ = 1;
};

// Turns places among the items that are not in an ascending list into these items: as many of the list are before one as
// have items[j] - j <= place. Searches go side by side, without branches that depend on them.
template <std::size_t Count>
inline void absent_items(const std::int32_t* items, std::size_t n, std::size_t* places) {
  if (n == 0) return;
  std::size_t begins[Count] = {};
  while (n > 1) {
    const std::size_t half = n / 2;
    for (std::size_t c = 0; c < Count; ++c) {
      const std::size_t middle = begins[c] + half;
      begins[c] = static_cast<std::size_t>(items[middle]) - middle <= places[c] ? middle : begins[c];
    }
    n -= half;
  }
  for (std::size_t c = 0; c < Count; ++c) {
    const bool after = static_cast<std::size_t>(items[begins[c]]) - begins[c] <= places[c];
    places[c] += begins[c] + (after ? 1 : 0);
  }
}

inline bool has_item(const std::int32_t* items, std::size_t n, std::size_t item) {
  const auto sought = static_cast<std::int32_t>(item);
  std::size_t begin = 0;
  while (n > 1) {
    const std::size_t half = n / 2;
    begin = items[begin + half] <= sought ? begin + half : begin;
    n -= half;
  }
  return n == 1 && items[begin] == sought;
}

}  // namespace
