#include "pairloom/dense_rows.hpp"

#include <nanobind/stl/optional.h>

#include "raw_keys.hpp"
#include "rows.hpp"

namespace nb = nanobind;

namespace pairloom {
void bind_dense_rows(nb::module_& m);
}

void pairloom::bind_dense_rows(nb::module_& m) {
  using bindings::span_of;
  m.def(
      "rows_are_full",
      [](const bindings::Vector<const std::int64_t>& indptr, const bindings::Vector<const std::int32_t>& indices,
         const std::optional<bindings::Vector<const float>>& values, std::size_t n_columns) {
        const nb::gil_scoped_release release;
        return rows_are_full(span_of(indptr), span_of(indices), span_of(values), n_columns);
      },
      nb::arg("indptr").noconvert(), nb::arg("indices").noconvert(), nb::arg("values").noconvert().none(),
      nb::arg("n_columns"));
  m.def(
      "add_by_label",
      [](const Matrix<const float>& rows, const bindings::Vector<const std::int64_t>& labels,
         const std::optional<bindings::Vector<const double>>& weights, const Matrix<double>& sums) {
        const nb::gil_scoped_release release;
        add_by_label({rows.data(), rows.shape(0), rows.shape(1)}, labels.data(), weights ? weights->data() : nullptr,
                     sums.data());
      },
      nb::arg("rows").noconvert(), nb::arg("labels").noconvert(), nb::arg("weights").noconvert().none(),
      nb::arg("sums").noconvert());
}
