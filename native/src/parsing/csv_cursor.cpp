#include "csv_cursor.hpp"

#include <algorithm>
#include <utility>

#include "pairloom/parse_error.hpp"
#include "pairloom/text_fault.hpp"
#include "utf8.hpp"

namespace pairloom {

CsvCursor::CsvCursor(const CsvFormat& format, std::span<const std::string> names)
    : format_(format), doubled_(format.doubled_delimiter), names_(names) {
  for (const char c : {format.delimiter, '\n', '\r', '\0', format.quote}) special_[static_cast<unsigned char>(c)] = true;
}

void CsvCursor::enter(const char* begin, const char* end, std::size_t offset) {
  begin_ = p_ = field_ = begin;
  end_ = end;
  offset_ = offset;
}

bool CsvCursor::next_record() {
  while (p_ < end_ && (*p_ == '\n' || (*p_ == '\r' && p_[1] == '\n'))) end_line();
  field_ = p_;
  return p_ < end_;
}

std::string_view CsvCursor::field() {
  field_ = p_;
  if (format_.quote != 0 && *p_ == format_.quote) return quoted_field();
  const char* p = p_;
  for (;; ++p) {
    while (!special_[static_cast<unsigned char>(*p)]) ++p;
    if (ends_field(p)) break;
    p_ = p;
    if (*p == '\0') fail_zero_byte();
    if (*p == format_.quote) {
      fail("quotes around a whole field, doubled within it", quoted({field_, std::size_t(p + 1 - field_)}),
           "Pass quote=None if quotes are ordinary characters here");
    }
  }
  p_ = p;
  return {field_, static_cast<std::size_t>(p - field_)};
}

std::string_view CsvCursor::quoted_field() {
  const char* start = ++p_;
  bool escaped = false;
  for (;; ++p_) {
    const char* quote = std::find(p_, end_, format_.quote);
    n_lines_ += std::count(p_, quote, '\n');
    p_ = quote;
    if (p_ == end_) {
      p_ = field_;
      fail("a closing quote", "the end of the text", "Pass quote=None if quotes are ordinary characters here");
    }
    if (p_[1] != format_.quote) break;
    if (!escaped) unescaped_.clear();
    escaped = true;
    unescaped_.append(start, p_ + 1);
    start = ++p_ + 1;
  }
  std::string_view content(start, static_cast<std::size_t>(p_ - start));
  if (escaped) content = unescaped_.append(content);
  if (content.find('\0') != std::string_view::npos) fail_zero_byte();
  ++p_;
  if (!ends_field(p_)) {
    fail("the end of a field after its closing quote", quoted({field_, std::size_t(p_ + 1 - field_)}),
         "Double the quotes within a field, or pass quote=None if they are ordinary characters here");
  }
  return content;
}

void CsvCursor::leave(std::size_t column) {
  if (is_delimiter(p_)) {
    if (column + 1 == names_.size()) [[unlikely]] fail_width(column + 1);
    p_ += doubled_ ? 2 : 1;
    return;
  }
  if (column + 1 != names_.size()) [[unlikely]] fail_width(column + 1);
  end_line();
}

bool CsvCursor::leave_any() {
  if (is_delimiter(p_)) {
    p_ += doubled_ ? 2 : 1;
    return true;
  }
  end_line();
  return false;
}

void CsvCursor::end_line() {
  if (*p_ == '\r') ++p_;
  field_ = p_;
  if (*p_ != '\n') fail("a line feed after a carriage return", quoted({p_, 1}), "Write lines that end with line feeds");
  ++p_;
  ++n_lines_;
}

void CsvCursor::fail_width(std::size_t n_fields) {
  const char* record = p_;
  while (is_delimiter(p_)) {
    p_ += doubled_ ? 2 : 1;
    field();
    ++n_fields;
  }
  field_ = record;
  fail(std::to_string(names_.size()) + (names_.size() == 1 ? " field" : " fields"),
       std::to_string(n_fields) + (n_fields == 1 ? " field" : " fields"),
       "Give every row as many fields as the first, and check the delimiter");
}

double CsvCursor::number(std::size_t column, std::string_view token) const {
  double value = 0;
  const NumberFault fault = parse_number(token, value);
  if (fault != NumberFault::none) fail_number(fault, column, token);
  return value;
}

float CsvCursor::small_number(std::size_t column, std::string_view token) const {
  float value = 0;
  const NumberFault fault = parse_number(token, value);
  if (fault != NumberFault::none) fail_number(fault, column, token);
  return value;
}

void CsvCursor::check_utf8(std::size_t column, std::string_view token) const {
  if (!is_utf8(token)) fail("UTF-8 text", quoted(token), "Pass the charset of the file, such as latin-1", names_[column]);
}

void CsvCursor::fail_zero_byte() const { fail("text", "a zero byte", "Check that this is a text file"); }

void CsvCursor::fail_number(NumberFault fault, std::size_t column, std::string_view token) const {
  fail(expected_number(fault), token.empty() ? "an empty field" : quoted(token), "", names_[column]);
}

void CsvCursor::fail(std::string expected, std::string got, std::string action, std::string field) const {
  throw ParseError(std::move(expected), std::move(got), std::move(action), -1,
                   static_cast<std::int64_t>(offset_) + (field_ - begin_), std::move(field));
}

}  // namespace pairloom
