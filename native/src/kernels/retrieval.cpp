#include "pairloom/retrieval.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "pairloom/best.hpp"
#include "pairloom/cpu.hpp"
#include "pairloom/thread_pool.hpp"

namespace pairloom {

extern const RetrievalKernels retrieval_level_portable;
#if defined(PAIRLOOM_X86_LEVELS)
extern const RetrievalKernels retrieval_level_x86_64_v2, retrieval_level_x86_64_v3, retrieval_level_x86_64_v4;
#endif

const RetrievalKernels& retrieval_kernels(std::string_view level) {
  const auto available = available_levels();
  const std::string_view wanted = level.empty() ? available.front() : level;
  if (std::find(available.begin(), available.end(), wanted) == available.end()) {
    throw std::invalid_argument("this processor or build has no level '" + std::string(wanted) + "'");
  }
#if defined(PAIRLOOM_X86_LEVELS)
  if (wanted == "x86-64-v4") return retrieval_level_x86_64_v4;
  if (wanted == "x86-64-v3") return retrieval_level_x86_64_v3;
  if (wanted == "x86-64-v2") return retrieval_level_x86_64_v2;
#endif
  return retrieval_level_portable;
}

namespace {

constexpr std::size_t scan_items = 2048;             // of one query at a time
constexpr std::size_t tile_floats = std::size_t{1} << 16;
constexpr std::size_t tile_code_bytes = 24576;       // of several queries: half of the first-level cache
constexpr std::size_t queries_per_task = 256, few_queries = 8;
constexpr std::size_t items_per_task = 32768;
constexpr std::size_t tasks_per_thread = 4;
constexpr std::size_t spare = 16;                    // scores in another order of summation swap neighbours at most
constexpr float least_step = 1e-37F;                 // below it, a quotient by 127 is no longer precise
constexpr double float_error = 1.2e-7, bound_error = 1e-6;
constexpr float none = -std::numeric_limits<float>::infinity();

struct Part {
  std::size_t first, last;
};

// Queries by blocks and, where these are fewer than threads, items by ranges.
struct Split {
  std::size_t n_queries, n_items, queries, n_blocks, n_ranges;

