#include "pairloom/gibbs.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <string>
#include <vector>

#include "pairloom/latents.hpp"
#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {
namespace {

using Int32s = Vector<const std::int32_t>;
using Int64s = Vector<const std::int64_t>;

const float* data_or_null(const Floats& array) { return array ? array->data() : nullptr; }

// Rows with the arrays that they look at.
struct JoinedRows {
  Floats root_weights;
  std::vector<Int32s> int32s;
  std::vector<Int64s> int64s;
  std::vector<Floats> floats;
  GibbsRowSet rows;

  JoinedRows(std::size_t n_rows, std::size_t n_factors, Floats root_weights_, std::size_t n_threads, bool stored_sums,
             const std::string& level)
      : root_weights(std::move(root_weights_)),
        rows(n_rows, n_factors, data_or_null(root_weights), gibbs_kernels(level), n_threads, stored_sums) {}
};

}  // namespace

void bind_gibbs(nb::module_& m) {
  m.def("gibbs_stride", &GibbsRowSet::stride, "n_factors"_a);

  m.def(
      "gibbs_normals",
      [](std::uint64_t key, std::uint64_t column, std::uint32_t first, Vector<float> out, const std::string& level) {
        gibbs_kernels(level).normals(key, column, first, out.shape(0), out.data());
      },
      "key"_a, "column"_a, "first"_a, "out"_a, "level"_a = "");

  m.def(
      "draw_latents",
      [](Vector<const float> scores, Int32s levels, Vector<const double> cuts, std::uint64_t key, bool draws,
         Vector<float> out, std::size_t n_threads, const std::string& level) {
        const LatentKernels& kernels = latent_kernels(level);
        const nb::gil_scoped_release release;
        draw_latents(kernels, scores.data(), levels.data(), scores.shape(0), {cuts.data(), cuts.shape(0)}, key, draws,
                     out.data(), n_threads);
      },
      "scores"_a, "levels"_a, "cuts"_a, "key"_a, "draws"_a, "out"_a, "n_threads"_a, "level"_a = "");

  m.def(
      "level_probabilities",
      [](Vector<const float> scores, Vector<const double> cuts, Matrix<float> out, std::size_t n_threads,
         const std::string& level) {
        const LatentKernels& kernels = latent_kernels(level);
        const nb::gil_scoped_release release;
        level_probabilities(kernels, scores.data(), scores.shape(0), {cuts.data(), cuts.shape(0)}, out.data(),
                            n_threads);
      },
      "scores"_a, "cuts"_a, "out"_a, "n_threads"_a, "level"_a = "");

  m.def(
      "level_means",
      [](Vector<const float> scores, Vector<const double> cuts, Vector<const double> values, Vector<double> out,
         std::size_t n_threads, const std::string& level) {
        const LatentKernels& kernels = latent_kernels(level);
        const nb::gil_scoped_release release;
        level_means(kernels, scores.data(), scores.shape(0), {cuts.data(), cuts.shape(0)}, values.data(), out.data(),
                    n_threads);
      },
      "scores"_a, "cuts"_a, "values"_a, "out"_a, "n_threads"_a, "level"_a = "");

  m.def(
      "level_log_likelihood",
      [](Vector<const float> scores, Int32s levels, Vector<const double> cuts, std::size_t n_threads,
         const std::string& level) {
        const LatentKernels& kernels = latent_kernels(level);
        const nb::gil_scoped_release release;
        return level_log_likelihood(kernels, scores.data(), levels.data(), scores.shape(0),
                                    {cuts.data(), cuts.shape(0)}, n_threads);
      },
      "scores"_a, "levels"_a, "cuts"_a, "n_threads"_a, "level"_a = "");

  nb::class_<JoinedRows>(m, "JoinedRows")
      .def(nb::init<std::size_t, std::size_t, Floats, std::size_t, bool, const std::string&>(), "n_rows"_a,
           "n_factors"_a, "root_weights"_a.none(), "n_threads"_a, "stored_sums"_a, "level"_a = "")
      .def(
          "add_field",
          [](JoinedRows& self, Int32s index, Floats values, std::size_t n_columns, std::size_t first_column,
             std::int32_t prior) {
            self.rows.add_field(index.data(), data_or_null(values), n_columns, first_column, prior);
            self.int32s.push_back(std::move(index));
            self.floats.push_back(std::move(values));
          },
          "index"_a, "values"_a.none(), "n_columns"_a, "first_column"_a, "prior"_a)
      .def(
          "add_block",
          [](JoinedRows& self, Int32s index, std::size_t n_groups, Int64s starts, Int32s groups, Floats values,
             std::size_t first_column, Int32s prior_of) {
            self.rows.add_block(index.data(), n_groups, starts.data(), groups.data(), data_or_null(values),
                                starts.shape(0) - 1, first_column, prior_of.data());
            for (auto& array : {index, groups, prior_of}) self.int32s.push_back(array);
            self.int64s.push_back(std::move(starts));
            self.floats.push_back(std::move(values));
          },
          "index"_a, "n_groups"_a, "starts"_a, "groups"_a, "values"_a.none(), "first_column"_a, "prior_of"_a)
      .def(
          "sweep",
          [](JoinedRows& self, Vector<float> residuals, Vector<float> linear, Matrix<float> factors,
             Matrix<const float> means, Matrix<const float> precisions, Vector<const float> linear_means,
             Vector<const float> linear_precisions, float noise_precision, bool draws, std::uint64_t key) {
            const nb::gil_scoped_release release;
            self.rows.sweep(residuals.data(), linear.data(), factors.data(),
                            {means.data(), precisions.data(), linear_means.data(), linear_precisions.data()},
                            {noise_precision, draws, key});
          },
          "residuals"_a, "linear"_a, "factors"_a, "means"_a, "precisions"_a, "linear_means"_a, "linear_precisions"_a,
          "noise_precision"_a, "draws"_a, "key"_a)
      .def(
          "scores",
          [](JoinedRows& self, Vector<const float> linear, Matrix<const float> factors, Vector<double> out) {
            const nb::gil_scoped_release release;
            self.rows.scores(linear.data(), factors.data(), out.data());
          },
          "linear"_a, "factors"_a, "out"_a);
}

}  // namespace pairloom
