#include "pairloom/numbers.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

#include "check.hpp"

using pairloom::NumberFault;
using pairloom::parse_number;

namespace {

std::string padded(const std::string& text) { return text + std::string(pairloom::kTextPadding, '\0'); }

void test_digits() {
  for (unsigned count = 0; count <= 20; ++count) {
    for (const char after : {':', '/', ' ', '\0', '\x7f', '\x80', '\xff'}) {
      const std::string digits = std::string("98765432109876543210").substr(0, count);
      const std::string text = padded(digits + after);
      const auto few = pairloom::leading_digits(text.data());
      CHECK(few.count == std::min(count, 8U));
      CHECK(few.value == std::strtoull(digits.substr(0, 8).c_str(), nullptr, 10));
      const auto many = pairloom::leading_digits_16(text.data());
      CHECK(many.count == std::min(count, 16U));
      CHECK(many.value == std::strtoull(digits.substr(0, 16).c_str(), nullptr, 10));
    }
  }
}

// Where the quick ways answer, they answer as the slow ones do, and those as the C library.
void check_number(const std::string& text) {
  float exact = 0, quick = 0;
  const NumberFault fault = parse_number(text, exact);
  const float expected = std::strtof(text.c_str(), nullptr);
  if (std::isinf(expected)) {
    CHECK(fault == NumberFault::too_large);
    return;
  }
  CHECK(fault == NumberFault::none && std::bit_cast<std::uint32_t>(exact) == std::bit_cast<std::uint32_t>(expected));
  const std::string space = padded(text);
  const char* end = pairloom::quick_float(space.data(), quick);
  if (end == space.data() + text.size())
    CHECK(std::bit_cast<std::uint32_t>(quick) == std::bit_cast<std::uint32_t>(expected));

  double wide = 0, quick_wide = 0;
  CHECK(parse_number(text, wide) == NumberFault::none);
  const double expected_wide = std::strtod(text.c_str(), nullptr);
  CHECK(std::bit_cast<std::uint64_t>(wide) == std::bit_cast<std::uint64_t>(expected_wide));
  end = pairloom::quick_double(space.data(), quick_wide);
  if (end == space.data() + text.size())
    CHECK(std::bit_cast<std::uint64_t>(quick_wide) == std::bit_cast<std::uint64_t>(expected_wide));
}

void test_random_numbers() {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200'000; ++round) {
    std::string text = round % 3 == 0 ? "-" : "";
    const auto n_whole = random() % 20, n_decimals = random() % 20;
    for (std::uint64_t i = 0; i < n_whole; ++i) text += static_cast<char>('0' + random() % 10);
    if (n_decimals > 0) text += '.';
    for (std::uint64_t i = 0; i < n_decimals; ++i) text += static_cast<char>('0' + random() % 10);
    if (n_whole + n_decimals == 0) text += '0';
    if (round % 5 == 0) text += "e" + std::to_string(static_cast<int>(random() % 90) - 50);
    check_number(text);
  }
  // Halfway between two floats, and next to that: what rounding twice would get wrong.
  for (int round = 0; round < 20'000; ++round) {
    const auto bits = static_cast<std::uint32_t>(random() % 0x1000000 + 0x3F800000);
    const double middle = static_cast<double>(std::bit_cast<float>(bits)) +
                          static_cast<double>(std::bit_cast<float>(bits + 1)) - std::bit_cast<float>(bits);
    for (const double wide : {middle, (middle + std::bit_cast<float>(bits)) / 2}) {
      char text[64];
      std::snprintf(text, sizeof text, "%.15f", wide);
      check_number(text);
      std::snprintf(text, sizeof text, "%.30f", wide);
      check_number(text);
    }
  }
}

void test_faults() {
  float value = 0;
  for (const char* text : {"", "-", "+", ".", "e5", "1e", "1e+", "0x1", "1 ", " 1", "1,5", "--1", "+-1", "1f", "na"})
    CHECK(parse_number(text, value) == NumberFault::malformed);
  for (const char* text : {"nan", "NaN", "-inf", "+Infinity", "inf", "nan(3)"})
    CHECK(parse_number(text, value) == NumberFault::not_finite);
  for (const char* text : {"1e39", "-1e39", "1e999999999999", "340282366920938463463374607431768211456", "1e2147483648"})
    CHECK(parse_number(text, value) == NumberFault::too_large);
  for (const char* text : {"1e-60", "1e-999999999999", "0.0000000000000000000000000000000000000000000000000000001"})
    CHECK(parse_number(text, value) == NumberFault::none && value == 0);
  CHECK(parse_number("-1e-60", value) == NumberFault::none && value == 0 && std::signbit(value));
  CHECK(parse_number("1e-45", value) == NumberFault::none && value > 0);
}

}  // namespace

int main() {
  test_digits();
  test_random_numbers();
  test_faults();
}
