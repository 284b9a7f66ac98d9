#include "pairloom/libsvm_text.hpp"

#include "pairloom/number_text.hpp"

namespace pairloom {

GrowingArray<char> format_libsvm(const RowsView& rows, std::int64_t first_index) {
  GrowingArray<char> text;
  text.reserve(rows.indices.size() * 12 + rows.indptr.size() * 8);
  for (std::size_t row = 0; row + 1 < rows.indptr.size(); ++row) {
    const auto begin = static_cast<std::size_t>(rows.indptr[row]), end = static_cast<std::size_t>(rows.indptr[row + 1]);
    const auto number = static_cast<std::int64_t>(row);
    const std::size_t needed = text.size() + (end - begin + 2) * (3 * kLongestNumber);
    if (needed > text.capacity()) text.reserve(2 * needed);
    char* out = text.end();
    if (!rows.labels.empty()) {
      check_finite(rows.labels.subspan(row, 1), number, "label");
      out = write_number(out, rows.labels[row]);
      if (!rows.weights.empty()) {
        check_finite(rows.weights.subspan(row, 1), number, "weight");
        *out++ = ':';
        out = write_number(out, rows.weights[row]);
      }
    }
    if (!rows.values.empty()) check_finite(rows.values.subspan(begin, end - begin), number, "value");
    for (std::size_t i = begin; i < end; ++i) {
      if (i > begin || !rows.labels.empty()) *out++ = ' ';
      if (!rows.fields.empty()) {
        out = write_number(out, std::int64_t{rows.fields[i]});
        *out++ = ':';
      }
      out = write_number(out, std::int64_t{rows.indices[i]} + first_index);
      *out++ = ':';
      out = write_number(out, rows.values.empty() ? 1.0F : rows.values[i]);
    }
    *out++ = '\n';
    text.set_size(static_cast<std::size_t>(out - text.begin()));
  }
  return text;
}

}  // namespace pairloom
