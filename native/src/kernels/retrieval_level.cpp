// Compiled once for every instruction-set level, as fm_level.cpp. Holds no standard-library templates: see fm_simd.hpp.
#include "pairloom/retrieval.hpp"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "fm_simd.hpp"

namespace pairloom {
namespace {

using V = Lanes<PAIRLOOM_LANES>::type;
constexpr std::size_t lanes = PAIRLOOM_LANES, panel_width = 2 * lanes, queries_at_once = lanes == 16 ? 8 : 4;
constexpr std::size_t bytes_ahead = 1024;

// One function for four rows at a time and for the last few, so that equal rows have equal products.
__attribute__((noinline)) void four_products(const float* const* rows, std::size_t n_factors, const float* query,
                                             float* out) {
  V sums[4] = {};
  float rests[4] = {};
  const std::size_t whole = n_factors / lanes * lanes;
  for (std::size_t j = 0; j < whole; j += lanes) {
    const V q = load<V>(query + j);
    for (int r = 0; r < 4; ++r) sums[r] += load<V>(rows[r] + j) * q;
  }
  for (std::size_t j = whole; j < n_factors; ++j) {
    for (int r = 0; r < 4; ++r) rests[r] += rows[r][j] * query[j];
  }
  for (int r = 0; r < 4; ++r) out[r] = sum(sums[r]) + rests[r];
}

void products(const float* rows, const std::int32_t* items, std::size_t n, std::size_t n_factors, const float* query,
              float* out) {
  for (std::size_t i = 0; i < n; i += 4) {
    const float* four[4];
    float found[4];
    for (std::size_t r = 0; r < 4; ++r) {
      const std::size_t place = i + r < n ? i + r : n - 1;
      four[r] = rows + (items == nullptr ? place : static_cast<std::size_t>(items[place])) * n_factors;
    }
    four_products(four, n_factors, query, found);
    for (std::size_t r = 0; r < 4 && i + r < n; ++r) out[i + r] = found[r];
  }
}

void pack(const float* rows, std::size_t n, std::size_t n_factors, float* panels) {
  for (std::size_t first = 0; first < n; first += panel_width) {
    const std::size_t filled = n - first < panel_width ? n - first : panel_width;
    float* panel = panels + first * n_factors;
    for (std::size_t j = 0; j < n_factors; ++j) {
      const float* from = rows + first * n_factors + j;
      float* to = panel + j * panel_width;
      for (std::size_t i = 0; i < filled; ++i) to[i] = from[i * n_factors];
      for (std::size_t i = filled; i < panel_width; ++i) to[i] = 0;
    }
  }
}

void panel_products(const float* panels, std::size_t n_panels, std::size_t n_factors, const float* queries, float* out,
                    std::size_t stride) {
  for (std::size_t p = 0; p < n_panels; ++p) {
    const float* panel = panels + p * panel_width * n_factors;
    V sums[queries_at_once][2] = {};
    for (std::size_t j = 0; j < n_factors; ++j) {
      const V left = load<V>(panel + j * panel_width);
      const V right = load<V>(panel + j * panel_width + lanes);
#pragma GCC unroll 8
      for (std::size_t q = 0; q < queries_at_once; ++q) {
        const float value = queries[j * queries_at_once + q];
        sums[q][0] += left * value;
        sums[q][1] += right * value;
      }
    }
    for (std::size_t q = 0; q < queries_at_once; ++q) {
      store(out + q * stride + p * panel_width, sums[q][0]);
      store(out + q * stride + p * panel_width + lanes, sums[q][1]);
    }
  }
}

inline std::int32_t four_codes(const std::int8_t* query) {
  std::int32_t four;
  __builtin_memcpy(&four, query, sizeof four);
  return four;
}

// Codes hold 128 more than what they stand for.
inline std::int32_t excess(const std::int8_t* query, std::size_t groups) {
  std::int32_t total = 0;
  for (std::size_t j = 0; j < groups * code_factors; ++j) total += query[j];
  return 128 * total;
}

inline void bound(const std::int32_t* dots, std::int32_t more, const float* scales, float step, float margin, float* out) {
  for (std::size_t i = 0; i < code_items; ++i) {
    out[i] = scales[i] * (step * static_cast<float>(dots[i] - more) + margin);
  }
}

void code_products(const std::uint8_t* codes, std::size_t n_blocks, std::size_t groups, const std::int8_t* query,
                   const float* scales, float step, float margin, float* out) {
  const std::int32_t more = excess(query, groups);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const std::uint8_t* block = codes + b * groups * code_items * code_factors;
    alignas(64) std::int32_t dots[code_items] = {};
#if defined(__AVX512BW__)
    __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    for (std::size_t g = 0; g < groups; ++g, block += code_items * code_factors) {
      const __m512i q = _mm512_cvtepi8_epi16(_mm256_set1_epi32(four_codes(query + g * code_factors)));
      for (int half = 0; half < 2; ++half) {
        const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 32 * half));
        sums[half] = _mm512_add_epi32(sums[half], _mm512_madd_epi16(_mm512_cvtepu8_epi16(x), q));
      }
    }
    alignas(64) std::int32_t halves[2 * code_items];
    for (int half = 0; half < 2; ++half) _mm512_store_si512(halves + 16 * half, sums[half]);
    for (std::size_t i = 0; i < code_items; ++i) dots[i] = halves[2 * i] + halves[2 * i + 1];
#elif defined(__AVX2__)
    __m256i sums[4] = {};
    for (std::size_t g = 0; g < groups; ++g, block += code_items * code_factors) {
      const __m256i q = _mm256_cvtepi8_epi16(_mm_set1_epi32(four_codes(query + g * code_factors)));
      for (int part = 0; part < 4; ++part) {
        const __m128i x = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 16 * part));
        sums[part] = _mm256_add_epi32(sums[part], _mm256_madd_epi16(_mm256_cvtepu8_epi16(x), q));
      }
    }
    alignas(64) std::int32_t halves[2 * code_items];
    for (int part = 0; part < 4; ++part) _mm256_store_si256(reinterpret_cast<__m256i*>(halves + 8 * part), sums[part]);
    for (std::size_t i = 0; i < code_items; ++i) dots[i] = halves[2 * i] + halves[2 * i + 1];
