#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace pairloom {

// The integer that a text spells, if it spells it in the one canonical way: "12", "-7", "0"; not "012", "+1", "-0",
// "1.0", " 1", and nothing beyond 64 bits. The integer and its canonical text are one key everywhere.
std::optional<std::int64_t> canonical_integer(std::string_view text) noexcept;

// A column of integers. valid is empty when nothing is missing.
struct IntegerKeys {
  std::span<const std::int64_t> values;
  std::span<const bool> valid;

  std::size_t size() const noexcept { return values.size(); }
  bool missing(std::size_t row) const noexcept { return !valid.empty() && !valid[row]; }
};

// A column of byte strings: row i is data[starts[i], ends[i]). An empty string is a missing value.
struct StringKeys {
  std::span<const std::int64_t> starts;
  std::span<const std::int64_t> ends;
  const char* data;
  std::span<const bool> valid;

  std::size_t size() const noexcept { return starts.size(); }
  std::string_view operator[](std::size_t row) const noexcept {
    return {data + starts[row], static_cast<std::size_t>(ends[row] - starts[row])};
  }
  bool missing(std::size_t row) const noexcept {
    return starts[row] == ends[row] || (!valid.empty() && !valid[row]);
  }
};

inline constexpr std::int32_t absent_key = -1;
inline constexpr std::int32_t missing_key = -2;

// The bucket in [0, n_buckets) of each key, the same for an integer and its canonical text; missing_key for a missing
// value. buckets has one element per row.
void hash_keys(const IntegerKeys& keys, std::uint64_t seed, std::uint32_t n_buckets, std::span<std::int32_t> buckets);
void hash_keys(const StringKeys& keys, std::uint64_t seed, std::uint32_t n_buckets, std::span<std::int32_t> buckets);

}  // namespace pairloom
