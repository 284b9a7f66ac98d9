#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pairloom/growing_array.hpp"
#include "pairloom/parsed_rows.hpp"

namespace pairloom {

// How a file separates its fields. Quotes follow RFC 4180: they enclose a whole field and are doubled within it.
struct CsvFormat {
  char delimiter = ',';
  bool doubled_delimiter = false;  // two of them separate fields, as in MovieLens 1M
  char quote = '"';                // 0: quotes are ordinary characters
};

// Where the last record of a text ends that is not within quotes; 0 if none does.
std::size_t last_record_end(std::string_view text, char quote);

// The first record that is not an empty line, and where and on which line it ends. No fields: there is none.
struct CsvRecord {
  std::vector<std::string> fields;
  std::size_t end = 0;
  std::int64_t n_lines = 0;
};
CsvRecord first_record(std::string_view text, const CsvFormat& format);

enum class CsvKind : std::uint8_t { skip, id, number, text };

// One column of a table; an id column is of integers as long as every field is one, written canonically.
struct CsvColumn {
  CsvKind kind = CsvKind::skip;
  bool is_text = false;
  GrowingArray<std::int64_t> integers;
  GrowingArray<double> numbers;  // NaN is a missing value
  GrowingArray<std::int64_t> offsets;
  GrowingArray<std::uint8_t> bytes;
  GrowingArray<bool> valid;
  bool any_missing = false;
};

struct CsvTable {
  std::vector<CsvColumn> columns;
  std::int64_t n_rows = 0, n_lines = 0;
};

// Parses whole records into columns, one kind for each column of the file. An empty field is a missing value.
// Throws ParseError with the offset of the fault and the name of the column.
CsvTable parse_csv_table(std::string_view text, const CsvFormat& format, std::span<const CsvKind> kinds,
                         std::span<const std::string> names);

struct CsvRowsOptions {
  std::int64_t label_column = -1, weight_column = -1;  // -1: none
  bool absent_is_missing = false;                      // what is left out: missing features, otherwise zeros
};

// Parses whole records of numbers into sparse rows: every other column is a feature. Zeros are left out, or else empty
// fields and NaN, which are errors where zeros are.
ParsedRows parse_csv_rows(std::string_view text, const CsvFormat& format, const CsvRowsOptions& options,
                          std::span<const std::string> names);

}  // namespace pairloom
