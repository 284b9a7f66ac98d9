#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace pairloom {

// Items as vectors, row-major, all of them finite.
struct Catalogue {
  const float* vectors;
  std::size_t n_items, n_factors;
};

// The same vectors in 8 bits: item i is scales[i] (codes - 128), four factors of 16 items side by side:
// codes[((i / 16 * groups + j / 4) * 16 + i % 16) * 4 + j % 4]. Places beyond the last item and factor hold 128.
struct Codes {
  const std::uint8_t* codes;
  const float* scales;
  // Over all items, in units of their scales: how far a vector lies from its code, and how long a code is.
  float largest_error, largest_length;
};

constexpr std::size_t code_items = 16, code_factors = 4;

constexpr std::size_t code_groups(std::size_t n_factors) { return (n_factors + code_factors - 1) / code_factors; }
constexpr std::size_t code_bytes(std::size_t n_items, std::size_t n_factors) {
  return (n_items + code_items - 1) / code_items * code_groups(n_factors) * code_items * code_factors;
}

// Writes codes and scales and returns both with what bounds them.
Codes encode(const Catalogue& catalogue, std::uint8_t* codes, float* scales, std::size_t n_threads);

// What is looked for. Null pointers: no such thing.
struct Wanted {
  const float* queries;  // n_queries x n_factors, finite; no product with an item may overflow
  std::size_t n_queries, n_best;
  const float* scales;              // by item: what a product is multiplied by, 0 or more
  const float* boosts;              // by item, above 0: multiply a score above 0, divide one below
  const std::uint8_t* refused;      // by item: 1 never comes
  const std::int64_t* seen_offsets;  // by query, into seen_items: ascending items that do not come for it
  const std::int32_t* seen_items;
};

struct RetrievalKernels {
  std::string_view level;
  std::size_t panel_items, panel_queries;
  // out[i] = row i . query, or row items[i] where they are given; every row is summed in the same order.
  void (*products)(const float* rows, const std::int32_t* items, std::size_t n, std::size_t n_factors, const float* query,
                   float* out);
  // Turns rows into panels of panel_items columns; those beyond n are 0.
  void (*pack)(const float* rows, std::size_t n, std::size_t n_factors, float* panels);
  // out[q * stride + i] for panel_queries queries, given as n_factors x panel_queries, and n_panels panels.
  void (*panel_products)(const float* panels, std::size_t n_panels, std::size_t n_factors, const float* queries, float* out,
                         std::size_t stride);
  // out[i] = scales[i] (step (codes - 128 . query) + margin) for 16 n_blocks items; `query` holds 4 groups codes.
  void (*code_products)(const std::uint8_t* codes, std::size_t n_blocks, std::size_t groups, const std::int8_t* query,
                        const float* scales, float step, float margin, float* out);
  // The same with AVX-512 VNNI; null at levels that have none.
  decltype(code_products) code_products_vnni;
  // Writes the places of values of at least `least` and returns how many there are.
  std::size_t (*at_least)(const float* values, std::size_t n, float least, std::int32_t* places);
};

const RetrievalKernels& retrieval_kernels(std::string_view level);

// The n_best items by product with each query, best first, the smaller item first among equals: n_best places a query,
// those that are not needed hold item -1 and score 0. The scores do not depend on the number of threads or queries.
void best_products(const RetrievalKernels& kernels, const Catalogue& catalogue, const Wanted& wanted, std::int32_t* items,
                   float* scores, std::size_t n_threads);

// The same answers from a scan of the codes: items whose score may reach the n_best-th best by what is known of their
// code's error are scored by their vectors. Returns how many were. `code_scales` is what the codes' products are
// multiplied by: codes.scales, times wanted.scales where there are.
std::size_t best_products_by_codes(const RetrievalKernels& kernels, const Catalogue& catalogue, const Codes& codes,
                                   const float* code_scales, const Wanted& wanted, std::int32_t* items, float* scores,
                                   std::size_t n_threads);

}  // namespace pairloom
