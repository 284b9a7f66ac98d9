#pragma once

#include <cstdint>
#include <span>

#include "pairloom/growing_array.hpp"

namespace pairloom {

// Longest text of a number that write_number writes.
inline constexpr std::size_t kLongestNumber = 32;

// The shortest text that reads back equal; returns its end. For finite numbers.
char* write_number(char* out, float value);
char* write_number(char* out, double value);
char* write_number(char* out, std::int64_t value);

// Throws ParseError, with the row, if one of its numbers is not finite.
void check_finite(std::span<const float> numbers, std::int64_t row, const char* field);

}  // namespace pairloom
