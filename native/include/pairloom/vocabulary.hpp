#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "pairloom/raw_keys.hpp"

namespace pairloom {

// Numbers keys in order of their first appearance, 0, 1, 2, ..., and counts them. Open addressing with linear
// probing: one table for integers, one for strings, one numbering for both.
class Vocabulary {
 public:
  // The seed moves keys about inside the tables and changes no result: a random one keeps crafted keys from colliding.
  // Adding a key beyond max_size throws std::length_error.
  explicit Vocabulary(std::uint64_t seed, std::size_t max_size = std::numeric_limits<std::int32_t>::max());

  // Counts every key, numbering the new ones; returns the number of missing values.
  std::size_t add(const IntegerKeys& keys);
  std::size_t add(const StringKeys& keys);

  // The number of each key, absent_key or missing_key. numbers has one element per row.
  void lookup(const IntegerKeys& keys, std::span<std::int32_t> numbers) const;
  void lookup(const StringKeys& keys, std::span<std::int32_t> numbers) const;

  std::size_t size() const noexcept { return counts_.size(); }
  std::span<const std::int64_t> counts() const noexcept { return counts_; }

  // Everything learned, key by key: the integer itself, or for a string (is_string != 0) its place among the strings,
  // string i being string_data[string_ends[i - 1], string_ends[i]).
  std::span<const std::int64_t> integers() const noexcept { return integers_; }
  std::span<const std::uint8_t> is_string() const noexcept { return is_string_; }
  std::span<const std::int64_t> string_ends() const noexcept { return string_ends_; }
  std::span<const char> string_data() const noexcept { return string_data_; }

  // Appends exported keys with their counts; throws std::invalid_argument at a key that is already there, or at a
  // string that is empty or spells an integer.
  void restore(std::span<const std::int64_t> integers, std::span<const std::int64_t> counts);
  void restore(std::span<const std::int64_t> integers, std::span<const std::uint8_t> is_string,
               const StringKeys& strings, std::span<const std::int64_t> counts);

 private:
  struct IntegerSlot {
    std::int64_t key;
    std::int32_t number = absent_key;
  };
  struct StringSlot {
    std::uint32_t tag;
    std::int32_t number = absent_key;
  };

  // Keys are hashed, and their slots asked of memory, so many at a time.
  static constexpr std::size_t lookahead = 16;
  struct Probe {
    enum Kind : std::uint8_t { missing, integer, string } kind;
    std::int64_t key;
    std::uint64_t hash;
  };
  using Probes = std::array<Probe, lookahead>;

  std::size_t probe(const StringKeys& keys, std::size_t begin, Probes& probes) const;
  std::uint64_t hash(std::int64_t key) const noexcept;
  std::uint64_t hash(std::string_view key) const noexcept;
  std::string_view string_of(std::int32_t number) const noexcept;

  std::int32_t find(std::int64_t key, std::uint64_t hash) const noexcept;
  std::int32_t find(std::string_view key, std::uint64_t hash) const noexcept;
  std::int32_t insert(std::int64_t key, std::uint64_t hash);
  std::int32_t insert(std::string_view key, std::uint64_t hash);
  std::int32_t next_number() const;
  void grow_integers();
  void grow_strings();

  std::uint64_t seed_;
  std::size_t max_size_;
  std::vector<IntegerSlot> integer_slots_;
  std::vector<StringSlot> string_slots_;
  unsigned integer_shift_, string_shift_;  // a hash's top bits are its slot
  std::size_t n_integers_ = 0;

  std::vector<std::int64_t> counts_;
  std::vector<std::int64_t> integers_;
  std::vector<std::uint8_t> is_string_;
  std::vector<std::int64_t> string_ends_;
  std::vector<char> string_data_;
};

}  // namespace pairloom
