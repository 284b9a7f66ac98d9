#include "pairloom/row_assembly.hpp"

#include <algorithm>

namespace pairloom {

void append(const RowPart& part, std::int32_t field, const OpenRows& rows) {
  for (std::size_t row = 0; row < rows.cursors.size(); ++row) {
    const std::size_t begin = part.indptr.empty() ? row * part.n_per_row : static_cast<std::size_t>(part.indptr[row]);
    const std::size_t end = part.indptr.empty() ? begin + part.n_per_row : static_cast<std::size_t>(part.indptr[row + 1]);
    auto place = static_cast<std::size_t>(rows.cursors[row]);
    for (std::size_t i = begin; i < end; ++i, ++place) {
      rows.columns[place] = part.columns[i];
      if (!rows.values.empty()) rows.values[place] = part.values.empty() ? 1.0F : part.values[i];
      if (!rows.fields.empty()) rows.fields[place] = field;
    }
    rows.cursors[row] = static_cast<std::int64_t>(place);
  }
}

void append_shared(const SharedRows& shared, std::span<const std::int32_t> index, const OpenRows& rows) {
  for (std::size_t row = 0; row < index.size(); ++row) {
    if (index[row] < 0) continue;
    const auto group = static_cast<std::size_t>(index[row]);
    const auto begin = static_cast<std::size_t>(shared.indptr[group]);
    const std::size_t n = static_cast<std::size_t>(shared.indptr[group + 1]) - begin;
    const auto place = static_cast<std::size_t>(rows.cursors[row]);
    std::ranges::copy(shared.columns.subspan(begin, n), rows.columns.subspan(place, n).begin());
    if (!rows.values.empty()) {
      const auto to = rows.values.subspan(place, n);
      if (shared.values.empty()) {
        std::fill(to.begin(), to.end(), 1.0F);
      } else {
        std::ranges::copy(shared.values.subspan(begin, n), to.begin());
      }
    }
    if (!rows.fields.empty()) std::ranges::copy(shared.fields.subspan(begin, n), rows.fields.subspan(place, n).begin());
    rows.cursors[row] = static_cast<std::int64_t>(place + n);
  }
}

}  // namespace pairloom
