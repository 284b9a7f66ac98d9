#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "pairloom/growing_array.hpp"
#include "pairloom/parsed_rows.hpp"

namespace pairloom {

using ByteArray = nanobind::ndarray<const std::uint8_t, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;

inline std::string_view as_text(const ByteArray& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Gives the memory to a new numpy array.
template <class T>
nanobind::ndarray<nanobind::numpy, T, nanobind::ndim<1>> to_numpy(GrowingArray<T>& array) {
  const std::size_t size = array.size();
  T* data = array.release();
  const nanobind::capsule owner(data, [](void* memory) noexcept { std::free(memory); });
  return {data, {size}, owner};
}

template <class T>
nanobind::object to_numpy_if(bool present, GrowingArray<T>& array) {
  return present ? nanobind::cast(to_numpy(array)) : nanobind::none();
}

// Bytes of text to write, as a uint8 array.
inline nanobind::ndarray<nanobind::numpy, std::uint8_t, nanobind::ndim<1>> text_to_numpy(GrowingArray<char>& text) {
  const std::size_t size = text.size();
  char* data = text.release();
  const nanobind::capsule owner(data, [](void* memory) noexcept { std::free(memory); });
  return {data, {size}, owner};
}

using AnyTuple = nanobind::typed<nanobind::tuple, nanobind::any, nanobind::ellipsis>;

// (indptr, indices, values, n_features, labels, weights, fields, groups) in the order of RowBatch, then n_lines.
inline AnyTuple to_tuple(ParsedRows& rows) {
  return nanobind::make_tuple(to_numpy(rows.indptr), to_numpy(rows.indices), to_numpy_if(rows.has_values, rows.values),
                              rows.n_features, to_numpy_if(rows.has_labels, rows.labels),
                              to_numpy_if(rows.has_weights, rows.weights), to_numpy_if(rows.has_fields, rows.fields),
                              to_numpy_if(rows.has_groups, rows.groups),
                              rows.n_lines);
}

}  // namespace pairloom
