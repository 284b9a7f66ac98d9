#include "pairloom/related_items.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "rows.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace pairloom {

void bind_related_items(nb::module_& m) {
  nb::enum_<Relation>(m, "Relation")
      .value("CONDITIONAL", Relation::conditional)
      .value("COSINE", Relation::cosine)
      .value("SURPRISE", Relation::surprise);

  m.def(
      "related_items",
      [](Vector<const std::int64_t> user_offsets, Vector<const std::int32_t> user_items,
         Vector<const std::int64_t> item_offsets, Vector<const std::int32_t> item_users, Relation relation,
         std::int32_t least_common, Vector<const double> chances, double discount, Vector<const std::int32_t> rows,
         Matrix<std::int32_t> items, Matrix<float> scores, std::size_t n_threads) {
        const nb::gil_scoped_release release;
        const Baskets baskets{user_offsets.data(), user_items.data(), user_offsets.shape(0) - 1,
                              item_offsets.data(), item_users.data(), item_offsets.shape(0) - 1};
        related_items(baskets, {relation, items.shape(1), least_common, chances.data(), discount}, rows.data(), rows.shape(0),
                      items.data(), scores.data(), n_threads);
      },
      "user_offsets"_a, "user_items"_a, "item_offsets"_a, "item_users"_a, "relation"_a, "least_common"_a, "chances"_a,
      "discount"_a, "rows"_a, "items"_a, "scores"_a, "n_threads"_a);

  m.def(
      "best_items",
      [](Matrix<const float> scores, Matrix<std::int32_t> items, Matrix<float> best, std::size_t n_threads) {
        const nb::gil_scoped_release release;
        best_items(scores.data(), scores.shape(0), scores.shape(1), items.shape(1), items.data(), best.data(), n_threads);
      },
      "scores"_a, "items"_a, "best"_a, "n_threads"_a);
}

}  // namespace pairloom
