#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pairloom {

// Saved models depend on these functions: they give the same numbers on every platform and may never change.
//
//   mix(x)               the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014), a bijection
//   hash_integer(k, s)   mix(mix(s + golden) ^ k), k as two's complement
//   hash_bytes(b, s)     h = mix(s + length + 1); then h = mix(h ^ w) for each little-endian 8-byte word w of b, the
//                        last one padded with zeros
//   hash_bucket(h, n)    floor((h >> 32) * n / 2^32), in [0, n)

inline constexpr std::uint64_t golden = 0x9e3779b97f4a7c15U;

constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

constexpr std::uint64_t hash_integer(std::int64_t key, std::uint64_t seed) noexcept {
  return mix(mix(seed + golden) ^ static_cast<std::uint64_t>(key));
}

namespace detail {

// Compilers make one load of the eight shifts.
constexpr std::uint64_t little_endian_word(const char* bytes) noexcept {
  std::uint64_t word = 0;
  for (unsigned i = 0; i < 8; ++i) word |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return word;
}

}  // namespace detail

constexpr std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed) noexcept {
  std::uint64_t hash = mix(seed + bytes.size() + 1);
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) hash = mix(hash ^ detail::little_endian_word(bytes.data() + i));
  if (i < bytes.size()) {
    std::uint64_t word = 0;
    for (unsigned j = 0; i + j < bytes.size(); ++j) {
      word |= std::uint64_t{static_cast<unsigned char>(bytes[i + j])} << (8 * j);
    }
    hash = mix(hash ^ word);
  }
  return hash;
}

constexpr std::uint32_t hash_bucket(std::uint64_t hash, std::uint32_t n_buckets) noexcept {
  return static_cast<std::uint32_t>(((hash >> 32) * n_buckets) >> 32);
}

}  // namespace pairloom
