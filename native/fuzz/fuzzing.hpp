#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "pairloom/parsed_rows.hpp"

namespace pairloom::fuzzing {

inline void require(bool condition) {
  if (!condition) std::abort();
}

inline bool same(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

inline float value_of(const ParsedRows& rows, std::size_t i) { return rows.has_values ? rows.values[i] : 1.0F; }

// What holds of all rows that a parser returns.
inline void check(const ParsedRows& rows) {
  const std::size_t n_rows = rows.n_rows(), n = rows.indices.size();
  require(rows.indptr[0] == 0 && static_cast<std::size_t>(rows.indptr[n_rows]) == n);
  for (std::size_t i = 0; i < n_rows; ++i) require(rows.indptr[i] <= rows.indptr[i + 1]);
  for (const std::int32_t index : rows.indices) require(index >= 0 && index < rows.n_features);
  require(!rows.has_values || rows.values.size() == n);
  require(!rows.has_fields || rows.fields.size() == n);
  require(rows.labels.size() == (rows.has_labels ? n_rows : 0));
  require(rows.weights.size() == (rows.has_weights ? n_rows : 0));
  for (const float value : rows.values) require(std::isfinite(value));
  for (const float label : rows.labels) require(std::isfinite(label));
  for (const float weight : rows.weights) require(std::isfinite(weight) && weight >= 0);
  if (rows.has_fields)
    for (const std::int32_t field : rows.fields) require(field >= 0);
}

// Rows first_row and on of a are those of b from its first one on.
inline void check_same(const ParsedRows& a, std::size_t first_row, const ParsedRows& b) {
  const auto shift = a.indptr[first_row];
  for (std::size_t row = 0; row < b.n_rows(); ++row) {
    require(a.indptr[first_row + row + 1] - shift == b.indptr[row + 1]);
    if (a.has_labels) require(same(a.labels[first_row + row], b.labels[row]));
    if (a.has_weights) require(same(a.weights[first_row + row], b.weights[row]));
  }
  for (std::size_t i = 0; i < b.indices.size(); ++i) {
    const std::size_t at = static_cast<std::size_t>(shift) + i;
    require(a.indices[at] == b.indices[i] && same(value_of(a, at), value_of(b, i)));
    if (a.has_fields) require(a.fields[at] == b.fields[i]);
  }
}

}  // namespace pairloom::fuzzing
