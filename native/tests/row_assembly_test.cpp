#include "pairloom/row_assembly.hpp"

#include <vector>

#include "check.hpp"

int main() {
  // Rows: [10 | 20 21], [11 |], [12 | 22].
  std::vector<std::int64_t> cursors = {0, 3, 4};
  std::vector<std::int32_t> columns(6), fields(6);
  std::vector<float> values(6);
  const pairloom::OpenRows rows{cursors, columns, values, fields};
  pairloom::append({{}, 1, std::vector<std::int32_t>{10, 11, 12}, {}}, 0, rows);
  pairloom::append({std::vector<std::int64_t>{0, 2, 2, 3}, 0, std::vector<std::int32_t>{20, 21, 22},
                    std::vector<float>{0.5F, 0.25F, 2.0F}},
                   1, rows);
  CHECK((columns == std::vector<std::int32_t>{10, 20, 21, 11, 12, 22}));
  CHECK((values == std::vector<float>{1.0F, 0.5F, 0.25F, 1.0F, 1.0F, 2.0F}));
  CHECK((fields == std::vector<std::int32_t>{0, 1, 1, 0, 0, 1}));
  CHECK((cursors == std::vector<std::int64_t>{3, 4, 6}));

  // The same rows, then shared rows {30, 31}, {} and none.
  std::vector<std::int64_t> starts = {0, 5, 6};
  std::vector<std::int32_t> joined(8), joined_fields(8);
  std::vector<float> joined_values(8);
  const pairloom::OpenRows open{starts, joined, joined_values, joined_fields};
  pairloom::append({std::vector<std::int64_t>{0, 3, 4, 6}, 0, columns, values}, 7, open);
  pairloom::append_shared({std::vector<std::int64_t>{0, 0, 2}, std::vector<std::int32_t>{30, 31}, {},
                           std::vector<std::int32_t>{8, 9}},
                          std::vector<std::int32_t>{1, 0, -1}, open);
  CHECK((joined == std::vector<std::int32_t>{10, 20, 21, 30, 31, 11, 12, 22}));
  CHECK((joined_values == std::vector<float>{1.0F, 0.5F, 0.25F, 1.0F, 1.0F, 1.0F, 1.0F, 2.0F}));
  CHECK((joined_fields == std::vector<std::int32_t>{7, 7, 7, 8, 9, 7, 7, 7}));
  CHECK((starts == std::vector<std::int64_t>{5, 6, 8}));
}
