#include "pairloom/linear.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <string>
#include <tuple>

#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {

void bind_linear(nb::module_& m) {
  nb::enum_<LinearLoss>(m, "LinearLoss")
      .value("LOGISTIC", LinearLoss::logistic)
      .value("HINGE", LinearLoss::hinge)
      .value("SQUARED", LinearLoss::squared)
      .value("ABSOLUTE", LinearLoss::absolute)
      .value("EPS_INSENSITIVE_ABSOLUTE", LinearLoss::eps_insensitive_absolute)
      .value("EPS_INSENSITIVE_SQUARED", LinearLoss::eps_insensitive_squared)
      .value("QUANTILE", LinearLoss::quantile)
      .value("HUBER", LinearLoss::huber)
      .value("SOFTMAX", LinearLoss::softmax);

  m.def(
      "linear_layout",
      [](std::size_t n_columns) {
        const LinearLayout layout(n_columns);
        return std::tuple(layout.padded, layout.stride);
      },
      "n_columns"_a);

  m.def(
      "linear_train",
      [](Matrix<float> table, std::size_t n_columns, std::size_t n_outputs, const Rows& rows,
         Vector<const std::int32_t> block_order, std::size_t block_rows, LinearLoss loss, float parameter,
         Matrix<const float> columns, Vector<float> bias, Vector<double> losses, double clock, std::size_t n_threads,
         const std::string& level) {
        const nb::gil_scoped_release release;
        const LinearLayout layout(n_columns);
        const auto of = [&](std::size_t i) { return columns.data() + i * layout.padded; };
        const LinearTrainArguments arguments{table.data(), layout, n_outputs, rows.view(), 0, 0, loss, parameter,
                                             {of(0), of(1), of(2), of(3), of(4), of(5)}, bias.data(), losses.data(),
                                             clock, 0, nullptr};
        linear_train(linear_kernels(level), arguments, table.shape(0), n_columns / n_outputs, block_order.data(),
                     block_order.shape(0), block_rows, n_threads);
      },
      "table"_a, "n_columns"_a, "n_outputs"_a, "rows"_a, "block_order"_a, "block_rows"_a, "loss"_a, "parameter"_a,
      "columns"_a, "bias"_a, "losses"_a, "clock"_a, "n_threads"_a, "level"_a = "");

  m.def(
      "linear_scores",
      [](Matrix<const double> weights, Vector<const double> bias, const Rows& rows, Matrix<double> out,
         std::size_t n_threads, const std::string& level) {
        const nb::gil_scoped_release release;
        linear_scores(linear_kernels(level),
                      {weights.data(), weights.shape(0), weights.shape(1), bias.data(), rows.view(), 0, 0, out.data()},
                      n_threads);
      },
      "weights"_a, "bias"_a, "rows"_a, "out"_a, "n_threads"_a, "level"_a = "");

  m.def(
      "linear_gradient",
      [](const Rows& rows, Matrix<const double> residuals, Matrix<double> gradient) {
        const nb::gil_scoped_release release;
        linear_gradient(rows.view(), residuals.data(), residuals.shape(1), gradient.data());
      },
      "rows"_a, "residuals"_a, "gradient"_a);

  m.def(
      "minimise_penalised",
      [](Matrix<const double> matrix, double scale, Vector<const double> gradient, Vector<const double> start,
         Vector<const double> l1, std::size_t max_sweeps, Vector<double> step) {
        const nb::gil_scoped_release release;
        minimise_penalised({step.shape(0), matrix.data(), scale, gradient.data(), start.data(), l1.data()}, max_sweeps,
                           step.data());
      },
      "matrix"_a, "scale"_a, "gradient"_a, "start"_a, "l1"_a, "max_sweeps"_a, "step"_a);
}

}  // namespace pairloom
