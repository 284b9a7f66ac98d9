#include "pairloom/retrieval.hpp"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "check.hpp"
#include "pairloom/cpu.hpp"

using namespace pairloom;

namespace {

// Whole numbers, so that every order of summation gives the same products, with many ties.
struct World {
  std::size_t n_items, n_factors, n_queries;
  std::vector<float> vectors, queries, scales, boosts;
  std::vector<std::uint8_t> refused;
  std::vector<std::int64_t> seen_offsets{0};
  std::vector<std::int32_t> seen_items;

  World(std::size_t items, std::size_t factors, std::size_t asked, unsigned seed)
      : n_items(items), n_factors(factors), n_queries(asked) {
    std::mt19937 random(seed);
    const auto fill = [&](std::vector<float>& to, std::size_t n, int least, int most) {
      for (std::size_t i = 0; i < n; ++i) to.push_back(static_cast<float>(least + static_cast<int>(random() % (most - least + 1))));
    };
    fill(vectors, items * factors, -3, 3);
    fill(queries, asked * factors, -3, 3);
    fill(scales, items, 0, 2);
    fill(boosts, items, 1, 2);
    for (std::size_t i = 0; i < items; ++i) refused.push_back(random() % 5 == 0);
    for (std::size_t q = 0; q < asked; ++q) {
      std::set<std::int32_t> seen;
      for (std::size_t i = 0; i < items / 3; ++i) seen.insert(static_cast<std::int32_t>(random() % items));
      seen_items.insert(seen_items.end(), seen.begin(), seen.end());
      seen_offsets.push_back(static_cast<std::int64_t>(seen_items.size()));
    }
  }

  Catalogue catalogue() const { return {vectors.data(), n_items, n_factors}; }
  Wanted wanted(std::size_t n_best, bool filtered) const {
    if (!filtered) return {queries.data(), n_queries, n_best, nullptr, nullptr, nullptr, nullptr, nullptr};
    return {queries.data(), n_queries,      n_best,           scales.data(), boosts.data(),
            refused.data(), seen_offsets.data(), seen_items.data()};
  }
};

std::vector<std::pair<float, std::int32_t>> obvious(const World& world, bool filtered, std::size_t q) {
  std::vector<std::pair<float, std::int32_t>> all;
  for (std::size_t i = 0; i < world.n_items; ++i) {
    float score = 0;
    for (std::size_t j = 0; j < world.n_factors; ++j) {
      score += world.vectors[i * world.n_factors + j] * world.queries[q * world.n_factors + j];
    }
    if (filtered) {
      score *= world.scales[i];
      score = score > 0 ? score * world.boosts[i] : score / world.boosts[i];
      const auto begin = world.seen_items.begin() + world.seen_offsets[q], end = world.seen_items.begin() + world.seen_offsets[q + 1];
      if (world.refused[i] != 0 || std::binary_search(begin, end, static_cast<std::int32_t>(i))) continue;
    }
    all.emplace_back(-score, static_cast<std::int32_t>(i));
  }
  std::sort(all.begin(), all.end());
  return all;
}

void check_all(const World& world, std::string_view level, std::size_t n_best, bool filtered, std::size_t n_threads) {
  const RetrievalKernels& kernels = retrieval_kernels(level);
  const Catalogue catalogue = world.catalogue();
  const Wanted wanted = world.wanted(n_best, filtered);
  std::vector<std::uint8_t> coded(code_bytes(world.n_items, world.n_factors));
  std::vector<float> scales((world.n_items + code_items - 1) / code_items * code_items, 0);
  const Codes codes = encode(catalogue, coded.data(), scales.data(), n_threads);
  std::vector<float> code_scales = scales;
  for (std::size_t i = 0; filtered && i < world.n_items; ++i) code_scales[i] *= world.scales[i];
  for (const bool by_codes : {false, true}) {
    std::vector<std::int32_t> items(world.n_queries * n_best, -7);
    std::vector<float> scores(items.size(), -7);
    if (by_codes) {
      const std::size_t scored = best_products_by_codes(kernels, catalogue, codes, code_scales.data(), wanted, items.data(),
                                                        scores.data(), n_threads);
      CHECK(scored <= world.n_queries * world.n_items);
    } else {
      best_products(kernels, catalogue, wanted, items.data(), scores.data(), n_threads);
    }
    for (std::size_t q = 0; q < world.n_queries; ++q) {
      const auto right = obvious(world, filtered, q);
      for (std::size_t p = 0; p < n_best; ++p) {
        CHECK(items[q * n_best + p] == (p < right.size() ? right[p].second : -1));
        CHECK(scores[q * n_best + p] == (p < right.size() ? -right[p].first : 0.0F));
      }
    }
  }
}

// Whatever instruction adds up the codes, the sums are the same whole numbers.
void check_code_products(std::string_view level) {
  const RetrievalKernels& kernels = retrieval_kernels(level);
  std::mt19937 random(9);
  for (const std::size_t groups : {1U, 2U, 3U, 16U, 25U}) {
    const std::size_t n_blocks = 3;
    std::vector<std::uint8_t> codes(n_blocks * groups * code_items * code_factors);
    for (auto& code : codes) code = static_cast<std::uint8_t>(1 + random() % 255);
    std::vector<std::int8_t> query(groups * code_factors);
    for (auto& code : query) code = static_cast<std::int8_t>(static_cast<int>(random() % 255) - 127);
    const std::vector<float> scales(n_blocks * code_items, 1);
    std::vector<float> out(scales.size());
    const auto check = [&](auto products) {
      products(codes.data(), n_blocks, groups, query.data(), scales.data(), 1, 0, out.data());
      for (std::size_t i = 0; i < out.size(); ++i) {
        int sum = 0;
        for (std::size_t j = 0; j < query.size(); ++j) {
          const std::size_t at = ((i / code_items * groups + j / code_factors) * code_items + i % code_items) * code_factors;
          sum += (codes[at + j % code_factors] - 128) * query[j];
        }
        CHECK(out[i] == static_cast<float>(sum));
      }
    };
    check(kernels.code_products);
    if (kernels.code_products_vnni != nullptr && has_avx512_vnni()) check(kernels.code_products_vnni);
  }
}

}  // namespace

int main() {
  for (const std::string_view level : available_levels()) {
    check_code_products(level);
    for (const bool filtered : {false, true}) {
      unsigned seed = 1;
      for (const std::size_t factors : {1U, 3U, 31U, 64U}) {
        for (const std::size_t items : {1U, 33U, 300U}) {
          for (const std::size_t queries : {1U, 5U, 19U}) {
            const World world(items, factors, queries, ++seed);
            for (const std::size_t n_best : {1U, 50U}) check_all(world, level, n_best, filtered, 1);
            check_all(world, level, 10, filtered, 3);
          }
        }
      }
    }
    const World wide(70000, 3, 1, 77);
    check_all(wide, level, 20, true, 4);
  }
  return 0;
}
