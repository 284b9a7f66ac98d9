#include "pairloom/number_text.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>

#include "pairloom/parse_error.hpp"

namespace pairloom {

char* write_number(char* out, float value) {
  if (value == 1) {
    *out = '1';
    return out + 1;
  }
#if defined(__cpp_lib_to_chars)
  return std::to_chars(out, out + kLongestNumber, value).ptr;
#else
  return out + std::snprintf(out, kLongestNumber, "%.9g", static_cast<double>(value));
#endif
}

char* write_number(char* out, double value) {
#if defined(__cpp_lib_to_chars)
  return std::to_chars(out, out + kLongestNumber, value).ptr;
#else
  return out + std::snprintf(out, kLongestNumber, "%.17g", value);
#endif
}

char* write_number(char* out, std::int64_t value) { return std::to_chars(out, out + kLongestNumber, value).ptr; }

void check_finite(std::span<const float> numbers, std::int64_t row, const char* field) {
  for (const float number : numbers) {
    if (!std::isfinite(number))
      throw ParseError("finite numbers", std::isnan(number) ? "nan" : "inf", "Replace it or leave out the row", row, -1,
                       field);
  }
}

}  // namespace pairloom