  Split(std::size_t n_queries_, std::size_t n_items_, std::size_t n_threads) : n_queries(n_queries_), n_items(n_items_) {
    const std::size_t wanted_tasks = n_threads > 1 ? n_threads * tasks_per_thread : 1;
    queries = std::clamp((n_queries + wanted_tasks - 1) / wanted_tasks, std::size_t{1}, queries_per_task);
    n_blocks = (n_queries + queries - 1) / queries;
    const std::size_t most = std::max<std::size_t>(1, n_items / items_per_task);
    n_ranges = n_blocks >= n_threads ? 1 : std::min(most, wanted_tasks);
  }
  Part block(std::size_t b) const { return {b * queries, std::min(n_queries, (b + 1) * queries)}; }
  Part range(std::size_t r) const {  // whole blocks of codes
    const auto at = [&](std::size_t i) { return i == n_ranges ? n_items : n_items * i / n_ranges / code_items * code_items; };
    return {at(r), at(r + 1)};
  }
};

bool refuses(const Wanted& wanted, std::size_t query, std::size_t item) {
  if (wanted.refused != nullptr && wanted.refused[item] != 0) return true;
  if (wanted.seen_offsets == nullptr) return false;
  return std::binary_search(wanted.seen_items + wanted.seen_offsets[query],
                            wanted.seen_items + wanted.seen_offsets[query + 1], static_cast<std::int32_t>(item));
}

float boosted(float score, float boost) { return score > 0 ? score * boost : score / boost; }

void boost(float* scores, const float* boosts, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) scores[i] = boosted(scores[i], boosts[i]);
}

// Offers the scores of items from `first` on. Later items lose against equals, so the edge itself is refused.
void offer(const Wanted& wanted, const RetrievalKernels& kernels, std::size_t query, std::size_t first, std::size_t n,
           float* scores, std::int32_t* places, Best& best) {
  if (wanted.scales != nullptr) {
    for (std::size_t i = 0; i < n; ++i) scores[i] *= wanted.scales[first + i];
  }
  if (wanted.boosts != nullptr) boost(scores, wanted.boosts + first, n);
  const float edge = best.least() == none ? none : std::nextafter(best.least(), std::numeric_limits<float>::infinity());
  const std::size_t found = kernels.at_least(scores, n, edge, places);
  for (std::size_t p = 0; p < found; ++p) {
    const auto i = static_cast<std::size_t>(places[p]);
    if (scores[i] >= best.least() && !refuses(wanted, query, first + i)) {
      best.offer(scores[i], static_cast<std::int32_t>(first + i));
    }
  }
}

void scan_rows(const RetrievalKernels& kernels, const Catalogue& catalogue, const Wanted& wanted, Part queries, Part items,
               std::vector<Best>& best) {
  std::vector<float> scores(scan_items);
  std::vector<std::int32_t> places(scan_items);
  for (std::size_t first = items.first; first < items.last; first += scan_items) {
    const std::size_t n = std::min(scan_items, items.last - first);
    for (std::size_t q = queries.first; q < queries.last; ++q) {
      kernels.products(catalogue.vectors + first * catalogue.n_factors, nullptr, n, catalogue.n_factors,
                       wanted.queries + q * catalogue.n_factors, scores.data());
      offer(wanted, kernels, q, first, n, scores.data(), places.data(), best[q - queries.first]);
    }
  }
}

void scan_panels(const RetrievalKernels& kernels, const Catalogue& catalogue, const Wanted& wanted, Part queries, Part items,
                 std::vector<Best>& best) {
  const std::size_t k = catalogue.n_factors, width = kernels.panel_items, height = kernels.panel_queries;
  const std::size_t n_queries = queries.last - queries.first, n_groups = (n_queries + height - 1) / height;
  std::vector<float> turned(n_groups * height * k, 0);
  for (std::size_t q = 0; q < n_queries; ++q) {
    for (std::size_t j = 0; j < k; ++j) {
      turned[(q / height * k + j) * height + q % height] = wanted.queries[(queries.first + q) * k + j];
    }
  }
  const std::size_t tile = std::clamp(tile_floats / k / width, std::size_t{1}, scan_items / width) * width;
  std::vector<float> panels(tile * k), scores(tile * height);
  std::vector<std::int32_t> places(tile);
  for (std::size_t first = items.first; first < items.last; first += tile) {
    const std::size_t n = std::min(tile, items.last - first);
    kernels.pack(catalogue.vectors + first * k, n, k, panels.data());
    for (std::size_t g = 0; g < n_groups; ++g) {
      kernels.panel_products(panels.data(), (n + width - 1) / width, k, turned.data() + g * height * k, scores.data(), tile);
      for (std::size_t q = g * height; q < std::min(n_queries, (g + 1) * height); ++q) {
        offer(wanted, kernels, queries.first + q, first, n, scores.data() + q % height * tile, places.data(), best[q]);
      }
    }
  }
}

// Scores listed items by their vectors, orders them and writes the best.
void write_scored(const RetrievalKernels& kernels, const Catalogue& catalogue, const Wanted& wanted, std::size_t query,
                  const std::vector<std::int32_t>& listed, std::int32_t* items, float* scores) {
  std::vector<float> products(listed.size());
  kernels.products(catalogue.vectors, listed.data(), listed.size(), catalogue.n_factors,
                   wanted.queries + query * catalogue.n_factors, products.data());
  Best best;
  best.begin(wanted.n_best);
  for (std::size_t i = 0; i < listed.size(); ++i) {
    const auto item = static_cast<std::size_t>(listed[i]);
    float score = products[i];
    if (wanted.scales != nullptr) score *= wanted.scales[item];
    if (wanted.boosts != nullptr) score = boosted(score, wanted.boosts[item]);
    best.offer(score, listed[i]);
  }
  best.write(items + query * wanted.n_best, scores + query * wanted.n_best);
}

// An item's score lies between the two.
struct Candidate {
  float upper, lower;
  std::int32_t item;
};

// What may still be among the n best.
class Pool {
 public:
  void begin(std::size_t n) {
    n_ = n;
    room_ = 4 * n;
  }
  float least() const { return least_; }
  void offer(const Candidate& candidate) {
    if (candidate.upper < least_) return;
    found_.push_back(candidate);
    if (found_.size() < room_) return;
    trim();
    room_ = std::max(4 * n_, 2 * found_.size());
  }
  const std::vector<Candidate>& trim() {
    if (found_.size() <= n_) return found_;
    const auto edge = found_.begin() + static_cast<std::ptrdiff_t>(n_ - 1);
    std::nth_element(found_.begin(), edge, found_.end(),
                     [](const Candidate& a, const Candidate& b) { return a.lower > b.lower; });
    least_ = std::max(least_, edge->lower);
    std::erase_if(found_, [this](const Candidate& each) { return each.upper < least_; });
    return found_;
  }

 private:
  std::size_t n_ = 0, room_ = 0;
  float least_ = none;
  std::vector<Candidate> found_;
};

float largest_of(const float* values, std::size_t n) {
  float largest = 0;
  for (std::size_t j = 0; j < n; ++j) largest = std::max(largest, std::abs(values[j]));
  return largest;
}

// A vector as step * codes; what is too small to be divided is coded as 0.
struct Coded {
  float step;
  double error = 0, length = 0;  // of the vector less its code, and of the code, in units of the step

