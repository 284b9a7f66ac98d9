#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "pairloom/csv.hpp"
#include "pairloom/growing_array.hpp"
#include "pairloom/rows_view.hpp"

namespace pairloom {

// Dense text of sparse rows: label and weight, if there are any, then one number per feature. Repeated indices add
// up. Throws ParseError with the row of a number that is not finite or an index that is no feature.
GrowingArray<char> format_csv_rows(const RowsView& rows, std::int64_t n_features, const CsvFormat& format);

// A column of a table to write: exactly one of integers, numbers (NaN: missing) and offsets is filled.
struct CsvColumnView {
  std::span<const std::int64_t> integers;
  std::span<const double> numbers;
  std::span<const std::int64_t> offsets;
  std::span<const std::uint8_t> bytes;
  std::span<const bool> valid;
};

GrowingArray<char> format_csv_table(std::span<const CsvColumnView> columns, std::size_t n_rows,
                                    const CsvFormat& format);

}  // namespace pairloom
