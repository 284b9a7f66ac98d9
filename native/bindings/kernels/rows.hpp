#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <optional>

#include "pairloom/fm.hpp"

namespace pairloom {

template <typename T>
using Vector = nanobind::ndarray<T, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
template <typename T>
using Matrix = nanobind::ndarray<T, nanobind::ndim<2>, nanobind::c_contig, nanobind::device::cpu>;
using Indptr = std::optional<Vector<const std::int64_t>>;
using Floats = std::optional<Vector<const float>>;

// Rows as Python passes them; kernels/ has checked that the arrays agree with one another.
struct Rows {
  Indptr indptr;
  std::size_t row_length;
  Vector<const std::int32_t> indices;
  Floats values, labels, weights;
  std::size_t n_rows;

  RowView view() const {
    return {indptr ? indptr->data() : nullptr,  row_length,
            indices.data(),                     values ? values->data() : nullptr,
            labels ? labels->data() : nullptr,  weights ? weights->data() : nullptr, n_rows};
  }
};

}  // namespace pairloom
