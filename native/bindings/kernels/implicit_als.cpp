#include "pairloom/implicit_als.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <string>

#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {

void bind_implicit_als(nb::module_& m) {
  m.def(
      "implicit_als",
      [](Vector<const std::int64_t> offsets, Vector<const std::int32_t> others, Vector<const float> weights,
         Matrix<const float> fixed, Matrix<const float> gram, Vector<const float> penalties, Matrix<float> solved,
         std::size_t n_steps, std::size_t n_threads, const std::string& level) {
        const nb::gil_scoped_release release;
        implicit_als(implicit_als_kernels(level),
                     {offsets.data(), others.data(), weights.data(), offsets.shape(0) - 1, fixed.data(), gram.data(),
                      penalties.data(), solved.data(), solved.shape(1), n_steps},
                     n_threads);
      },
      "offsets"_a, "others"_a, "weights"_a, "fixed"_a, "gram"_a, "penalties"_a, "solved"_a, "n_steps"_a, "n_threads"_a,
      "level"_a = "");
}

}  // namespace pairloom
