#include "pairloom/row_assembly.hpp"

#include <nanobind/stl/optional.h>

#include "raw_keys.hpp"

namespace nb = nanobind;

namespace pairloom {
void bind_row_assembly(nb::module_& m);
}
using namespace pairloom::bindings;

void pairloom::bind_row_assembly(nb::module_& m) {
  m.def(
      "append_to_rows",
      [](const std::optional<Vector<const std::int64_t>>& indptr, std::size_t n_per_row,
         const Vector<const std::int32_t>& columns, const std::optional<Vector<const float>>& values,
         std::int32_t field, const Vector<std::int64_t>& cursors, const Vector<std::int32_t>& row_columns,
         const std::optional<Vector<float>>& row_values, const std::optional<Vector<std::int32_t>>& row_fields) {
        const pairloom::RowPart part{span_of(indptr), n_per_row, span_of(columns), span_of(values)};
        const pairloom::OpenRows rows{span_of(cursors), span_of(row_columns), span_of(row_values),
                                      span_of(row_fields)};
        const nb::gil_scoped_release release;
        pairloom::append(part, field, rows);
      },
      nb::arg("indptr").noconvert().none(), nb::arg("n_per_row"), nb::arg("columns").noconvert(),
      nb::arg("values").noconvert().none(), nb::arg("field"), nb::arg("cursors").noconvert(),
      nb::arg("row_columns").noconvert(), nb::arg("row_values").noconvert().none(),
      nb::arg("row_fields").noconvert().none());
  m.def(
      "append_shared_rows",
      [](const Vector<const std::int64_t>& indptr, const Vector<const std::int32_t>& columns,
         const std::optional<Vector<const float>>& values, const std::optional<Vector<const std::int32_t>>& fields,
         const Vector<const std::int32_t>& index, const Vector<std::int64_t>& cursors,
         const Vector<std::int32_t>& row_columns, const std::optional<Vector<float>>& row_values,
         const std::optional<Vector<std::int32_t>>& row_fields) {
        const pairloom::SharedRows shared{span_of(indptr), span_of(columns), span_of(values), span_of(fields)};
        const pairloom::OpenRows rows{span_of(cursors), span_of(row_columns), span_of(row_values),
                                      span_of(row_fields)};
        const nb::gil_scoped_release release;
        pairloom::append_shared(shared, span_of(index), rows);
      },
      nb::arg("indptr").noconvert(), nb::arg("columns").noconvert(), nb::arg("values").noconvert().none(),
      nb::arg("fields").noconvert().none(), nb::arg("index").noconvert(), nb::arg("cursors").noconvert(),
      nb::arg("row_columns").noconvert(), nb::arg("row_values").noconvert().none(),
      nb::arg("row_fields").noconvert().none());
}