  template <typename Write>
  Coded(const float* values, std::size_t n, Write write) {
    const float largest = largest_of(values, n);
    const bool divides = largest / 127 >= least_step;
    step = divides ? largest / 127 : largest;
    for (std::size_t j = 0; j < n; ++j) {
      const double ratio = step > 0 ? static_cast<double>(values[j]) / static_cast<double>(step) : 0;
      const double code = divides ? std::clamp(std::nearbyint(ratio), -127.0, 127.0) : 0;
      write(j, static_cast<int>(code));
      error += (ratio - code) * (ratio - code);
      length += code * code;
    }
    error = std::sqrt(error);
    length = std::sqrt(length);
  }
};

struct CodedQuery {
  std::vector<std::int8_t> codes;
  float step, margin;

  CodedQuery(const float* query, std::size_t n_factors, const Codes& items)
      : codes(code_groups(n_factors) * code_factors, 0) {
    const Coded coded(query, n_factors, [&](std::size_t j, int code) { codes[j] = static_cast<std::int8_t>(code); });
    step = coded.step;
    double squares = 0;
    for (std::size_t j = 0; j < n_factors; ++j) squares += static_cast<double>(query[j]) * static_cast<double>(query[j]);
    const double length = std::sqrt(squares), error = items.largest_error, codes_length = items.largest_length;
    const double rounding = (float_error * static_cast<double>(n_factors) + bound_error) * (error + codes_length);
    margin = static_cast<float>((length * (error + rounding) + coded.error * static_cast<double>(step) * codes_length) *
                                (1 + bound_error));
  }
};

void scan_codes(const RetrievalKernels& kernels, const Catalogue& catalogue, const Codes& codes, const float* code_scales,
                const Wanted& wanted, Part queries, Part items, std::vector<Pool>& pools) {
  static const bool has_vnni = has_avx512_vnni();
  const auto code_products =
      has_vnni && kernels.code_products_vnni != nullptr ? kernels.code_products_vnni : kernels.code_products;
  const std::size_t groups = code_groups(catalogue.n_factors), item_bytes = groups * code_factors;
  const std::size_t n_queries = queries.last - queries.first;
  std::vector<CodedQuery> coded;
  for (std::size_t q = queries.first; q < queries.last; ++q) {
    coded.emplace_back(wanted.queries + q * catalogue.n_factors, catalogue.n_factors, codes);
  }
  const std::size_t tile =
      n_queries == 1 ? scan_items
                     : std::clamp(tile_code_bytes / item_bytes, code_items, scan_items) / code_items * code_items;
  std::vector<float> uppers(tile), scaled(tile + code_items);
  std::vector<std::int32_t> places(tile);
  for (std::size_t first = items.first; first < items.last; first += tile) {
    const std::size_t n = std::min(tile, items.last - first), n_blocks = (n + code_items - 1) / code_items;
    for (std::size_t q = 0; q < n_queries; ++q) {
      code_products(codes.codes + first * item_bytes, n_blocks, groups, coded[q].codes.data(), code_scales + first,
                    coded[q].step, coded[q].margin, scaled.data());
      float* compared = scaled.data();
      if (wanted.boosts != nullptr) {
        std::copy_n(scaled.data(), n, uppers.data());
        boost(uppers.data(), wanted.boosts + first, n);
        compared = uppers.data();
      }
      const std::size_t found = kernels.at_least(compared, n, pools[q].least(), places.data());
      for (std::size_t p = 0; p < found; ++p) {
        const auto i = static_cast<std::size_t>(places[p]);
        if (compared[i] < pools[q].least() || refuses(wanted, queries.first + q, first + i)) continue;
        float lower = scaled[i] - 2 * coded[q].margin * code_scales[first + i];
        if (wanted.boosts != nullptr) lower = boosted(lower, wanted.boosts[first + i]);
        pools[q].offer({compared[i], lower, static_cast<std::int32_t>(first + i)});
      }
    }
  }
}

}  // namespace

