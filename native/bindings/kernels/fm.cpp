#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "pairloom/cpu.hpp"
#include "pairloom/fm.hpp"
#include "pairloom/rows.hpp"
#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {
namespace {

using Table = Matrix<float>;
using ConstTable = Matrix<const float>;

struct State {
  Solver solver;
  FmLayout layout;
  FmBias bias;
  std::int64_t n_steps = 0;
  const FmKernels* kernels;

  State(Solver solver_, std::size_t k, const std::string& level)
      : solver(solver_), layout(k, solver_), kernels(&fm_kernels(level)) {}
};

}  // namespace

void bind_fm(nb::module_& m) {
  m.def("available_levels", [] {
    std::vector<std::string> names;
    for (const auto level : available_levels()) names.emplace_back(level);
    return names;
  });

  nb::enum_<Solver>(m, "Solver")
      .value("SGD", Solver::sgd)
      .value("ADAGRAD", Solver::adagrad)
      .value("FTRL", Solver::ftrl)
      .value("ADAM", Solver::adam);
  nb::enum_<Loss>(m, "Loss").value("SQUARED", Loss::squared).value("LOGISTIC", Loss::logistic);
  nb::enum_<Initializer>(m, "Initializer")
      .value("NORMAL", Initializer::normal)
      .value("UNIFORM", Initializer::uniform)
      .value("CONSTANT", Initializer::constant);

  nb::class_<FmStep>(m, "FmStep")
      .def(nb::init<>())
      .def_rw("loss", &FmStep::loss)
      .def_rw("bias_rate", &FmStep::bias_rate)
      .def_rw("linear_rate", &FmStep::linear_rate)
      .def_rw("factors_rate", &FmStep::factors_rate)
      .def_rw("bias_decay", &FmStep::bias_decay)
      .def_rw("linear_decay", &FmStep::linear_decay)
      .def_rw("factors_decay", &FmStep::factors_decay)
      .def_rw("linear_l1", &FmStep::linear_l1)
      .def_rw("factors_l1", &FmStep::factors_l1)
      .def_rw("ftrl_beta", &FmStep::ftrl_beta)
      .def_rw("clip", &FmStep::clip)
      .def_rw("rescale", &FmStep::rescale);

  nb::class_<FmInitial>(m, "FmInitial")
      .def(
          "__init__",
          [](FmInitial* self, Initializer factors_method, float factors_scale, Initializer linear_method,
             float linear_scale, float accumulator) {
            new (self) FmInitial{factors_method, linear_method, factors_scale, linear_scale, accumulator};
          },
          "factors_method"_a, "factors_scale"_a, "linear_method"_a, "linear_scale"_a, "accumulator"_a);

  nb::class_<AdamSettings>(m, "AdamSettings")
      .def(
          "__init__",
          [](AdamSettings* self, std::size_t batch_rows, float first_moment, float second_moment, float epsilon) {
            new (self) AdamSettings{batch_rows, first_moment, second_moment, epsilon};
          },
          "batch_rows"_a, "first_moment"_a, "second_moment"_a, "epsilon"_a);

  nb::class_<FmTotals>(m, "FmTotals")
      .def(nb::init<>())
      .def_ro("loss", &FmTotals::loss)
      .def_ro("weight", &FmTotals::weight)
      .def_ro("absolute_error", &FmTotals::absolute_error)
      .def_prop_ro("outcomes", [](const FmTotals& self) {
        return std::tuple(self.outcomes[0], self.outcomes[1], self.outcomes[2], self.outcomes[3]);
      })
      .def("add", &FmTotals::add, "other"_a);

  nb::class_<Rows>(m, "Rows")
      .def(
          "__init__",
          [](Rows* self, Indptr indptr, std::size_t row_length, Vector<const std::int32_t> indices, Floats values,
             Floats labels, Floats weights, std::size_t n_rows) {
            new (self) Rows{std::move(indptr), row_length, std::move(indices), std::move(values),
                            std::move(labels), std::move(weights), n_rows};
          },
          "indptr"_a.none(), "row_length"_a, "indices"_a, "values"_a.none(), "labels"_a.none(), "weights"_a.none(),
          "n_rows"_a)
      .def(
          "with_indices",
          [](const Rows& self, Vector<const std::int32_t> indices) {
            return Rows{self.indptr, self.row_length, std::move(indices), {}, {}, {}, self.n_rows};
          },
          "indices"_a, "The same rows with others in place of the indices, and no values.");

  nb::class_<State>(m, "FmState")
      .def(nb::init<Solver, std::size_t, const std::string&>(), "solver"_a, "k"_a, "level"_a = "")
      .def_prop_ro("level", [](const State& self) { return self.kernels->level; })
      .def_prop_ro("k_padded", [](const State& self) { return self.layout.k_padded; })
      .def_prop_ro("stride", [](const State& self) { return self.layout.stride; })
      .def_prop_rw(
          "bias", [](const State& self) { return self.bias.value; },
          [](State& self, float value) { self.bias.value = value; })
      .def_prop_rw(
          "bias_state",
          [](const State& self) { return std::tuple(self.bias.state[0], self.bias.state[1], self.n_steps); },
          [](State& self, const std::tuple<float, float, std::int64_t>& state) {
            std::tie(self.bias.state[0], self.bias.state[1], self.n_steps) = state;
          })
      .def(
          "initialize",
          [](State& self, Table table, std::size_t first, std::uint64_t seed, const FmInitial& initial,
             const FmStep& step, std::size_t n_threads) {
            fm_initialize(table.data(), self.layout, self.solver, first, table.shape(0), seed, initial, step, n_threads);
          },
          "table"_a, "first"_a, "seed"_a, "initial"_a, "step"_a, "n_threads"_a,
          nb::call_guard<nb::gil_scoped_release>())
      .def(
          "train",
          [](State& self, Table table, const Rows& rows, Vector<const std::int32_t> block_order,
             std::size_t block_rows, std::size_t n_hot, std::size_t n_averaged, const FmStep& step,
             std::size_t n_threads) {
            FmTotals totals;
            {
              const nb::gil_scoped_release release;
              totals = fm_train(*self.kernels, self.solver, table.data(), table.shape(0), self.layout, rows.view(),
                                block_order.data(), block_order.shape(0), block_rows, {n_hot, n_averaged}, step, self.bias,
                                n_threads);
            }
            return totals;
          },
          "table"_a, "rows"_a, "block_order"_a, "block_rows"_a, "n_hot"_a, "n_averaged"_a, "step"_a, "n_threads"_a)
      .def(
          "train_tiles",
          [](State& self, Table table, const Rows& rows, Vector<const std::int64_t> tile_starts,
             std::size_t n_groups, std::uint64_t turns, const FmStep& step, std::size_t n_threads) {
            FmTotals totals;
            {
              const nb::gil_scoped_release release;
              totals = fm_train_tiles(*self.kernels, self.solver, table.data(), table.shape(0), self.layout, rows.view(),
                                      tile_starts.data(), n_groups, turns, step, self.bias, n_threads);
            }
            return totals;
          },
          "table"_a, "rows"_a, "tile_starts"_a, "n_groups"_a, "turns"_a, "step"_a, "n_threads"_a)
      .def(
          "train_adam",
          [](State& self, Table table, const Rows& rows, Vector<const std::int32_t> batch_order,
             const AdamSettings& settings, const FmStep& step, std::size_t n_threads) {
            FmTotals totals;
            {
              const nb::gil_scoped_release release;
              totals = fm_train_adam(*self.kernels, table.data(), table.shape(0), self.layout, rows.view(),
                                     batch_order.data(), batch_order.shape(0), settings, step, self.bias, self.n_steps,
                                     n_threads);
            }
            return totals;
          },
          "table"_a, "rows"_a, "batch_order"_a, "settings"_a, "step"_a, "n_threads"_a);

  m.def(
      "fm_scores",
      [](ConstTable table, std::size_t k_padded, float bias, const Rows& rows, Vector<float> out, std::size_t n_threads,
         const std::string& level) {
        const nb::gil_scoped_release release;
        fm_scores(fm_kernels(level), table.data(), table.shape(0), k_padded, table.shape(1), bias, rows.view(),
                  out.data(), n_threads);
      },
      "table"_a, "k_padded"_a, "bias"_a, "rows"_a, "out"_a, "n_threads"_a, "level"_a = "");

  m.def(
      "check_rows",
      [](const Rows& rows, std::int64_t n_features) {
        const nb::gil_scoped_release release;
        return static_cast<int>(check_rows(rows.view(), rows.indices.shape(0), n_features));
      },
      "rows"_a, "n_features"_a);
  m.def(
      "mark_repeated",
      [](const Rows& rows, Vector<bool> repeated) {
        const nb::gil_scoped_release release;
        mark_repeated(rows.view(), repeated.data());
      },
      "rows"_a, "repeated"_a);
  m.def(
      "return_free_memory",
      [] {
#if defined(__GLIBC__)
        malloc_trim(0);
#endif
      },
      "Gives memory that is free, and that the allocator keeps for later, back to the system; where that can be asked for.",
      nb::call_guard<nb::gil_scoped_release>());
  m.def(
      "count_features",
      [](Vector<const std::int32_t> indices, Vector<std::int64_t> counts) {
        const nb::gil_scoped_release release;
        for (std::size_t p = 0; p < indices.shape(0); ++p) ++counts.data()[indices.data()[p]];
      },
      "indices"_a, "counts"_a);
  m.def(
      "relabel",
      [](Vector<std::int32_t> indices, Vector<const std::int32_t> labels) {
        const nb::gil_scoped_release release;
        for (std::size_t p = 0; p < indices.shape(0); ++p) indices.data()[p] = labels.data()[indices.data()[p]];
      },
      "indices"_a, "labels"_a);
  m.def(
      "gather_rows",
      [](const Rows& rows, Vector<const std::int64_t> order, Vector<std::int64_t> indptr,
         Vector<std::int32_t> indices, std::optional<Vector<float>> values) {
        const nb::gil_scoped_release release;
        gather_rows(rows.view(), order.data(), order.shape(0), indptr.data(), indices.data(),
                    values ? values->data() : nullptr);
      },
      "rows"_a, "order"_a, "indptr"_a, "indices"_a, "values"_a.none());
}

}  // namespace pairloom
