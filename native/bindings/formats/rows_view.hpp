#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>
#include <span>

namespace pairloom {

template <class T>
using Vector = nanobind::ndarray<const T, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;
template <class T>
using OptionalVector = std::optional<Vector<T>>;

template <class T>
std::span<const T> as_span(const Vector<T>& array) {
  return {array.data(), array.size()};
}
template <class T>
std::span<const T> as_span(const OptionalVector<T>& array) {
  return array ? as_span(*array) : std::span<const T>();
}

}  // namespace pairloom
