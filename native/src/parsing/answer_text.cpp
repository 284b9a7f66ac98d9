#include "pairloom/answer_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "pairloom/number_text.hpp"
#include "pairloom/parse_error.hpp"

namespace pairloom {
namespace {

// Numbers between these are written without an exponent, as Python does.
constexpr double smallest_plain = 1e-4, largest_plain = 1e16;

void put(GrowingArray<char>& text, std::string_view part) {
  std::memcpy(text.room(part.size()), part.data(), part.size());
  text.grow(part.size());
}

char* write_answer(char* out, std::int64_t number) { return write_number(out, number); }

template <class Float>
char* write_answer(char* out, Float number) {
#if defined(__cpp_lib_to_chars)
  const Float size = std::abs(number);
  const bool plain =
      size == 0 || (size >= static_cast<Float>(smallest_plain) && size < static_cast<Float>(largest_plain));
  char* end = std::to_chars(out, out + kLongestNumber, number,
                            plain ? std::chars_format::fixed : std::chars_format::scientific)
                  .ptr;
#else
  char* end = write_number(out, static_cast<double>(number));
#endif
  if (std::find_if(out, end, [](char c) { return c == '.' || c == 'e'; }) == end) {
    *end++ = '.';
    *end++ = '0';
  }
  return end;
}

template <class T>
void put_numbers(GrowingArray<char>& text, std::span<const T> numbers, std::size_t row, const AnswerColumn& column,
                 const AnswerLayout& layout) {
  if (column.is_list) put(text, layout.list_begin);
  for (std::size_t i = row * column.width; i < (row + 1) * column.width; ++i) {
    if constexpr (!std::is_integral_v<T>) {
      if (!std::isfinite(numbers[i])) {
        throw ParseError("an answer that is a finite number", std::isnan(numbers[i]) ? "nan" : "inf",
                         "Scale the values of the row down", static_cast<std::int64_t>(row));
      }
    }
    if (i > row * column.width) put(text, layout.list_separator);
    char* begin = text.room(kLongestNumber + 2);
    text.grow(static_cast<std::size_t>(write_answer(begin, numbers[i]) - begin));
  }
  if (column.is_list) put(text, layout.list_end);
}

}  // namespace

GrowingArray<char> format_answers(std::span<const AnswerColumn> columns, std::size_t n_rows,
                                  const AnswerLayout& layout) {
  GrowingArray<char> text;
  std::size_t row_size = layout.row_begin.size() + layout.row_end.size() + layout.row_separator.size();
  for (const AnswerColumn& column : columns) row_size += column.lead.size() + column.width * 14 + 4;
  text.reserve(layout.begin.size() + n_rows * row_size + layout.end.size());
  put(text, layout.begin);
  for (std::size_t row = 0; row < n_rows; ++row) {
    if (row > 0) put(text, layout.row_separator);
    put(text, layout.row_begin);
    for (const AnswerColumn& column : columns) {
      put(text, column.lead);
      std::visit([&](auto numbers) { put_numbers(text, numbers, row, column, layout); }, column.numbers);
    }
    put(text, layout.row_end);
  }
  put(text, layout.end);
  return text;
}

}  // namespace pairloom
