#include "pairloom/checksums.hpp"

#include <array>
#include <bit>
#include <cstring>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define PAIRLOOM_FOLDS
#include <immintrin.h>
#endif

namespace pairloom {
namespace {

constexpr int kSlices = 8;

// A check of `width` bits; polynomials are written with the coefficient of x^0 in the highest bit.
struct Kind {
  int width;
  std::uint64_t polynomial;
  // slices[k][b]: byte b followed by k zero bytes.
  std::array<std::array<std::uint64_t, 256>, kSlices> slices;
  // x to a power, modulo the polynomial, for folding 64 and 16 bytes onto what follows them.
  std::uint64_t far_high, far_low, near_high, near_low;
};

constexpr std::uint64_t times_x(std::uint64_t value, std::uint64_t polynomial) {
  return (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
}

// x^exponent modulo the polynomial, in the highest bits of 64, where carry-less multiplication wants it.
constexpr std::uint64_t power_of_x(int exponent, int width, std::uint64_t polynomial) {
  std::uint64_t power = std::uint64_t{1} << (width - 1);
  for (int i = 0; i < exponent; ++i) power = times_x(power, polynomial);
  return power << (64 - width);
}

constexpr Kind make_kind(int width, std::uint64_t polynomial) {
  Kind kind{width, polynomial, {}, 0, 0, 0, 0};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    std::uint64_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = times_x(value, polynomial);
    kind.slices[0][byte] = value;
  }
  for (std::size_t k = 1; k < kSlices; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint64_t before = kind.slices[k - 1][byte];
      kind.slices[k][byte] = (before >> 8) ^ kind.slices[0][before & 0xff];
    }
  }
  // A product of two reflected factors of 64 bits is reflected in 127: one power of x less makes up for it.
  kind.far_high = power_of_x(512 + 63, width, polynomial);
  kind.far_low = power_of_x(512 - 1, width, polynomial);
  kind.near_high = power_of_x(128 + 63, width, polynomial);
  kind.near_low = power_of_x(128 - 1, width, polynomial);
  return kind;
}

const Kind& kind_of(Crc crc) {
  static const Kind crc32 = make_kind(32, 0xEDB88320);
  static const Kind crc32c = make_kind(32, 0x82F63B78);
  static const Kind crc64nvme = make_kind(64, 0x9A6C9329AC4BC9B5);
  return crc == Crc::crc32 ? crc32 : crc == Crc::crc32c ? crc32c : crc64nvme;
}

std::uint64_t all_ones(const Kind& kind) { return ~std::uint64_t{0} >> (64 - kind.width); }

std::uint64_t by_bytes(const Kind& kind, std::uint64_t state, std::span<const std::uint8_t> bytes) {
  for (const std::uint8_t byte : bytes) state = (state >> 8) ^ kind.slices[0][(state ^ byte) & 0xff];
  return state;
}

std::uint64_t by_slices(const Kind& kind, std::uint64_t state, std::span<const std::uint8_t> bytes) {
  if constexpr (std::endian::native == std::endian::little) {
    while (bytes.size() >= kSlices) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), sizeof word);
      word ^= state;
      state = 0;
      for (std::size_t k = 0; k < kSlices; ++k) state ^= kind.slices[kSlices - 1 - k][(word >> (8 * k)) & 0xff];
      bytes = bytes.subspan(kSlices);
    }
  }
  return by_bytes(kind, state, bytes);
}

#if defined(PAIRLOOM_FOLDS)

bool can_fold() {
  static const bool can = __builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0;
  return can;
}

[[gnu::target("pclmul,sse4.1")]] __m128i fold(__m128i folded, __m128i powers, __m128i next) {
  const __m128i high = _mm_clmulepi64_si128(folded, powers, 0x00);
  const __m128i low = _mm_clmulepi64_si128(folded, powers, 0x11);
  return _mm_xor_si128(_mm_xor_si128(high, low), next);
}

[[gnu::target("pclmul,sse4.1")]] __m128i loaded(const std::uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

// Folds 64 bytes at a time onto the next 64, then all onto 16, whose check with the rest is that of the whole (Gopal and
// others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ", Intel 2009).
[[gnu::target("pclmul,sse4.1")]] std::uint64_t by_folding(const Kind& kind, std::uint64_t state,
                                                           std::span<const std::uint8_t> bytes) {
  const __m128i far = _mm_set_epi64x(static_cast<long long>(kind.far_low), static_cast<long long>(kind.far_high));
  const __m128i near = _mm_set_epi64x(static_cast<long long>(kind.near_low), static_cast<long long>(kind.near_high));
  __m128i lanes[4];
  for (std::size_t i = 0; i < 4; ++i) lanes[i] = loaded(bytes.data() + 16 * i);
  lanes[0] = _mm_xor_si128(lanes[0], _mm_set_epi64x(0, static_cast<long long>(state)));
  bytes = bytes.subspan(64);
  while (bytes.size() >= 64) {
    for (std::size_t i = 0; i < 4; ++i) lanes[i] = fold(lanes[i], far, loaded(bytes.data() + 16 * i));
    bytes = bytes.subspan(64);
  }
  __m128i folded = lanes[0];
  for (std::size_t i = 1; i < 4; ++i) folded = fold(folded, near, lanes[i]);
  while (bytes.size() >= 16) {
    folded = fold(folded, near, loaded(bytes.data()));
    bytes = bytes.subspan(16);
  }
  std::array<std::uint8_t, 16> rest{};
  _mm_storeu_si128(reinterpret_cast<__m128i*>(rest.data()), folded);
  return by_bytes(kind, by_slices(kind, 0, rest), bytes);
}

#endif

}  // namespace

std::uint64_t update_crc(Crc crc, std::uint64_t value, std::span<const std::uint8_t> bytes) {
  const Kind& kind = kind_of(crc);
  const std::uint64_t state = value ^ all_ones(kind);
#if defined(PAIRLOOM_FOLDS)
  if (bytes.size() >= 64 && can_fold()) return by_folding(kind, state, bytes) ^ all_ones(kind);
#endif
  return by_slices(kind, state, bytes) ^ all_ones(kind);
}

std::uint64_t update_crc_plainly(Crc crc, std::uint64_t value, std::span<const std::uint8_t> bytes) {
  const Kind& kind = kind_of(crc);
  std::uint64_t state = value ^ all_ones(kind);
  for (const std::uint8_t byte : bytes) {
    state ^= byte;
    for (int bit = 0; bit < 8; ++bit) state = times_x(state, kind.polynomial);
  }
  return state ^ all_ones(kind);
}

}  // namespace pairloom
