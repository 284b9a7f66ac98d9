#include "pairloom/recordio_protobuf.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>

#include <optional>
#include <span>
#include <utility>

#include "arrays.hpp"
#include "pairloom/parse_fault.hpp"
#include "pairloom/recordio.hpp"
#include "rows_view.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using pairloom::Numbers;
using pairloom::RecordLayout;
using pairloom::Vector;

namespace {

template <std::size_t Rank>
using NumberArray = nb::ndarray<nb::ro, nb::ndim<Rank>, nb::c_contig, nb::device::cpu>;
using Labels = std::optional<NumberArray<1>>;
template <class Array>
Numbers numbers_of(const Array& array) {
  if (array.dtype() == nb::dtype<float>()) return {Numbers::Kind::float32, array.data()};
  if (array.dtype() == nb::dtype<double>()) return {Numbers::Kind::float64, array.data()};
  if (array.dtype() == nb::dtype<std::int32_t>()) return {Numbers::Kind::int32, array.data()};
  throw nb::type_error("numbers must be float32, float64 or int32");
}

Numbers labels_of(const Labels& labels, std::size_t n_rows) {
  if (!labels) return {};
  if (labels->size() != n_rows) throw nb::value_error("labels must have one number per row");
  return numbers_of(*labels);
}

pairloom::AnyTuple parse(const pairloom::ByteArray& bytes, RecordLayout& layout) {
  pairloom::ParsedRows rows;
  {
    const nb::gil_scoped_release release;
    rows = pairloom::parse_recordio_protobuf({bytes.data(), bytes.size()}, layout);
  }
  return pairloom::to_tuple(rows);
}

// Where the last whole record ends, and whether bytes that cannot begin one follow.
auto whole_records(const pairloom::ByteArray& bytes) {
  const nb::gil_scoped_release release;
  pairloom::recordio::Piece piece;
  bool is_damaged = false;
  try {
    pairloom::recordio::extend(piece, {bytes.data(), bytes.data() + bytes.size()}, bytes.size(), false);
  } catch (const pairloom::ParseFault&) {
    is_damaged = true;
  }
  return std::pair(piece.end, is_damaged);
}

auto write_dense(const NumberArray<2>& values, const Labels& labels) {
  pairloom::GrowingArray<std::uint8_t> out;
  const Numbers numbers = numbers_of(values), label_numbers = labels_of(labels, values.shape(0));
  {
    const nb::gil_scoped_release release;
    pairloom::write_dense_records(numbers, values.shape(0), values.shape(1), label_numbers, out);
  }
  return pairloom::to_numpy(out);
}

auto write_sparse(const Vector<std::int64_t>& indptr, const Vector<std::int32_t>& indices,
                  const std::optional<NumberArray<1>>& values, std::uint64_t n_features, const Labels& labels) {
  const std::span<const std::int64_t> ends(indptr.data(), indptr.size());
  if (ends.empty()) throw nb::value_error("indptr must not be empty");
  std::int64_t before = 0;
  for (const std::int64_t end : ends) {
    if (end < before) throw nb::value_error("indptr must not be negative nor decrease");
    before = end;
  }
  if (static_cast<std::size_t>(before) > indices.size()) throw nb::value_error("indptr must end within indices");
  if (values && values->size() != indices.size()) throw nb::value_error("values must be as many as indices");
  const Numbers numbers = values ? numbers_of(*values) : Numbers{Numbers::Kind::ones, nullptr};
  const Numbers label_numbers = labels_of(labels, ends.size() - 1);
  pairloom::GrowingArray<std::uint8_t> out;
  {
    const nb::gil_scoped_release release;
    pairloom::write_sparse_records(ends, indices.data(), numbers, n_features, label_numbers, out);
  }
  return pairloom::to_numpy(out);
}

}  // namespace

void bind_recordio_protobuf(nb::module_& m) {
  nb::class_<RecordLayout>(m, "RecordLayout", "What the records of one input have in common so far.")
      .def(
          "__init__",
          [](RecordLayout* layout, std::int64_t n_features, bool absent_is_missing) {
            new (layout) RecordLayout{.n_features = n_features, .absent_is_missing = absent_is_missing};
          },
          "n_features"_a, "absent_is_missing"_a = false)
      .def("copy", [](const RecordLayout& layout) { return layout; });
  m.def("whole_records", &whole_records, "data"_a);
  m.def("parse_records", &parse, "data"_a, "layout"_a);
  m.def("write_dense_records", &write_dense, "values"_a, "labels"_a.none(),
        nb::sig("def write_dense_records(values: NDArray[Any], labels: NDArray[Any] | None) -> NDArray[numpy.uint8]"));
  m.def("write_sparse_records", &write_sparse, "indptr"_a, "indices"_a, "values"_a.none(), "n_features"_a,
        "labels"_a.none(),
        nb::sig("def write_sparse_records(indptr: NDArray[numpy.int64], indices: NDArray[numpy.int32], "
                "values: NDArray[Any] | None, n_features: int, labels: NDArray[Any] | None) -> NDArray[numpy.uint8]"));
}
