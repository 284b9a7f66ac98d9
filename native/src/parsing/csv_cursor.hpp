#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "pairloom/csv.hpp"
#include "pairloom/numbers.hpp"

namespace pairloom {

// Walks over the fields of CSV text, whose records end in [begin, end) and after which kTextPadding bytes may be
// read. Scans stop at a newline; within quotes, where they do not, at the end.
class CsvCursor {
 public:
  CsvCursor(const CsvFormat& format, std::span<const std::string> names);

  void enter(const char* begin, const char* end, std::size_t offset);
  // Passes over empty lines; false at the end.
  bool next_record();

  const char* here() const { return p_; }
  void jump(const char* p) { p_ = p; }
  bool is_delimiter(const char* p) const { return *p == format_.delimiter && (!doubled_ || p[1] == *p); }
  bool ends_field(const char* p) const { return *p == '\n' || *p == '\r' || is_delimiter(p); }

  // Takes the field here, without its quotes, and stops behind it. The text is valid until the next call.
  std::string_view field();
  // From the end of a field to the next one; checks the number of fields in the record.
  void leave(std::size_t column);
  // The same without knowing the number of fields: true if there is another one.
  bool leave_any();

  double number(std::size_t column, std::string_view token) const;
  float small_number(std::size_t column, std::string_view token) const;
  void check_utf8(std::size_t column, std::string_view token) const;

  [[noreturn]] void fail(std::string expected, std::string got, std::string action, std::string field = {}) const;
  [[noreturn]] void fail_number(NumberFault fault, std::size_t column, std::string_view token) const;

  std::int64_t n_lines() const { return n_lines_; }

 private:
  [[noreturn]] void fail_zero_byte() const;
  std::string_view quoted_field();
  void end_line();
  [[noreturn]] void fail_width(std::size_t n_fields);

  const CsvFormat& format_;
  const bool doubled_;
  std::span<const std::string> names_;
  std::array<bool, 256> special_{};
  std::string unescaped_;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
  const char* p_ = nullptr;
  const char* field_ = nullptr;
  std::size_t offset_ = 0;
  std::int64_t n_lines_ = 0;
};

// At least as many as there are records.
std::size_t most_records(std::string_view text);

// Runs body(cursor) over the whole of the text in two parts: in place as far as reading past a record is safe, then
// over a padded copy of the rest.
template <class Body>
void over_records(std::string_view text, const CsvFormat& format, CsvCursor& cursor, Body&& body) {
  const std::size_t safe = text.size() > kTextPadding ? text.size() - kTextPadding : 0;
  const std::size_t bulk = last_record_end(text.substr(0, safe), format.quote);
  cursor.enter(text.data(), text.data() + bulk, 0);
  body(cursor);
  std::string rest(text.substr(bulk));
  if (!rest.empty() && rest.back() != '\n') rest += '\n';
  const std::size_t size = rest.size();
  rest.append(kTextPadding, '\0');
  cursor.enter(rest.data(), rest.data() + size, bulk);
  body(cursor);
}

}  // namespace pairloom
