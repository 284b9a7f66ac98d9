#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pairloom/growing_array.hpp"
#include "pairloom/libsvm_text.hpp"
#include "pairloom/parsed_rows.hpp"

// Rows in SageMaker's JSON forms: an array of numbers, or an object whose tensor {"values"} or {"keys", "shape",
// "values"} stands at its top, under "features" or under "data" and "features"; with a "label" and a "weight" if it has
// them.
namespace pairloom {

// What the rows of one input have in common; the first row settles what the caller left open.
struct JsonLayout {
  static constexpr std::int64_t unknown = -1;
  enum class Presence : std::uint8_t { unknown, absent, present };

  std::int64_t n_features = unknown;
  Presence labels = Presence::unknown, weights = Presence::unknown;
  bool absent_is_missing = false;  // dense rows keep their zeros and leave out null and NaN
};

// One row a line, blank lines passed over; reads at most `max_rows`. Throws ParseError, counted from 0 within the text.
ParsedRows parse_json_lines(std::string_view text, JsonLayout& layout, std::size_t max_rows = SIZE_MAX);
// A document {"instances": [row, ...]}.
ParsedRows parse_json_document(std::string_view text, JsonLayout& layout);

// One row a line. Numbers are the shortest that read back equal; the values of an index that repeats in a row add up in
// dense form. Every index is below n_features. Throws ParseError with the row of a number that is not finite.
GrowingArray<char> format_json_lines(const RowsView& rows, std::size_t n_features, bool dense);

}  // namespace pairloom
