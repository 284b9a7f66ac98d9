#pragma once

#include <cstdint>
#include <span>

namespace pairloom {

// Sparse rows to write; empty spans are absent parts (no values: all one).
struct RowsView {
  std::span<const std::int64_t> indptr;
  std::span<const std::int32_t> indices;
  std::span<const float> values, labels, weights;
  std::span<const std::int32_t> fields;
};

}  // namespace pairloom
