#include "pairloom/csv_text.hpp"

#include <cmath>
#include <string_view>
#include <vector>

#include "pairloom/number_text.hpp"
#include "pairloom/parse_error.hpp"

namespace pairloom {
namespace {

class CsvWriter {
 public:
  CsvWriter(const CsvFormat& format, GrowingArray<char>& text) : format_(format), text_(text) {}

  void begin_field(bool first) {
    if (!first) text_.append(delimiter_, format_.doubled_delimiter ? 2 : 1);
  }
  void end_row() {
    text_.push_back('\n');
    ++row_;
  }

  template <class T>
  void number(T value) {
    char digits[kLongestNumber];
    text_.append(digits, static_cast<std::size_t>(write_number(digits, value) - digits));
  }
  void string(std::string_view value, bool alone) {
    if (value.find('\0') != std::string_view::npos)
      throw ParseError("text without zero bytes", "a zero byte", "Remove it from the text", row_);
    const bool plain = value.find_first_of(std::string_view(special_, 4)) == std::string_view::npos;
    if (format_.quote == 0 && !(plain && !(alone && value.empty())))
      throw ParseError("text without delimiters and line ends", "a field that needs quotes", "Write with quotes", row_);
    if (plain && !(alone && value.empty())) {
      text_.append(value.data(), value.size());
      return;
    }
    text_.push_back(format_.quote);
    for (const char c : value) {
      if (c == format_.quote) text_.push_back(c);
      text_.push_back(c);
    }
    text_.push_back(format_.quote);
  }

 private:
  const CsvFormat& format_;
  GrowingArray<char>& text_;
  std::int64_t row_ = 0;
  const char delimiter_[2] = {format_.delimiter, format_.delimiter};
  const char special_[4] = {format_.delimiter, '\n', '\r', format_.quote == 0 ? '\n' : format_.quote};
};

}  // namespace

GrowingArray<char> format_csv_rows(const RowsView& rows, std::int64_t n_features, const CsvFormat& format) {
  GrowingArray<char> text;
  CsvWriter writer(format, text);
  std::vector<float> dense(static_cast<std::size_t>(n_features));
  for (std::size_t row = 0; row + 1 < rows.indptr.size(); ++row) {
    const auto number = static_cast<std::int64_t>(row);
    const auto begin = static_cast<std::size_t>(rows.indptr[row]), end = static_cast<std::size_t>(rows.indptr[row + 1]);
    dense.assign(dense.size(), 0);
    for (std::size_t i = begin; i < end; ++i) {
      if (rows.indices[i] < 0 || rows.indices[i] >= n_features) {
        throw ParseError("indices below " + std::to_string(n_features), std::to_string(rows.indices[i]),
                         "Pass n_features, as many columns as there are in all rows", number, -1, "index");
      }
      dense[static_cast<std::size_t>(rows.indices[i])] += rows.values.empty() ? 1.0F : rows.values[i];
    }
    check_finite(dense, number, "value");
    bool first = true;
    if (!rows.labels.empty()) {
      check_finite(rows.labels.subspan(row, 1), number, "label");
      writer.number(rows.labels[row]);
      first = false;
    }
    if (!rows.weights.empty()) {
      check_finite(rows.weights.subspan(row, 1), number, "weight");
      writer.begin_field(first);
      writer.number(rows.weights[row]);
      first = false;
    }
    for (const float value : dense) {
      writer.begin_field(first);
      writer.number(value);
      first = false;
    }
    writer.end_row();
  }
  return text;
}

GrowingArray<char> format_csv_table(std::span<const CsvColumnView> columns, std::size_t n_rows,
                                    const CsvFormat& format) {
  GrowingArray<char> text;
  CsvWriter writer(format, text);
  for (std::size_t row = 0; row < n_rows; ++row) {
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const CsvColumnView& column = columns[c];
      writer.begin_field(c == 0);
      if (!column.integers.empty()) {
        writer.number(column.integers[row]);
      } else if (!column.numbers.empty()) {
        if (std::isinf(column.numbers[row]))
          throw ParseError("finite numbers", "inf", "", static_cast<std::int64_t>(row));
        if (!std::isnan(column.numbers[row])) {
          writer.number(column.numbers[row]);
        } else {
          writer.string({}, columns.size() == 1);
        }
      } else {
        const auto begin = static_cast<std::size_t>(column.offsets[row]);
        const auto end = static_cast<std::size_t>(column.offsets[row + 1]);
        const bool present = column.valid.empty() || column.valid[row];
        const auto* bytes = reinterpret_cast<const char*>(column.bytes.data());
        writer.string(present ? std::string_view(bytes + begin, end - begin) : std::string_view(), columns.size() == 1);
      }
    }
    writer.end_row();
  }
  return text;
}

}  // namespace pairloom
