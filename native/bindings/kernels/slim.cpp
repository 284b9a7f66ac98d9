#include "pairloom/slim.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <string>

#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {

void bind_slim(nb::module_& m) {
  m.def(
      "item_gram",
      [](Vector<const std::int64_t> offsets, Vector<const std::int32_t> items, Vector<const float> weights,
         Vector<const std::int64_t> turned_offsets, Vector<const std::int32_t> turned_users,
         Vector<const float> turned_weights, Matrix<float> gram, std::size_t n_threads) {
        const nb::gil_scoped_release release;
        item_gram(offsets.data(), items.data(), weights.data(), turned_offsets.data(), turned_users.data(),
                  turned_weights.data(), gram.shape(0), gram.data(), n_threads);
      },
      "offsets"_a, "items"_a, "weights"_a, "turned_offsets"_a, "turned_users"_a, "turned_weights"_a, "gram"_a,
      "n_threads"_a);

  nb::class_<SlimWeights>(m, "SlimWeights")
      .def_prop_ro("size", [](const SlimWeights& self) { return self.items.size(); })
      .def(
          "fill",
          [](const SlimWeights& self, Vector<std::int64_t> offsets, Vector<std::int32_t> items, Vector<float> values) {
            std::copy(self.offsets.begin(), self.offsets.end(), offsets.data());
            std::copy(self.items.begin(), self.items.end(), items.data());
            std::copy(self.values.begin(), self.values.end(), values.data());
          },
          "offsets"_a, "items"_a, "values"_a);

  m.def(
      "slim",
      [](Matrix<const float> gram, float l1, float l2, std::size_t n_neighbours, float tolerance, std::size_t max_sweeps,
         std::size_t n_threads, const std::string& level) {
        const nb::gil_scoped_release release;
        return slim(slim_kernels(level), {gram.data(), gram.shape(0), l1, l2, n_neighbours, tolerance, max_sweeps},
                    n_threads);
      },
      "gram"_a, "l1"_a, "l2"_a, "n_neighbours"_a, "tolerance"_a, "max_sweeps"_a, "n_threads"_a, "level"_a = "");
}

}  // namespace pairloom
