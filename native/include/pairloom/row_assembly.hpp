#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pairloom {

// What one raw column adds to each row: non-zeros indptr[i] to indptr[i + 1] - 1, or n_per_row of them when indptr is
// empty. values is empty when all are one.
struct RowPart {
  std::span<const std::int64_t> indptr;
  std::size_t n_per_row;
  std::span<const std::int32_t> columns;
  std::span<const float> values;
};

// The CSR arrays being filled; values and fields may be empty. cursors holds each row's next free place.
struct OpenRows {
  std::span<std::int64_t> cursors;
  std::span<std::int32_t> columns;
  std::span<float> values;
  std::span<std::int32_t> fields;
};

// Appends the part to every row and moves the cursors on. The caller has made the room.
void append(const RowPart& part, std::int32_t field, const OpenRows& rows);

// What many rows share: shared row g has the non-zeros indptr[g] to indptr[g + 1] - 1. values is empty when all are one;
// fields, of each non-zero, may be empty where those of the rows are.
struct SharedRows {
  std::span<const std::int64_t> indptr;
  std::span<const std::int32_t> columns;
  std::span<const float> values;
  std::span<const std::int32_t> fields;
};

// Appends shared row index[i] to row i, nothing where it is negative.
void append_shared(const SharedRows& shared, std::span<const std::int32_t> index, const OpenRows& rows);

}  // namespace pairloom
