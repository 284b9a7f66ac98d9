#pragma once

#include <cstdint>

#include "pairloom/growing_array.hpp"

namespace pairloom {

// Sparse rows as pairloom.rows.RowBatch has them; which optional parts are filled, the parser says.
struct ParsedRows {
  ParsedRows() { indptr.push_back(0); }

  GrowingArray<std::int64_t> indptr;
  GrowingArray<std::int32_t> indices;
  GrowingArray<float> values;  // of use only if has_values; else every value is one
  GrowingArray<float> labels, weights;
  GrowingArray<std::int32_t> fields;
  GrowingArray<std::int64_t> groups;
  bool has_values = false, has_labels = false, has_weights = false, has_fields = false, has_groups = false;
  std::int64_t n_features = 0;  // as asked for, else one more than the highest index
  std::int64_t n_lines = 0;     // of text, empty ones and comments included

  std::size_t n_rows() const { return indptr.size() - 1; }
};

}  // namespace pairloom
