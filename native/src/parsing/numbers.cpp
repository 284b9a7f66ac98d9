#include "pairloom/numbers.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>
#if !defined(__cpp_lib_to_chars)
#include <limits>
#include <locale>
#include <sstream>
#include <string>
#endif

namespace pairloom {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Power of ten of the first digit that is not zero; tells overflow from underflow.
long long magnitude(std::string_view unsigned_token) {
  const std::size_t e = std::min(unsigned_token.find_first_of("eE"), unsigned_token.size());
  const std::string_view mantissa = unsigned_token.substr(0, e);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const std::size_t first = std::min(mantissa.find_first_not_of("0."), mantissa.size());
  long long exponent = 0;
  if (e < unsigned_token.size()) {
    std::string_view digits = unsigned_token.substr(e + 1);
    const bool negative = !digits.empty() && digits[0] == '-';
    if (!digits.empty() && !is_digit(digits[0])) digits.remove_prefix(1);
    for (const char c : digits) exponent = std::min(exponent * 10 + (c - '0'), 1'000'000'000'000LL);
    if (negative) exponent = -exponent;
  }
  return exponent + static_cast<long long>(point) - static_cast<long long>(first);
}

bool is_word(std::string_view token, std::string_view word) {
  return token.size() >= word.size() && std::equal(word.begin(), word.end(), token.begin(), [](char a, char b) {
           return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
         });
}

#if defined(__cpp_lib_to_chars)
template <class T>
std::from_chars_result read_number(std::string_view token, T& value) {
  return std::from_chars(token.data(), token.data() + token.size(), value);
}
#else
// A standard library without std::from_chars for floating point: slow, but as exact.
template <class T>
std::from_chars_result read_number(std::string_view token, T& value) {
  const bool plain = token.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  std::istringstream stream{std::string(plain ? token : "x")};
  stream.imbue(std::locale::classic());
  stream >> value;
  const bool too_large = value == std::numeric_limits<T>::max() || value == std::numeric_limits<T>::lowest();
  if (stream.fail() && too_large) return {token.data() + token.size(), std::errc::result_out_of_range};
  if (stream.fail() || stream.peek() != std::istringstream::traits_type::eof())
    return {token.data(), std::errc::invalid_argument};
  return {token.data() + token.size(), std::errc()};
}
#endif

template <class T>
NumberFault parse(std::string_view token, T& value) {
  const bool negative = !token.empty() && token[0] == '-';
  if (!token.empty() && (token[0] == '-' || token[0] == '+')) token.remove_prefix(1);
  if (is_word(token, "nan") || is_word(token, "inf")) return NumberFault::not_finite;
  if (token.empty() || !(is_digit(token[0]) || token[0] == '.')) return NumberFault::malformed;
  T result = 0;
  const auto [end, status] = read_number(token, result);
  if (end != token.data() + token.size() || status == std::errc::invalid_argument) return NumberFault::malformed;
  if (status == std::errc::result_out_of_range) {
    if (magnitude(token) > 0) return NumberFault::too_large;
    double wide = 0;
    if (read_number(token, wide).ec != std::errc()) wide = 0;
    result = static_cast<T>(wide);
  }
  value = negative ? -result : result;
  return NumberFault::none;
}

}  // namespace

NumberFault parse_number(std::string_view token, float& value) { return parse(token, value); }
NumberFault parse_number(std::string_view token, double& value) { return parse(token, value); }

}  // namespace pairloom
