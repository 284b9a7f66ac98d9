#include <algorithm>

#include "csv_cursor.hpp"
#include "pairloom/csv.hpp"

namespace pairloom {

std::size_t last_record_end(std::string_view text, char quote) {
  std::size_t newline = text.rfind('\n');
  if (newline == std::string_view::npos) return 0;
  if (quote == 0) return newline + 1;
  auto n_quotes = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(newline), quote);
  while (n_quotes % 2 != 0) {
    const std::size_t previous = newline == 0 ? std::string_view::npos : text.rfind('\n', newline - 1);
    if (previous == std::string_view::npos) return 0;
    const std::string_view line = text.substr(previous, newline - previous);
    n_quotes -= std::count(line.begin(), line.end(), quote);
    newline = previous;
  }
  return newline + 1;
}

CsvRecord first_record(std::string_view text, const CsvFormat& format) {
  CsvRecord record;
  CsvCursor cursor(format, {});
  std::string padded(text);
  if (!padded.empty() && padded.back() != '\n') padded += '\n';
  const std::size_t size = padded.size();
  padded.append(kTextPadding, '\0');
  cursor.enter(padded.data(), padded.data() + size, 0);
  if (cursor.next_record()) {
    do record.fields.emplace_back(cursor.field());
    while (cursor.leave_any());
  }
  record.end = std::min(static_cast<std::size_t>(cursor.here() - padded.data()), text.size());
  record.n_lines = cursor.n_lines();
  return record;
}

}  // namespace pairloom