Codes encode(const Catalogue& catalogue, std::uint8_t* codes, float* scales, std::size_t n_threads) {
  const std::size_t groups = code_groups(catalogue.n_factors);
  const std::size_t n_blocks = (catalogue.n_items + code_items - 1) / code_items;
  const std::size_t n_tasks = (catalogue.n_items + scan_items - 1) / scan_items, blocks = scan_items / code_items;
  std::vector<std::pair<double, double>> largest(n_tasks, {0, 0});
  parallel_for(n_tasks, n_threads, [&](std::size_t task) {
    for (std::size_t b = task * blocks; b < std::min(n_blocks, (task + 1) * blocks); ++b) {
      std::uint8_t* block = codes + b * groups * code_items * code_factors;
      std::fill_n(block, groups * code_items * code_factors, std::uint8_t{128});
      for (std::size_t i = 0; i < code_items && b * code_items + i < catalogue.n_items; ++i) {
        const std::size_t item = b * code_items + i;
        const Coded coded(catalogue.vectors + item * catalogue.n_factors, catalogue.n_factors,
                          [&](std::size_t j, int code) {
                            block[(j / code_factors * code_items + i) * code_factors + j % code_factors] =
                                static_cast<std::uint8_t>(code + 128);
                          });
        scales[item] = coded.step;
        largest[task].first = std::max(largest[task].first, coded.error);
        largest[task].second = std::max(largest[task].second, coded.length);
      }
    }
  });
  Codes made{codes, scales, 0, 0};
  for (const auto& [error, length] : largest) {
    made.largest_error = std::max(made.largest_error, std::nextafter(static_cast<float>(error), 1e30F));
    made.largest_length = std::max(made.largest_length, std::nextafter(static_cast<float>(length), 1e30F));
  }
  return made;
}

void best_products(const RetrievalKernels& kernels, const Catalogue& catalogue, const Wanted& wanted, std::int32_t* items,
                   float* scores, std::size_t n_threads) {
  const Split split(wanted.n_queries, catalogue.n_items, n_threads);
  std::vector<std::vector<std::int32_t>> kept(split.n_ranges > 1 ? split.n_ranges * wanted.n_queries : 0);
  parallel_for(split.n_blocks * split.n_ranges, n_threads, [&](std::size_t task) {
    const Part queries = split.block(task / split.n_ranges);
    const std::size_t range = task % split.n_ranges, n_queries = queries.last - queries.first;
    const bool few = n_queries < few_queries;
    std::vector<Best> best(n_queries);
    for (auto& each : best) each.begin(wanted.n_best + spare);
    (few ? scan_rows : scan_panels)(kernels, catalogue, wanted, queries, split.range(range), best);
    for (std::size_t q = 0; q < n_queries; ++q) {
      std::vector<std::int32_t> listed;
      for (const Scored& each : best[q].ordered()) listed.push_back(each.item);
      if (split.n_ranges == 1) {
        write_scored(kernels, catalogue, wanted, queries.first + q, listed, items, scores);
      } else {
        kept[range * wanted.n_queries + queries.first + q] = std::move(listed);
      }
    }
  });
  if (split.n_ranges == 1) return;
  for (std::size_t q = 0; q < wanted.n_queries; ++q) {
    std::vector<std::int32_t> listed;
    for (std::size_t r = 0; r < split.n_ranges; ++r) {
      const auto& more = kept[r * wanted.n_queries + q];
      listed.insert(listed.end(), more.begin(), more.end());
    }
    write_scored(kernels, catalogue, wanted, q, listed, items, scores);
  }
}

std::size_t best_products_by_codes(const RetrievalKernels& kernels, const Catalogue& catalogue, const Codes& codes,
                                   const float* code_scales, const Wanted& wanted, std::int32_t* items, float* scores,
                                   std::size_t n_threads) {
  const Split split(wanted.n_queries, catalogue.n_items, n_threads);
  std::vector<Pool> kept(split.n_ranges > 1 ? split.n_ranges * wanted.n_queries : 0);
  std::atomic<std::size_t> n_scored{0};
  const auto write = [&](std::size_t query, const std::vector<Candidate>& candidates) {
    std::vector<std::int32_t> listed;
    for (const Candidate& each : candidates) listed.push_back(each.item);
    n_scored += listed.size();
    write_scored(kernels, catalogue, wanted, query, listed, items, scores);
  };
  parallel_for(split.n_blocks * split.n_ranges, n_threads, [&](std::size_t task) {
    const Part queries = split.block(task / split.n_ranges);
    const std::size_t range = task % split.n_ranges;
    std::vector<Pool> pools(queries.last - queries.first);
    for (auto& pool : pools) pool.begin(wanted.n_best);
    scan_codes(kernels, catalogue, codes, code_scales, wanted, queries, split.range(range), pools);
    for (std::size_t q = 0; q < pools.size(); ++q) {
      if (split.n_ranges == 1) {
        write(queries.first + q, pools[q].trim());
      } else {
        kept[range * wanted.n_queries + queries.first + q] = std::move(pools[q]);
      }
    }
  });
  for (std::size_t q = 0; split.n_ranges > 1 && q < wanted.n_queries; ++q) {
    Pool pool;
    pool.begin(wanted.n_best);
    for (std::size_t r = 0; r < split.n_ranges; ++r) {
      for (const Candidate& each : kept[r * wanted.n_queries + q].trim()) pool.offer(each);
    }
    write(q, pool.trim());
  }
  return n_scored;
}

}  // namespace pairloom
