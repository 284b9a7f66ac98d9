#include "pairloom/row_assembly.hpp"

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

}  // namespace pairloom