#else
    for (std::size_t g = 0; g < groups; ++g, block += code_items * code_factors) {
      for (std::size_t i = 0; i < code_items; ++i) {
        for (std::size_t j = 0; j < code_factors; ++j) {
          dots[i] += static_cast<std::int32_t>(block[i * code_factors + j]) * query[g * code_factors + j];
        }
      }
    }
#endif
    bound(dots, more, scales + b * code_items, step, margin, out + b * code_items);
  }
}

#if defined(__AVX512BW__)
typedef std::int32_t Ints __attribute__((vector_size(64)));

__attribute__((target("avx512vnni"))) void code_products_vnni(const std::uint8_t* codes, std::size_t n_blocks,
                                                               std::size_t groups, const std::int8_t* query,
                                                               const float* scales, float step, float margin,
                                                               float* out) {
  const __m512i more = _mm512_set1_epi32(-excess(query, groups));
  const std::size_t block_bytes = groups * code_items * code_factors;
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const std::uint8_t* block = codes + b * block_bytes;
    __m512i even = more, odd = _mm512_setzero_si512();
    std::size_t g = 0;
    for (; g + 2 <= groups; g += 2) {
      const std::uint8_t* at = block + g * code_items * code_factors;
      __builtin_prefetch(at + bytes_ahead);
      __builtin_prefetch(at + bytes_ahead + 64);
      even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(at), _mm512_set1_epi32(four_codes(query + g * code_factors)));
      odd = _mm512_dpbusd_epi32(odd, _mm512_loadu_si512(at + 64),
                                _mm512_set1_epi32(four_codes(query + (g + 1) * code_factors)));
    }
    if (g < groups) {
      even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(block + g * code_items * code_factors),
                                 _mm512_set1_epi32(four_codes(query + g * code_factors)));
    }
    const V dots = __builtin_convertvector(reinterpret_cast<Ints>(_mm512_add_epi32(even, odd)), V);
    store(out + b * code_items, (dots * step + margin) * load<V>(scales + b * code_items));
  }
}
constexpr auto vnni = code_products_vnni;
#else
constexpr decltype(RetrievalKernels::code_products) vnni = nullptr;
#endif

std::size_t at_least(const float* values, std::size_t n, float least, std::int32_t* places) {
  constexpr std::size_t run = 64;
  std::size_t found = 0;
  for (std::size_t i = 0; i < n; i += run) {
    const std::size_t end = i + run < n ? i + run : n;
    int any = 0;
    if (end - i == run) {
      for (std::size_t j = 0; j < run; ++j) any |= values[i + j] >= least;
      if (any == 0) continue;
    }
    for (std::size_t j = i; j < end; ++j) {
      places[found] = static_cast<std::int32_t>(j);
      found += values[j] >= least;
    }
  }
  return found;
}

#define PAIRLOOM_JOINED(prefix, name) prefix##name
#define PAIRLOOM_JOIN(prefix, name) PAIRLOOM_JOINED(prefix, name)
#define PAIRLOOM_RETRIEVAL_LEVEL PAIRLOOM_JOIN(retrieval_, PAIRLOOM_LEVEL)

}  // namespace

extern const RetrievalKernels PAIRLOOM_RETRIEVAL_LEVEL;
const RetrievalKernels PAIRLOOM_RETRIEVAL_LEVEL{PAIRLOOM_LEVEL_NAME, panel_width,    queries_at_once, products, pack,
                                                panel_products,      code_products, vnni,            at_least};

}  // namespace pairloom
