#include "pairloom/dense_rows.hpp"

#include <bit>

namespace pairloom {
namespace {

constexpr std::uint32_t exponent_bits = 0x7F800000U, lowest_of_exponent = 0x00800000U;

bool in_order(const std::int32_t* indices, std::size_t n) {
  std::uint32_t differences = 0;
  for (std::size_t j = 0; j < n; ++j) differences |= static_cast<std::uint32_t>(indices[j]) ^ static_cast<std::uint32_t>(j);
  return differences == 0;
}

// An exponent of ones and one more carries into the sign's place.
bool all_finite(const float* values, std::size_t n) {
  std::uint32_t carried = 0;
  for (std::size_t j = 0; j < n; ++j) {
    carried |= (std::bit_cast<std::uint32_t>(values[j]) & exponent_bits) + lowest_of_exponent;
  }
  return carried >> 31 == 0;
}

}  // namespace

bool rows_are_full(std::span<const std::int64_t> indptr, std::span<const std::int32_t> indices,
                   std::span<const float> values, std::size_t n_columns) {
  const std::size_t n_rows = indptr.empty() ? 0 : indptr.size() - 1;
  if (indices.size() != n_rows * n_columns || (!values.empty() && values.size() != indices.size())) return false;
  for (std::size_t row = 0; row <= n_rows && n_rows != 0; ++row) {
    if (indptr[row] != static_cast<std::int64_t>(row * n_columns)) return false;
  }
  for (std::size_t row = 0; row < n_rows; ++row) {
    const std::size_t at = row * n_columns;
    if (!in_order(indices.data() + at, n_columns)) return false;
    if (!values.empty() && !all_finite(values.data() + at, n_columns)) return false;
  }
  return true;
}

void add_by_label(const DenseRows& rows, const std::int64_t* labels, const double* weights, double* sums) {
  const std::size_t n = rows.n_columns;
  for (std::size_t row = 0; row < rows.n_rows; ++row) {
    const float* values = rows.values + row * n;
    double* out = sums + static_cast<std::size_t>(labels[row]) * n;
    if (weights == nullptr) {
      for (std::size_t j = 0; j < n; ++j) out[j] += static_cast<double>(values[j]);
    } else {
      for (std::size_t j = 0; j < n; ++j) out[j] += weights[row] * static_cast<double>(values[j]);
    }
  }
}

}  // namespace pairloom
