#include "pairloom/libsvm.hpp"

#include <nanobind/nanobind.h>

#include "arrays.hpp"
#include "pairloom/libsvm_text.hpp"
#include "rows_view.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using pairloom::as_span;
using pairloom::OptionalVector;
using pairloom::Vector;

namespace {

pairloom::AnyTuple parse_libsvm(const pairloom::ByteArray& text, bool has_labels, bool has_weights, bool has_fields,
                       bool has_groups, std::int64_t first_index, std::int64_t n_features) {
  const pairloom::LibsvmOptions options{has_labels, has_weights, has_fields, has_groups, first_index, n_features};
  pairloom::ParsedRows rows;
  {
    const nb::gil_scoped_release release;
    rows = pairloom::parse_libsvm(pairloom::as_text(text), options);
  }
  return pairloom::to_tuple(rows);
}

auto format_libsvm(const Vector<std::int64_t>& indptr, const Vector<std::int32_t>& indices,
                         const OptionalVector<float>& values, const OptionalVector<float>& labels, const OptionalVector<float>& weights,
                         const OptionalVector<std::int32_t>& fields, std::int64_t first_index) {
  const pairloom::RowsView rows{as_span(indptr), as_span(indices), as_span(values),
                                as_span(labels), as_span(weights), as_span(fields)};
  pairloom::GrowingArray<char> text;
  {
    const nb::gil_scoped_release release;
    text = pairloom::format_libsvm(rows, first_index);
  }
  return pairloom::text_to_numpy(text);
}

}  // namespace

void bind_libsvm(nb::module_& m) {
  m.def("parse_libsvm", &parse_libsvm, "text"_a, nb::kw_only(), "has_labels"_a, "has_weights"_a, "has_fields"_a,
        "has_groups"_a, "first_index"_a, "n_features"_a);
  m.def("format_libsvm", &format_libsvm, "indptr"_a, "indices"_a, "values"_a.none(), "labels"_a.none(),
        "weights"_a.none(), "fields"_a.none(), nb::kw_only(), "first_index"_a);
}
