#include <charconv>
#include <limits>
#include <stdexcept>

#include "csv_cursor.hpp"
#include "pairloom/csv.hpp"
#include "pairloom/number_text.hpp"

namespace pairloom {
namespace {

// Only as it would be written, so that no two texts become one id.
bool canonical_integer(std::string_view token, std::int64_t& value) {
  const std::size_t first = !token.empty() && token[0] == '-' ? 1 : 0;
  if (token.size() == first || (token[first] == '0' && token.size() > 1)) return false;
  const auto [end, status] = std::from_chars(token.data(), token.data() + token.size(), value);
  return status == std::errc() && end == token.data() + token.size();
}

void add_text(CsvColumn& column, std::string_view token) {
  column.bytes.append(reinterpret_cast<const std::uint8_t*>(token.data()), token.size());
  column.offsets.push_back(static_cast<std::int64_t>(column.bytes.size()));
  column.valid.push_back(!token.empty());
  column.any_missing |= token.empty();
}

void begin_text(CsvColumn& column) {
  column.is_text = true;
  column.offsets.push_back(0);
  for (const std::int64_t integer : column.integers) {
    char text[kLongestNumber];
    add_text(column, {text, static_cast<std::size_t>(write_number(text, integer) - text)});
  }
}

void take_id(CsvCursor& cursor, CsvColumn& column, std::size_t index) {
  const char* here = cursor.here();
  if (!column.is_text) [[likely]] {
    const LongDigits digits = leading_digits_16(here);
    const char* end = here + digits.count;
    if (digits.count > 0 && (*here != '0' || digits.count == 1) && cursor.ends_field(end)) [[likely]] {
      column.integers.push_back(static_cast<std::int64_t>(digits.value));
      cursor.jump(end);
      return;
    }
  }
  const std::string_view token = cursor.field();
  std::int64_t integer = 0;
  if (!column.is_text && canonical_integer(token, integer)) {
    column.integers.push_back(integer);
    return;
  }
  cursor.check_utf8(index, token);
  if (!column.is_text) begin_text(column);
  add_text(column, token);
}

void take_number(CsvCursor& cursor, CsvColumn& column, std::size_t index) {
  double value = 0;
  const char* end = quick_double(cursor.here(), value);
  if (end != nullptr && cursor.ends_field(end)) [[likely]] {
    cursor.jump(end);
  } else {
    std::string_view token = cursor.field();
    while (!token.empty() && (token.front() == ' ' || token.front() == '\t')) token.remove_prefix(1);
    while (!token.empty() && (token.back() == ' ' || token.back() == '\t')) token.remove_suffix(1);
    value = token.empty() ? std::numeric_limits<double>::quiet_NaN() : cursor.number(index, token);
  }
  column.numbers.push_back(value);
}

void take_text(CsvCursor& cursor, CsvColumn& column, std::size_t index) {
  const std::string_view token = cursor.field();
  cursor.check_utf8(index, token);
  add_text(column, token);
}

}  // namespace

CsvTable parse_csv_table(std::string_view text, const CsvFormat& format, std::span<const CsvKind> kinds,
                         std::span<const std::string> names) {
  if (names.empty() || kinds.size() != names.size()) throw std::invalid_argument("one kind and name for each column");
  CsvTable table;
  const std::size_t n_records = most_records(text);
  table.columns.resize(kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    table.columns[i].kind = kinds[i];
    if (kinds[i] == CsvKind::id) table.columns[i].integers.reserve(n_records);
    if (kinds[i] == CsvKind::number) table.columns[i].numbers.reserve(n_records);
    if (kinds[i] == CsvKind::text) begin_text(table.columns[i]);
  }
  CsvCursor cursor(format, names);
  over_records(text, format, cursor, [&](CsvCursor& at) {
    while (at.next_record()) {
      for (std::size_t i = 0; i < kinds.size(); ++i) {
        switch (kinds[i]) {
          case CsvKind::skip:
            at.field();
            break;
          case CsvKind::id:
            take_id(at, table.columns[i], i);
            break;
          case CsvKind::number:
            take_number(at, table.columns[i], i);
            break;
          case CsvKind::text:
            take_text(at, table.columns[i], i);
            break;
        }
        at.leave(i);
      }
      ++table.n_rows;
    }
  });
  table.n_lines = cursor.n_lines();
  return table;
}

}  // namespace pairloom
