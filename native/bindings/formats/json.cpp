#include <nanobind/nanobind.h>

#include "arrays.hpp"
#include "pairloom/json_rows.hpp"
#include "rows_view.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using pairloom::as_span;
using pairloom::JsonLayout;
using pairloom::Vector;
template <class T>
using Optional = std::optional<Vector<T>>;

namespace {

pairloom::AnyTuple parse_lines(const pairloom::ByteArray& text, JsonLayout& layout) {
  pairloom::ParsedRows rows;
  {
    const nb::gil_scoped_release release;
    rows = pairloom::parse_json_lines(pairloom::as_text(text), layout);
  }
  return pairloom::to_tuple(rows);
}

pairloom::AnyTuple parse_document(const pairloom::ByteArray& text, JsonLayout& layout) {
  pairloom::ParsedRows rows;
  {
    const nb::gil_scoped_release release;
    rows = pairloom::parse_json_document(pairloom::as_text(text), layout);
  }
  return pairloom::to_tuple(rows);
}

// Takes the layout from the first row; returns whether there is one.
bool settle(JsonLayout& layout, const pairloom::ByteArray& text) {
  const nb::gil_scoped_release release;
  return pairloom::parse_json_lines(pairloom::as_text(text), layout, 1).n_rows() == 1;
}

auto format_lines(const Vector<std::int64_t>& indptr, const Vector<std::int32_t>& indices,
                  const Optional<float>& values, const Optional<float>& labels, const Optional<float>& weights,
                  std::size_t n_features, bool dense) {
  const pairloom::RowsView rows{as_span(indptr), as_span(indices), as_span(values),
                                as_span(labels), as_span(weights), {}};
  pairloom::GrowingArray<char> text;
  {
    const nb::gil_scoped_release release;
    text = pairloom::format_json_lines(rows, n_features, dense);
  }
  return pairloom::text_to_numpy(text);
}

}  // namespace

void bind_json(nb::module_& m) {
  nb::class_<JsonLayout>(m, "JsonLayout", "What the rows of one JSON input have in common so far.")
      .def(
          "__init__",
          [](JsonLayout* layout, std::int64_t n_features, bool absent_is_missing) {
            new (layout) JsonLayout{.n_features = n_features, .absent_is_missing = absent_is_missing};
          },
          "n_features"_a, "absent_is_missing"_a = false)
      .def("copy", [](const JsonLayout& layout) { return layout; })
      .def("settle", &settle, "text"_a);
  m.def("parse_json_lines", &parse_lines, "text"_a, "layout"_a);
  m.def("parse_json_document", &parse_document, "text"_a, "layout"_a);
  m.def("format_json_lines", &format_lines, "indptr"_a, "indices"_a, "values"_a.none(), "labels"_a.none(),
        "weights"_a.none(), nb::kw_only(), "n_features"_a, "dense"_a);
}
