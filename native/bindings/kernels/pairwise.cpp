#include "pairloom/pairwise.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <optional>
#include <string>

#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {
namespace {

using Sums = std::optional<Matrix<float>>;
using BiasSums = std::optional<Vector<float>>;

// The arrays of a task, kept alive for as long as it is.
struct Pairwise {
  Matrix<float> users, items;
  Vector<float> biases;
  Sums user_sums, item_sums;
  BiasSums bias_sums;
  Vector<const std::int64_t> offsets;
  Vector<const std::int32_t> owners, taken;
  Floats weights, keep;
  std::optional<Vector<const std::int32_t>> other;
  Vector<const float> rank_weights;
  PairwiseSettings settings;

  PairwiseTask task(std::uint64_t seed) const {
    PairwiseTask found{{users.data(), items.data(), biases.data(), user_sums ? user_sums->data() : nullptr,
                       item_sums ? item_sums->data() : nullptr, bias_sums ? bias_sums->data() : nullptr, users.shape(0),
                       items.shape(0), items.shape(1)},
                      {offsets.data(), owners.data(), taken.data(), weights ? weights->data() : nullptr,
                       owners.shape(0)},
                      settings};
    found.settings.keep = keep ? keep->data() : nullptr;
    found.settings.other = other ? other->data() : nullptr;
    found.settings.rank_weights = rank_weights.data();
    found.settings.max_sampled = rank_weights.shape(0);
    found.settings.seed = seed;
    return found;
  }
};

}  // namespace

void bind_pairwise(nb::module_& m) {
  nb::enum_<PairwiseLoss>(m, "PairwiseLoss").value("BPR", PairwiseLoss::bpr).value("WARP", PairwiseLoss::warp);

  nb::class_<PairwiseTotals>(m, "PairwiseTotals")
      .def_ro("samples", &PairwiseTotals::samples)
      .def_ro("draws", &PairwiseTotals::draws)
      .def_ro("wrong", &PairwiseTotals::wrong);

  nb::class_<Pairwise>(m, "Pairwise")
      .def(
          "__init__",
          [](Pairwise* self, PairwiseLoss loss, Matrix<float> users, Matrix<float> items, Vector<float> biases,
             Sums user_sums, Sums item_sums, BiasSums bias_sums, Vector<const std::int64_t> offsets,
             Vector<const std::int32_t> owners, Vector<const std::int32_t> taken, Floats weights, Floats keep,
             std::optional<Vector<const std::int32_t>> other, Vector<const float> rank_weights, float rate,
             float user_l2, float item_l2, float bias_l2, bool learn_biases, bool learn_users, std::size_t first_item) {
            const auto solver = user_sums ? PairwiseSolver::adagrad : PairwiseSolver::sgd;
            new (self) Pairwise{users,
                               items,
                               biases,
                               user_sums,
                               item_sums,
                               bias_sums,
                               offsets,
                               owners,
                               taken,
                               weights,
                               keep,
                               other,
                               rank_weights,
                               {loss, solver, rate, user_l2, item_l2, bias_l2, learn_biases, learn_users, first_item, 0,
                                nullptr, nullptr, nullptr, 0}};
          },
          "loss"_a, "users"_a, "items"_a, "biases"_a, "user_sums"_a.none(), "item_sums"_a.none(), "bias_sums"_a.none(),
          "offsets"_a, "owners"_a, "taken"_a, "weights"_a.none(), "keep"_a.none(), "other"_a.none(), "rank_weights"_a,
          "rate"_a, "user_l2"_a, "item_l2"_a, "bias_l2"_a, "learn_biases"_a, "learn_users"_a, "first_item"_a)
      .def(
          "train",
          [](const Pairwise& self, std::uint64_t seed, std::size_t n_threads, const std::string& level) {
            const PairwiseTask task = self.task(seed);
            const nb::gil_scoped_release release;
            return pairwise_train(pairwise_kernels(level), task, n_threads);
          },
          "seed"_a, "n_threads"_a, "level"_a = "")
      .def(
          "fold_in",
          [](const Pairwise& self, std::uint64_t seed, std::size_t epochs, std::size_t n_threads,
             const std::string& level) {
            const PairwiseTask task = self.task(seed);
            const nb::gil_scoped_release release;
            return pairwise_fold_in(pairwise_kernels(level), task, epochs, n_threads);
          },
          "seed"_a, "epochs"_a, "n_threads"_a, "level"_a = "");

  m.def(
      "alias_table",
      [](Vector<const double> weights, Vector<float> keep, Vector<std::int32_t> other) {
        const nb::gil_scoped_release release;
        alias_table(weights.data(), weights.shape(0), keep.data(), other.data());
      },
      "weights"_a, "keep"_a, "other"_a);

  m.def(
      "draw_negatives",
      [](Vector<const std::int64_t> offsets, Vector<const std::int32_t> items, std::size_t n_items,
         Vector<const std::int32_t> users, std::uint64_t seed, Vector<std::int32_t> drawn) {
        const nb::gil_scoped_release release;
        draw_negatives(offsets.data(), items.data(), n_items, users.data(), users.shape(0), seed, drawn.data());
      },
      "offsets"_a, "items"_a, "n_items"_a, "users"_a, "seed"_a, "drawn"_a);
}

}  // namespace pairloom
