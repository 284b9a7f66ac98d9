#include "pairloom/rows.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace pairloom {
namespace {

bool all_finite(const float* values, std::size_t n) {
  if (values == nullptr) return true;
  float product = 0;  // 0 * x is 0 for finite x, NaN otherwise
  for (std::size_t i = 0; i < n; ++i) product += 0.0F * values[i];
  return !std::isnan(product);
}

bool has_repeats(const std::int32_t* indices, std::size_t n, std::vector<std::int32_t>& sorted) {
  bool ascending = true;
  for (std::size_t i = 1; i < n; ++i) ascending &= indices[i - 1] < indices[i];
  if (ascending) return false;
  if (n == 2) return indices[0] == indices[1];
  sorted.assign(indices, indices + n);
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

}  // namespace

void mark_repeated(const RowView& rows, bool* repeated) {
  std::vector<std::int32_t> sorted;
  for (std::size_t r = 0; r < rows.n_rows; ++r) {
    const std::size_t first = rows.offset(r);
    repeated[r] = has_repeats(rows.indices + first, rows.offset(r + 1) - first, sorted);
  }
}

RowFault check_rows(const RowView& rows, std::size_t n_nonzeros, std::int64_t n_features) {
  if (rows.indptr != nullptr) {
    if (rows.indptr[0] != 0) return RowFault::offsets;
    for (std::size_t r = 0; r < rows.n_rows; ++r) {
      if (rows.indptr[r + 1] < rows.indptr[r]) return RowFault::offsets;
    }
  }
  if (rows.offset(rows.n_rows) != n_nonzeros) return RowFault::offsets;
  const std::int64_t limit = n_features < 0 ? (std::int64_t{1} << 31) : n_features;
  std::int32_t lowest = 0, highest = -1;
  for (std::size_t p = 0; p < n_nonzeros; ++p) {
    lowest = std::min(lowest, rows.indices[p]);
    highest = std::max(highest, rows.indices[p]);
  }
  if (lowest < 0 || highest >= limit) return RowFault::index_range;
  if (!all_finite(rows.values, n_nonzeros) || !all_finite(rows.labels, rows.n_rows) ||
      !all_finite(rows.weights, rows.n_rows)) {
    return RowFault::not_finite;
  }
  std::vector<std::int32_t> sorted;
  for (std::size_t r = 0; r < rows.n_rows; ++r) {
    const std::size_t first = rows.offset(r);
    if (has_repeats(rows.indices + first, rows.offset(r + 1) - first, sorted)) return RowFault::repeated;
  }
  return RowFault::none;
}

void gather_rows(const RowView& rows, const std::int64_t* order, std::size_t n_order, std::int64_t* indptr,
                 std::int32_t* indices, float* values) {
  std::size_t position = 0;
  if (rows.indptr != nullptr) indptr[0] = 0;
  for (std::size_t r = 0; r < n_order; ++r) {
    const auto source = static_cast<std::size_t>(order[r]);
    const std::size_t first = rows.offset(source), length = rows.offset(source + 1) - first;
    std::copy_n(rows.indices + first, length, indices + position);
    if (rows.values != nullptr) std::copy_n(rows.values + first, length, values + position);
    position += length;
    if (rows.indptr != nullptr) indptr[r + 1] = static_cast<std::int64_t>(position);
  }
}

}  // namespace pairloom
