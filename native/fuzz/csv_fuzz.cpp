// Any bytes as CSV, as a matrix and as a table, whole and in two pieces: all must read alike, and what was read must
// survive being written.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuzzing.hpp"
#include "pairloom/csv.hpp"
#include "pairloom/csv_text.hpp"
#include "pairloom/parse_error.hpp"

namespace {

using namespace pairloom;
using fuzzing::require;

// Calls read on an exact copy, so that the sanitizer sees every byte read past the end; nothing if it refuses.
template <class Read>
auto attempt(std::string_view text, const Read& read) -> std::optional<decltype(read(text))> {
  const std::vector<char> bytes(text.begin(), text.end());
  try {
    return read(std::string_view(bytes.data(), bytes.size()));
  } catch (const ParseError& error) {
    require(error.byte_offset >= 0 && static_cast<std::size_t>(error.byte_offset) <= text.size());
    require(!error.expected.empty() && !error.got.empty());
    return std::nullopt;
  }
}

std::string cell(const CsvColumn& column, std::size_t row) {
  if (column.kind == CsvKind::number) {
    const double number = column.numbers[row];
    return number != number ? "missing" : std::to_string(std::bit_cast<std::uint64_t>(number));
  }
  if (!column.is_text) return std::to_string(column.integers[row]);
  const auto begin = static_cast<std::size_t>(column.offsets[row]), end = static_cast<std::size_t>(column.offsets[row + 1]);
  require(column.valid[row] == (begin != end));
  return {reinterpret_cast<const char*>(column.bytes.data()) + begin, end - begin};
}

void check(const CsvTable& table) {
  const auto n = static_cast<std::size_t>(table.n_rows);
  for (const CsvColumn& column : table.columns) {
    if (column.kind == CsvKind::skip) continue;
    if (column.kind == CsvKind::number) require(column.numbers.size() == n);
    if (column.kind == CsvKind::id && !column.is_text) require(column.integers.size() == n);
    if (column.is_text) require(column.offsets.size() == n + 1 && column.valid.size() == n);
  }
}

void check_same(const CsvTable& a, std::size_t first_row, const CsvTable& b) {
  for (std::size_t c = 0; c < a.columns.size(); ++c) {
    if (a.columns[c].kind == CsvKind::skip) continue;
    for (std::size_t row = 0; row < static_cast<std::size_t>(b.n_rows); ++row)
      require(cell(a.columns[c], first_row + row) == cell(b.columns[c], row));
  }
}

GrowingArray<char> written(const CsvTable& table, const CsvFormat& format) {
  std::vector<CsvColumnView> views;
  for (const CsvColumn& column : table.columns) {
    CsvColumnView view;
    view.integers = {column.integers.data(), column.is_text ? 0 : column.integers.size()};
    view.numbers = {column.numbers.data(), column.numbers.size()};
    view.offsets = {column.offsets.data(), column.offsets.size()};
    view.bytes = {column.bytes.data(), column.bytes.size()};
    view.valid = {column.valid.data(), column.valid.size()};
    views.push_back(view);
  }
  return format_csv_table(views, static_cast<std::size_t>(table.n_rows), format);
}

void fuzz_table(std::string_view text, std::size_t cut, const CsvFormat& format, std::uint8_t choice,
                const std::vector<std::string>& names) {
  std::vector<CsvKind> kinds;
  for (std::size_t i = 0; i < names.size(); ++i) kinds.push_back(static_cast<CsvKind>((choice >> (2 * (i % 4))) & 3));
  const auto read = [&](std::string_view part) {
    CsvTable table = parse_csv_table(part, format, kinds, names);
    check(table);
    return table;
  };
  const auto whole = attempt(text, read), first = attempt(text.substr(0, cut), read),
             second = attempt(text.substr(cut), read);
  require(whole.has_value() == (first.has_value() && second.has_value()));
  if (!whole) return;
  require(whole->n_rows == first->n_rows + second->n_rows && whole->n_lines == first->n_lines + second->n_lines);
  check_same(*whole, 0, *first);
  check_same(*whole, static_cast<std::size_t>(first->n_rows), *second);
  for (const CsvKind kind : kinds)
    if (kind == CsvKind::skip) return;
  if (format.quote == 0 || whole->n_rows == 0) return;
  const auto out = written(*whole, format);
  const auto again = attempt({out.data(), out.size()}, read);
  require(again.has_value() && again->n_rows == whole->n_rows);
  check_same(*whole, 0, *again);
}

void fuzz_rows(std::string_view text, std::size_t cut, const CsvFormat& format, std::uint8_t choice,
               const std::vector<std::string>& names) {
  CsvRowsOptions options;
  const auto n = static_cast<std::int64_t>(names.size());
  if ((choice & 1) != 0) options.label_column = (choice >> 2) % n;
  if ((choice & 2) != 0) options.weight_column = (choice >> 4) % n;
  if (options.label_column == options.weight_column) options.weight_column = -1;
  const auto read = [&](std::string_view part) {
    ParsedRows rows = parse_csv_rows(part, format, options, names);
    fuzzing::check(rows);
    for (std::size_t i = 0; i < rows.indices.size(); ++i) require(fuzzing::value_of(rows, i) != 0);
    return rows;
  };
  const auto whole = attempt(text, read), first = attempt(text.substr(0, cut), read),
             second = attempt(text.substr(cut), read);
  require(whole.has_value() == (first.has_value() && second.has_value()));
  if (!whole) return;
  require(whole->n_rows() == first->n_rows() + second->n_rows());
  fuzzing::check_same(*whole, 0, *first);
  fuzzing::check_same(*whole, first->n_rows(), *second);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  constexpr char kDelimiters[] = {',', '\t', ';', ':'};
  const CsvFormat format{kDelimiters[data[0] & 3], (data[0] & 4) != 0, (data[0] & 8) != 0 ? '\0' : '"'};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto header = attempt(text, [&](std::string_view part) { return first_record(part, format); });
  if (!header || header->fields.empty()) return 0;
  require(header->end <= text.size());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < header->fields.size(); ++i) names.push_back(std::to_string(i));
  const std::size_t cut = last_record_end(text.substr(0, text.size() / 2), format.quote);
  if ((data[0] & 16) != 0) {
    fuzz_rows(text, cut, format, data[1], names);
  } else {
    fuzz_table(text, cut, format, data[1], names);
  }
  return 0;
}
