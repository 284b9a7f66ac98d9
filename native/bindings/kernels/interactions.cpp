#include "pairloom/interactions.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {
namespace {

using Fields = std::optional<Vector<const std::int32_t>>;
using PairWeights = nb::ndarray<float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;

// The parameters that a layout describes, without rows.
InteractionArguments arguments_of(const InteractionLayout& layout, Matrix<float>& table, PairWeights& pair_weights,
                                  bool normalize, const Rows& rows, const Fields& fields) {
  return {table.data(), table.shape(0), layout,    pair_weights.data(),
          normalize,    {rows.view(), fields ? fields->data() : nullptr},
          0,            0,              FmStep{},  false,
          0,            {}};
}

}  // namespace

void bind_interactions(nb::module_& m) {
  nb::enum_<Interaction>(m, "Interaction")
      .value("FIELD_AWARE", Interaction::field_aware)
      .value("FIELD_WEIGHTED", Interaction::field_weighted)
      .value("HIGHER_ORDER", Interaction::higher_order);

  nb::class_<InteractionLayout>(m, "InteractionLayout")
      .def(nb::init<Interaction, std::size_t, std::size_t, std::size_t, bool>(), "kind"_a, "k"_a, "n_fields"_a,
           "order"_a, "trains"_a)
      .def_ro("k_padded", &InteractionLayout::k_padded)
      .def_ro("block", &InteractionLayout::block)
      .def_ro("n_blocks", &InteractionLayout::n_blocks)
      .def_ro("linear", &InteractionLayout::linear)
      .def_ro("stride", &InteractionLayout::stride);

  m.def(
      "interaction_initialize",
      [](const InteractionLayout& layout, Matrix<float> table, std::size_t first, std::uint64_t seed,
         const FmInitial& initial, std::size_t n_threads) {
        interaction_initialize(table.data(), layout, first, table.shape(0), seed, initial, n_threads);
      },
      "layout"_a, "table"_a, "first"_a, "seed"_a, "initial"_a, "n_threads"_a,
      nb::call_guard<nb::gil_scoped_release>());

  m.def(
      "interaction_train",
      [](const InteractionLayout& layout, Matrix<float> table, PairWeights pair_weights, const Rows& rows, Fields fields,
         Vector<const std::int32_t> block_order, std::size_t block_rows, const FmStep& step, bool adagrad,
         bool normalize, const std::tuple<float, float>& bias, std::size_t n_threads, const std::string& level) {
        FmBias moved{std::get<0>(bias), {std::get<1>(bias), 0}};
        FmTotals totals;
        {
          const nb::gil_scoped_release release;
          auto arguments = arguments_of(layout, table, pair_weights, normalize, rows, fields);
          arguments.step = step;
          arguments.adagrad = adagrad;
          totals = interaction_train(interaction_kernels(level), arguments, block_order.data(), block_order.shape(0),
                                     block_rows, moved, n_threads);
        }
        return std::tuple(totals, std::tuple(moved.value, moved.state[0]));
      },
      "layout"_a, "table"_a, "pair_weights"_a, "rows"_a, "fields"_a.none(), "block_order"_a, "block_rows"_a, "step"_a,
      "adagrad"_a, "normalize"_a, "bias"_a, "n_threads"_a, "level"_a = "");

  m.def(
      "interaction_scores",
      [](const InteractionLayout& layout, Matrix<float> table, PairWeights pair_weights, const Rows& rows, Fields fields,
         bool normalize, float bias, Vector<float> out, std::size_t n_threads, const std::string& level) {
        const nb::gil_scoped_release release;
        const auto arguments = arguments_of(layout, table, pair_weights, normalize, rows, fields);
        interaction_scores(interaction_kernels(level), arguments, bias, out.data(), n_threads);
      },
      "layout"_a, "table"_a, "pair_weights"_a, "rows"_a, "fields"_a.none(), "normalize"_a, "bias"_a, "out"_a,
      "n_threads"_a, "level"_a = "");
}

}  // namespace pairloom
