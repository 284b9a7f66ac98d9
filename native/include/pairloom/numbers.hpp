#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace pairloom {

// Fast parsing of decimal numbers, eight digits at a time. Every function that takes a pointer may read this many
// bytes from there on, whatever they hold.
inline constexpr std::size_t kTextPadding = 64;

inline std::uint64_t load8(const char* p) {
  std::uint64_t word;
  std::memcpy(&word, p, 8);
  if constexpr (std::endian::native == std::endian::big) {
    std::uint64_t swapped = 0;
    for (int i = 0; i < 8; ++i) swapped |= ((word >> (8 * i)) & 0xFF) << (56 - 8 * i);
    return swapped;
  }
  return word;
}

// Eight bytes, each 0 to 9, the most significant digit in the lowest byte.
inline std::uint32_t eight_digits(std::uint64_t word) {
  word = word * 10 + (word >> 8);
  return static_cast<std::uint32_t>(((word & 0x000000FF000000FF) * 0x000F424000000064 +
                                     ((word >> 16) & 0x000000FF000000FF) * 0x0000271000000001) >>
                                    32);
}

struct Digits {
  std::uint32_t value;
  unsigned count;
};

// The decimal digits that p begins with, at most eight; without a branch unless it is all eight.
inline Digits leading_digits(const char* p) {
  std::uint64_t word = load8(p) ^ 0x3030303030303030;
  const std::uint64_t stops = ((word + 0x7676767676767676) | word) & 0x8080808080808080;
  if (stops == 0) [[unlikely]] return {eight_digits(word), 8};
  const unsigned bits = static_cast<unsigned>(std::countr_zero(stops)) - 7;
  word = (word << 1) << (63 - bits);
  return {eight_digits(word), bits / 8};
}

struct LongDigits {
  std::uint64_t value;
  unsigned count;
};

inline constexpr std::uint64_t kPowersOfTen[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};

// The same for up to 16 digits.
inline LongDigits leading_digits_16(const char* p) {
  const Digits first = leading_digits(p);
  if (first.count < 8) [[likely]] return {first.value, first.count};
  const Digits second = leading_digits(p + 8);
  return {first.value * kPowersOfTen[second.count] + second.value, 8 + second.count};
}

// 10^0 to 10^22: exact as doubles.
inline constexpr double kExactPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Parses [+-]digits[.digits] exactly if that takes but one rounding, and returns where it ended; nullptr if it takes
// more or there is no number. What follows is for the caller to check: an exponent, for one, is not read.
inline const char* quick_double(const char* p, double& value) {
  // Signs are as random as data: no branches on them.
  const auto negative = static_cast<std::uint64_t>(*p == '-');
  p += negative | static_cast<std::uint64_t>(*p == '+');
  const LongDigits whole = leading_digits_16(p);
  p += whole.count;
  std::uint64_t mantissa = whole.value;
  unsigned n_digits = whole.count, n_decimals = 0;
  if (*p == '.') {
    const LongDigits decimals = leading_digits_16(p + 1);
    p += 1 + decimals.count;
    n_digits += decimals.count;
    if (n_digits > 19) return nullptr;
    n_decimals = decimals.count;
    const unsigned first = n_decimals > 8 ? 8 : n_decimals;
    mantissa = mantissa * kPowersOfTen[first] * kPowersOfTen[n_decimals - first] + decimals.value;
  }
  if (n_digits == 0 || mantissa > (std::uint64_t{1} << 53)) return nullptr;
  const double magnitude = static_cast<double>(mantissa) / kExactPowersOfTen[n_decimals];
  value = std::bit_cast<double>(std::bit_cast<std::uint64_t>(magnitude) | negative << 63);
  return p;
}

// The same for float: gives up where rounding to double first would change the result.
inline const char* quick_float(const char* p, float& value) {
  double wide;
  const char* end = quick_double(p, wide);
  if (end == nullptr || (std::bit_cast<std::uint64_t>(wide) & 0x1FFFFFFF) == 0x10000000) return nullptr;
  value = static_cast<float>(wide);
  return end;
}

enum class NumberFault { none, malformed, not_finite, too_large };

// Parses a whole token, correctly rounded; underflow gives the nearest number, zero included.
NumberFault parse_number(std::string_view token, float& value);
NumberFault parse_number(std::string_view token, double& value);

}  // namespace pairloom
