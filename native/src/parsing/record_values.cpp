#include "record_values.hpp"

#include <bit>
#include <cstdio>
#include <cstring>
#include <string>

#include "packed_varints.hpp"
#include "pairloom/parse_fault.hpp"

namespace pairloom {
namespace {

using protobuf::Span;

template <class T>
T load(const std::uint8_t* at, std::size_t i) {
  T value;
  std::memcpy(&value, at + i * sizeof(T), sizeof(T));
  return value;
}

constexpr std::uint32_t exponent_bits = 0x7F800000U;

bool is_finite(float value) { return (std::bit_cast<std::uint32_t>(value) & exponent_bits) != exponent_bits; }

bool is_nan(float value) { return (std::bit_cast<std::uint32_t>(value) & 0x7FFFFFFFU) > exponent_bits; }

template <class T, bool kNan>
[[noreturn]] void fail_not_finite(Span values) {
  for (std::size_t i = 0; i < values.size() / sizeof(T); ++i) {
    const T value = load<T>(values.begin, i);
    if (is_finite(static_cast<float>(value)) || (kNan && is_nan(static_cast<float>(value)))) continue;
    char text[32];
    std::snprintf(text, sizeof text, "%g", static_cast<double>(value));
    throw ParseFault(values.begin + i * sizeof(T), "a finite number that fits float32", text,
                     "Remove the row or give it a number");
  }
  throw ParseFault(values.begin, "finite numbers");
}

template <class T, bool kNan>
void decode_floats(Span values, float* out) {
  const std::size_t n = values.size() / sizeof(T);
  std::uint32_t n_wrong = 0;
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = static_cast<float>(load<T>(values.begin, i));
    n_wrong |= static_cast<std::uint32_t>(!is_finite(out[i]) && !(kNan && is_nan(out[i])));
  }
  if (n_wrong != 0) fail_not_finite<T, kNan>(values);
}

template <bool kNan>
void decode(const TensorView& tensor, float* out) {
  const Span values = tensor.values;
  if (tensor.kind == TensorKind::float32) {
    decode_floats<float, kNan>(values, out);
  } else if (tensor.kind == TensorKind::float64) {
    decode_floats<double, kNan>(values, out);
  } else {
    protobuf::for_each_varint(values, values.end, [&out](std::uint64_t bits) {
      *out++ = static_cast<float>(static_cast<std::int32_t>(static_cast<std::uint32_t>(bits)));
    });
  }
}

template <std::size_t kSize>
std::size_t count_fixed(Span values) {
  if (values.size() % kSize != 0) {
    throw ParseFault(values.begin, "packed values of " + std::to_string(kSize) + " bytes each",
                     std::to_string(values.size()) + " bytes");
  }
  return values.size() / kSize;
}

}  // namespace

std::size_t count_values(const TensorView& tensor) {
  const Span values = tensor.values;
  if (tensor.kind == TensorKind::float32) return count_fixed<sizeof(float)>(values);
  if (tensor.kind == TensorKind::float64) return count_fixed<sizeof(double)>(values);
  std::size_t n = 0;
  for (const std::uint8_t* p = values.begin; p != values.end; ++p) n += *p < 0x80;
  return n;
}

void decode_values(const TensorView& tensor, float* out) { decode<false>(tensor, out); }

void decode_values_or_nan(const TensorView& tensor, float* out) { decode<true>(tensor, out); }

bool are_ones(const TensorView& tensor) {
  if (tensor.kind != TensorKind::float32) return false;
  const Span values = tensor.values;
  std::uint32_t difference = 0;
  for (std::size_t i = 0; i < values.size() / sizeof(float); ++i) {
    difference |= load<std::uint32_t>(values.begin, i) ^ std::bit_cast<std::uint32_t>(1.0F);
  }
  return difference == 0;
}

}  // namespace pairloom
