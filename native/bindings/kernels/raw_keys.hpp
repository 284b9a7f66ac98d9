#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "pairloom/raw_keys.hpp"

namespace pairloom::bindings {

template <typename T>
using Vector = nanobind::ndarray<T, nanobind::numpy, nanobind::ndim<1>, nanobind::c_contig, nanobind::device::cpu>;

template <typename T>
std::span<T> span_of(const Vector<T>& array) {
  return {array.data(), array.size()};
}

template <typename T>
std::span<T> span_of(const std::optional<Vector<T>>& array) {
  return array ? span_of(*array) : std::span<T>();
}

inline IntegerKeys integer_keys(const Vector<const std::int64_t>& values,
                                const std::optional<Vector<const bool>>& valid) {
  return {span_of(values), span_of(valid)};
}

inline StringKeys string_keys(const Vector<const std::int64_t>& starts, const Vector<const std::int64_t>& ends,
                              const Vector<const std::uint8_t>& data,
                              const std::optional<Vector<const bool>>& valid) {
  return {span_of(starts), span_of(ends), reinterpret_cast<const char*>(data.data()), span_of(valid)};
}

// Hands a vector over to Python without a copy.
template <typename T>
Vector<T> to_python(std::vector<T>&& values) {
  auto owned = std::make_unique<std::vector<T>>(std::move(values));
  T* data = owned->data();
  const std::size_t size = owned->size();
  nanobind::capsule owner(owned.get(), [](void* p) noexcept { delete static_cast<std::vector<T>*>(p); });
  owned.release();
  return Vector<T>(data, {size}, owner);
}

}  // namespace pairloom::bindings
