#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "pairloom/json_rows.hpp"
#include "pairloom/number_text.hpp"

namespace pairloom {
namespace {

class JsonWriter {
 public:
  void put(std::string_view literal) { text_.append(literal.data(), literal.size()); }

  template <class T>
  void put_number(T number) {
    char* begin = text_.room(kLongestNumber);
    text_.grow(static_cast<std::size_t>(write_number(begin, number) - begin));
  }
  // `number(i)` for every i in [begin, end), as an array.
  template <class Number>
  void put_array(std::size_t begin, std::size_t end, Number&& number) {
    put("[");
    for (std::size_t i = begin; i < end; ++i) {
      if (i != begin) put(",");
      put_number(number(i));
    }
    put("]");
  }
  GrowingArray<char> take() { return std::move(text_); }

 private:
  GrowingArray<char> text_;
};

}  // namespace

GrowingArray<char> format_json_lines(const RowsView& rows, std::size_t n_features, bool dense) {
  JsonWriter out;
  std::vector<float> cells(dense ? n_features : 0);
  const auto value = [&](std::size_t i) { return rows.values.empty() ? 1.0F : rows.values[i]; };
  for (std::size_t row = 0; row + 1 < rows.indptr.size(); ++row) {
    const auto begin = static_cast<std::size_t>(rows.indptr[row]), end = static_cast<std::size_t>(rows.indptr[row + 1]);
    const auto number = static_cast<std::int64_t>(row);
    if (!rows.values.empty()) check_finite(rows.values.subspan(begin, end - begin), number, "value");
    out.put("{\"data\":{\"features\":{");
    if (dense) {
      std::fill(cells.begin(), cells.end(), 0.0F);
      for (std::size_t i = begin; i < end; ++i) cells[static_cast<std::size_t>(rows.indices[i])] += value(i);
      check_finite(cells, number, "value");
      out.put("\"values\":");
      out.put_array(0, n_features, [&](std::size_t i) { return cells[i]; });
    } else {
      out.put("\"keys\":");
      out.put_array(begin, end, [&](std::size_t i) { return std::int64_t{rows.indices[i]}; });
      out.put(",\"shape\":[");
      out.put_number(static_cast<std::int64_t>(n_features));
      out.put("],\"values\":");
      out.put_array(begin, end, value);
    }
    out.put("}}");
    if (!rows.labels.empty()) {
      check_finite(rows.labels.subspan(row, 1), number, "label");
      out.put(",\"label\":");
      out.put_number(rows.labels[row]);
    }
    if (!rows.weights.empty()) {
      check_finite(rows.weights.subspan(row, 1), number, "weight");
      out.put(",\"weight\":");
      out.put_number(rows.weights[row]);
    }
    out.put("}\n");
  }
  return out.take();
}

}  // namespace pairloom
