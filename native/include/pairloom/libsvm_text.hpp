#pragma once

#include <cstdint>
#include <span>

#include "pairloom/growing_array.hpp"

namespace pairloom {

// Sparse rows to write; empty spans are absent parts (no values: all one).
struct RowsView {
  std::span<const std::int64_t> indptr;
  std::span<const std::int32_t> indices;
  std::span<const float> values, labels, weights;
  std::span<const std::int32_t> fields;
};

// libsvm text, or libffm text if there are fields; first_index is what the text calls the first column. Numbers are
// the shortest that read back equal. Throws ParseError with the row of a number that is not finite.
GrowingArray<char> format_libsvm(const RowsView& rows, std::int64_t first_index);

}  // namespace pairloom
