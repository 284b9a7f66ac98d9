#include "pairloom/retrieval.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <string>
#include <utility>

#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {
namespace {

using Flags = std::optional<Vector<const bool>>;
using Offsets = std::optional<Vector<const std::int64_t>>;
using Numbers = std::optional<Vector<const std::int32_t>>;

template <typename Array>
auto data_of(const std::optional<Array>& array) {
  return array ? array->data() : nullptr;
}

Wanted wanted_of(const Matrix<const float>& queries, const Matrix<std::int32_t>& items, const Floats& scales,
                 const Floats& boosts, const Flags& refused, const Offsets& seen_offsets, const Numbers& seen_items) {
  return {queries.data(),  queries.shape(0), items.shape(1),        data_of(scales),
          data_of(boosts), reinterpret_cast<const std::uint8_t*>(data_of(refused)), data_of(seen_offsets), data_of(seen_items)};
}

}  // namespace

void bind_retrieval(nb::module_& m) {
  m.def(
      "encode_vectors",
      [](Matrix<const float> vectors, Vector<std::uint8_t> codes, Vector<float> scales, std::size_t n_threads) {
        const nb::gil_scoped_release release;
        const Codes made = encode({vectors.data(), vectors.shape(0), vectors.shape(1)}, codes.data(), scales.data(), n_threads);
        return std::pair(made.largest_error, made.largest_length);
      },
      "vectors"_a, "codes"_a, "scales"_a, "n_threads"_a);

  m.def(
      "best_products",
      [](Matrix<const float> vectors, Matrix<const float> queries, Matrix<std::int32_t> items, Matrix<float> scores,
         Floats scales, Floats boosts, Flags refused, Offsets seen_offsets, Numbers seen_items, std::size_t n_threads,
         const std::string& level) {
        const nb::gil_scoped_release release;
        best_products(retrieval_kernels(level), {vectors.data(), vectors.shape(0), vectors.shape(1)},
                      wanted_of(queries, items, scales, boosts, refused, seen_offsets, seen_items), items.data(),
                      scores.data(), n_threads);
      },
      "vectors"_a, "queries"_a, "items"_a, "scores"_a, "scales"_a.none(), "boosts"_a.none(), "refused"_a.none(),
      "seen_offsets"_a.none(), "seen_items"_a.none(), "n_threads"_a, "level"_a);

  m.def(
      "best_products_by_codes",
      [](Matrix<const float> vectors, Vector<const std::uint8_t> codes, Vector<const float> code_scales, float largest_error,
         float largest_length, Matrix<const float> queries, Matrix<std::int32_t> items, Matrix<float> scores, Floats scales,
         Floats boosts, Flags refused, Offsets seen_offsets, Numbers seen_items, std::size_t n_threads,
         const std::string& level) {
        const nb::gil_scoped_release release;
        return best_products_by_codes(retrieval_kernels(level), {vectors.data(), vectors.shape(0), vectors.shape(1)},
                                      {codes.data(), code_scales.data(), largest_error, largest_length}, code_scales.data(),
                                      wanted_of(queries, items, scales, boosts, refused, seen_offsets, seen_items),
                                      items.data(), scores.data(), n_threads);
      },
      "vectors"_a, "codes"_a, "code_scales"_a, "largest_error"_a, "largest_length"_a, "queries"_a, "items"_a, "scores"_a,
      "scales"_a.none(), "boosts"_a.none(), "refused"_a.none(), "seen_offsets"_a.none(), "seen_items"_a.none(),
      "n_threads"_a, "level"_a);
}

}  // namespace pairloom
