#include "pairloom/raw_keys.hpp"

#include <limits>

#include "pairloom/hashing.hpp"

namespace pairloom {

std::optional<std::int64_t> canonical_integer(std::string_view text) noexcept {
  const bool negative = !text.empty() && text.front() == '-';
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.size() > 19) return std::nullopt;
  if (digits.front() == '0' && (digits.size() > 1 || negative)) return std::nullopt;
  std::uint64_t magnitude = 0;  // 19 digits fit
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::nullopt;
    magnitude = magnitude * 10 + static_cast<std::uint64_t>(c - '0');
  }
  constexpr auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (magnitude > largest + (negative ? 1 : 0)) return std::nullopt;
  return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

void hash_keys(const IntegerKeys& keys, std::uint64_t seed, std::uint32_t n_buckets, std::span<std::int32_t> buckets) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    buckets[i] = keys.missing(i)
                     ? missing_key
                     : static_cast<std::int32_t>(hash_bucket(hash_integer(keys.values[i], seed), n_buckets));
  }
}

void hash_keys(const StringKeys& keys, std::uint64_t seed, std::uint32_t n_buckets, std::span<std::int32_t> buckets) {
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (keys.missing(i)) {
      buckets[i] = missing_key;
      continue;
    }
    const auto integer = canonical_integer(keys[i]);
    const std::uint64_t hash = integer ? hash_integer(*integer, seed) : hash_bytes(keys[i], seed);
    buckets[i] = static_cast<std::int32_t>(hash_bucket(hash, n_buckets));
  }
}

}  // namespace pairloom
