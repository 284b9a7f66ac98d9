#include "pairloom/csv.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "arrays.hpp"
#include "pairloom/csv_text.hpp"
#include "rows_view.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using pairloom::as_span;
using pairloom::AnyTuple;
using pairloom::ByteArray;
using pairloom::CsvFormat;
using pairloom::CsvKind;
using pairloom::OptionalVector;
using pairloom::Vector;

namespace {

// Columns arrive as (kind code, ...): the codes of CsvKind.
std::vector<CsvKind> as_kinds(const std::vector<int>& codes) {
  std::vector<CsvKind> kinds;
  for (const int code : codes) kinds.push_back(static_cast<CsvKind>(code));
  return kinds;
}

nb::object column_to_numpy(pairloom::CsvColumn& column) {
  if (column.kind == CsvKind::skip) return nb::none();
  if (column.kind == CsvKind::number) return nb::cast(pairloom::to_numpy(column.numbers));
  if (!column.is_text) return nb::cast(pairloom::to_numpy(column.integers));
  return nb::make_tuple(pairloom::to_numpy(column.offsets), pairloom::to_numpy(column.bytes),
                        pairloom::to_numpy_if(column.any_missing, column.valid));
}

AnyTuple parse_csv_table(const ByteArray& text, const CsvFormat& format, const std::vector<int>& kinds,
                         const std::vector<std::string>& names) {
  pairloom::CsvTable table;
  {
    const nb::gil_scoped_release release;
    table = pairloom::parse_csv_table(pairloom::as_text(text), format, as_kinds(kinds), names);
  }
  nb::list columns;
  for (auto& column : table.columns) columns.append(column_to_numpy(column));
  return nb::make_tuple(columns, table.n_rows, table.n_lines);
}

AnyTuple parse_csv_rows(const ByteArray& text, const CsvFormat& format, const std::vector<std::string>& names,
                        std::int64_t label_column, std::int64_t weight_column, bool absent_is_missing) {
  pairloom::ParsedRows rows;
  {
    const nb::gil_scoped_release release;
    rows = pairloom::parse_csv_rows(pairloom::as_text(text), format,
                                    {label_column, weight_column, absent_is_missing}, names);
  }
  return pairloom::to_tuple(rows);
}

auto format_csv_rows(const Vector<std::int64_t>& indptr, const Vector<std::int32_t>& indices,
                     const OptionalVector<float>& values, const OptionalVector<float>& labels,
                     const OptionalVector<float>& weights, std::int64_t n_features, const CsvFormat& format) {
  const pairloom::RowsView rows{as_span(indptr), as_span(indices), as_span(values),
                                as_span(labels), as_span(weights), {}};
  pairloom::GrowingArray<char> text;
  {
    const nb::gil_scoped_release release;
    text = pairloom::format_csv_rows(rows, n_features, format);
  }
  return pairloom::text_to_numpy(text);
}

// Strings are (offsets, bytes, valid or None).
using TextColumn = std::tuple<Vector<std::int64_t>, Vector<std::uint8_t>, OptionalVector<bool>>;

auto format_csv_table(const nb::typed<nb::list, nb::any>& columns, std::size_t n_rows, const CsvFormat& format) {
  std::vector<pairloom::CsvColumnView> views;
  std::vector<TextColumn> texts;
  std::vector<Vector<std::int64_t>> integers;
  std::vector<Vector<double>> numbers;
  for (const nb::handle column : columns) {
    pairloom::CsvColumnView view;
    if (nb::isinstance<nb::tuple>(column)) {
      const auto& [offsets, bytes, valid] = texts.emplace_back(nb::cast<TextColumn>(column));
      view.offsets = as_span(offsets);
      view.bytes = as_span(bytes);
      view.valid = as_span(valid);
    } else if (Vector<std::int64_t> exact; nb::try_cast(column, exact, false)) {
      view.integers = as_span(integers.emplace_back(exact));
    } else {
      view.numbers = as_span(numbers.emplace_back(nb::cast<Vector<double>>(column)));
    }
    views.push_back(view);
  }
  pairloom::GrowingArray<char> text;
  {
    const nb::gil_scoped_release release;
    text = pairloom::format_csv_table(views, n_rows, format);
  }
  return pairloom::text_to_numpy(text);
}

nb::typed<nb::tuple, nb::typed<nb::list, nb::bytes>, int, int> first_record(const ByteArray& text,
                                                                           const CsvFormat& format) {
  const pairloom::CsvRecord record = pairloom::first_record(pairloom::as_text(text), format);
  nb::list fields;
  for (const auto& field : record.fields) fields.append(nb::bytes(field.data(), field.size()));
  return nb::make_tuple(fields, record.end, record.n_lines);
}

}  // namespace

void bind_csv(nb::module_& m) {
  nb::class_<CsvFormat>(m, "CsvFormat")
      .def(
          "__init__",
          [](CsvFormat* format, char delimiter, bool doubled_delimiter, char quote) {
            new (format) CsvFormat{delimiter, doubled_delimiter, quote};
          },
          "delimiter"_a, "doubled_delimiter"_a, "quote"_a);
  m.def(
      "last_record_end",
      [](const ByteArray& text, char quote) { return pairloom::last_record_end(pairloom::as_text(text), quote); },
      "text"_a, "quote"_a);
  m.def("first_record", &first_record, "text"_a, "format"_a);
  m.def("parse_csv_table", &parse_csv_table, "text"_a, nb::kw_only(), "format"_a, "kinds"_a, "names"_a);
  m.def("parse_csv_rows", &parse_csv_rows, "text"_a, nb::kw_only(), "format"_a, "names"_a, "label_column"_a,
        "weight_column"_a, "absent_is_missing"_a = false);
  m.def("format_csv_rows", &format_csv_rows, "indptr"_a, "indices"_a, "values"_a.none(), "labels"_a.none(),
        "weights"_a.none(), nb::kw_only(), "n_features"_a, "format"_a);
  m.def("format_csv_table", &format_csv_table, "columns"_a, nb::kw_only(), "n_rows"_a, "format"_a);
}
