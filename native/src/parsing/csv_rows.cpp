#include <algorithm>
#include <stdexcept>

#include "csv_cursor.hpp"
#include "pairloom/csv.hpp"

namespace pairloom {
namespace {

std::string_view trimmed(std::string_view token) {
  while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
  while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
  return token;
}

bool is_missing(std::string_view token) {
  if (!token.empty() && (token.front() == '-' || token.front() == '+')) token.remove_prefix(1);
  return token.empty() || (token.size() == 3 && (token[0] | 0x20) == 'n' && (token[1] | 0x20) == 'a' &&
                           (token[2] | 0x20) == 'n');
}

// Takes a number, and says whether there is one.
bool take_if_present(CsvCursor& cursor, std::size_t column, float& value) {
  const char* end = quick_float(cursor.here(), value);
  if (end != nullptr && cursor.ends_field(end)) [[likely]] {
    cursor.jump(end);
    return true;
  }
  const std::string_view token = trimmed(cursor.field());
  if (is_missing(token)) return false;
  value = cursor.small_number(column, token);
  return true;
}

float take_number(CsvCursor& cursor, std::size_t column) {
  float value = 0;
  const char* end = quick_float(cursor.here(), value);
  if (end != nullptr && cursor.ends_field(end)) [[likely]] {
    cursor.jump(end);
    return value;
  }
  return cursor.small_number(column, trimmed(cursor.field()));
}

class RowBuilder {
 public:
  RowBuilder(const CsvRowsOptions& options, std::size_t n_columns, ParsedRows& rows)
      : options_(options), n_columns_(n_columns), rows_(rows) {}

  void operator()(CsvCursor& cursor) {
    while (cursor.next_record()) {
      std::int32_t feature = 0;
      for (std::size_t column = 0; column < n_columns_; ++column) {
        const auto at = static_cast<std::int64_t>(column);
        if (options_.absent_is_missing && at != options_.label_column && at != options_.weight_column) {
          float value = 0;
          if (take_if_present(cursor, column, value)) add(feature, value);
          ++feature;
          cursor.leave(column);
          continue;
        }
        const float value = take_number(cursor, column);
        if (at == options_.label_column) {
          rows_.labels.push_back(value);
        } else if (at == options_.weight_column) {
          if (value < 0) cursor.fail("a weight of at least 0", std::to_string(value), "", "weight");
          rows_.weights.push_back(value);
        } else {
          if (value != 0) add(feature, value);
          ++feature;
        }
        cursor.leave(column);
      }
      rows_.indptr.push_back(static_cast<std::int64_t>(rows_.indices.size()));
    }
  }

 private:
  void add(std::int32_t feature, float value) {
    if (value != 1 && !rows_.has_values) {
      rows_.has_values = true;
      rows_.values.reserve(rows_.indices.size() + 1);
      std::fill_n(rows_.values.data(), rows_.indices.size(), 1.0F);
      rows_.values.set_size(rows_.indices.size());
    }
    rows_.indices.push_back(feature);
    if (rows_.has_values) rows_.values.push_back(value);
  }

  const CsvRowsOptions& options_;
  const std::size_t n_columns_;
  ParsedRows& rows_;
};

}  // namespace

ParsedRows parse_csv_rows(std::string_view text, const CsvFormat& format, const CsvRowsOptions& options,
                          std::span<const std::string> names) {
  const auto n_columns = static_cast<std::int64_t>(names.size());
  if (n_columns == 0 || options.label_column >= n_columns || options.weight_column >= n_columns ||
      (options.label_column >= 0 && options.label_column == options.weight_column))
    throw std::invalid_argument("label and weight in columns of their own");
  ParsedRows rows;
  rows.has_labels = options.label_column >= 0;
  rows.has_weights = options.weight_column >= 0;
  rows.n_features = n_columns - rows.has_labels - rows.has_weights;
  const std::size_t n_records = most_records(text);
  rows.indptr.reserve(n_records + 1);
  rows.labels.reserve(rows.has_labels ? n_records : 0);
  rows.weights.reserve(rows.has_weights ? n_records : 0);
  const std::size_t most_values = std::min(n_records * names.size(), text.size() / 2 + 1);
  rows.indices.reserve(most_values);
  rows.values.reserve(most_values);
  CsvCursor cursor(format, names);
  RowBuilder build(options, names.size(), rows);
  over_records(text, format, cursor, build);
  rows.n_lines = cursor.n_lines();
  return rows;
}

}  // namespace pairloom
