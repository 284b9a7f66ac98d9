#include "pairloom/fm_ranking.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <string>
#include <tuple>

#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {

void bind_fm_ranking(nb::module_& m) {
  nb::enum_<RankingLoss>(m, "RankingLoss")
      .value("BPR", RankingLoss::bpr)
      .value("WARP", RankingLoss::warp)
      .value("SOFTMAX", RankingLoss::softmax);

  // Rates and decays: of factors, then of weights. Dropouts: of users' ids, then of items'.
  m.def(
      "fm_train_ranking",
      [](Matrix<float> table, std::size_t n_factors, std::size_t k_padded, const Rows& users, const Rows& items,
         const Rows& contexts, Vector<const std::int64_t> history_offsets, Vector<const std::int32_t> history_items,
         std::int64_t first_history, float history_power, Vector<const std::int32_t> group_users,
         Vector<const std::int64_t> group_offsets, std::size_t largest_group, Vector<const std::int64_t> events,
         Vector<const std::int32_t> event_items, const Floats& event_weights, std::size_t n_negatives,
         Vector<const float> accept, Vector<const std::int32_t> aliases, Vector<const float> corrections,
         RankingLoss loss, std::tuple<float, float> rates, std::tuple<float, float> decays,
         std::tuple<float, float> dropouts, std::uint64_t seed, std::size_t n_threads, const std::string& level) {
        const FmRanking ranking{table.data(), n_factors, k_padded, table.shape(1), users.view(), items.view(),
                                contexts.view(), history_offsets.data(), history_items.data(), first_history,
                                history_power, group_users.data(), group_offsets.data(), group_users.shape(0),
                                largest_group, events.data(), event_items.data(),
                                event_weights ? event_weights->data() : nullptr, n_negatives, accept.data(),
                                aliases.data(), corrections.data(), loss, std::get<0>(rates), std::get<1>(rates),
                                std::get<0>(decays), std::get<1>(decays), std::get<0>(dropouts), std::get<1>(dropouts),
                                seed};
        const nb::gil_scoped_release release;
        const RankingTotals totals = fm_train_ranking(ranking_kernels(level), ranking, n_threads);
        return std::tuple(totals.loss, totals.weight, totals.n_drawn);
      },
      "table"_a, "n_factors"_a, "k_padded"_a, "users"_a, "items"_a, "contexts"_a, "history_offsets"_a,
      "history_items"_a, "first_history"_a, "history_power"_a, "group_users"_a, "group_offsets"_a, "largest_group"_a,
      "events"_a, "event_items"_a, "event_weights"_a.none(), "n_negatives"_a, "accept"_a, "aliases"_a,
      "corrections"_a, "loss"_a, "rates"_a, "decays"_a, "dropouts"_a, "seed"_a, "n_threads"_a, "level"_a = "");
}

}  // namespace pairloom
