#pragma once

#include <cstdint>

#include "pairloom/growing_array.hpp"
#include "pairloom/rows_view.hpp"

namespace pairloom {

// libsvm text, or libffm text if there are fields; first_index is what the text calls the first column. Numbers are
// the shortest that read back equal. Throws ParseError with the row of a number that is not finite.
GrowingArray<char> format_libsvm(const RowsView& rows, std::int64_t first_index);

}  // namespace pairloom
