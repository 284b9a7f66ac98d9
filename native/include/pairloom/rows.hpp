#pragma once

#include <cstddef>
#include <cstdint>

#include "pairloom/fm.hpp"

namespace pairloom {

// What is wrong with rows, the worst first; `repeated` rows are sound but hold an index more than once.
enum class RowFault : std::uint8_t { none, repeated, offsets, index_range, not_finite };

// Looks at offsets, indices in [0, n_features), finite values, labels and weights. A negative n_features allows any
// non-negative index.
RowFault check_rows(const RowView& rows, std::size_t n_nonzeros, std::int64_t n_features);

// Says of every row whether it holds an index more than once.
void mark_repeated(const RowView& rows, bool* repeated);

// Copies rows in the given order; indptr has room for n_order + 1 offsets (unused, and not written, when rows are of
// fixed length).
void gather_rows(const RowView& rows, const std::int64_t* order, std::size_t n_order, std::int64_t* indptr,
                 std::int32_t* indices, float* values);

}  // namespace pairloom
