#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pairloom {

// Whether every row holds the columns 0 to n_columns - 1 in order, all of them finite; `values` empty: all are one.
bool rows_are_full(std::span<const std::int64_t> indptr, std::span<const std::int32_t> indices,
                   std::span<const float> values, std::size_t n_columns);

// A row-major matrix of float32.
struct DenseRows {
  const float* values;
  std::size_t n_rows, n_columns;
};

// Adds each row, times its weight if there are weights, to the row of `sums` (of n_columns doubles each) that its label
// names; labels lie below the number of those.
void add_by_label(const DenseRows& rows, const std::int64_t* labels, const double* weights, double* sums);

}  // namespace pairloom
