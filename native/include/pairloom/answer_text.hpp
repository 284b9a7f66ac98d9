#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "pairloom/growing_array.hpp"

namespace pairloom {

// One named answer of every row: `width` numbers a row, row after row.
struct AnswerColumn {
  std::variant<std::span<const float>, std::span<const double>, std::span<const std::int64_t>> numbers;
  std::size_t width = 1;
  std::string lead;      // what stands before it in every row
  bool is_list = false;  // stands between the brackets of the layout
};

// The text around the numbers.
struct AnswerLayout {
  std::string begin, row_begin, row_end, row_separator, end;
  std::string list_begin, list_separator, list_end;
};

// The answers of `n_rows` rows as text. Floats are the shortest that read back equal, and show a decimal point or an
// exponent. Throws ParseError with the row of a number that is not finite.
GrowingArray<char> format_answers(std::span<const AnswerColumn> columns, std::size_t n_rows,
                                  const AnswerLayout& layout);

}  // namespace pairloom
