#include "pairloom/rows.hpp"

#include <limits>
#include <vector>

#include "check.hpp"

using namespace pairloom;

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float infinity = std::numeric_limits<float>::infinity();

struct Rows {
  std::vector<std::int64_t> indptr{0, 2, 2, 5};
  std::vector<std::int32_t> indices{4, 1, 0, 2, 9};
  std::vector<float> values{1, -2, 3, 1e30F, 0}, labels{1, 0, 5}, weights{0, 1, 2};
  std::size_t row_length = 0;

  RowFault check(std::int64_t n_features = -1) const {
    RowView view;
    view.indptr = row_length != 0 ? nullptr : indptr.data();
    view.row_length = row_length;
    view.indices = indices.data();
    view.values = values.empty() ? nullptr : values.data();
    view.labels = labels.empty() ? nullptr : labels.data();
    view.weights = weights.empty() ? nullptr : weights.data();
    view.n_rows = row_length != 0 ? indices.size() / row_length : indptr.size() - 1;
    return check_rows(view, indices.size(), n_features);
  }
};

template <typename Change>
RowFault fault_of(const Change& change, std::int64_t n_features = -1) {
  Rows rows;
  change(rows);
  return rows.check(n_features);
}

}  // namespace

int main() {
  CHECK(Rows{}.check() == RowFault::none);
  CHECK(Rows{}.check(10) == RowFault::none);
  CHECK(Rows{}.check(9) == RowFault::index_range);
  CHECK(fault_of([](Rows& r) { r.indices[2] = -1; }) == RowFault::index_range);
  CHECK(fault_of([](Rows& r) { r.indices[2] = std::numeric_limits<std::int32_t>::min(); }) == RowFault::index_range);
  CHECK(fault_of([](Rows& r) { r.indices[2] = std::numeric_limits<std::int32_t>::max(); }) == RowFault::none);
  CHECK(fault_of([](Rows& r) { r.indices[2] = 0; }, 0) == RowFault::index_range);

  CHECK(fault_of([](Rows& r) { r.indptr = {1, 2, 2, 5}; }) == RowFault::offsets);
  CHECK(fault_of([](Rows& r) { r.indptr = {0, 3, 2, 5}; }) == RowFault::offsets);
  CHECK(fault_of([](Rows& r) { r.indptr = {0, 2, 2, 4}; }) == RowFault::offsets);
  CHECK(fault_of([](Rows& r) { r.indptr = {0, 2, 2, 6}; }) == RowFault::offsets);
  CHECK(fault_of([](Rows& r) { r.indptr = {0, -1, 2, 5}; }) == RowFault::offsets);
  CHECK(fault_of([](Rows& r) { r.indptr = {0, 2, std::numeric_limits<std::int64_t>::max(), 5}; }) ==
        RowFault::offsets);

  for (const float bad : {not_a_number, infinity, -infinity}) {
    CHECK(fault_of([&](Rows& r) { r.values[3] = bad; }) == RowFault::not_finite);
    CHECK(fault_of([&](Rows& r) { r.labels[2] = bad; }) == RowFault::not_finite);
    CHECK(fault_of([&](Rows& r) { r.weights[0] = bad; }) == RowFault::not_finite);
  }
  CHECK(fault_of([](Rows& r) { r.values.clear(), r.labels.clear(), r.weights.clear(); }) == RowFault::none);

  CHECK(fault_of([](Rows& r) { r.indices = {4, 4, 0, 2, 9}; }) == RowFault::repeated);
  CHECK(fault_of([](Rows& r) { r.indices = {4, 1, 9, 2, 9}; }) == RowFault::repeated);
  CHECK(fault_of([](Rows& r) { r.indices = {4, 2, 4, 2, 9}; }) == RowFault::none);  // in different rows
  CHECK(fault_of([](Rows& r) {
          r.indices = {4, 4, 0, -2, 9};
          r.values[0] = not_a_number;
        }) == RowFault::index_range);

  Rows fixed;
  fixed.row_length = 2;
  fixed.indices = {1, 2, 3, 1, 5, 6};
  fixed.values.clear();
  CHECK(fixed.check(7) == RowFault::none);
  fixed.indices = {1, 2, 3, 3, 5, 6};
  CHECK(fixed.check(7) == RowFault::repeated);

  const std::int64_t order[] = {2, 0, 2, 1};
  std::vector<std::int64_t> indptr(5);
  std::vector<std::int32_t> indices(8);
  std::vector<float> values(8);
  const Rows rows;
  gather_rows({rows.indptr.data(), 0, rows.indices.data(), rows.values.data(), nullptr, nullptr, 3}, order, 4,
              indptr.data(), indices.data(), values.data());
  CHECK((indptr == std::vector<std::int64_t>{0, 3, 5, 8, 8}));
  CHECK((indices == std::vector<std::int32_t>{0, 2, 9, 4, 1, 0, 2, 9}));
  CHECK((values == std::vector<float>{3, 1e30F, 0, 1, -2, 3, 1e30F, 0}));
}
